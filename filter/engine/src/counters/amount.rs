//! Amounts: fixed-point numbers in units of 10^-9.

/// One call, in 10^-9.
pub(crate) const ONE: i128 = 1_000_000_000;

/// A fixed-point amount as a plain decimal.
pub(crate) fn display_nanos(nanos: i128) -> String {
    // Nearly every amount fits; 128-bit division is slow where registers have 64.
    if let Ok(small) = u64::try_from(nanos)
        && small.checked_rem(1_000_000_000) == Some(0)
    {
        return small.checked_div(1_000_000_000).unwrap_or(0).to_string();
    }
    let whole = nanos.div_euclid(ONE);
    let fraction = format!("{:09}", nanos.rem_euclid(ONE));
    match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits}"),
    }
}
