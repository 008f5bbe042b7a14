//! Numbers that have lost digits on their way through a `Struct`, whose numbers are doubles.

use crate::json::{Decimal, Kind, Value};

/// Whether a value that has been through doubles holds a number that may have been another: from 2^53 on doubles skip
/// integers. Its depth is bounded by the reader's limit.
pub(crate) fn holds_rounded(value: Value<'_>) -> bool {
    /// 2^53, the first integer whose successor is no double.
    const EXACT: &str = "9007199254740992";
    match value.kind() {
        Kind::Number => {
            let magnitude = Decimal::parse(value.raw().trim_start_matches('-'));
            let exact = Decimal::parse(EXACT);
            // A number that cannot be read is not exact either.
            magnitude
                .zip(exact)
                .is_none_or(|(number, exact)| number.compare(&exact).is_ge())
        }
        Kind::Array => value.items().any(holds_rounded),
        Kind::Object => value.members().any(|(_, member)| holds_rounded(member)),
        _ => false,
    }
}
