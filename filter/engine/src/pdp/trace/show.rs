//! Conditions, values and counters as people read them.

use super::step::Usage;
use crate::counters::{Counters, Store, Window, display_nanos};
use crate::pdp::decision::Planned;
use crate::policy::{Condition, Facts, Found, List, Max, Operand, Path, Step, Test, op_name};
use crate::time::Timestamp;

/// What is at a path, up to its first `[*]`.
pub(super) fn found_at(path: &Path, facts: &Facts<'_>) -> Option<String> {
    let single = path.steps.iter().take_while(|step| **step != Step::Each);
    let path = Path {
        steps: single.cloned().collect(),
        ..path.clone()
    };
    match path.find(facts) {
        Found::Value(value) => Some(short(value.raw())),
        Found::Missing | Found::WrongType => None,
    }
}

/// A limit and its counter before the call.
pub(super) fn usage(
    planned: &Planned<'_>,
    counters: &Counters,
    store: &mut dyn Store,
    now: Timestamp,
) -> Usage {
    let charge = &planned.charge;
    let used = counters.table.used(store, now, charge.key);
    let end = charge.window.at(now).end;
    let rolls = matches!(charge.window, Window::Rolling(_));
    Usage {
        counter: planned
            .limit
            .counter
            .name
            .trim_start_matches("state.")
            .to_owned(),
        used: used.map_or_else(|_| "?".to_owned(), display_nanos),
        cost: display_nanos(charge.amount),
        max: (!matches!(planned.limit.max, Max::Unlimited)).then(|| display_nanos(charge.max)),
        window: charge.window.name().into_owned(),
        resets_in: (!rolls).then(|| end.saturating_sub(now.seconds())),
    }
}

/// A condition as it is written.
pub(super) fn spell(condition: &Condition) -> String {
    let (path, op) = (&condition.path.text, op_name(&condition.test));
    let operand = |operand: &Operand| match operand {
        Operand::Literal(document) => short(document.root().raw()),
        Operand::Path(path) => path.text.to_string(),
    };
    let value = match &condition.test {
        Test::Equals(value, _)
        | Test::Compare(_, value)
        | Test::Contains(value)
        | Test::Prefix(value)
        | Test::Suffix(value) => operand(value),
        Test::In(list, _) => spell_list(list),
        Test::Exists(expected) => expected.to_string(),
        Test::Regex(pattern) => short(pattern.source()),
        Test::Url(url) => {
            let part = |name: &str, words: &Option<Vec<Box<str>>>| {
                let words = words.as_ref()?;
                Some(format!("{name}: [{}]", words.join(", ")))
            };
            let parts = [part("host_in", &url.hosts), part("scheme_in", &url.schemes)];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            short(&format!("{{{}}}", parts.join(", ")))
        }
    };
    format!("{path} {op} {value}")
}

fn spell_list(list: &List) -> String {
    short(&format!("[{}]", list.spelled().join(", ")))
}

/// Long values in short, for a line.
fn short(text: &str) -> String {
    const MOST: usize = 100;
    let mut shown: String = text
        .chars()
        .take(MOST)
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
