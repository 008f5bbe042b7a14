//! Domain names in text.

use crate::text::{DASH, DIGIT, LOWER, Text, UPPER, WORD, is};

/// Longest domain, in bytes (RFC 1035, 2.3.4).
const DOMAIN: usize = 253;

/// Where the domain that begins here ends: labels of letters, digits and hyphens, the last one of letters.
pub(crate) fn domain_end(text: Text<'_>, place: usize) -> Option<usize> {
    let mut end = None;
    let mut label = place;
    loop {
        let stop = label_end(text, label, WORD | DASH);
        if stop == label || is(text.at(label), DASH) || stop.saturating_sub(place) > DOMAIN {
            return end;
        }
        let top = label_end(text, label, UPPER | LOWER);
        let long = top.saturating_sub(label) > 1 && !is(text.at(top), DIGIT);
        if label > place && long {
            let puny = text.has(label, b"xn--");
            end = Some(if puny { stop } else { top });
        }
        if text.at(stop) != b'.' {
            return end;
        }
        label = stop.saturating_add(1);
    }
}

/// Where the run of these classes and of two-byte letters ends, or somewhere beyond the longest domain.
fn label_end(text: Text<'_>, place: usize, classes: u8) -> usize {
    let most = DOMAIN.saturating_add(1);
    let mut end = text.run(place, classes, most);
    while (0xc3..0xe0).contains(&text.at(end)) && end.saturating_sub(place) < most {
        end = text.run(end.saturating_add(2), classes, most);
    }
    end
}
