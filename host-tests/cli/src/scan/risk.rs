//! How dangerous a tool is, from its annotations and its name.
//!
//! Annotations are hints of the server's author: they may raise the risk that the name suggests, and may lower it only
//! where the name does not contradict. What is left unclear counts as writing. Nothing but reading is ever allowed on this
//! evidence alone.

use super::tool::ToolDefinition;

/// What can go wrong, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Tells something.
    Read,
    /// Changes something.
    Write,
    /// Runs something the caller chooses.
    Execute,
    /// Moves money.
    Financial,
    /// Takes something away for good.
    Destructive,
}

impl Risk {
    /// All of them, least first.
    pub const ALL: [Risk; 5] = [
        Risk::Read,
        Risk::Write,
        Risk::Execute,
        Risk::Financial,
        Risk::Destructive,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Risk::Read => "read",
            Risk::Write => "write",
            Risk::Execute => "execute",
            Risk::Financial => "financial",
            Risk::Destructive => "destructive",
        }
    }
}

/// What a tool was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its group.
    pub risk: Risk,
    /// Why, as a clause.
    pub why: String,
    /// Reads something that should not be read without a thought. Only reading tools without one are allowed.
    pub caution: Option<String>,
}

const READING: [&str; 27] = [
    "get",
    "list",
    "read",
    "search",
    "find",
    "fetch",
    "describe",
    "show",
    "view",
    "count",
    "lookup",
    "status",
    "whoami",
    "ping",
    "echo",
    "preview",
    "validate",
    "explain",
    "summarize",
    "compare",
    "browse",
    "inspect",
    "retrieve",
    "analyze",
    "calculate",
    "diff",
    "stat",
];
/// Those that are nothing but a verb, so that they count behind a prefix too: `github_get_issue`, but not `mark_read`.
const READING_BEHIND_PREFIX: [&str; 4] = ["get", "fetch", "describe", "retrieve"];
const DESTRUCTIVE: [&str; 26] = [
    "delete",
    "remove",
    "drop",
    "destroy",
    "purge",
    "wipe",
    "erase",
    "truncate",
    "revoke",
    "terminate",
    "kill",
    "reset",
    "uninstall",
    "overwrite",
    "clear",
    "unpublish",
    "ban",
    "shutdown",
    "rollback",
    "discard",
    "expunge",
    "deactivate",
    "rm",
    "rmdir",
    "del",
    "nuke",
];
const FINANCIAL: [&str; 26] = [
    "pay",
    "payment",
    "payments",
    "payout",
    "refund",
    "refunds",
    "charge",
    "charges",
    "invoice",
    "invoices",
    "transfer",
    "transfers",
    "purchase",
    "buy",
    "sell",
    "order",
    "checkout",
    "withdraw",
    "withdrawal",
    "deposit",
    "spend",
    "trade",
    "billing",
    "donate",
    "payroll",
    "subscription",
];
const EXECUTING: [&str; 18] = [
    "run",
    "exec",
    "execute",
    "eval",
    "shell",
    "bash",
    "terminal",
    "command",
    "script",
    "sql",
    "invoke",
    "spawn",
    "deploy",
    "code",
    "python",
    "javascript",
    "evaluate",
    "trigger",
];
/// Arguments that are run.
const PROGRAMS: [&str; 8] = [
    "sql",
    "code",
    "command",
    "cmd",
    "script",
    "statement",
    "program",
    "shell",
];
const SECRET: [&str; 12] = [
    "env",
    "environment",
    "secret",
    "secrets",
    "password",
    "passwords",
    "credential",
    "credentials",
    "token",
    "tokens",
    "key",
    "keys",
];
const REACHING: [&str; 9] = [
    "url",
    "urls",
    "uri",
    "endpoint",
    "webhook",
    "webhook_url",
    "callback",
    "host",
    "domain",
];
const FINAL: [&str; 5] = [
    "for good",
    "permanent",
    "irreversibl",
    "cannot be undone",
    "can't be undone",
];

/// Finds a tool's group.
pub fn assess(tool: &ToolDefinition) -> Verdict {
    let words = words(&tool.name);
    let read_only = tool.hint("readOnlyHint");
    let named = by_name(&words);
    let is = |at: usize, list: &[&str]| {
        words
            .get(at)
            .is_some_and(|word| list.contains(&word.as_str()))
    };
    let reads_by_name = is(0, &READING) || is(1, &READING_BEHIND_PREFIX);
    let (risk, why) = match (named, read_only) {
        // `list_payments`, `get_script`: the verb says what is done, the rest what it is done to. Not so for `get_and_delete`.
        (Some((risk, _)), Some(true)) if reads_by_name && risk != Risk::Destructive => {
            (Risk::Read, "the server calls it read-only".to_owned())
        }
        (Some((risk, _)), None) if reads_by_name && risk != Risk::Destructive => (
            Risk::Read,
            "by its name; the server does not say".to_owned(),
        ),
        (Some((risk, word)), Some(true)) => {
            let why = format!("its name says `{word}`, though the server calls it read-only");
            (risk, why)
        }
        (Some((risk, word)), _) => (risk, format!("its name says `{word}`")),
        (None, Some(true)) => (Risk::Read, "the server calls it read-only".to_owned()),
        (None, _) if let Some(sign) = finality(tool) => {
            (Risk::Destructive, format!("its description says `{sign}`"))
        }
        (None, _) if let Some(name) = argument(tool, &PROGRAMS) => {
            (Risk::Execute, format!("it runs its argument `{name}`"))
        }
        (None, None) if reads_by_name => (
            Risk::Read,
            "by its name; the server does not say".to_owned(),
        ),
        (None, Some(false)) => (
            Risk::Write,
            "the server says it is not read-only".to_owned(),
        ),
        (None, None) => (
            Risk::Write,
            "neither its name nor the server says what it does".to_owned(),
        ),
    };
    // An explicit hint makes it worse, never better.
    let (risk, why) = if risk < Risk::Destructive
        && tool.hint("destructiveHint") == Some(true)
        && read_only != Some(true)
    {
        (
            Risk::Destructive,
            "the server calls it destructive".to_owned(),
        )
    } else {
        (risk, why)
    };
    let caution = (risk == Risk::Read)
        .then(|| caution(tool, &words))
        .flatten();
    Verdict { risk, why, caution }
}

fn by_name(words: &[String]) -> Option<(Risk, &str)> {
    let lists: [(Risk, &[&str]); 3] = [
        (Risk::Destructive, &DESTRUCTIVE),
        (Risk::Financial, &FINANCIAL),
        (Risk::Execute, &EXECUTING),
    ];
    lists.into_iter().find_map(|(risk, list)| {
        let word = words.iter().find(|word| list.contains(&word.as_str()))?;
        Some((risk, word.as_str()))
    })
}

fn finality(tool: &ToolDefinition) -> Option<&'static str> {
    let description = tool.text("description")?.to_lowercase();
    FINAL.into_iter().find(|sign| description.contains(sign))
}

fn caution(tool: &ToolDefinition, words: &[String]) -> Option<String> {
    if let Some(word) = words.iter().find(|word| SECRET.contains(&word.as_str())) {
        return Some(format!("its name says `{word}`: it may read secrets"));
    }
    let name = argument(tool, &REACHING)?;
    Some(format!(
        "`{name}` takes an address: it can reach, and send data to, any host"
    ))
}

/// The first argument that has one of these names.
fn argument(tool: &ToolDefinition, names: &[&str]) -> Option<String> {
    let mut arguments = tool.arguments().into_iter().map(|(name, _)| name);
    arguments.find(|name| names.contains(&name.to_lowercase().as_str()))
}

/// The words of a name: `getHTTPUrl`, `get-http_url` and `get.http.url` have the same.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (at, char) in chars.iter().enumerate() {
        if !char.is_alphanumeric() {
            words.push(String::new());
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        let begins = char.is_uppercase()
            && (before.is_some_and(|char| char.is_lowercase() || char.is_numeric())
                || (before.is_some_and(|char| char.is_uppercase())
                    && after.is_some_and(|char| char.is_lowercase())));
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(char.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risk(json: &str) -> Risk {
        assess(&ToolDefinition::parse(json).unwrap().unwrap()).risk
    }

    fn named(name: &str) -> Risk {
        risk(&format!(r#"{{"name":"{name}"}}"#))
    }

    fn hinted(name: &str, hint: &str, value: bool) -> Risk {
        risk(&format!(
            r#"{{"name":"{name}","annotations":{{"{hint}":{value}}}}}"#
        ))
    }

    #[test]
    fn names_have_words() {
        assert_eq!(words("getHTTPUrl2Go"), ["get", "http", "url2", "go"]);
        assert_eq!(words("repo/read-file.v2"), ["repo", "read", "file", "v2"]);
    }

    #[test]
    fn names_alone() {
        for name in [
            "get_balance",
            "listPayments",
            "github_get_code",
            "get-script",
        ] {
            assert_eq!(named(name), Risk::Read, "{name}");
        }
        for name in [
            "post_message",
            "create_issue",
            "frobnicate",
            "mark_read",
            "update_status",
        ] {
            assert_eq!(named(name), Risk::Write, "{name}");
        }
        for name in ["run_query", "execute_sql", "bash"] {
            assert_eq!(named(name), Risk::Execute, "{name}");
        }
        for name in ["create_payment", "refund"] {
            assert_eq!(named(name), Risk::Financial, "{name}");
        }
        for name in ["delete_repository", "get_and_delete_item", "drop-table"] {
            assert_eq!(named(name), Risk::Destructive, "{name}");
        }
    }

    #[test]
    fn hints_raise_the_risk_and_lower_it_only_where_the_name_agrees() {
        assert_eq!(hinted("frobnicate", "readOnlyHint", true), Risk::Read);
        assert_eq!(hinted("list_payments", "readOnlyHint", true), Risk::Read);
        assert_eq!(
            hinted("delete_all", "readOnlyHint", true),
            Risk::Destructive
        );
        assert_eq!(hinted("execute_sql", "readOnlyHint", true), Risk::Execute);
        assert_eq!(hinted("get_next", "readOnlyHint", false), Risk::Write);
        assert_eq!(
            hinted("frobnicate", "destructiveHint", true),
            Risk::Destructive
        );
        assert_eq!(
            hinted("create_payment", "destructiveHint", true),
            Risk::Destructive
        );
        assert_eq!(
            hinted("create_payment", "destructiveHint", false),
            Risk::Financial
        );
        let querying = r#"{"name":"query","inputSchema":{"properties":{"sql":{"type":"string"}}}}"#;
        assert_eq!(risk(querying), Risk::Execute);
        let closing = r#"{"name":"close_account","description":"Closes an account for good"}"#;
        assert_eq!(risk(closing), Risk::Destructive);
    }

    #[test]
    fn reading_can_need_a_thought() {
        let caution = |json| assess(&ToolDefinition::parse(json).unwrap().unwrap()).caution;
        assert!(caution(r#"{"name":"get-env"}"#).is_some());
        let fetch = r#"{"name":"fetch","inputSchema":{"properties":{"url":{"type":"string"}}}}"#;
        assert!(caution(fetch).unwrap().contains("`url`"));
        assert_eq!(caution(r#"{"name":"get_issue"}"#), None);
    }
}
