//! Messages against rules: what becomes of them, and of what else stands in them.

use super::detect::Budget;
use super::{Room, Uninspected, message};
use crate::config::Gate;
use crate::json::{Document, Limits};
use crate::policy::Over;

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
    match message(rules, document.root(), true, &budget, &mut Room::of(0)) {
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
    let found = message(rules, document.root(), true, &budget, &mut Room::of(0));
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
        let of = |set: &crate::policy::RuleSet| {
            let most = set.max_bytes.as_ref().map(|max| max.most);
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

#[test]
fn exceptions_are_of_one_tool_and_the_smallest_limit_says_what_becomes_of_the_rest() {
    let gate = r#"{"version":"1", "server": "s",
        "results": {"redact": ["email", {"keys": ["a"], "except": ["kept", "shadow"]}, {"regex": "x", "except": ["kept"]}],
            "max_bytes": 300, "over": "truncate", "label": true},
        "tools": {"kept": {"result": {"redact": ["ssn"], "max_bytes": 200}}, "other": {}, "larger": {"result": {"max_bytes": 400}},
            "shadow": {"mode": "shadow"}}}"#;
    let gate = Gate::from_json(gate.as_bytes(), false).unwrap();
    let policy = gate.policies.first().unwrap();
    let of = |name: &str| {
        let rules = policy.tools.results(name);
        let of = |set: &crate::policy::RuleSet| {
            let max = set.max_bytes.as_ref().map(|max| (max.most, max.over));
            (set.detectors.len(), set.keys.len(), max)
        };
        (of(&rules.enforced), of(&rules.observed), rules.label)
    };
    let (none, cut) = ((0, 0, None), Some((300, Over::Truncate)));
    assert_eq!(
        of("kept"),
        ((2, 0, Some((200, Over::Withhold))), none, true)
    );
    assert_eq!(of("other"), ((2, 1, cut), none, true));
    assert_eq!(of("larger"), ((2, 1, cut), none, true));
    assert_eq!(of("shadow"), (none, (2, 0, cut), false));
    // Where nobody knows the tool nothing is excepted.
    assert_eq!(policy.all_results.enforced.keys.len(), 1);
}

#[test]
fn what_is_written_wrong_is_said() {
    let errors = |results: &str| {
        let gate =
            format!(r#"{{"version":"1","results":{results},"tools":{{"get_customer":{{}}}}}}"#);
        let errors = Gate::from_json(gate.as_bytes(), false).err();
        errors.map(|errors| errors.to_string()).unwrap_or_default()
    };
    for (results, says) in [
        (r#"{"over":"truncate"}"#, "`max_bytes`, which is not there"),
        (
            r#"{"max_bytes":5,"over":"cut"}"#,
            "`withhold` or `truncate`",
        ),
        (r#"{"label":true}"#, "`server` or `servers` has to say it"),
        (r#"{"redact":[{"keys":[]}]}"#, "a list of 1 to 64 keys"),
        (r#"{"redact":[{"keys":"a"}]}"#, "/results/redact/0/keys"),
        (
            r#"{"redact":[{"email":{"keep_last":0}}]}"#,
            "/results/redact/0/email/keep_last",
        ),
        (
            r#"{"redact":[{"email":{"keep_last":9}}]}"#,
            "/results/redact/0/email/keep_last",
        ),
        (
            r#"{"redact":[{"email":{},"keep_last":4}]}"#,
            "a detector such as `email`",
        ),
        (
            r#"{"redact":[{"keys":["a"],"path":"b"}]}"#,
            "a detector such as `email`",
        ),
        (
            r#"{"redact":[{"email":{},"except":["get_custmer"]}]}"#,
            "did you mean `get_customer`",
        ),
        (
            r#"{"redact":[{"email":{},"exept":["get_customer"]}]}"#,
            "did you mean `except`",
        ),
    ] {
        let found = errors(results);
        assert!(found.contains(says), "{results}: {found:?}");
    }
    let own =
        r#"{"version":"1","tools":{"a":{"result":{"redact":[{"email":{},"except":["a"]}]}}}}"#;
    let found = Gate::from_json(own.as_bytes(), false)
        .unwrap_err()
        .to_string();
    assert!(found.contains("`except` belongs to `results`"), "{found}");
}

#[test]
fn detectors_and_own_patterns_are_one_list() {
    use super::detect::{DETECTORS, Detectors, Rule};
    use crate::policy::Pattern;
    let mut rules: Vec<Rule> = DETECTORS
        .iter()
        .map(|detector| Rule::named(detector, Vec::new(), None))
        .collect();
    rules.push(Rule::own(Pattern::new("[a-z]+@").unwrap(), None));
    rules.push(Rule::own(Pattern::new("x*").unwrap(), Some("y")));
    let rules = Detectors::new(rules);
    let text = "to ana@example.com, xx@ 10.0.0.1 xxx";
    let budget = Budget::new(Budget::FLOOR);
    let found = rules.find(text, &budget).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|found| (rules.name(found.rule), &text[found.span.clone()]))
        .collect();
    let expected = [
        ("email", "ana@example.com"),
        ("regex", "xx@"),
        ("ipv4", "10.0.0.1"),
        ("regex", "xxx"),
    ];
    assert_eq!(found, expected);
}
