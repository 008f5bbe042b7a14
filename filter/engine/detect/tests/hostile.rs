//! Texts that are made to cost much: what detectors do is counted, and grows with the text and not faster.
//!
//! A square shows in a text of a few kilobytes: a bound of looks for each byte is passed by anything that reads on to the end
//! of the text from each of its beginnings.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod common;

use common::{PIECES, Random, Worst, all, find, hostile_texts, repeated, scanner};
use toolgate_detect::{Budget, DETECTORS, LOOKS_PER_BYTE, TooMuchWork};

/// Those that once took time that grew with the square of the text.
#[test]
fn squares() {
    const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
    const END: &str = "-----END PRIVATE KEY-----";
    let size = 1 << 16;
    let keys = repeated(BEGIN, size);
    let texts = [
        ("google_api_key", repeated("AIza-", size)),
        ("aws_key", repeated("awssecretkey=", size)),
        ("url", repeated("http:\\!", size)),
        (
            "private_key slack_token",
            format!("xoxb-123456789012345678{keys}{END}"),
        ),
        (
            "private_key jwt",
            format!("eyJhbGciOiJub25lIn0.x.{keys}{END}"),
        ),
        (
            "private_key github_token",
            format!("ghp_abcdefghijklmnopqrstuvwxyz0123456789{keys}{END}"),
        ),
        (
            "private_key stripe_key",
            format!("whsec_abcdefghijklmnopqrstuvwxyz/{keys}{END}"),
        ),
        (
            "private_key url",
            format!("https://evil.example/{keys}{END}"),
        ),
        (
            "private_key email",
            format!("{}{END}", keys.replace("-----BEGIN", "a@b.cc-----BEGIN")),
        ),
        (
            "private_key",
            format!(
                "{}{END}",
                keys.replace("-----BEGIN", "-----END A----------BEGIN")
            ),
        ),
    ];
    for (names, text) in texts {
        let names: Vec<&str> = names.split(' ').collect();
        let each = Worst::tenths(&scanner(&names, &[]), &text);
        assert!(
            each <= LOOKS_PER_BYTE * 10,
            "{names:?}: {each} tenths of a look a byte"
        );
    }
}

/// Each piece alone, with a run of each length behind it, in turn with each other, before many of it, and around many of it.
#[test]
fn pieces() {
    const FILLS: [&str; 12] = [
        "a", "A", "1", "-", "a.", "1 ", "01 ", "1-", "é", "=", "/", "(",
    ];
    const LENGTHS: [usize; 24] = [
        1, 2, 3, 4, 8, 15, 16, 17, 23, 24, 32, 35, 36, 39, 40, 41, 58, 63, 64, 65, 253, 254, 300,
        301,
    ];
    let mut worst = Worst::new();
    for piece in PIECES {
        worst.look(|| format!("{piece:?}"), &repeated(piece, 1 << 12));
        for fill in FILLS {
            for length in LENGTHS {
                let unit = format!("{piece}{}", fill.repeat(length / fill.len() + 1));
                worst.look(|| format!("{unit:?}"), &repeated(&unit, 1 << 11));
            }
        }
        for other in PIECES {
            let turn = format!("{piece}{other}");
            worst.look(|| format!("{turn:?}"), &repeated(&turn, 1 << 11));
            let before = repeated(piece, 1 << 10) + &repeated(other, 1 << 10);
            worst.look(|| format!("{piece:?} before {other:?}"), &before);
            let around = format!("{piece}{}{piece}", repeated(other, 1 << 11));
            worst.look(|| format!("{other:?} in {piece:?}"), &around);
        }
    }
    worst.check();
}

/// Texts that get worse: of what costs most the parts are changed, again and again.
#[test]
fn bred() {
    let rounds =
        std::env::var("TOOLGATE_ROUNDS").map_or(20_000, |text| text.parse().expect("a number"));
    let mut random = Random(7);
    let mut worst = Worst::new();
    for (start, _) in DETECTORS.iter().enumerate() {
        let mut unit: Vec<String> = vec![PIECES[random.below(PIECES.len())].to_owned()];
        let mut cost = 0;
        for _ in 0..rounds / DETECTORS.len() {
            let mut next = unit.clone();
            let place = random.below(next.len() + 1);
            match random.below(4) {
                0 if next.len() > 1 => drop(next.remove(place % unit.len())),
                1 if next.len() < 12 => {
                    next.insert(place, PIECES[random.below(PIECES.len())].to_owned())
                }
                2 if next.len() < 12 => {
                    let byte = char::from(u8::try_from(32 + random.below(95)).expect("ASCII"));
                    next.insert(place, byte.to_string());
                }
                _ => {
                    let part = place % unit.len();
                    next[part] = PIECES[random.below(PIECES.len())].to_owned();
                }
            }
            let text = repeated(&next.concat(), 1 << 10);
            let each = worst.look(|| format!("{start}: {:?}", next.concat()), &text);
            if each >= cost {
                (unit, cost) = (next, each);
            }
        }
    }
    worst.check();
}

/// Those that cost most, as they are kept.
#[test]
fn kept() {
    let mut worst = Worst::new();
    for unit in hostile_texts() {
        worst.look(|| format!("{unit:?}"), &repeated(&unit, 1 << 16));
    }
    worst.check();
}

#[test]
fn a_budget_ends_the_search() {
    let scanner = all(&[]);
    let text = repeated("AIza- 01 @ ", 1 << 16);
    let found = scanner.find(&text, &Budget::new(text.len() as u64));
    assert_eq!(found, Err(TooMuchWork));
}

/// What ordinary text takes is far from what any text may take.
#[test]
fn prose() {
    let text = include_str!("../../../ARCHITECTURE.md").repeat(20);
    let each = Worst::tenths(&all(&[]), &text);
    assert!(each <= 40, "{each} tenths of a look a byte");
    assert_eq!(find(&all(&[]), "").len(), 0);
}
