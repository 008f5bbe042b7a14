//! `toolgate explain` must come to what the engine decides: on every step of every example, and on thousands of calls
//! made from the policies' own paths and values.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use toolgate_checks::Random;
use toolgate_cli::command::explain::{Options, run};
use toolgate_cli::command::{Paint, TEST_FILES, find};
use toolgate_cli::explain::{Question, explain, explain_with};
use toolgate_cli::policytest::{Ask, Credentials, Kind, Protocol, TestFile, What};
use toolgate_document::{Document, Format};
use toolgate_engine::pdp::{Mark, TraceVerdict};

const NOW: u64 = 1_768_473_000_000_000_000;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn tool(name: &str, arguments: &Value) -> Question {
    Question {
        ask: Ask::default(),
        what: What::Tool(name.to_owned(), Some(arguments.to_string())),
        earlier: 0,
        now: NOW,
    }
}

#[test]
fn agrees_on_every_example() {
    let (files, _) = find(&[repository().join("examples")], &TEST_FILES);
    for path in files {
        let file = TestFile::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error:?}"));
        for case in &file.cases {
            let Kind::Steps(steps) = &case.kind else {
                continue;
            };
            for step in steps {
                for earlier in [0, 2] {
                    let question = Question {
                        ask: step.ask.clone(),
                        what: step.what.clone(),
                        earlier,
                        now: case.now,
                    };
                    // A notification, or a body that is no call: nothing to explain.
                    let Ok(explanation) = explain_with(&file.credentials, &question) else {
                        continue;
                    };
                    assert!(
                        explanation.agrees(),
                        "{path:?}: {}: {:?}\n{explanation:#?}",
                        case.name,
                        step.what
                    );
                }
            }
        }
    }
}

/// Everything the language has, in one policy.
const EVERYTHING: &str = r##"
version: "1"
default: deny
hide: [hidden]
tools:
  plain: {}
  denied: {deny: true}
  json:
    require:
      - conditions: [{path: args.a, op: in, value: [1, 2, x]}, {path: args.b, op: regex, value: "^x"}]
      - conditions: [{path: "args.list[*].n", op: gt, value: 0}]
    deny_if:
      - conditions: [{path: args.a, op: gt, value: 1}, {path: args.c, op: exists, value: true}]
      - conditions: [{path: args.url, op: url, value: {host_in: [acme.com]}}]
    limits:
      - {counter: calls, max: 2, window: hour}
      - {counter: amount, max: 10, window: "rolling:1h", scope: policy, increment_from: args.n}
    approval: {when: [{path: args.n, op: gt, value: 5}]}
  money:
    limits: [{counter: paid, max: {EUR: 5, GBP: 3}, window: day, increment_from: args.n, currency_from: args.b}]
  gated:
    require: [{conditions: [{path: counters.calls, op: lt, value: 2}]}]
    deny_if: [{conditions: [{path: args.a, op: eq, value_from: args.b}]}]
  sessions: {limits: [{counter: s, max: 1, window: day, scope: session}]}
  observed:
    mode: shadow
    require: [{conditions: [{path: args.a, op: eq, value: 1}]}]
    limits: [{counter: o, max: 1, window: day}]
    approval: {}
  rules:
    rules:
      - {name: cap, spend: {per_call: 5, daily: 8, amount: args.n}}
      - {name: words, arguments: {b: {enum: [x, y]}}}
      - {name: own, conditions: [{path: state.rules.k, op: lte, value: 2}, {path: args.a, op: exists, value: true}], state: {counter: k, window: day}}
      - {name: human, action: require_approval, conditions: [{path: args.n, op: gte, value: 3}]}
  never: {rules: [{action: deny, on_deny: no}]}
  "*":
    require: [{conditions: [{path: args.bad, op: exists, value: false}]}]
    deny_if: [{conditions: [{path: tool.name, op: eq, value: plain}, {path: args.a, op: eq, value: x}]}]
    limits: [{counter: all, max: 3, window: minute}]
"##;

#[test]
fn agrees_on_calls_of_every_kind() {
    let tools = [
        "plain", "denied", "json", "json", "json", "money", "gated", "sessions", "observed",
        "rules", "rules", "never", "hidden", "unlisted", "*",
    ];
    let values = [
        json!(0),
        json!(1),
        json!(2),
        json!(3),
        json!(6),
        json!(-1),
        json!(1.5),
        json!("1"),
        json!("x"),
        json!("y"),
        json!("EUR"),
        json!("GBP"),
        json!(null),
        json!(true),
        json!([]),
        json!([{"n": 1}]),
        json!([{"n": 0}, {"n": 1}]),
        json!([{"n": "1"}]),
        json!({"n": 1}),
        json!("https://acme.com/"),
        json!("https://evil.example/"),
    ];
    let keys = ["a", "b", "c", "n", "list", "url", "bad"];
    let mut dice = Random::new(20_260_115);
    let mut verdicts = [0; 4];
    let credentials =
        |yaml: &str| Credentials::of(&Document::parse("policy", yaml, Format::Yaml).unwrap());
    let plain = credentials(EVERYTHING);
    let shadow = credentials(&format!("{EVERYTHING}\nmode: shadow\n"));
    for round in 0..1200 {
        let mut arguments = Map::new();
        for key in keys {
            // `bad` is rare, or nothing would get past it.
            if dice.below(10) < if key == "bad" { 1 } else { 7 } {
                arguments.insert(key.to_owned(), dice.one_of(&values));
            }
        }
        // Half of them are near what the policy wants.
        if dice.below(2) == 0 {
            for (key, value) in [
                ("a", json!(1)),
                ("b", json!("x")),
                ("list", json!([{"n": 1}])),
                ("n", json!(dice.below(7))),
            ] {
                arguments.insert(key.to_owned(), value);
            }
            arguments.remove("bad");
            arguments.remove("url");
        }
        let mut question = tool(dice.one_of(&tools), &Value::Object(arguments));
        question.earlier = [0, 0, 1, 2, 3, 5][dice.below(6)];
        question.ask.session = (dice.below(2) == 0).then(|| "s-1".to_owned());
        question.ask.protocol = Protocol::ALL[dice.below(5)].1;
        let config = if round % 5 == 0 { &shadow } else { &plain };
        let explanation = explain_with(config, &question).unwrap();
        assert!(explanation.agrees(), "{question:?}\n{explanation:#?}");
        match explanation.calls.first().map(|call| &call.verdict) {
            Some(TraceVerdict::Allow) => verdicts[0] += 1,
            Some(TraceVerdict::Deny(_)) => verdicts[1] += 1,
            Some(TraceVerdict::Hold(_)) => verdicts[2] += 1,
            _ => verdicts[3] += 1,
        }
    }
    assert!(
        verdicts[..3].iter().all(|count| *count > 20),
        "{verdicts:?}"
    );
}

#[test]
fn checks_before_the_policy() {
    let config = |json: &str| Document::parse("policy", json, Format::Json).unwrap();
    let open = r#""version":"1","default":"allow","tools":{}"#;
    let raw = |body: &str| Question {
        what: What::Raw(body.to_owned()),
        ..tool("x", &json!({}))
    };
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#;
    for (config, question, check, rule) in [
        (format!("{{{open},\"stopped\":true}}"), raw(call), "stop", "/stopped"),
        (format!("{{{open}}}"), raw("{"), "body", "/protocol/json"),
        (
            format!("{{{open},\"grants\":[{{\"id\":\"bot\",\"token_sha256\":\"{}\"}}]}}", "0".repeat(64)),
            raw(call),
            "identity",
            "/identity/missing",
        ),
        (
            r#"{"version":"1","policies":{"a":{"default":"allow"}},"identity":{"sources":["grant"],"required":false}}"#.to_owned(),
            raw(call),
            "policy",
            "/no-policy",
        ),
    ] {
        let document = Document::parse("policy", config.clone(), Format::Json).unwrap();
        let explanation = explain(&document, &question).unwrap_or_else(|error| panic!("{config}: {error:#}"));
        let refused = explanation.checks.iter().find(|it| it.mark == Mark::Refused);
        assert_eq!(refused.map(|it| it.name), Some(check), "{explanation:#?}");
        assert_eq!(explanation.outcome.rule.as_deref(), Some(rule));
        assert!(explanation.calls.is_empty());
    }
    let listing = raw(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let said = explain(&config(&format!("{{{open}}}")), &listing).unwrap_err();
    assert!(said.to_string().ends_with("it is forwarded"), "{said}");
}

#[test]
fn says_what_it_saw() {
    let policy = repository().join("examples/quickstart/policy.json");
    let mut question = tool("create_refund", &json!({"amount": 50}));
    question.earlier = 2;
    let mut options = Options {
        policy,
        question,
        json: false,
        paint: Paint::PLAIN,
    };
    let outcome = run(&options);
    assert_eq!(outcome.code, 1);
    for line in [
        "args.amount gt 100 is false: 50",
        "refunds: 2 of 2 used, this call adds 1; window day",
        "deny by /tools/create_refund/limits/refunds",
        "the agent is told: [POLICY DENIED] No more than 2 refunds a day.",
    ] {
        assert!(outcome.output.contains(line), "{line}\n{}", outcome.output);
    }
    options.json = true;
    let report: Value = serde_json::from_str(&run(&options).output).unwrap();
    assert_eq!(report["decision"], "deny");
    assert_eq!(report["rule"], "/tools/create_refund/limits/refunds");
    options.question.earlier = 0;
    assert_eq!(run(&options).code, 0);
    options.policy = "no/such/file".into();
    assert_eq!(run(&options).code, 2);

    options.policy = repository().join("examples/approvals/policy.yaml");
    options.question = tool("restart_service", &json!({"environment": "production"}));
    options.json = false;
    let held = run(&options);
    assert_eq!(held.code, 1);
    for line in [
        "\nhold until a person decides, by /tools/restart_service/approval\n",
        "\nafter a yes the call goes on; while nobody has decided,",
    ] {
        assert!(held.output.contains(line), "{line}\n{}", held.output);
    }
}
