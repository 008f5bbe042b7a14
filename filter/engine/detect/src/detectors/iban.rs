//! International bank account numbers.

use std::ops::Range;

use crate::scan::Look;
use crate::text::{DIGIT, LOWER, UPPER, WORD, is};

/// Countries and the lengths of their account numbers, in order.
const ACCOUNTS: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24\
    FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24\
    ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23\
    TN24TR26UA29VA22VG24XK20YE30";

/// A number of a country, of that country's length, with its check digits; in one piece or in groups of four. It triggers at its
/// check digits.
pub(super) fn find(look: &Look<'_>) -> Option<Range<usize>> {
    let (text, place) = (look.text, look.place);
    let start = place.checked_sub(2)?;
    let country = text.part(start..place);
    let one_case =
        country.iter().all(|byte| is(*byte, UPPER)) || country.iter().all(|byte| is(*byte, LOWER));
    if !one_case || !is(text.at(place.saturating_add(1)), DIGIT) || !text.begins_word(start) {
        return None;
    }
    let len = length(country.to_ascii_uppercase().first_chunk()?)?;
    let (mut end, mut count, mut remainder, mut head) = (start, 0_usize, 0_u64, 0_u64);
    let mut separator = None;
    while count < len {
        if count > 0 && count % 4 == 0 {
            let (kind, width) = match text.at(end) {
                kind @ (b' ' | b'-') => (kind, 1),
                0xc2 if text.has(end, "\u{a0}".as_bytes()) => (b' ', 2),
                _ => (0, 0),
            };
            if *separator.get_or_insert(kind) != kind {
                return None;
            }
            end = end.saturating_add(width);
        }
        let byte = text.at(end);
        let (value, places) = match byte {
            b'0'..=b'9' => (u64::from(byte & 15), 10),
            b'A'..=b'Z' | b'a'..=b'z' => (u64::from(byte & 31).wrapping_add(9), 100),
            _ => return None,
        };
        remainder = remainder.wrapping_mul(places).wrapping_add(value);
        // Rarely, for it takes longer than everything else here.
        if remainder > 1 << 50 {
            remainder %= 97;
        }
        count = count.saturating_add(1);
        end = end.saturating_add(1);
        if count == 4 {
            // The first four go last.
            head = remainder;
            remainder = 0;
        }
    }
    // Two letters and two digits are six digits.
    let sum = remainder.wrapping_mul(1_000_000 % 97).wrapping_add(head) % 97;
    (sum == 1 && !is(text.at(end), WORD)).then_some(start..end)
}

/// How long the account numbers of a country are.
fn length(country: &[u8; 2]) -> Option<usize> {
    let (entries, _) = ACCOUNTS.as_chunks::<4>();
    let code = |[first, second, ..]: &[u8; 4]| [*first, *second];
    let index = entries.binary_search_by_key(country, code).ok()?;
    let [_, _, tens, ones] = entries.get(index)?;
    Some(usize::from(
        (tens & 15).wrapping_mul(10).wrapping_add(ones & 15),
    ))
}
