//! The names under which decisions count among the host's statistics.
//!
//! They come from the configuration and from the gate itself, none from a caller or a server: so their number is bounded.

use crate::Names;
use crate::audit::{Outcome, Record};

/// What is counted beside outcomes.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Tools whose decisions are also counted by policy and rule.
    pub tools: Names,
}

/// Stands between policy, tool and rule in a name. Nothing that reads statistics has a meaning for it.
const SEPARATOR: char = '!';

impl Metrics {
    /// The names under which a decision counts, beside its outcome.
    pub fn decided(&self, record: &Record) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(rule) = &record.rule {
            match record.decision {
                Outcome::Reject => names.push(rejected(rule)),
                Outcome::Deny | Outcome::Expire => names.push(refused(rule)),
                _ => {}
            }
        }
        names.extend(self.tool(record));
        names
    }

    /// The name under which a decision on a listed tool counts.
    fn tool(&self, record: &Record) -> Option<String> {
        let tool = record.target.as_deref()?;
        if !self.tools.contains(tool) || record.method.as_deref() != Some("tools/call") {
            return None;
        }
        let parts = [
            record.policy.as_deref().unwrap_or_default(),
            tool,
            record.rule.as_deref().unwrap_or_default(),
        ];
        let mut name = format!("toolgate.tool_decision.{}", record.decision.word());
        for part in parts {
            name.push(SEPARATOR);
            name.extend(part.chars().map(plain));
        }
        Some(name)
    }
}

/// The name under which what was refused before any policy was asked counts, by the pointer of its rule.
pub fn rejected(rule: &str) -> String {
    let word = rule.strip_prefix("/protocol").unwrap_or(rule);
    format!("toolgate.reject{}", word.replace('/', "."))
}

/// The name under which what somebody wrote on a tool, a prompt or a resource counts when it refuses.
pub const RULE: &str = "toolgate.refusal.rule";

/// The name under which a refusal counts: [`RULE`] for the rules that somebody wrote on a tool, a prompt or a resource, else
/// the gate's own reason.
pub fn refused(rule: &str) -> String {
    let section = |name| rule.strip_prefix(name);
    let own = section("/prompts").or_else(|| section("/resources"));
    let mut parts = own.unwrap_or(rule).split('/').skip(1);
    let kind = match (parts.next().unwrap_or_default(), parts.next()) {
        ("tools" | "items", _) => return RULE.to_owned(),
        // What follows names a tool.
        ("pins", _) => "pins".to_owned(),
        (kind, Some(what)) if what.chars().all(is_word) => format!("{kind}.{what}"),
        (kind, _) => kind.to_owned(),
    };
    format!("toolgate.refusal.{kind}")
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_lowercase() || matches!(letter, '-' | '_')
}

/// A character as it stands in a name: those that tell names, values and labels apart elsewhere are `_`.
fn plain(letter: char) -> char {
    match letter {
        '|' | ':' | '@' | '#' | SEPARATOR => '_',
        letter if letter.is_control() || letter.is_whitespace() => '_',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::{Metrics, refused, rejected};
    use crate::audit::{Outcome, Record};
    use crate::time::Timestamp;

    #[test]
    fn kinds_of_refusals() {
        for (rule, name) in [
            ("/protocol/duplicate-key", "reject.duplicate-key"),
            ("/identity/expired", "reject.identity.expired"),
            ("/no-server", "reject.no-server"),
        ] {
            assert_eq!(rejected(rule), format!("toolgate.{name}"));
        }
        for (rule, kind) in [
            ("/default", "default"),
            ("/hide", "hide"),
            ("/prompts/default", "default"),
            ("/resources/hide", "hide"),
            ("/resources/items/file:~1~1~1x/deny", "rule"),
            ("/tools/x/require/args.channel-in", "rule"),
            ("/tools/*/limits/all", "rule"),
            ("/stopped", "stopped"),
            ("/no-policy", "no-policy"),
            ("/work", "work"),
            ("/approvals/full", "approvals.full"),
            ("/results/room", "results.room"),
            ("/results/deny_if/0", "results.deny_if"),
            ("/pins/get_issue", "pins"),
            ("/pins/get_issue/arguments", "pins"),
        ] {
            assert_eq!(refused(rule), format!("toolgate.refusal.{kind}"), "{rule}");
        }
    }

    #[test]
    fn listed_tools_count_by_policy_and_rule() {
        let mut metrics = Metrics::default();
        metrics.tools.insert("send money", ());
        let mut record = Record::new(Timestamp::from_nanos(0), "1", "digest");
        record.method = Some("tools/call".to_owned());
        record.target = Some("send money".to_owned());
        assert_eq!(
            metrics.decided(&record),
            ["toolgate.tool_decision.allow!!send_money!"]
        );
        record.decision = Outcome::Deny;
        record.policy = Some("team: a".to_owned());
        record.rule = Some("/tools/send money/deny".to_owned());
        assert_eq!(
            metrics.decided(&record),
            [
                "toolgate.refusal.rule",
                "toolgate.tool_decision.deny!team__a!send_money!/tools/send_money/deny"
            ]
        );
        record.decision = Outcome::ShadowDeny;
        record.target = Some("other".to_owned());
        assert_eq!(metrics.decided(&record), [""; 0]);
        record.target = Some("send money".to_owned());
        record.method = Some("prompts/get".to_owned());
        assert_eq!(metrics.decided(&record), [""; 0]);
    }
}
