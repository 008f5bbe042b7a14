//! The sentences a refused agent reads where the author wrote no `on_deny`: what would be allowed, and which
//! rule says so.

use crate::policy::{Condition, List, Operand, Relation, Test, UrlTest};

/// Elements of a list that are spelled out.
const SPELLED_OUT: usize = 8;

/// For a `require` that does not hold.
pub(super) fn required(condition: &Condition, pointer: &str) -> String {
    format!(
        "`{}` {} (rule {pointer}).",
        condition.path.text,
        predicate(&condition.test, true)
    )
}

/// For a `deny_if` that holds.
pub(super) fn denied(conditions: &[Condition], pointer: &str) -> String {
    let clauses: Vec<String> = conditions
        .iter()
        .map(|condition| {
            format!(
                "`{}` {}",
                condition.path.text,
                predicate(&condition.test, false)
            )
        })
        .collect();
    format!(
        "Not allowed when {} (rule {pointer}).",
        clauses.join(" and ")
    )
}

/// `must be one of …`, or `is one of …`.
fn predicate(test: &Test, must: bool) -> String {
    let be = if must { "must be" } else { "is" };
    let not_be = if must { "must not be" } else { "is not" };
    let verb = |infinitive: &str, third: &str| {
        if must {
            format!("must {infinitive}")
        } else {
            third.to_owned()
        }
    };
    match test {
        Test::Equals(operand, false) => format!("{be} {}", spell(operand)),
        Test::Equals(operand, true) => format!("{not_be} {}", spell(operand)),
        Test::Compare(relation, operand) => {
            let relation = match relation {
                Relation::Less => "less than",
                Relation::AtMost => "at most",
                Relation::Greater => "greater than",
                Relation::AtLeast => "at least",
            };
            format!("{be} {relation} {}", spell(operand))
        }
        Test::In(list, false) => format!("{be} one of {}", spell_list(list)),
        Test::In(list, true) => format!("{not_be} one of {}", spell_list(list)),
        Test::Exists(true) => format!("{be} present"),
        Test::Exists(false) => format!("{be} absent"),
        Test::Regex(pattern) => format!("{} `{}`", verb("match", "matches"), pattern.source()),
        Test::Contains(operand) => format!("{} {}", verb("contain", "contains"), spell(operand)),
        Test::Prefix(operand) => format!("{} with {}", verb("begin", "begins"), spell(operand)),
        Test::Suffix(operand) => format!("{} with {}", verb("end", "ends"), spell(operand)),
        Test::Url(url) => format!("{be} a URL{}", spell_url(url)),
    }
}

fn spell(operand: &Operand) -> String {
    match operand {
        Operand::Literal(document) => document.root().raw().to_owned(),
        Operand::Path(path) => format!("`{}`", path.text),
    }
}

fn spell_list(list: &List) -> String {
    let mut texts = list.spelled();
    let more = texts.len().saturating_sub(SPELLED_OUT);
    texts.truncate(SPELLED_OUT);
    let spelled = texts.join(", ");
    if more > 0 {
        format!("{spelled} and {more} more")
    } else {
        spelled
    }
}

fn spell_url(url: &UrlTest) -> String {
    let part = |name: &str, allowed: &Option<Vec<Box<str>>>| {
        allowed
            .as_ref()
            .map(|allowed| format!(" with {name} {}", allowed.join(" or ")))
            .unwrap_or_default()
    };
    format!(
        "{}{}",
        part("scheme", &url.schemes),
        part("host", &url.hosts)
    )
}
