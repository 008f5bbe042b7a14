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
