//! The page: one document with its style and its script, put together by `build.rs`.

use super::reply;
use crate::pep::Reply;

/// Gzipped: the module is a third smaller for it than with the text.
const PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));

/// Nothing is loaded, nothing is sent elsewhere, no markup is made from text.
const POLICY: &str = include_str!(concat!(env!("OUT_DIR"), "/page.policy"));

/// The page, which holds nothing that is not public.
pub(super) fn reply() -> Reply {
    let mut reply = reply::with(200, "text/html; charset=utf-8", POLICY, PAGE.to_vec());
    reply.headers.push(("content-encoding", "gzip".to_owned()));
    reply
}
