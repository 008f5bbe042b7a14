//! Requests that are to cost much.

use serde_json::{Value, json};

use super::{Attack, call, fill, numbered, rules};

/// All of them, each of about so many bytes.
pub(super) fn all(bytes: usize) -> Vec<Attack> {
    let mut all = keys(bytes);
    all.extend(values(bytes));
    all.extend(lists(bytes));
    all.extend(texts(bytes));
    all.extend(envelopes(bytes));
    all.extend(schemas(bytes));
    all
}

/// So many blocks of `deny_if`, each with one condition.
fn denying(count: usize, condition: impl Fn(usize) -> Value) -> Value {
    let blocks: Vec<Value> = (0..count)
        .map(|index| json!({"conditions": [condition(index)]}))
        .collect();
    rules(json!({"deny_if": blocks}))
}

fn fields(count: usize) -> Value {
    denying(
        count,
        |index| json!({"path": format!("args.field_{index:02}"), "op": "eq", "value": "x"}),
    )
}

/// Keys that every rule has to be compared with.
fn keys(bytes: usize) -> Vec<Attack> {
    let object = |key: &dyn Fn(usize) -> String| {
        let members = numbered(bytes, |index| format!(r#""{}":1"#, key(index)));
        call("1", &format!("{{{members}}}"))
    };
    // Every way to write letters large and small.
    let cased = |index: usize| {
        let letters = "fieldnamewithletters".chars().enumerate();
        letters
            .map(|(place, letter)| match index >> place & 1 {
                1 => letter.to_ascii_uppercase(),
                _ => letter,
            })
            .collect::<String>()
    };
    let variants = denying(50, |index| {
        let key = cased(index * 7 + 1_000_000_000);
        json!({"path": format!("args.{key}"), "op": "eq", "value": "x"})
    });
    let deep = denying(
        50,
        |index| json!({"path": format!("args.list[*].field_{index:02}"), "op": "eq", "value": "x"}),
    );
    vec![
        Attack::request(
            "keys as long as those of 20 rules, not ASCII",
            fields(20),
            object(&|index| format!("é{index:07}")),
        ),
        Attack::request(
            "keys as long as those of 50 rules, not ASCII",
            fields(50),
            object(&|index| format!("é{index:07}")),
        ),
        Attack::request(
            "escaped keys, 50 rules",
            fields(50),
            object(&|index| format!("\\u006b{index:06}")),
        ),
        Attack::request(
            "keys that begin like those of 50 rules",
            fields(50),
            object(&|index| format!("field_{index:06}")),
        ),
        Attack::request(
            "keys that fold to those of 50 rules",
            variants,
            object(&cased),
        ),
        Attack::request(
            "long keys, 50 rules",
            fields(50),
            object(&|index| format!("fieldé{index:010000}")),
        ),
        Attack::request(
            "objects in a list, 50 rules on each",
            deep.clone(),
            call(
                "1",
                &format!(
                    r#"{{"list":[{}]}}"#,
                    numbered(bytes, |index| format!(r#"{{"é{index:07}":1}}"#))
                ),
            ),
        ),
        Attack::request(
            "empty objects in a list, 50 rules on each",
            deep,
            call("1", &format!(r#"{{"list":[{{}}{}]}}"#, fill(",{}", bytes))),
        ),
        Attack::request(
            "keys of a call that nothing asks about",
            rules(json!({})),
            object(&|index| format!("k{index}")),
        ),
        Attack::request(
            "keys kept in the record",
            json!({"version": "1", "default": "allow", "audit": {"args": "full"}}),
            object(&|index| format!("k{index}")),
        ),
    ]
}

/// Values that every rule looks at again.
fn values(bytes: usize) -> Vec<Attack> {
    let text = |text: &str| call("1", &format!(r#"{{"x":"{}"}}"#, fill(text, bytes)));
    let on_x = |op: &'static str, value: Value| {
        denying(
            50,
            move |_| json!({"path": "args.x", "op": op, "value": value}),
        )
    };
    let numbers = |digits: String| call("1", &format!(r#"{{"x":{digits}}}"#));
    vec![
        Attack::request(
            "a text that 50 rules search for another",
            on_x("contains", json!("aaaaaaaab")),
            text("a"),
        )
        .against(50),
        Attack::request(
            "an escaped text that 50 rules search for another",
            on_x("contains", json!("aaaaaaaab")),
            text("\\u0061"),
        )
        .against(50),
        Attack::request(
            "an escaped text that 50 rules look at the end of",
            on_x("suffix", json!(".internal")),
            text("\\u0061"),
        ),
        Attack::request(
            "an escaped text that 50 rules compare",
            on_x("eq", json!("aaaaaaaab")),
            text("\\u0061"),
        ),
        Attack::request(
            "an escaped text that 50 rules look up",
            on_x("in", json!(["a", "b"])),
            text("\\u0061"),
        ),
        Attack::request(
            "a text that 50 rules read as a URL",
            on_x(
                "url",
                json!({"host_in": ["a.example"], "scheme_in": ["https"]}),
            ),
            call(
                "1",
                &format!(r#"{{"x":"https://{}"}}"#, fill("a.%61@\\u0061", bytes)),
            ),
        ),
        Attack::request(
            "a number of many digits that 50 rules compare",
            on_x("gt", json!(1)),
            numbers(format!("0.{}", fill("0", bytes))),
        ),
        Attack::request(
            "many numbers of many digits that 50 rules compare",
            denying(50, |_| json!({"path": "args.x[*]", "op": "gt", "value": 1})),
            numbers(format!(
                "[{}]",
                numbered(bytes, |index| format!("{}{index:07}", "9".repeat(290)))
            )),
        ),
    ]
}

/// Elements that every rule walks over.
fn lists(bytes: usize) -> Vec<Attack> {
    let on = |path: &'static str, op: &'static str, value: Value| {
        denying(50, move |_| json!({"path": path, "op": op, "value": value}))
    };
    let list = |element: &str| {
        let more = fill(&format!(",{element}"), bytes);
        call("1", &format!(r#"{{"x":[{element}{more}]}}"#))
    };
    let scopes = denying(
        50,
        |_| json!({"path": "args.x", "op": "contains", "value": "scope"}),
    );
    vec![
        Attack::request(
            "a list whose every element 50 rules compare",
            on("args.x[*]", "eq", json!(7)),
            list("1"),
        ),
        Attack::request(
            "a list that 50 rules look into",
            on("args.x", "eq", json!(7)),
            list("1"),
        ),
        Attack::request(
            "lists in lists that 50 rules look into",
            on("args.x", "eq", json!(7)),
            list("[[[]]]"),
        ),
        Attack::request("a list that 50 rules search", scopes, list("\"\\u0061\"")).against(50),
        Attack::request(
            "a list that 50 rules compare as a whole",
            on("args.x", "eq", json!([1, 2, 3])),
            list("1"),
        ),
        Attack::request(
            "lists that 50 rules compare with a list each",
            on("args.x[*]", "eq", json!([1, 2, 3])),
            list("[3,2,1]"),
        ),
        Attack::request(
            "objects that 50 rules look up",
            on("args.x[*]", "in", json!([{"a": 1}])),
            list(r#"{"a":2}"#),
        ),
        Attack::request(
            "the last of many elements, 50 rules",
            on("args.x[500000]", "eq", json!(7)),
            list("1"),
        ),
        Attack::request(
            "a list in a list for every element, 50 rules",
            on("args.x[*][*][*]", "eq", json!(7)),
            list("[[1]]"),
        ),
    ]
}

/// Texts against patterns.
fn texts(bytes: usize) -> Vec<Attack> {
    let matching = |count: usize, pattern: &'static str| {
        denying(count, move |index| {
            let value = pattern.replace('N', &(index + 20).to_string());
            json!({"path": "args.x", "op": "regex", "value": value})
        })
    };
    let text = |text: String| call("1", &format!(r#"{{"x":"{text}"}}"#));
    let scattered = |chars: &str| scatter(chars, bytes);
    vec![
        Attack::request(
            "20 patterns that nearly match",
            matching(20, "[a-z]{N,100}[0-9]"),
            text(fill("a", bytes)),
        )
        .against(20),
        Attack::request(
            "20 patterns with ever new states",
            matching(20, "a[ab]{N}c"),
            text(scattered("ab")),
        )
        .against(20),
        Attack::request(
            "20 patterns with ever new states, not ASCII",
            matching(20, "x[^y]{0,N}z"),
            text(scattered("xéab漢")),
        )
        .against(20),
        Attack::request(
            "50 patterns over escapes",
            matching(50, "sk_live_[a-z]{N}"),
            text(fill("\\u0061", bytes)),
        )
        .against(50),
        Attack::request(
            "a batch, 20 patterns with ever new states in each call",
            matching(20, "a[ab]{N}c"),
            format!(
                "[{}]",
                (0..100)
                    .map(|id| call(
                        &id.to_string(),
                        &format!(r#"{{"x":"{}"}}"#, scatter("ab", bytes / 100))
                    ))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        )
        .against(20),
        Attack::request(
            "a list, 20 patterns with ever new states over each element",
            denying(
                20,
                |index| json!({"path": "args.x[*]", "op": "regex", "value": format!("a[ab]{{{}}}c", index + 20)}),
            ),
            call(
                "1",
                &format!(
                    r#"{{"x":[{}]}}"#,
                    (0..(bytes / 100).max(1))
                        .map(|_| format!("\"{}\"", scatter("ab", 97)))
                        .collect::<Vec<_>>()
                        .join(",")
                ),
            ),
        )
        .against(20),
    ]
}

/// Characters in no order, the same on every run.
pub(super) fn scatter(chars: &str, bytes: usize) -> String {
    let chars: Vec<char> = chars.chars().collect();
    let mut random = toolgate_checks::Random::new(1);
    let mut text = String::with_capacity(bytes + 4);
    while text.len() < bytes {
        text.push(random.pick(&chars));
    }
    text
}

/// What the reader and the envelope cost, whatever the policy.
fn envelopes(bytes: usize) -> Vec<Attack> {
    let allow = || json!({"version": "1", "default": "allow"});
    let value = |value: &str| call("1", &format!(r#"{{"x":{value}}}"#));
    let in_params = |members: String| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo",{members}}}}}"#
        )
    };
    let long_id = |unit: &str| format!("\"{}\"", fill(unit, bytes));
    let nested = |open: &str, close: &str| {
        let part = format!("{}1{}", open.repeat(40), close.repeat(40));
        value(&format!("[{part}{}]", fill(&format!(",{part}"), bytes)))
    };
    let ids = (0..100).map(|id| {
        let id = format!("\"{}{id:03}\"", fill("\\u0069", bytes / 100));
        call(&id, "{}")
    });
    vec![
        Attack::request("a long id", allow(), call(&long_id("i"), "{}")),
        Attack::request(
            "a long id in escapes",
            allow(),
            call(&long_id("\\u0069"), "{}"),
        ),
        Attack::request(
            "a batch of long ids",
            allow(),
            format!("[{}]", ids.collect::<Vec<_>>().join(",")),
        ),
        Attack::request(
            "many small values",
            allow(),
            value(&format!("[0{}]", fill(",0", bytes))),
        ),
        Attack::request("deep values", allow(), nested("[", "]")),
        Attack::request("deep objects", allow(), nested("{\"a\":", "}")),
        Attack::request("a text of escapes", allow(), value(&long_id("\\u0069"))),
        Attack::request(
            "a text of pairs",
            allow(),
            value(&long_id("\\ud83d\\ude00")),
        ),
        Attack::request(
            "keys with a long beginning in common",
            allow(),
            value(&format!(
                "{{{}}}",
                numbered(bytes, |index| format!(
                    "\"{}{index:07}\":1",
                    "k".repeat(500)
                ))
            )),
        ),
        Attack::request(
            "keys in the parameters",
            allow(),
            in_params(numbered(bytes, |index| format!("\"k{index:05}\":1"))),
        ),
        Attack::request(
            "keys in the parameters, not ASCII",
            allow(),
            in_params(numbered(bytes, |index| format!("\"ñame{index:05}\":1"))),
        ),
        Attack::request(
            "keys in the parameters, in escapes",
            allow(),
            in_params(numbered(bytes, |index| format!("\"\\u006b{index:05}\":1"))),
        ),
        Attack::request(
            "keys of the message, in escapes",
            allow(),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo"}},{}}}"#,
                numbered(bytes, |index| format!("\"\\u006b{index:05}\":1"))
            ),
        ),
        Attack::request(
            "white space",
            allow(),
            format!("{}{}", fill(" \n\t", bytes), call("1", "{}")),
        ),
    ]
}

/// Arguments against pinned schemas.
fn schemas(bytes: usize) -> Vec<Attack> {
    let pinned = |schema: Value| {
        json!({"version": "1", "default": "allow", "pins": {
            "tools": {"echo": {"digest": format!("sha256:{}", "0".repeat(64)), "input_schema": schema}},
            "validate_arguments": true, "unknown": "allow", "on_drift": "observe"}})
    };
    let list = |element: &str| {
        let more = fill(&format!(",{element}"), bytes);
        call("1", &format!(r#"{{"x":[{element}{more}]}}"#))
    };
    let of_x = |schema: Value| pinned(json!({"properties": {"x": schema}}));
    let unlike: Vec<Value> = (0..50).map(|index| json!({"const": [index]})).collect();
    vec![
        Attack::request(
            "a list that must hold nothing twice",
            of_x(json!({"uniqueItems": true})),
            call(
                "1",
                &format!(
                    r#"{{"x":[{}]}}"#,
                    numbered(bytes, |index| index.to_string())
                ),
            ),
        ),
        Attack::request(
            "lists that must hold nothing twice, in 50 ways",
            of_x(json!({"allOf": vec![json!({"uniqueItems": true}); 50]})),
            call(
                "1",
                &format!(
                    r#"{{"x":[{}]}}"#,
                    numbered(bytes, |index| index.to_string())
                ),
            ),
        ),
        Attack::request(
            "a value against 50 schemas, each element",
            of_x(json!({"items": {"not": {"anyOf": unlike}}})),
            list("[0]"),
        ),
        Attack::request(
            "a value against schemas of schemas",
            of_x(json!({"items": {"anyOf": [
                {"allOf": [{"type": "string"}, {"type": "number"}]},
                {"oneOf": [{"type": "string"}, {"not": {"type": "number"}}]},
                {"type": ["number"], "minimum": 0, "maximum": 5, "multipleOf": 1}]}})),
            list("1"),
        ),
        Attack::request(
            "members against 20 patterns of names",
            of_x(json!({"patternProperties": (0..20)
                .map(|index| (format!("a[ab]{{{}}}c", index + 20), json!({"type": "number"})))
                .collect::<serde_json::Map<_, _>>()})),
            call(
                "1",
                &format!(
                    r#"{{"x":{{{}}}}}"#,
                    numbered(bytes, |index| format!(
                        "\"{index:07}{}\":1",
                        scatter("ab", 90)
                    ))
                ),
            ),
        )
        .against(20),
        Attack::request(
            "a value that is compared with many",
            of_x(
                json!({"items": {"enum": (0..500).map(|index| json!([index])).collect::<Vec<_>>()}}),
            ),
            list("[499]"),
        ),
    ]
}
