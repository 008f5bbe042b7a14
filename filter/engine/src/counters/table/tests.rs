//! The table against a store in memory, alone and with others in between.

use super::*;
use crate::counters::{Memory, Window};

fn charge(name: &str, amount: i128, max: i128) -> Charge {
    Charge {
        key: CounterKey::new(&[name.as_bytes()]),
        window: Window::Hour,
        amount,
        max,
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_nanos((1_768_471_200 + seconds) * 1_000_000_000)
}

#[test]
fn counts_to_its_maximum_and_starts_again_in_the_next_window() {
    let (table, mut store) = (Table::new(64), Memory::default());
    for _ in 0..3 {
        table
            .reserve(&mut store, at(10), &[charge("a", 1, 3)])
            .unwrap();
    }
    let refused = table
        .reserve(&mut store, at(10), &[charge("a", 1, 3)])
        .unwrap_err();
    assert_eq!(
        refused,
        ReserveError::Exceeded {
            index: 0,
            retry_after: Some(3590)
        }
    );
    table
        .reserve(&mut store, at(10), &[charge("a", 0, 3)])
        .expect("an amount of 0 passes at the limit");
    table
        .reserve(&mut store, at(3600), &[charge("a", 3, 3)])
        .expect("the next hour is another window");
}

#[test]
fn all_or_nothing() {
    let (table, mut store) = (Table::new(64), Memory::default());
    let refused = table
        .reserve(&mut store, at(0), &[charge("a", 2, 5), charge("b", 9, 5)])
        .unwrap_err();
    assert_eq!(
        refused,
        ReserveError::Exceeded {
            index: 1,
            retry_after: None
        }
    );
    assert_eq!(
        table.used(&mut store, at(0), CounterKey::new(&[b"a"])),
        Ok(0)
    );
}

#[test]
fn refunds_only_into_the_window_that_was_charged() {
    let (table, mut store) = (Table::new(64), Memory::default());
    let key = CounterKey::new(&[b"a"]);
    let receipt = table
        .reserve(&mut store, at(0), &[charge("a", 5, 5)])
        .unwrap()
        .remove(0);
    table
        .reserve(&mut store, at(3600), &[charge("a", 4, 5)])
        .unwrap();
    table.refund(&mut store, &receipt);
    assert_eq!(table.used(&mut store, at(3600), key), Ok(4));
    let receipt = table
        .reserve(&mut store, at(3600), &[charge("a", 1, 5)])
        .unwrap()
        .remove(0);
    table.refund(&mut store, &receipt);
    assert_eq!(table.used(&mut store, at(3600), key), Ok(4));
}

#[test]
fn a_clock_that_goes_back_opens_no_new_allowance() {
    let (table, mut store) = (Table::new(64), Memory::default());
    table
        .reserve(&mut store, at(3600), &[charge("a", 5, 5)])
        .unwrap();
    let refused = table
        .reserve(&mut store, at(3599), &[charge("a", 1, 5)])
        .unwrap_err();
    assert_eq!(
        refused,
        ReserveError::Exceeded {
            index: 0,
            retry_after: Some(3601)
        }
    );
}

#[test]
fn rolling_windows_let_go_bit_by_bit_and_never_too_early() {
    let (table, mut store) = (Table::new(64), Memory::default());
    let rolling = |amount| Charge {
        window: Window::Rolling(3600),
        ..charge("a", amount, 3)
    };
    table.reserve(&mut store, at(30), &[rolling(1)]).unwrap();
    table.reserve(&mut store, at(1800), &[rolling(2)]).unwrap();
    let refused = table
        .reserve(&mut store, at(3600), &[rolling(1)])
        .unwrap_err();
    assert_eq!(
        refused,
        ReserveError::Exceeded {
            index: 0,
            retry_after: Some(60)
        }
    );
    table
        .reserve(&mut store, at(3660), &[rolling(1)])
        .expect("the first charge is over an hour old");
    let refused = table
        .reserve(&mut store, at(3660), &[rolling(1)])
        .unwrap_err();
    assert_eq!(
        refused,
        ReserveError::Exceeded {
            index: 0,
            retry_after: Some(1800)
        }
    );
}

#[test]
fn peeking_charges_nothing() {
    let (table, mut store) = (Table::new(64), Memory::default());
    for _ in 0..3 {
        table.peek(&mut store, at(0), &[charge("a", 2, 3)]).unwrap();
    }
    table
        .reserve(&mut store, at(0), &[charge("a", 2, 3)])
        .unwrap();
    assert!(table.peek(&mut store, at(0), &[charge("a", 2, 3)]).is_err());
}

#[test]
fn a_full_bucket_refuses_until_something_expires() {
    let (table, mut store) = (Table::new(1), Memory::default());
    for index in 0..BUCKET_LEN {
        table
            .reserve(&mut store, at(0), &[charge(&index.to_string(), 1, 1)])
            .unwrap();
    }
    let refused = table
        .reserve(&mut store, at(60), &[charge("more", 1, 1)])
        .unwrap_err();
    assert_eq!(
        refused,
        ReserveError::Full {
            index: 0,
            retry_after: 3540
        }
    );
    table
        .reserve(&mut store, at(3600), &[charge("more", 1, 1)])
        .expect("expired counters make room");
}

#[test]
fn conflicts_are_tried_again_and_overflow_refuses() {
    let (table, mut store) = (
        Table::new(64),
        Memory {
            conflicts: 5,
            ..Memory::default()
        },
    );
    table
        .reserve(&mut store, at(0), &[charge("a", i128::MAX, i128::MAX)])
        .unwrap();
    assert!(
        table
            .reserve(&mut store, at(0), &[charge("a", 1, i128::MAX)])
            .is_err()
    );
}

/// A table of this size over a store that may have counters already.
fn joined(store: &mut Memory, max_entries: usize) -> Table {
    let mut table = Table::new(max_entries);
    table.join(store).unwrap();
    table
}

#[test]
fn what_is_counted_stays_counted_whatever_the_size_of_the_table() {
    let mut store = Memory::default();
    let sizes = [65_536, 64, 128, 1 << 24, 65_536, 4096];
    for (round, size) in sizes.into_iter().enumerate() {
        let table = joined(&mut store, size);
        let used = |store: &mut Memory| table.used(store, at(0), CounterKey::new(&[b"a"]));
        assert_eq!(
            used(&mut store),
            Ok(i128::try_from(round).unwrap()),
            "{size}"
        );
        let receipt = table.reserve(&mut store, at(0), &[charge("a", 1, 100)]);
        let (other, size) = (joined(&mut store, size / 2), size / 2);
        // What one counted another gives back, and the other way round.
        assert!(other.refund(&mut store, &receipt.unwrap()[0]), "{size}");
        other
            .reserve(&mut store, at(0), &[charge("a", 1, 100)])
            .unwrap();
    }
}

#[test]
fn a_table_of_another_size_is_bounded_too() {
    let fill = |table: &Table, store: &mut Memory, most: usize| {
        let mut fitted = 0;
        for n in 0..most {
            let charged = table.reserve(store, at(0), &[charge(&n.to_string(), 1, 1)]);
            fitted += usize::from(charged.is_ok());
        }
        fitted
    };
    // Begun with one bucket and made larger: up to 1024 in it.
    let mut store = Memory::default();
    let small = joined(&mut store, 64);
    assert_eq!(fill(&small, &mut store, 100), 64);
    let larger = joined(&mut store, 256);
    assert_eq!(fill(&larger, &mut store, 400), 256 - 64);
    let largest = joined(&mut store, 1 << 24);
    assert_eq!(fill(&largest, &mut store, 1200), 1024 - 256);
    // Begun with 16 and made smaller: eight in each remain.
    let mut store = Memory::default();
    joined(&mut store, 1024);
    let smaller = joined(&mut store, 64);
    assert_eq!(fill(&smaller, &mut store, 2000), 128);
    // What is there beyond that goes on counting.
    let mut store = Memory::default();
    let before = joined(&mut store, 64);
    fill(&before, &mut store, 64);
    let after = joined(&mut store, 64);
    let again = after.reserve(&mut store, at(0), &[charge("5", 1, 1)]);
    assert!(matches!(again, Err(ReserveError::Exceeded { .. })));
}

#[test]
fn a_layout_that_cannot_be_read_is_an_error() {
    let mut lost = Memory {
        failing: Some((0, true)),
        ..Memory::default()
    };
    assert_eq!(Table::new(64).join(&mut lost), Err(StoreLost));
}
