//! What is found in the text of replies.

use toolgate_engine::policy::{Budget, Pattern};
use toolgate_engine::redact::detect::{DETECTORS, Detectors, Match, Rule};

fn find(rules: Vec<Rule>, text: &str) -> Vec<Match> {
    let budget = Budget::for_input(text.len(), rules.len());
    let found = Detectors::new(rules).find(text, &budget);
    let found = found.expect("little work");
    let mut from = 0;
    for Match { span, .. } in &found {
        assert!(from <= span.start && span.start < span.end, "{found:?}");
        assert!(
            text.get(span.clone()).is_some(),
            "{span:?} cuts a character"
        );
        from = span.end;
    }
    found
}

/// A pattern, then a text, cut at the first line feed. Matches are sorted, apart and on characters; all rules together cover
/// what each finds alone; what stands behind a text changes nothing in it; replacements are left alone.
pub fn detectors(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else {
        return;
    };
    let (pattern, text) = input.split_once('\n').unwrap_or(("", input));
    let hosts: Vec<Box<str>> = vec!["docs.acme.com".into(), ".corp.io".into()];
    let named = DETECTORS.iter();
    let mut rules: Vec<Rule> = named
        .map(|detector| Rule::named(detector, hosts.clone(), None))
        .collect();
    let named = find(rules.clone(), text);
    rules.extend(
        Pattern::new(pattern)
            .ok()
            .map(|pattern| Rule::own(pattern, None)),
    );
    let together = find(rules.clone(), text);
    for rule in &rules {
        for alone in find(vec![rule.clone()], text) {
            let covers = |other: &Match| {
                other.span.start <= alone.span.start && alone.span.end <= other.span.end
            };
            assert!(together.iter().any(covers), "{}: {alone:?}", rule.name);
        }
    }
    rules.truncate(DETECTORS.len());
    let mut replaced = String::new();
    let mut from = 0;
    for Match { span, rule } in &named {
        replaced.push_str(text.get(from..span.start).unwrap_or_default());
        replaced.push_str(rules[*rule].with.plain());
        from = span.end;
    }
    replaced.push_str(text.get(from..).unwrap_or_default());
    // A link may take what stands in it, and a key without an end what stands behind it.
    rules.retain(|rule| !matches!(&*rule.name, "url" | "private_key"));
    for Match { span, .. } in find(rules.clone(), &replaced) {
        let part = &replaced[span];
        assert!(!part.contains("[redacted:"), "{part:?} is found again");
    }
    let longer = format!("{text}\n\nThe end.");
    assert_eq!(
        find(rules.clone(), &longer),
        find(rules, text),
        "by what stands behind it"
    );
}
