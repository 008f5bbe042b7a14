//! Which of the recent decisions of a worker gives way to the next.

use std::collections::{BTreeMap, VecDeque};

use super::seen::RING;
use crate::shares::{Share, payer};

/// The places of one worker's recent decisions, and whose each of them is.
#[derive(Debug, Default)]
pub struct Ring {
    /// Those that are taken, the oldest first.
    taken: VecDeque<(Share, u64)>,
    /// How many each holder has.
    held: BTreeMap<Share, usize>,
}

impl Ring {
    /// The place for the next decision, whose share is this, among `size`, at most [`RING`]: a free one, else that of the oldest
    /// decision of whoever has most. So the last decisions of a caller stay, whatever strangers send.
    pub fn place(&mut self, size: u64, share: Share) -> u64 {
        let free = u64::try_from(self.taken.len()).unwrap_or(u64::MAX);
        let place = match free < size.min(RING) {
            true => free,
            false => self.give_way(share),
        };
        self.taken.push_back((share, place));
        let held = self.held.entry(share).or_default();
        *held = held.saturating_add(1);
        place
    }

    fn give_way(&mut self, share: Share) -> u64 {
        let pays = payer(
            share,
            1,
            self.held.iter().map(|(share, held)| (*share, *held)),
        );
        let oldest = self.taken.iter().position(|(share, _)| *share == pays);
        let Some((gone, place)) = self.taken.remove(oldest.unwrap_or(0)) else {
            return 0;
        };
        if let Some(held) = self.held.get_mut(&gone) {
            *held = held.saturating_sub(1);
        }
        self.held.retain(|_, held| *held > 0);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str) -> Share {
        Share::of(&[name.as_bytes()])
    }

    /// What is left of a caller's decisions when others' came before, between and after them.
    #[test]
    fn a_flood_leaves_the_last_decisions_of_others() {
        // Decisions of ana, the flood around each of them, its holders, and how many of hers are left.
        let cases = [
            (10, 0, 1, 10),
            (10, 100, 1, 10),
            (40, 1000, 1, 32),
            (200, 1000, 1, 32),
            (200, 1000, 3, 16),
            (5, 5000, 50, 1),
        ];
        for (decisions, flood, holders, left) in cases {
            let mut ring = Ring::default();
            let mut places: BTreeMap<u64, (Share, u64)> = BTreeMap::new();
            let mut strangers = (0_u32..).map(|n| holder(&(n % holders).to_string()));
            let mut take = |share, n| {
                places.insert(ring.place(64, share), (share, n));
            };
            for n in 0..decisions {
                strangers
                    .by_ref()
                    .take(flood)
                    .for_each(|share| take(share, n));
                take(holder("ana"), n);
            }
            strangers
                .by_ref()
                .take(flood)
                .for_each(|share| take(share, decisions));
            let of_ana = places.values().filter(|(share, _)| *share == holder("ana"));
            let of_ana: Vec<u64> = of_ana.map(|(_, n)| *n).collect();
            assert!(
                of_ana.len() >= left,
                "{decisions} {flood} {holders}: {of_ana:?}"
            );
            let oldest = of_ana.iter().min().copied().unwrap_or(0);
            assert!(
                oldest + of_ana.len() as u64 >= decisions,
                "the last ones: {of_ana:?}"
            );
            assert!(places.keys().all(|place| *place < 64));
        }
    }

    #[test]
    fn callers_who_all_have_one_replace_the_oldest() {
        let mut ring = Ring::default();
        let places: Vec<u64> = (0..9)
            .map(|n: u32| ring.place(4, holder(&n.to_string())))
            .collect();
        assert_eq!(places, [0, 1, 2, 3, 0, 1, 2, 3, 0]);
        let mut ring = Ring::default();
        let places: Vec<u64> = (0..6).map(|_| ring.place(1000, holder("a"))).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5]);
    }
}
