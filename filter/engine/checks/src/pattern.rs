//! Patterns beside another engine, and what they cost.

use toolgate_engine::policy::{Budget, Pattern, TooMuchWork};

/// What an attacker may make each byte of a text cost in a pattern of this size, in units: a state worked out from sets that are
/// not larger than the pattern.
fn most_per_byte(pattern: &Pattern) -> u64 {
    let bytes = u64::try_from(pattern.bytes()).expect("small");
    1000 + 8 * bytes
}

/// A pattern, then a text, cut at the first line feed. What is found, and where, is what the `regex` crate finds with the plain form
/// of the pattern; what it costs is bounded, known to the unit, and less once it was searched before.
pub fn patterns(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else {
        return;
    };
    let (source, text) = input.split_once('\n').unwrap_or(("", input));
    let Ok(pattern) = Pattern::new(source) else {
        return;
    };
    let plain = toolgate_pattern::translate(source).expect("what compiles can be translated");
    let theirs = regex::Regex::new(&plain).unwrap_or_else(|error| panic!("{plain}: {error}"));

    let fresh = Budget::new(u64::MAX);
    let is_match = pattern.is_match(text, &fresh);
    let spent = u64::MAX - fresh.left();
    let places = u64::try_from(text.len()).expect("small") + 2;
    // An empty match within a character is looked for anew behind it.
    let rounds = if text.is_ascii() { 1 } else { places };
    let most = places * rounds * most_per_byte(&pattern);
    assert!(spent <= most, "{spent} > {most}");
    // Not its `is_match`: that misses `(?:\B|éa)x?` in `aéa`, because it stops at the empty match within the character.
    assert_eq!(is_match, Ok(theirs.find(text).is_some()));

    let again = Pattern::new(source).expect("a pattern");
    assert_eq!(again.is_match(text, &Budget::new(spent)), is_match);
    let again = Pattern::new(source).expect("a pattern");
    let short = again.is_match(text, &Budget::new(spent.saturating_sub(1)));
    assert_eq!(short, Err(TooMuchWork), "what is not paid for is not told");

    let warm = Budget::new(u64::MAX);
    assert_eq!(pattern.is_match(text, &warm), is_match);
    assert!(u64::MAX - warm.left() <= spent.max(most), "dearer again");

    let expected = theirs.find_iter(text).map(|found| found.range());
    let expected: Vec<_> = expected.filter(|span| !span.is_empty()).collect();
    let found = pattern.find_all(text, &Budget::new(u64::MAX));
    assert_eq!(found, Ok(expected), "{plain:?} in {text:?}");
}
