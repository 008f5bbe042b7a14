//! `filter/LINTS.md` documents every lint, and its examples trigger what they say.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::path::Path;

use toolgate_document::{Document, Format};
use toolgate_engine::config::{Gate, LINT_KINDS, Lint, lint};

/// A section of the documentation.
#[derive(Default)]
struct Section {
    code: String,
    title: String,
    /// The examples in order: bad, good.
    examples: Vec<String>,
}

fn sections() -> Vec<Section> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../LINTS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut sections: Vec<Section> = Vec::new();
    let mut example: Option<String> = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let (code, title) = heading.split_once(": ").expect(heading);
            sections.push(Section {
                code: code.to_owned(),
                title: title.to_owned(),
                examples: Vec::new(),
            });
        } else if line == "```yaml" {
            example = Some(String::new());
        } else if line == "```" {
            let example = example.take().expect("an example ends");
            sections.last_mut().unwrap().examples.push(example);
        } else if let Some(example) = &mut example {
            example.push_str(line);
            example.push('\n');
        }
    }
    sections
}

fn found(name: &str, yaml: &str) -> (Document, Vec<Lint>) {
    let document = Document::parse(name, yaml, Format::Yaml)
        .unwrap_or_else(|(_, problem)| panic!("{name}: {}", problem.sentence()));
    let gate = Gate::from_json(document.json().as_bytes(), false)
        .unwrap_or_else(|errors| panic!("{name}: {errors}"));
    let lints = lint(document.root(), &gate);
    (document, lints)
}

#[test]
fn every_kind_is_documented_in_order() {
    let documented: Vec<(String, String)> = sections()
        .into_iter()
        .map(|section| (section.code, section.title))
        .collect();
    let known: Vec<(String, String)> = LINT_KINDS
        .iter()
        .map(|kind| (kind.code.to_owned(), kind.title.to_owned()))
        .collect();
    assert_eq!(documented, known);
}

#[test]
fn bad_examples_trigger_exactly_their_lint_and_good_ones_nothing() {
    for section in sections() {
        let [bad, good] = section.examples.as_slice() else {
            panic!("{} has {} examples", section.code, section.examples.len());
        };
        let (document, lints) = found(&format!("{} bad", section.code), bad);
        let codes: Vec<&str> = lints.iter().map(|lint| lint.code).collect();
        assert_eq!(codes, [&section.code], "{lints:#?}");
        for lint in &lints {
            assert!(points_to_something(&document, &lint.pointer), "{lint:?}");
            assert!(
                !lint.message.is_empty() && !lint.message.ends_with('.'),
                "{lint:?}"
            );
            assert!(!lint.help.ends_with('.'), "{lint:?}");
        }
        let (_, lints) = found(&format!("{} good", section.code), good);
        assert_eq!(lints, [], "{}", section.code);
    }
}

fn points_to_something(document: &Document, pointer: &str) -> bool {
    let json: serde_json::Value = serde_json::from_str(document.json()).unwrap();
    json.pointer(pointer).is_some()
}

/// One `require` on a path: what is found there.
fn require(path: &str, op: &str, value: &str) -> Vec<&'static str> {
    let yaml = format!(
        "{{version: '1', default: deny, tools: {{t: {{require: [{{conditions: [{{path: {path}, op: {op}, value: '{value}'}}]}}]}}}}}}"
    );
    codes(&yaml)
}

fn codes(yaml: &str) -> Vec<&'static str> {
    let (_, lints) = found(yaml, yaml);
    lints.iter().map(|lint| lint.code).collect()
}

#[test]
fn allow_lists() {
    for (path, op, value, expected) in [
        ("args.repo", "regex", "^(acme|umbrella)$", None),
        ("args.repo", "regex", r"\Aacme\z", None),
        ("args.repo", "regex", "^acme$|^umbrella$", None),
        ("args.repo", "regex", "(?:^acme)$", None),
        ("args.repo", "regex", "^acme|umbrella$", Some("TG001")),
        ("args.repo", "regex", "(?m)^acme$", Some("TG001")),
        ("args.repo", "regex", "(^|/)acme$", Some("TG001")),
        ("args.repo", "regex", "^acme/", Some("TG002")),
        ("args.repo", "regex", "^acme($|/)", Some("TG002")),
        ("args.repo", "prefix", "acme/", None),
        ("tool.name", "regex", "^(get|list)_", None),
        ("args.note", "contains", "TICKET-", None),
        (
            "args.url",
            "regex",
            r"^https://docs\.acme\.com/",
            Some("TG004"),
        ),
        (
            "args.url",
            "regex",
            r"^https://docs\.acme\.com",
            Some("TG003"),
        ),
        (
            "args.url",
            "regex",
            r"^https://([a-z]+\.)?acme\.com$",
            Some("TG004"),
        ),
        (
            "args.url",
            "regex",
            r"^https?://[a-z]+\.acme\.com(:\d+)?",
            Some("TG003"),
        ),
        (
            "args.target",
            "regex",
            r"^https://docs\.acme\.com",
            Some("TG003"),
        ),
        ("args.url", "prefix", "https://docs.acme.com", Some("TG003")),
        ("args.callbackUrl", "contains", "acme.com", Some("TG004")),
        (
            "args.host",
            "regex",
            r"^(docs|api)\.acme\.com",
            Some("TG003"),
        ),
        ("args.host", "regex", r"^(docs|api)\.acme\.com$", None),
        ("args.host", "suffix", "acme.com", Some("TG003")),
        ("args.host", "suffix", ".acme.com", None),
        ("identity.email", "suffix", "acme.com", Some("TG003")),
        ("identity.email", "suffix", "@acme.com", None),
        ("args.command", "regex", "^git (status|log)$", None),
        (
            "args.command",
            "regex",
            "^git (status|log)( .*)?$",
            Some("TG005"),
        ),
        ("args.command", "regex", "^cat [a-z_/.]+$", Some("TG005")),
        ("args.command", "regex", "^cat [a-z_/]+$", None),
        ("args.command", "regex", "^echo [^;]+$", Some("TG005")),
        ("args.command", "prefix", "git ", Some("TG005")),
        ("args.file_path", "regex", "^/srv/[a-z/.]+$", Some("TG006")),
        ("args.file_path", "regex", "^/srv/[a-z/]+$", None),
        ("args.file_path", "regex", r"^/srv/[a-z/]+\.md$", None),
        ("args.file_path", "regex", "^/srv(/[^/.][^/]*)+$", None),
        ("args.file_path", "regex", "^/srv(/[^/]+)+$", Some("TG006")),
        ("args.file_path", "regex", "^/srv(/[^/.]+[.]?[^/]*)+$", None),
        ("args.file_path", "regex", "^/srv(/[.]?[^/.]+)+$", None),
        (
            "args.file_path",
            "regex",
            "^/srv(/[.]{0,2}[^/.]*)+$",
            Some("TG006"),
        ),
        ("args.file_path", "regex", r"^/srv(/[^/]{3,})+$", None),
        (
            "args.file_path",
            "regex",
            r"^/srv(/[^/]{2,})+$",
            Some("TG006"),
        ),
        (
            "args.file_path",
            "regex",
            "^/srv/(docs|[.][.]/docs)/[a-z]+$",
            Some("TG006"),
        ),
        ("args.file_path", "regex", "^/srv/docs/[a-z]+[.][.]$", None),
        (
            "args.file_path",
            "regex",
            "^[^/.][^/]*(/([^/.][^/]*|[.]gitignore))*$",
            None,
        ),
        (
            "args.file_path",
            "regex",
            "^/srv/(a/){40}[.]{2}$",
            Some("TG006"),
        ),
        ("args.file_path", "suffix", ".md", None),
    ] {
        let found = require(path, op, value);
        assert_eq!(found, Vec::from_iter(expected), "{path} {op} {value}");
    }
}

#[test]
fn a_deny_if_can_settle_a_command() {
    let policy = |denied: &str| {
        format!(
            r#"{{"version":"1","default":"deny","tools":{{"run":{{
            "require":[{{"conditions":[{{"path":"args.command","op":"regex","value":"^ls( .*)?$"}}]}}],
            "deny_if":[{{"conditions":[{{"path":"args.command","op":"regex","value":"{denied}"}}]}}]}}}}}}"#
        )
    };
    assert_eq!(codes(&policy(r"[;&|`]")), ["TG005"]);
    assert_eq!(codes(&policy(r"[^a-z /-]")), [] as [&str; 0]);
}

#[test]
fn deny_if() {
    let policy = |require: &str, deny_if: &str| {
        format!(
            "{{version: '1', default: deny, tools: {{t: {{require: [{{conditions: [{require}]}}], deny_if: [{{conditions: [{deny_if}]}}]}}}}}}"
        )
    };
    for (require, deny_if, expected) in [
        (
            "{path: args.x, op: exists, value: true}",
            "{path: args.x, op: gt, value: 1}",
            None,
        ),
        (
            "{path: args.x, op: exists, value: false}",
            "{path: args.x, op: gt, value: 1}",
            Some("TG008"),
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: args.x, op: not_in, value: [a]}",
            Some("TG008"),
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: identity.x, op: neq, value: a}",
            Some("TG008"),
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: args.x, op: eq, value: a}",
            None,
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: args.x, op: neq, value: true}",
            Some("TG008"),
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: args.x, op: neq, value: false}",
            None,
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: args.x, op: not_in, value: ['', dev]}",
            None,
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: args.x, op: exists, value: true}, {path: args.x, op: not_in, value: [dev]}",
            None,
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: args.y, op: exists, value: true}, {path: args.x, op: not_in, value: [dev]}",
            Some("TG008"),
        ),
        (
            "{path: args.y, op: exists, value: true}",
            "{path: args.x, op: regex, value: a}",
            Some("TG009"),
        ),
        (
            "{path: args.x, op: lte, value: 100}",
            "{path: args.x, op: gt, value: '100.0'}",
            Some("TG011"),
        ),
        (
            "{path: args.x, op: lte, value: 100}",
            "{path: args.x, op: gte, value: 100}",
            None,
        ),
        (
            "{path: args.x, op: lt, value: 100}",
            "{path: args.x, op: gte, value: 100}",
            Some("TG011"),
        ),
        (
            "{path: args.x, op: in, value: [1, 2]}",
            "{path: args.x, op: gt, value: 2}",
            Some("TG011"),
        ),
        (
            "{path: args.x, op: in, value: [1, 3]}",
            "{path: args.x, op: gt, value: 2}",
            None,
        ),
        (
            "{path: args.x, op: not_in, value: [1, 2]}",
            "{path: args.x, op: in, value: [1]}",
            Some("TG011"),
        ),
        (
            "{path: args.x, op: in, value: [a, b]}",
            "{path: args.x, op: in, value: [b, c]}",
            None,
        ),
    ] {
        let found = codes(&policy(require, deny_if));
        assert_eq!(found, Vec::from_iter(expected), "{require} / {deny_if}");
    }
    // The wildcard's rules count too, and a limit needs its amount.
    let wildcard = "{version: '1', default: deny, tools: {t: {deny_if: [{conditions: [{path: args.x, op: gt, value: 1}]}]}, \
        '*': {require: [{conditions: [{path: args.x, op: gt, value: 0}]}]}}}";
    assert_eq!(codes(wildcard), [] as [&str; 0]);
    let counted = "{version: '1', default: deny, tools: {t: {deny_if: [{conditions: [{path: args.x, op: gt, value: 1}]}], \
        limits: [{counter: c, max: 5, window: day, increment_from: args.x}]}}}";
    assert_eq!(codes(counted), [] as [&str; 0]);
}

#[test]
fn posture_and_limits() {
    for (yaml, expected) in [
        ("{version: '1', default: deny}", vec!["TG015"]),
        ("{version: '1', default: allow}", vec!["TG013"]),
        (
            "{version: '1', default: allow, tools: {a: {rules: []}, b: {}}}",
            vec!["TG013"],
        ),
        ("{version: '1', default: allow, hide: [a]}", vec![]),
        (
            "{version: '1', default: allow, hide: ['*'], tools: {a: {}}}",
            vec!["TG017"],
        ),
        (
            "{version: '1', default: deny, prompts: {default: allow}}",
            vec![],
        ),
        (
            "{version: '1', default: deny, tools: {a: {}}, resources: {items: {'*': {}}}}",
            vec!["TG015"],
        ),
        (
            "{version: '1', default: deny, tools: {a: {rules: [{action: deny}, {rate_limit: 1/day}]}}}",
            vec!["TG016"],
        ),
        (
            "{version: '1', default: deny, tools: {a: {limits: [{counter: c, max: '0.5', window: day}]}}}",
            vec!["TG021"],
        ),
        (
            "{version: '1', default: deny, tools: {a: {limits: [{counter: c, max: '0.5', window: day, increment_from: args.x}]}}}",
            vec![],
        ),
        (
            "{version: '1', default: deny, tools: {a: {rules: [{conditions: [{path: state.a.n, op: lt, value: 1}], state: {counter: n, window: day}}]}}}",
            vec!["TG021"],
        ),
        // Counted on one tool, looked at on another.
        (
            "{version: '1', default: deny, tools: {a: {rules: [{conditions: [{path: args.x, op: exists, value: true}], state: {counter: n, window: day}}]}, \
          b: {rules: [{conditions: [{path: state.a.n, op: gt, value: 0}]}]}}}",
            vec![],
        ),
    ] {
        assert_eq!(codes(yaml), expected, "{yaml}");
    }
}
