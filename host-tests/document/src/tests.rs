use toolgate_engine::config::Gate;

use super::{Document, Format, Position};

fn yaml(text: &str) -> Result<Document, String> {
    Document::parse("policy.yaml", text, Format::Yaml).map_err(|(source, problem)| {
        let position = problem.position.unwrap_or(Position::START);
        let excerpt = source.excerpt(position).unwrap_or_default();
        format!("{position}: {}\n{excerpt}", problem.sentence())
    })
}

#[test]
fn values() {
    let cases = [
        ("a: 1", r#"{"a":1}"#),
        (
            "a: 1e2\nb: 9007199254740993\nc: 1.10",
            r#"{"a":1e2,"b":9007199254740993,"c":1.10}"#,
        ),
        (
            "a: [x, 'y', \"z\\t\", ~, true]",
            r#"{"a":["x","y","z\t",null,true]}"#,
        ),
        ("a:\nb: ''", r#"{"a":null,"b":""}"#),
        (
            "a: '1'\nb: \"0x10\"\nc: !!str 7\nd: ! 8",
            r#"{"a":"1","b":"0x10","c":"7","d":"8"}"#,
        ),
        (
            "a: |\n  x\n  y\nb: >-\n  x\n  y",
            r#"{"a":"x\ny\n","b":"x y"}"#,
        ),
        ("{\"a\": {\"b\": []}}", r#"{"a":{"b":[]}}"#),
        (
            "'1': a\n\"true\": b\n\"<<\": c",
            r#"{"1":"a","true":"b","<<":"c"}"#,
        ),
        (
            "x: &x {k: [1]}\ny: *x\nz: [*x]",
            r#"{"x":{"k":[1]},"y":{"k":[1]},"z":[{"k":[1]}]}"#,
        ),
        (
            "---\na: 2026-01-15\nb: yes\n...\n",
            r#"{"a":"2026-01-15","b":"yes"}"#,
        ),
        ("\u{feff}a: é # comment", "{\"a\":\"é\"}"),
        ("a:\r\n- b\r\n- c\r\n", r#"{"a":["b","c"]}"#),
    ];
    for (text, json) in cases {
        let document = yaml(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(document.json(), json, "{text}");
    }
}

#[test]
fn refused() {
    let cases = [
        ("a: 0x10", "1:4: `0x10` is a hexadecimal number"),
        ("a:\n  - 1_000", "2:5: `1_000` is a number with underscores"),
        (
            "1: a",
            "1:1: the key `1` is not text; write quotes: `\"1\"`",
        ),
        ("true: a", "1:1: the key `true` is not text"),
        (
            "a: 1\nb: 2\na: 3",
            "3:1: the key `a` is there already, on line 1",
        ),
        ("a: {b: 1, b: 2}", "1:11: the key `b` is there already"),
        (
            "a: &a {x: 1}\nb:\n  <<: *a",
            "3:3: merge keys (`<<`) are not supported",
        ),
        ("a: !secret x", "1:"),
        ("a: !!int '1'", "1:"),
        ("a: !!binary aGk=", "1:"),
        ("a: 1\n---\nb: 2", "2:1: a second document"),
        ("? [a]\n: b", "1:3: a key must be text, not a list or a map"),
        ("a: &a b\n*a : c", "2:1: an alias cannot be a key"),
        ("a: *b", "1:4: not YAML:"),
        ("a: &a [*a]", "1:8: an alias inside its own anchor"),
        ("", "1:1: the document is empty"),
        ("# nothing\n", "1:1: the document is empty"),
        ("a: [1, 2", "not YAML:"),
        ("a:\n\tb: 1", "not YAML:"),
    ];
    for (text, message) in cases {
        let error = yaml(text).map(|document| document.json().to_owned());
        let error = error.expect_err(text);
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn aliases_are_bounded() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let error = yaml(&bomb).expect_err("a bomb");
    assert!(
        error.contains("aliases add more than 100000 values"),
        "{error}"
    );
}

#[test]
fn nesting_is_bounded() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(5_000),
        "{a: ".repeat(50_000),
    ] {
        let error = yaml(&text).expect_err("too deep");
        // The parser has a bound of its own for the flow style.
        let bounded =
            error.contains("64 levels deep") || error.contains("recursion limit exceeded");
        assert!(bounded, "{}", error.get(..200).unwrap_or(&error));
    }
    let chain: String = (1..80)
        .map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1))
        .collect();
    let error = yaml(&format!("a0: &a0 x\n{chain}")).expect_err("too deep");
    assert!(error.contains("64 levels deep"), "{error}");
}

#[test]
fn places() {
    let text = "version: '1'\ntools:\n  create_refund:\n    require:\n      - conditions:\n          - path: args.currency\n            op: inn\n";
    let document = yaml(text).unwrap_or_else(|error| panic!("{error}"));
    let at = |line, column| Position { line, column };
    let place = document.locate("/tools/create_refund/require/0/conditions/0/op");
    assert_eq!((place.key, place.value), (Some(at(7, 13)), at(7, 17)));
    assert_eq!(document.locate("/tools/create_refund").key, Some(at(3, 3)));
    assert_eq!(document.locate("").value, at(1, 1));
    // Nothing there: the nearest value around it.
    assert_eq!(
        document.locate("/tools/create_refund/limits/3").key,
        Some(at(3, 3))
    );
    assert_eq!(
        document.source().excerpt(place.value).as_deref(),
        Some("     7 |             op: inn\n       |                 ^")
    );

    let json = Document::parse("p.json", "{\n  \"a/b\": [\n    é\n", Format::Json);
    let (source, problem) = json.expect_err("not JSON");
    assert_eq!(problem.position, Some(at(3, 5)), "{problem:?}");
    assert_eq!(
        source.excerpt(at(3, 5)).as_deref(),
        Some("     3 |     é\n       |     ^")
    );
    let json = Document::parse("p.json", "{\n  \"a/b\": [1,\n    \"é\", 2]}", Format::Json);
    let json = json.unwrap_or_else(|(_, problem)| panic!("{problem:?}"));
    assert_eq!(json.locate("/a~1b/2").value, at(3, 10));
}

#[test]
fn excerpts_are_safe_and_short() {
    let long = format!("a: \"{}\u{1b}[31m{}\"", "x".repeat(500), "y".repeat(500));
    let document = Document::parse(
        "p",
        format!("{{\"k\": {}1}}", " ".repeat(900)),
        Format::Json,
    );
    let document = document.unwrap_or_else(|(_, problem)| panic!("{problem:?}"));
    let excerpt = document.source().excerpt(document.locate("/k").value);
    assert!(excerpt.is_some_and(|text| text.len() < 400 && text.ends_with('^')));
    let source = super::Source::new("p", long);
    let excerpt = source
        .excerpt(Position {
            line: 1,
            column: 505,
        })
        .unwrap_or_default();
    assert!(
        excerpt.contains("·[31m") && !excerpt.contains('\u{1b}'),
        "{excerpt}"
    );
}

#[test]
fn yaml_and_json_are_one_policy() {
    let yaml_text = "version: \"1\"\ndefault: deny\nhide: [delete_repository]\ntools:\n  create_refund: &refund\n    require:\n      - conditions:\n          - {path: args.currency, op: in, value: [GBP, EUR]}\n          - {path: args.amount, op: lte, value: 1e2}\n        on_deny: Only so much.\n    limits:\n      - {counter: refunds, max: 10, window: day}\n  refund_again: *refund\n";
    let json_text = r#"{"tools": {"refund_again": {"limits": [{"window": "day", "max": 10, "counter": "refunds"}],
        "require": [{"on_deny": "Only so much.", "conditions": [
        {"value": ["GBP", "EUR"], "op": "in", "path": "args.currency"}, {"op": "lte", "path": "args.amount", "value": 1e2}]}]},
        "create_refund": {"limits": [{"window": "day", "max": 10, "counter": "refunds"}],
        "require": [{"on_deny": "Only so much.", "conditions": [
        {"value": ["GBP", "EUR"], "op": "in", "path": "args.currency"}, {"op": "lte", "path": "args.amount", "value": 1e2}]}]}},
        "version": "1", "default": "deny", "hide": ["delete_repository"]}"#;
    let digest = |text: &str, format| {
        let document =
            Document::parse("p", text, format).map_err(|(_, problem)| problem.sentence())?;
        Gate::from_json(document.json().as_bytes(), false)
            .map(|gate| gate.digest)
            .map_err(|errors| errors.to_string())
    };
    let from_yaml = digest(yaml_text, Format::Yaml);
    assert!(from_yaml.is_ok(), "{from_yaml:?}");
    assert_eq!(from_yaml, digest(json_text, Format::Json));
}

/// A policy written as YAML is the policy it was as JSON, whatever is in it.
#[test]
fn json_survives_yaml() {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..2000 {
        let mut json = String::new();
        some_value(&mut random, 0, &mut json);
        let json = format!("{{\"v\":{json}}}");
        let original = Document::parse("p", json.clone(), Format::Json);
        // Two equal keys, at times.
        let Ok(original) = original else { continue };
        let mut text = String::new();
        write_yaml(original.root(), 0, &mut text);
        let document =
            yaml(&text).unwrap_or_else(|error| panic!("{round}: {json}\n{text}\n{error}"));
        assert!(
            document.root().equals(&original.root()),
            "{json}\n{text}\n{}",
            document.json()
        );
        assert_eq!(numbers(document.json()), numbers(&json), "{text}");
    }
}

/// Digits as they were written.
fn numbers(json: &str) -> String {
    json.split('"')
        .step_by(2)
        .collect::<String>()
        .replace([' ', ','], "")
}

fn pick(random: &mut u64, from: usize) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    usize::try_from(*random >> 33).unwrap_or(0) % from
}

fn some_value(random: &mut u64, depth: usize, out: &mut String) {
    const TEXTS: [&str; 24] = [
        "a",
        "",
        " a ",
        "1",
        "true",
        "null",
        "~",
        "0x10",
        "- a",
        "a: b",
        "#x",
        "x #y",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "'",
        "\\\"",
        "é\\u0000",
        "\\n\\t",
        "{",
        "a\\u2028b",
        "<<",
    ];
    const NUMBERS: [&str; 10] = [
        "0",
        "-0",
        "1e2",
        "1.10",
        "-7",
        "9007199254740993",
        "1E+2",
        "0.5e-3",
        "100",
        "12345678901234567890.5",
    ];
    match pick(random, if depth > 4 { 4 } else { 6 }) {
        0 => out.push_str(["null", "true", "false"][pick(random, 3)]),
        1 => out.push_str(NUMBERS[pick(random, NUMBERS.len())]),
        2 | 3 => out.push_str(&format!("\"{}\"", TEXTS[pick(random, TEXTS.len())])),
        kind => {
            out.push(if kind == 4 { '[' } else { '{' });
            for item in 0..pick(random, 4) {
                if item > 0 {
                    out.push(',');
                }
                if kind == 5 {
                    out.push_str(&format!("\"{item}{}\":", TEXTS[pick(random, 18)]));
                }
                some_value(random, depth + 1, out);
            }
            out.push(if kind == 4 { ']' } else { '}' });
        }
    }
}

fn write_yaml(value: toolgate_engine::json::Value<'_>, indent: usize, out: &mut String) {
    use toolgate_engine::json::Kind;
    let pad = " ".repeat(indent);
    match value.kind() {
        Kind::Object if value.members().next().is_some() => {
            for (key, value) in value.members() {
                out.push_str(&format!("\n{pad}{}:", text_yaml(&key.decode())));
                write_yaml(value, indent + 2, out);
            }
        }
        Kind::Array if value.items().next().is_some() => {
            for item in value.items() {
                out.push_str(&format!("\n{pad}-"));
                write_yaml(item, indent + 2, out);
            }
        }
        Kind::PlainString | Kind::EscapedString => {
            out.push(' ');
            out.push_str(&text_yaml(&value.as_str().unwrap_or_default()));
        }
        _ => out.push_str(&format!(" {}", value.raw())),
    }
}

/// Plain where that is the same text, in single quotes where it can be, else as JSON.
fn text_yaml(text: &str) -> String {
    let word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let plain = word
        && matches!(
            super::yaml_scalar::resolve(text),
            super::yaml_scalar::Plain::Text(_)
        );
    if plain {
        return text.to_owned();
    }
    if text.chars().all(|char| (' '..='~').contains(&char)) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    serde_json::Value::from(text).to_string()
}
