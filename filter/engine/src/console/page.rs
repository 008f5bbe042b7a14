//! The page.

use super::reply;
use crate::pep::Reply;

/// The page, which holds nothing that is not public.
pub(super) fn reply() -> Reply {
    let html = include_bytes!("page/page.html");
    reply::with(
        200,
        "text/html; charset=utf-8",
        "default-src 'none'",
        html.to_vec(),
    )
}
