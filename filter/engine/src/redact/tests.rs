//! Messages against rules: what becomes of them, and of what else stands in them.

use super::detect::Budget;
use super::{Uninspected, message};
use crate::config::Gate;
use crate::json::{Document, Limits};

const RULES: &str = r#"{"version": "1", "results": {
    "redact": [{"regex": "KEY-[0-9]+", "with": "\"k\""}, "email", "credit_card",
        {"path": "structuredContent.ssn"}, {"path": "structuredContent.all", "with": "*"},
        {"path": "content[1].text"}, {"path": "structuredContent.list[*][\"a.b\"]"}],
    "deny_if": [{"contains": "forbidden"}, {"regex": "^never$"}],
    "max_bytes": 400}}"#;

/// The message as it may be shown, or why it may not.
fn judge(text: &str) -> Result<String, String> {
    let gate = Gate::from_json(RULES.as_bytes(), false).unwrap();
    let document = Document::parse(text.as_bytes(), &Limits::REPLY).unwrap();
    let rules = &gate.results.rules.enforced;
    let budget = Budget::for_input(text.len(), rules.patterns);
    match message(rules, document.root(), true, &budget) {
        Err(Uninspected::Ambiguous) => Err("ambiguous".to_owned()),
        Err(Uninspected::TooMuchWork) => Err("work".to_owned()),
        Ok(found) => match found.denied {
            Some(rule) => Err(rule.pointer.to_string()),
            None => Ok(found.edits.apply(text).unwrap()),
        },
    }
}

#[test]
fn what_becomes_of_messages() {
    let result = |inside: &str| format!(r#"{{"jsonrpc":"2.0","id":"KEY-1","result":{inside}}}"#);
    let cases = [
        // Text as it means, every other byte as it is.
        (
            r#"{"a" : "x KEY-1\u0031 é \u00e9\/" }"#,
            Ok(r#"{"a" : "x \"k\" é \u00e9\/" }"#),
        ),
        (
            r#"{"a":"\u004bEY\u002d1","n":1.10,"e":1E+2}"#,
            Ok(r#"{"a":"\"k\"","n":1.10,"e":1E+2}"#),
        ),
        (
            r#"{"a":"\ud83d\ude00KEY-1\ud800"}"#,
            Ok(r#"{"a":"\ud83d\ude00\"k\"\ud800"}"#),
        ),
        // Keys; two that become one.
        (
            r#"{"KEY-1":{"KEY-2":null},"x":0}"#,
            Ok(r#"{"\"k\"":{"\"k\"":null},"x":0}"#),
        ),
        (r#"{"KEY-1":1,"KEY-2":2}"#, Err("ambiguous")),
        (r#"{"KEY-1":1,"\"k\"":2}"#, Err("ambiguous")),
        // Numbers as they are written.
        (
            r#"{"card":4111111111111111,"not":4111111111111112}"#,
            Ok(r#"{"card":0,"not":4111111111111112}"#),
        ),
        // Paths keep types.
        (
            r#"{"structuredContent":{"ssn":"","SSN":1,"other":"1"}}"#,
            Ok(r#"{"structuredContent":{"ssn":"[redacted]","SSN":0,"other":"1"}}"#),
        ),
        (
            r#"{"structuredContent":{"all":{"a":[1,true,null,"x",{"b":"KEY-1"}],"KEY-1":2.5}}}"#,
            Ok(r#"{"structuredContent":{"all":{"a":[0,false,null,"*",{"b":"*"}],"\"k\"":0}}}"#),
        ),
        (
            r#"{"structuredContent":{"list":[{"a.b":"1"},2,{"a":{"b":"3"}}]}}"#,
            Ok(r#"{"structuredContent":{"list":[{"a.b":"[redacted]"},2,{"a":{"b":"3"}}]}}"#),
        ),
        (
            r#"{"content":[{"text":"a"},{"text":"b"}]}"#,
            Ok(r#"{"content":[{"text":"a"},{"text":"[redacted]"}]}"#),
        ),
        // A finished task carries a result of its own.
        (
            r#"{"taskId":"KEY-1","result":{"structuredContent":{"ssn":7}}}"#,
            Ok(r#"{"taskId":"KEY-1","result":{"structuredContent":{"ssn":0}}}"#),
        ),
        // What is sent back stays, where the protocol has it and nowhere else.
        (
            r#"{"nextCursor":"KEY-1","requestState":"KEY-1","_meta":{"progressToken":"KEY-1","x":"KEY-1"}}"#,
            Ok(
                r#"{"nextCursor":"KEY-1","requestState":"KEY-1","_meta":{"progressToken":"KEY-1","x":"\"k\""}}"#,
            ),
        ),
        (
            r#"{"structuredContent":{"taskId":"KEY-1","nextCursor":"KEY-1"},"taskId":{"x":"KEY-1"}}"#,
            Ok(
                r#"{"structuredContent":{"taskId":"\"k\"","nextCursor":"\"k\""},"taskId":{"x":"\"k\""}}"#,
            ),
        ),
        // What must not be there.
        (
            r#"{"a":["ok",{"b":"it is \u0066orbidden"}]}"#,
            Err("/results/deny_if/0"),
        ),
        (r#"{"forbidden":1}"#, Err("/results/deny_if/0")),
        (
            r#"{"a":"never","b":"forbidden"}"#,
            Err("/results/deny_if/0"),
        ),
        (r#"{"a":"never"}"#, Err("/results/deny_if/1")),
        (r#"{"a":"never "}"#, Ok(r#"{"a":"never "}"#)),
        // A path hides what must not be there only from the caller.
        (
            r#"{"structuredContent":{"ssn":"forbidden"}}"#,
            Err("/results/deny_if/0"),
        ),
    ];
    for (given, expected) in cases {
        let expected = expected.map(result).map_err(str::to_owned);
        assert_eq!(judge(&result(given)), expected, "{given}");
    }
    let whole = [
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"KEY-1","data":["KEY-1"]}}"#,
            Ok(
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"\"k\"","data":["\"k\""]}}"#,
            ),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"KEY-1","params":{"requestId":"KEY-1","reason":"KEY-1","id":"KEY-1"}}"#,
            Ok(
                r#"{"jsonrpc":"2.0","method":"KEY-1","params":{"requestId":"KEY-1","reason":"\"k\"","id":"\"k\""}}"#,
            ),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"m","params":{"result":{"structuredContent":{"ssn":true}}}}"#,
            Ok(
                r#"{"jsonrpc":"2.0","method":"m","params":{"result":{"structuredContent":{"ssn":false}}}}"#,
            ),
        ),
        (
            r#"{"jsonrpc":"2.0","id":{"x":"KEY-1"},"Result":1}"#,
            Err("ambiguous"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":{"x":"KEY-1"}}"#,
            Ok(r#"{"jsonrpc":"2.0","id":{"x":"\"k\""}}"#),
        ),
        (r#""KEY-1""#, Ok(r#""\"k\"""#)),
        (r#"["KEY-1",["KEY-1"]]"#, Ok(r#"["\"k\"",["\"k\""]]"#)),
    ];
    for (given, expected) in whole {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(judge(given), expected, "{given}");
    }
}

#[test]
fn sizes_are_of_results() {
    let text = |len: usize| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":"{}"}}"#,
            "x".repeat(len)
        )
    };
    assert!(judge(&text(398)).is_ok());
    assert_eq!(judge(&text(399)), Err("/results/max_bytes".to_owned()));
}

#[test]
fn work_is_bounded() {
    let gate = r#"{"version":"1","results":{"redact":[{"regex":"(?s)x.*y|x"}]}}"#;
    let gate = Gate::from_json(gate.as_bytes(), false).unwrap();
    // Behind each match the whole rest is looked at.
    let text = format!(r#"{{"result":"{}"}}"#, "x".repeat(1 << 20));
    let document = Document::parse(text.as_bytes(), &Limits::REPLY).unwrap();
    let rules = &gate.results.rules.enforced;
    let budget = Budget::for_input(text.len(), rules.patterns);
    let found = message(rules, document.root(), true, &budget);
    assert_eq!(found.err(), Some(Uninspected::TooMuchWork));
}

#[test]
fn own_rules_those_of_all_tools_and_those_of_all_results_apply_together() {
    let gate = r#"{"version":"1",
        "results": {"redact": ["email"], "max_bytes": 300},
        "tools": {
            "own": {"result": {"redact": [{"regex": "own"}], "max_bytes": 200}},
            "wide": {"result": {"max_bytes": 500}},
            "shadow": {"mode": "shadow", "result": {"redact": ["ssn"]}},
            "*": {"result": {"redact": ["jwt"], "max_bytes": 400, "count": {"counter": "c", "window": "day"}}}}}"#;
    let gate = Gate::from_json(gate.as_bytes(), false).unwrap();
    let policy = gate.policies.first().unwrap();
    let shape = |name: &str| {
        let rules = policy.tools.results(name);
        let of = |set: &super::RuleSet| {
            let most = set.max_bytes.as_ref().map(|(most, _)| *most);
            (set.detectors.len(), most)
        };
        (of(&rules.enforced), of(&rules.observed), rules.counts.len())
    };
    assert_eq!(shape("own"), ((3, Some(200)), (0, None), 1));
    assert_eq!(shape("wide"), ((2, Some(300)), (0, None), 1));
    assert_eq!(shape("nobody"), ((2, Some(300)), (0, None), 1));
    assert_eq!(shape("shadow"), ((0, None), (3, Some(300)), 1));
    let all = &policy.all_results;
    assert_eq!(all.enforced.detectors.len(), 3, "email, own, jwt");
    assert_eq!(all.observed.detectors.len(), 1, "ssn");
    assert_eq!(gate.results.rules.enforced.detectors.len(), 1);
}
