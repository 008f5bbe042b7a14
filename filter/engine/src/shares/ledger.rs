//! How much text is kept for each stream, and which of them gives way.

use std::collections::BTreeMap;

use super::{Share, payer};

/// The text of a stream: its request, or its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// The stream.
    pub stream: u32,
    /// Whether it is its reply.
    pub of_reply: bool,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    share: Share,
    bytes: usize,
    /// Tells which came later.
    turn: u64,
}

/// The text that is kept for all streams.
#[derive(Debug, Default)]
pub struct Ledger {
    texts: BTreeMap<Text, Kept>,
    held: BTreeMap<Share, usize>,
    total: usize,
    turn: u64,
}

impl Ledger {
    /// So many bytes of a text are kept now, in place of those before; it is part of this share. Where that makes more than
    /// `most` in total, texts of whoever keeps most give way: the largest, of several the newest. What is named has to be
    /// given up, and is not counted any more.
    pub fn keep(&mut self, text: Text, share: Share, bytes: usize, most: usize) -> Vec<Text> {
        let turn = self.forget(text).map_or_else(
            || {
                self.turn = self.turn.saturating_add(1);
                self.turn
            },
            |before| before.turn,
        );
        if bytes > 0 {
            self.texts.insert(text, Kept { share, bytes, turn });
            let held = self.held.entry(share).or_default();
            *held = held.saturating_add(bytes);
            self.total = self.total.saturating_add(bytes);
        }
        let mut gives_way = Vec::new();
        while self.total > most {
            let held = self.held.iter().map(|(share, held)| (*share, *held));
            let pays = payer(share, 0, held);
            let theirs = self.texts.iter().filter(|(_, kept)| kept.share == pays);
            let largest = theirs.max_by_key(|(_, kept)| (kept.bytes, kept.turn));
            let Some(text) = largest.map(|(text, _)| *text) else {
                break;
            };
            self.forget(text);
            gives_way.push(text);
        }
        gives_way
    }

    /// Nothing of a text is kept any more.
    pub fn end(&mut self, text: Text) {
        self.forget(text);
    }

    /// How many bytes are kept.
    pub fn total(&self) -> usize {
        self.total
    }

    fn forget(&mut self, text: Text) -> Option<Kept> {
        let kept = self.texts.remove(&text)?;
        self.total = self.total.saturating_sub(kept.bytes);
        if let Some(held) = self.held.get_mut(&kept.share) {
            *held = held.saturating_sub(kept.bytes);
        }
        self.held.retain(|_, held| *held > 0);
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(stream: u32) -> Text {
        Text {
            stream,
            of_reply: true,
        }
    }

    fn holder(name: &str) -> Share {
        Share::of(&[name.as_bytes()])
    }

    #[test]
    fn who_keeps_most_gives_way() {
        // Who keeps how much, in this order, of 100 bytes; the streams that give way at each step.
        type Step<'a> = (u32, &'a str, usize, &'a [u32]);
        let cases: [&[Step<'_>]; 6] = [
            &[(1, "a", 100, &[]), (2, "a", 1, &[1])],
            &[(1, "a", 60, &[]), (2, "a", 30, &[]), (3, "b", 20, &[1])],
            &[(1, "a", 40, &[]), (2, "a", 40, &[]), (3, "b", 30, &[2])],
            &[(1, "a", 30, &[]), (2, "b", 30, &[]), (3, "b", 41, &[3])],
            &[
                (1, "a", 40, &[]),
                (1, "a", 50, &[]),
                (1, "a", 0, &[]),
                (2, "b", 100, &[]),
            ],
            &[(1, "a", 101, &[1]), (2, "b", 100, &[])],
        ];
        for steps in cases {
            let mut ledger = Ledger::default();
            for (stream, who, bytes, expected) in steps {
                let gone = ledger.keep(text(*stream), holder(who), *bytes, 100);
                let gone: Vec<u32> = gone.iter().map(|text| text.stream).collect();
                assert_eq!(gone, *expected, "{steps:?}");
                assert!(ledger.total() <= 100);
            }
        }
    }

    /// A server whose streams never end, and others whose events come and go.
    #[test]
    fn a_flood_costs_the_flooder() {
        let mut ledger = Ledger::default();
        for round in 1..=50 {
            for stream in 0..1000 {
                let gone = ledger.keep(text(stream), holder("evil"), round * 4, 100_000);
                assert!(gone.iter().all(|text| text.stream < 1000), "{gone:?}");
            }
            for stream in 1000..1010 {
                let gone = ledger.keep(text(stream), holder("good"), 900, 100_000);
                assert!(gone.iter().all(|text| text.stream < 1000), "{gone:?}");
            }
            assert!(ledger.total() <= 100_000);
        }
        for stream in 0..1010 {
            ledger.end(text(stream));
        }
        assert_eq!(ledger.total(), 0);
        assert!(ledger.held.is_empty() && ledger.texts.is_empty());
    }
}
