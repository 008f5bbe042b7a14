//! Patterns and texts with what is found, each of them something that an engine once got wrong.
#![allow(clippy::expect_used, reason = "a test may panic")]

use toolgate_pattern::{Budget, Pattern};

/// Pattern, text, and where it is found.
type Row = (&'static str, &'static str, &'static [(usize, usize)]);

/// regex-lite has to agree.
const FOUND: &[Row] = &[
    // A look that fails where nothing can begin is tried again at the next place where something can.
    (r"\s?\brm\b", "  -rm -rf /", &[(3, 5)]),
    (r#"['"]?\bDROP\b"#, r#""" DROP TABLE users"#, &[(3, 7)]),
    (r"-?\bfoo", "-- foo", &[(3, 6)]),
    (
        r"\$?\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
        "$$ (123-45-6789)",
        &[(4, 15)],
    ),
    (r"#?\bsk_live_[a-z0-9]+", "##.sk_live_abc123", &[(3, 17)]),
    (r"x?\Ba", "x  ba", &[(4, 5)]),
    (r"(?:-|\b)cat", "--- a cat", &[(6, 9)]),
    (r"(?m)-?^b", "-a\nb", &[(3, 4)]),
    // The order of preference, where what is repeated may be empty.
    (r"((\w*?))+[[:^alpha:]]", "B1\n", &[(0, 2), (2, 3)]),
    (r"(?:(?:a??)b?)*a", "aab", &[(0, 1), (1, 2)]),
    (r"(?:a*?)+b", "aab", &[(0, 3)]),
    (r"(?:|a)+", "aaa", &[]),
    (r"(?:a|ab)(?:c|bcd)", "abcd", &[(0, 4)]),
    (r"(?:a|ab)(?:c|bcd)??x?", "abcd", &[(0, 1)]),
    // What stands in front of where a search goes on, and behind where it ends, is seen.
    (r"\bb|a", "ab b", &[(0, 1), (3, 4)]),
    (r"^a|b", "aba", &[(0, 1), (1, 2)]),
    (r"a\b", "aa a", &[(1, 2), (3, 4)]),
    (r"(?m)^a$", "a\na\nb\na", &[(0, 1), (2, 3), (6, 7)]),
    (r"a$|b\z", "ab\nab", &[(4, 5)]),
    // Characters beyond ASCII are no letters, and are not cut.
    (r"\B.", "éa", &[(0, 2)]),
    (r"\w\b.", "aé1", &[(0, 3)]),
    (r"[^a]", "é漢a", &[(0, 2), (2, 5)]),
    (r"(?:\B|x)é?", "aéa", &[]),
    (r"é??|\B漢", "漢é", &[]),
    // Matches next to each other, and next to empty ones.
    (r"a*", "baac", &[(1, 3)]),
    (r"a??b?", "ab", &[(1, 2)]),
    (r"\b|a", "a a", &[]),
    ("", "abc", &[]),
];

#[test]
fn found_where_it_is() {
    for (pattern, text, expected) in FOUND {
        let theirs = regex_lite::Regex::new(pattern).expect("a pattern");
        let theirs: Vec<_> = theirs
            .find_iter(text)
            .map(|found| (found.start(), found.end()))
            .collect();
        let ours = Pattern::new(pattern).expect("a pattern");
        assert_eq!(
            ours.is_match(text, &Budget::new(1 << 20)),
            Ok(!theirs.is_empty()),
            "{pattern} in {text}"
        );
        let found = ours.find_all(text, &Budget::new(1 << 20));
        let found = found.map(|found| {
            found
                .into_iter()
                .map(|span| (span.start, span.end))
                .collect()
        });
        assert_eq!(found, Ok(expected.to_vec()), "{pattern} in {text}");
        let theirs = theirs.into_iter().filter(|(start, end)| start < end);
        assert_eq!(theirs.collect::<Vec<_>>(), *expected, "{pattern} in {text}");
    }
}

/// `(?i)` folds what is named before it takes it out, as Go does and regex-lite does not.
#[test]
fn classes_that_are_taken_out_lose_both_cases() {
    let pattern = Pattern::new("(?i)[[:^lower:]]+").expect("a pattern");
    let found = pattern.find_all("aB1é", &Budget::new(1 << 20));
    assert_eq!(found.as_deref().map(<[_]>::first), Ok(Some(&(2..5))));
}
