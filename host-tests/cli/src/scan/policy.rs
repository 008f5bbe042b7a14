//! A starting policy for a server's tools.
//!
//! It works as it stands, and is safe as it stands: what only reads is allowed, what destroys is hidden, everything between
//! is there as a comment with what has to be decided. Taking the `# ` off such an entry makes it a part of the policy.

use std::fmt::Write as _;

use super::naming::{can_be_named, loads};
use super::risk::{Risk, Verdict, assess};
use super::{Scan, ToolDefinition};
use crate::text::{self, one_line, yaml};

const WIDTH: usize = 120;

type Assessed<'s> = (&'s ToolDefinition, Verdict);

/// The policy as YAML. `command` is how it was made.
pub fn policy(scan: &Scan, command: &str) -> String {
    let assessed: Vec<Assessed<'_>> = scan.tools.iter().map(|tool| (tool, assess(tool))).collect();
    let (assessed, unnameable): (Vec<_>, Vec<_>) = assessed
        .into_iter()
        .partition(|(tool, _)| can_be_named(&tool.name));
    let of = |risk| {
        assessed
            .iter()
            .filter(move |(_, verdict)| verdict.risk == risk)
    };
    let mut out = String::new();
    head(scan, command, &mut out);

    let hidden: Vec<_> = of(Risk::Destructive).collect();
    if !hidden.is_empty() {
        out.push_str(
            "\n# destructive: takes something away for good. Hidden: not listed to an agent, and denied.\n\
             # To allow one after all, take it off this list and give it an entry under `tools`.\nhide:\n",
        );
        for (tool, verdict) in hidden {
            let name = yaml(&tool.name);
            line(&mut out, &format!("  - {name}"), &note(tool, &verdict.why));
        }
    }

    let mut entries = String::new();
    for risk in [Risk::Read, Risk::Write, Risk::Execute, Risk::Financial] {
        let group: Vec<_> = of(risk).collect();
        if !group.is_empty() {
            write_group(risk, &group, &mut entries);
        }
    }
    // A key without content is an error everywhere, whatever comments stand below it.
    let any_open = of(Risk::Read).any(|(_, verdict)| verdict.caution.is_none());
    out.push_str(if any_open {
        "\ntools:\n"
    } else {
        "\n# Take the `{}` away with the first entry that you switch on.\ntools: {}\n"
    });
    out.push_str(entries.strip_prefix('\n').unwrap_or(&entries));
    if scan.tools.is_empty() {
        out.push_str("  # The server lists no tools.\n");
    }
    for (tool, _) in unnameable {
        let name = one_line(&tool.name, 80);
        let _ = writeln!(
            out,
            "\n  ## A tool whose name no policy can have stays denied: {name}"
        );
    }
    others(scan, &mut out);
    out
}

fn head(scan: &Scan, command: &str, out: &mut String) {
    let server = one_line(&format!("{} {}", scan.server, scan.version), 80);
    let _ = write!(
        out,
        "# A starting policy for {server} at {},\n\
         # written by `{command}` from what the server says about its tools. Read it before you rely on it:\n\
         # groups come from names and hints, and neither is a promise.\n\
         #\n\
         # In `tools`, `##` is a remark and `# ` an entry that is switched off: take the `# ` off its lines to switch it on.\n\
         # After each change:  toolgate check policy.yaml\n\n\
         version: \"1\"\n\n\
         # A tool without an entry is denied, and not listed to an agent. So are tools that the server adds later.\n\
         default: deny\n",
        one_line(&scan.url, 200),
    );
}

fn write_group(risk: Risk, group: &[&Assessed<'_>], out: &mut String) {
    let count = match group.len() {
        1 => "1 tool".to_owned(),
        count => format!("{count} tools"),
    };
    let about = match risk {
        Risk::Read => "tells something, changes nothing. Allowed, but for what needs a thought.",
        Risk::Write => {
            "changes something. Denied until you decide: where may it write, and how often?"
        }
        Risk::Execute => {
            "runs what the caller chooses, so that the arguments decide what it does. Denied until you\n  \
             ## decide: which values of which argument?"
        }
        Risk::Financial => {
            "moves money. Denied until you decide: how much at once, how much a day, and in what?"
        }
        Risk::Destructive => "",
    };
    let _ = write!(out, "\n  ## {}, {count}: {about}\n", risk.word());
    // What is allowed first, the comments after it.
    let (open, held): (Vec<&Assessed<'_>>, Vec<_>) = group
        .iter()
        .partition(|(_, verdict)| risk == Risk::Read && verdict.caution.is_none());
    for (tool, verdict) in open.into_iter().chain(held) {
        match (&verdict.caution, risk) {
            (None, Risk::Read) => {
                let name = yaml(&tool.name);
                line(out, &format!("  {name}: {{}}"), &note(tool, &verdict.why));
            }
            (caution, _) => {
                let why = caution.as_ref().unwrap_or(&verdict.why);
                suggestion(tool, why, risk, out);
            }
        }
    }
}

/// An entry as a comment: what it could be, with the server's own arguments.
fn suggestion(tool: &ToolDefinition, why: &str, risk: Risk, out: &mut String) {
    let name = yaml(&tool.name);
    let arguments = tool.arguments();
    let path = |name: &str| match name
        .chars()
        .all(|char| char.is_ascii_alphanumeric() || char == '_')
        && !name.is_empty()
    {
        true => format!("args.{name}"),
        // The path is JSON inside JSON.
        false => text::json(&format!("args[{}]", text::json(name))),
    };
    let typed = |kinds: &[&str]| {
        let found = arguments
            .iter()
            .find(|(_, kind)| kinds.contains(&kind.as_str()));
        found.map(|(name, _)| (one_line(name, 60), path(name)))
    };
    let amount = (risk == Risk::Financial)
        .then(|| typed(&["number", "integer"]))
        .flatten();
    let text = typed(&["string"]);
    let said = note(tool, why);

    let mut lines = Vec::new();
    match (amount, text) {
        (Some((shown, path)), _) => {
            let (most, day) = ("100", "1000");
            lines.push("  require:".to_owned());
            lines.push(format!(
                "    - conditions: [{{path: {path}, op: gt, value: 0}}, {{path: {path}, op: lte, value: {most}}}]"
            ));
            let reason = text::json(&format!("{shown}: more than 0, at most {most}."));
            lines.push(format!("      on_deny: {reason}"));
            lines.push("  limits:".to_owned());
            let counter = yaml(&format!("{}_{shown}", tool.name));
            lines.push(format!(
                "    - {{counter: {counter}, max: {day}, window: day, increment_from: {path}}}"
            ));
        }
        (None, Some((shown, path))) if risk != Risk::Financial => {
            lines.push("  require:".to_owned());
            lines.push(format!(
                "    - conditions: [{{path: {path}, op: in, value: [\"…\"]}}]   # which values of {shown}?"
            ));
            if risk == Risk::Write {
                let counter = yaml(&tool.name);
                lines.push("  limits:".to_owned());
                lines.push(format!(
                    "    - {{counter: {counter}, max: 20, window: hour}}"
                ));
            }
        }
        _ => {
            let counter = yaml(&tool.name);
            lines.push("  limits:".to_owned());
            lines.push(format!(
                "    - {{counter: {counter}, max: 5, window: hour}}"
            ));
        }
    }
    if !loads(&format!("{name}:\n{}", lines.join("\n")), &tool.name) {
        // A name that can be a tool's and not a path's or a counter's.
        lines = vec!["  deny: true".to_owned()];
    }
    out.push('\n');
    line(out, &format!("  # {name}:"), &said);
    if !arguments.is_empty() {
        let shown = arguments
            .iter()
            .map(|(name, kind)| format!("{name} ({kind})"));
        let shown = one_line(&shown.collect::<Vec<_>>().join(", "), WIDTH);
        let _ = writeln!(out, "  #   # arguments: {shown}");
    }
    for line in lines {
        let _ = writeln!(out, "  # {line}");
    }
}

fn others(scan: &Scan, out: &mut String) {
    let resources = scan.resources + scan.templates;
    if scan.prompts + resources == 0 {
        return;
    }
    out.push_str(
        "\n# Prompts and resources follow `default` too: denied, and not listed. To let an agent have them:\n",
    );
    if scan.prompts > 0 {
        let _ = writeln!(
            out,
            "# prompts: {{default: allow}}     # the server has {}",
            scan.prompts
        );
    }
    if resources > 0 {
        let _ = writeln!(
            out,
            "# resources: {{default: allow}}   # the server has {}, and {} templates; or by URI:\n\
             # resources: {{items: {{\"https://example.com/docs/*\": {{}}}}}}",
            scan.resources, scan.templates
        );
    }
}

fn note(tool: &ToolDefinition, why: &str) -> String {
    match tool.text("description").or_else(|| tool.text("title")) {
        Some(text) if !text.trim().is_empty() => {
            format!("\"{}\" ({why})", one_line(&text, 70))
        }
        _ => why.to_owned(),
    }
}

/// Text, and a comment behind it.
fn line(out: &mut String, text: &str, comment: &str) {
    let _ = writeln!(out, "{text:<28} # {comment}");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use toolgate_engine::config::Gate;

    use super::*;
    use toolgate_document::{Document, Format};

    fn scan(tools: &[&str]) -> Scan {
        Scan {
            url: "http://127.0.0.1/mcp".into(),
            server: "hostile\ndefault: allow".into(),
            version: "1".into(),
            protocol: "2025-11-25".into(),
            tools: tools
                .iter()
                .map(|tool| ToolDefinition::parse(tool).unwrap().unwrap())
                .collect(),
            prompts: 2,
            resources: 1,
            templates: 0,
            unlisted: Vec::new(),
        }
    }

    /// The policy as JSON, once the engine takes it.
    fn valid(yaml: &str) -> Value {
        let document = Document::parse("policy.yaml", yaml, Format::Yaml)
            .unwrap_or_else(|(_, problem)| panic!("{problem:?}\n{yaml}"));
        if let Err(errors) = Gate::from_json(document.json().as_bytes(), false) {
            panic!("{errors:?}\n{yaml}");
        }
        serde_json::from_str(document.json()).unwrap()
    }

    fn names(policy: &Value) -> Vec<&str> {
        let tools = policy["tools"].as_object().into_iter().flatten();
        tools.map(|(name, _)| name.as_str()).collect()
    }

    const TOOLS: [&str; 9] = [
        r#"{"name":"get_issue","description":"Reads\n  evil: {}"}"#,
        r#"{"name":"a: {} # b","description":"x","annotations":{"readOnlyHint":true}}"#,
        r#"{"name":"get\nnext: {}"}"#,
        r#"{"name":"get\u200b"}"#,
        r#"{"name":"create_payment","inputSchema":{"properties":{"amount in \"€\"":{"type":"number"}}}}"#,
        r#"{"name":"transfer","inputSchema":{"properties":{"amount":{"type":"number"}}}}"#,
        r#"{"name":"bash","inputSchema":{"properties":{"command":{"type":"string"}}}}"#,
        r#"{"name":"post","inputSchema":{"properties":{"to":{"type":"string"}}}}"#,
        r#"{"name":"delete_all"}"#,
    ];

    /// Names that are something else in a policy, in YAML, or to a parser; some of which no policy can have.
    #[test]
    fn any_name_makes_a_policy_that_loads() {
        let long = "x".repeat(5000);
        let names = [
            "*",
            "get_*",
            "__proto__",
            "constructor",
            "toString",
            "",
            " ",
            "~",
            "null",
            "<<",
            "=",
            "!!str x",
            "&a",
            "*a",
            "- a",
            "? a",
            "a: b",
            "#",
            "{",
            "]",
            "'",
            "\"",
            "\\",
            "/",
            "~1",
            "args.a",
            "[*]",
            "a[0]",
            "0",
            "1e3",
            "0x10",
            "true",
            "é",
            "\u{1f4a9}",
            "\u{202e}x",
            "get\u{0}",
            "a\tb",
            "version",
            "tools",
            "hide",
            "Get",
            "get",
            &long,
        ];
        let verbs = ["", "get_", "delete_", "pay_", "run_", "post_"];
        for verb in verbs {
            for hints in ["{}", r#"{"readOnlyHint":true}"#] {
                let tools: Vec<String> = names
                    .iter()
                    .map(|name| {
                        let tool = text::json(&format!("{verb}{name}"));
                        // A list with such a key is not read at all.
                        let refused = *name == "__proto__" || name.contains(char::is_control);
                        let argument = text::json(if refused { "x" } else { name });
                        let number =
                            format!(r#"{{"properties":{{{argument}:{{"type":"number"}}}}}}"#);
                        let string =
                            format!(r#"{{"properties":{{{argument}:{{"type":"string"}}}}}}"#);
                        let schema = if name.len() % 2 == 0 { number } else { string };
                        format!(r#"{{"name":{tool},"annotations":{hints},"inputSchema":{schema}}}"#)
                    })
                    .collect();
                let tools: Vec<_> = tools.iter().map(String::as_str).collect();
                let scan = scan(&tools);
                let text = policy(&scan, "toolgate scan");
                valid(&text);
                valid(&switched_on(&text));
            }
        }
    }

    /// The policy with every entry that is a comment.
    fn switched_on(text: &str) -> String {
        let any = text.lines().any(|line| line.starts_with("  # "));
        let text = match any {
            true => text.replace("\ntools: {}\n", "\ntools:\n"),
            false => text.to_owned(),
        };
        text.lines()
            .map(|line| match line.strip_prefix("  # ") {
                Some(rest) => format!("  {rest}\n"),
                None => format!("{line}\n"),
            })
            .collect()
    }

    #[test]
    fn it_allows_what_reads_and_nothing_else_whatever_the_server_says() {
        let text = policy(&scan(&TOOLS), "toolgate scan");
        let policy = valid(&text);
        assert_eq!(names(&policy), ["a: {} # b", "get_issue"]);
        assert_eq!(policy["hide"], json!(["delete_all"]));
        assert_eq!(policy["default"], "deny");
        assert_eq!(policy.as_object().unwrap().len(), 4);
    }

    #[test]
    fn every_suggestion_is_valid() {
        let text = policy(&scan(&TOOLS), "toolgate scan");
        let uncommented = switched_on(&text);
        let policy = valid(&uncommented);
        for name in ["create_payment", "transfer", "bash", "post"] {
            assert!(names(&policy).contains(&name), "{name}\n{uncommented}");
        }
        assert_eq!(policy["tools"]["transfer"]["limits"][0]["max"], 1000);
    }

    #[test]
    fn a_server_without_tools_gets_a_policy_that_denies() {
        assert_eq!(names(&valid(&policy(&scan(&[]), "toolgate scan"))), [""; 0]);
    }
}
