//! Shares of what is bounded: who gives way where there is no room for all.
//!
//! Tables, lists and the text that is kept have a fixed size. As long as there is room anybody may take all of it. Where
//! there is none, whoever has most gives way, and never one who has less than the newcomer would have: a caller who asks
//! for everything is left with as much as each of the others, and cannot take what they have. Who gives way, the newest of
//! its entries or the oldest, is for each table to say.
//!
//! Callers whom nothing tells apart but the network they call from share by that: see [`crate::identity::network`].

mod ledger;
mod list;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};

pub use ledger::{Ledger, Text};
pub(crate) use list::{Entry, List};

use crate::order;

/// A holder of a share. It is compared within one proxy only, and stored no longer than that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u64);

impl Share {
    /// The holder that these parts name.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = DefaultHasher::new();
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        Share(hasher.finish())
    }

    /// As 16 hexadecimal digits.
    pub fn to_hex(self) -> String {
        format!("{:016x}", self.0)
    }

    /// From its digits; `None` if that is anything else.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let plain = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = plain.then(|| u64::from_str_radix(digits, 16).ok());
        number.flatten().map(Share)
    }
}

/// Who gives way to `newcomer`, who wants `more` where there is no room for it. `held` is what is taken: by whom, and how
/// much, in any order and in as many parts as there are. The newcomer itself, if nobody would have more than it then.
pub fn payer(
    newcomer: Share,
    more: usize,
    held: impl IntoIterator<Item = (Share, usize)>,
) -> Share {
    let mut sums = BTreeMap::from([(newcomer, more)]);
    for (share, amount) in held {
        let sum = sums.entry(share).or_default();
        *sum = sum.saturating_add(amount);
    }
    let most = sums.values().copied().max().unwrap_or(0);
    if sums.get(&newcomer) == Some(&most) {
        return newcomer;
    }
    let found = sums.into_iter().find(|(_, sum)| *sum == most);
    found.map_or(newcomer, |(share, _)| share)
}

/// Which of these, in any order, are shown where there is room for `most`: first one of each holder, then a second one. As
/// places in the order they came in.
pub(crate) fn in_turn(holders: impl Iterator<Item = Share>, most: usize) -> Vec<usize> {
    let mut before = BTreeMap::new();
    let turns = holders.map(|share| {
        let turn: &mut u64 = before.entry(share).or_default();
        *turn = turn.saturating_add(1);
        *turn
    });
    let mut shown = order::by_number(turns);
    shown.truncate(most);
    shown.sort_unstable();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(number: u64) -> Share {
        Share(number)
    }

    #[test]
    fn who_has_most_gives_way() {
        // The newcomer, what it wants, what is held, and who gives way.
        type Case<'a> = (u64, usize, &'a [(u64, usize)], u64);
        let cases: [Case<'_>; 9] = [
            (1, 1, &[], 1),
            (1, 1, &[(2, 1)], 1),
            (1, 1, &[(2, 2)], 2),
            (1, 1, &[(2, 1), (2, 1)], 2),
            (1, 1, &[(1, 1), (2, 2)], 1),
            (1, 1, &[(1, 1), (2, 3)], 2),
            (1, 1, &[(3, 4), (2, 3), (2, 2)], 2),
            (1, 5, &[(2, 4), (3, 4)], 1),
            (1, 1, &[(2, usize::MAX), (2, usize::MAX), (3, 9)], 2),
        ];
        for (newcomer, more, held, payer) in cases {
            let held = held.iter().map(|(share, held)| (Share(*share), *held));
            let found = super::payer(share(newcomer), more, held);
            assert_eq!(found, share(payer), "{newcomer} {more}");
        }
    }

    /// A table of 64 places: one that floods it, three others who want what they want.
    #[test]
    fn a_flood_leaves_the_others_their_share() {
        let mut held: Vec<Share> = Vec::new();
        let mut take = |who: u64| {
            if held.len() < 64 {
                held.push(Share(who));
                return true;
            }
            let taken = held.iter().map(|share| (*share, 1));
            let gives_way = payer(Share(who), 1, taken);
            let newest = held.iter().rposition(|share| *share == gives_way);
            if gives_way == Share(who) {
                return false;
            }
            held.remove(newest.expect("it has one"));
            held.push(Share(who));
            true
        };
        for _ in 0..1000 {
            take(1);
        }
        for (who, wants) in [(2, 4), (3, 10), (4, 40)] {
            let got = (0..wants).filter(|_| take(who)).count();
            assert_eq!(got, wants.min(25), "{who}");
        }
        for _ in 0..1000 {
            take(1);
        }
        let count = |who: u64| held.iter().filter(|share| **share == Share(who)).count();
        assert_eq!([count(1), count(2), count(3), count(4)], [25, 4, 10, 25]);
    }

    #[test]
    fn each_holder_is_shown() {
        let cases: [(&[u64], usize, &[usize]); 5] = [
            (&[1, 1, 1, 1, 2], 5, &[0, 1, 2, 3, 4]),
            (&[1, 1, 1, 1, 2], 3, &[0, 1, 4]),
            (&[2, 1, 1, 2, 1, 3], 4, &[0, 1, 2, 5]),
            (&[2, 1, 1, 2, 1, 3], 0, &[]),
            (&[], 5, &[]),
        ];
        for (holders, most, shown) in cases {
            let found = in_turn(holders.iter().map(|holder| Share(*holder)), most);
            assert_eq!(found, shown, "{holders:?} {most}");
        }
    }

    #[test]
    fn digits_are_read_as_they_are_written() {
        let ana = Share::of(&[b"grant", b"", b"ana"]);
        assert_eq!(Share::from_hex(&ana.to_hex()), Some(ana));
        assert_ne!(ana, Share::of(&[b"grant", b"a", b"na"]));
        for text in [
            "",
            "0",
            "+000000000000001",
            "000000000000000g",
            "00000000000000000",
        ] {
            assert_eq!(Share::from_hex(text), None, "{text}");
        }
    }
}
