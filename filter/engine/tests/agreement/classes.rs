//! Bodies by class: each is a call as clients send it, changed in one way. About half of the changes are lawful, so that the
//! gate has something to forward; the rest is what lenient parsers are known to read their own way.

use crate::draft::Draft;
use crate::shapes;
use toolgate_checks::Random;

type Change = fn(&mut Random) -> Vec<u8>;

/// Every class.
pub const CLASSES: &[(&str, Change)] = &[
    ("duplicate keys", duplicate_keys),
    ("escapes", escapes),
    ("case variants", case_variants),
    ("numbers", numbers),
    ("nesting", shapes::nesting),
    ("unicode", shapes::unicode),
    ("white space", shapes::white_space),
    ("trailing data", shapes::trailing_data),
    ("batches", shapes::batches),
    ("extra members", shapes::extra_members),
    ("types", shapes::types),
    ("bytes", shapes::bytes),
];

const COMPACT: &[&[u8]] = &[b""];
const METHODS: &[&str] = &[
    "tools/call",
    "tools/call",
    "tools/call",
    "tools/call",
    "prompts/get",
    "ping",
    "tools/list",
    "resources/read",
];
const TOOLS: &[&str] = &[
    "echo",
    "create_refund",
    "get_issue",
    "naïve",
    "a b",
    "delete",
    "name",
];
const KEYS: &[&str] = &[
    "amount",
    "to",
    "name",
    "arguments",
    "method",
    "params",
    "id",
    "Name",
    "METHOD",
    "a.b",
    "",
    "0",
    "toString",
    "constructor",
    "длина",
    "\u{1F600}",
    "nested",
    "items",
];

fn id(random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("\"{}\"", random.below(1000)),
        1 => "9007199254740993".to_owned(),
        _ => random.below(100_000).to_string(),
    }
}

pub fn call(random: &mut Random) -> Draft {
    let method = random.pick(METHODS);
    let mut call = Draft::object([
        ("jsonrpc", Draft::text("2.0")),
        ("id", Draft::raw(id(random))),
        ("method", Draft::text(method)),
    ]);
    if matches!(method, "ping" | "tools/list") && random.chance(50) {
        return call;
    }
    let mut params = Draft::object([("name", Draft::text(random.pick(TOOLS)))]);
    if method == "resources/read" {
        params.set(&[], "uri", Draft::text("file:///a"));
    }
    if random.chance(90) {
        params.set(&[], "arguments", arguments(random, 3));
    }
    if random.chance(30) {
        params.set(
            &[],
            "_meta",
            Draft::object([("progressToken", Draft::raw(id(random)))]),
        );
    }
    call.set(&[], "params", params);
    if random.chance(20) {
        // Members may come in any order.
        let members = call.members(&[]);
        let at = random.below(members.len());
        members.rotate_left(at);
    }
    call
}

pub fn tool_call(random: &mut Random) -> Draft {
    let mut call = call(random);
    call.set(&[], "method", Draft::text("tools/call"));
    if !matches!(call.members(&["params"]).first(), Some((key, _)) if key == b"name") {
        call.set(
            &[],
            "params",
            Draft::object([("name", Draft::text("echo"))]),
        );
    }
    if random.chance(80) {
        let arguments = arguments(random, 2);
        call.set(&["params"], "arguments", arguments);
    }
    call
}

fn arguments(random: &mut Random, depth: usize) -> Draft {
    let mut members = Draft::Object(Vec::new());
    for _ in 0..random.below(5) {
        let value = value(random, depth);
        members.set(&[], random.pick(KEYS), value);
    }
    members
}

pub fn value(random: &mut Random, depth: usize) -> Draft {
    match random.below(if depth == 0 { 6 } else { 8 }) {
        0 => Draft::raw("null"),
        1 => Draft::raw("true"),
        2 => Draft::raw("-12.5e-3"),
        3 => Draft::raw(random.below(10_000).to_string()),
        4 => Draft::text(random.pick(KEYS)),
        5 => Draft::text("some text, \\\"quoted\\\" \\u00e9 \\ud83d\\ude00 / \\/"),
        6 => Draft::Array(
            (0..random.below(4))
                .map(|_| value(random, depth - 1))
                .collect(),
        ),
        _ => arguments(random, depth - 1),
    }
}

pub fn written(random: &mut Random, draft: &Draft) -> Vec<u8> {
    let mut out = Vec::new();
    draft.write(random, COMPACT, &mut out);
    out
}

/// An object in which keys can be doubled.
fn somewhere(random: &mut Random) -> &'static [&'static str] {
    random.pick(&[
        &[][..],
        &["params"],
        &["params", "arguments"],
        &["params", "_meta"],
        &["params", "arguments", "nested"],
    ])
}

fn duplicate_keys(random: &mut Random) -> Vec<u8> {
    let mut draft = tool_call(random);
    if random.chance(60) {
        // Keys that differ, if only just.
        let at: &[&str] = if random.chance(50) {
            &["params", "arguments"]
        } else {
            &["params", "arguments", "nested"]
        };
        let pairs: &[[&str; 2]] = &[
            ["a", "A"],
            ["a", "a "],
            ["name", "Name"],
            ["é", "e\u{301}"],
            ["1", "01"],
            ["s", "ſ"],
            ["", " "],
        ];
        for key in random.pick(pairs) {
            let value = value(random, 1);
            draft.set(at, key, value);
        }
        return written(random, &draft);
    }
    let value = if random.chance(50) {
        Draft::text("delete")
    } else {
        value(random, 1)
    };
    let members = draft.members(somewhere(random));
    let Some((key, _)) = members.get(random.below(members.len().max(1))).cloned() else {
        members.extend([(b"a".to_vec(), value.clone()), (b"a".to_vec(), value)]);
        return written(random, &draft);
    };
    let key = if random.chance(50) {
        escaped(random, &key)
    } else {
        key
    };
    let at = random.below(members.len() + 1);
    members.insert(at, (key, value));
    written(random, &draft)
}

/// The same text with some characters as escapes; text that is not UTF-8 or holds escapes stays.
fn escaped(random: &mut Random, text: &[u8]) -> Vec<u8> {
    let Ok(plain) = std::str::from_utf8(text) else {
        return text.to_vec();
    };
    if plain.contains('\\') {
        return text.to_vec();
    }
    let mut out = String::new();
    for char in plain.chars() {
        match random.below(3) {
            0 => out.push(char),
            upper => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    out.push_str(&if upper == 1 {
                        format!("\\u{unit:04x}")
                    } else {
                        format!("\\u{unit:04X}")
                    });
                }
            }
        }
    }
    out.into_bytes()
}

fn escapes(random: &mut Random) -> Vec<u8> {
    let mut draft = tool_call(random);
    let good: &[&str] = &[
        "\\n\\t\\r\\b\\f",
        "\\/\\\\\\\"",
        "\\u0000",
        "\\u2028",
        "\\ud83d\\ude00",
        "\\uFEFF",
        "\\u00e9\\u0301",
        "\\\\u0041",
    ];
    let bad: &[&str] = &[
        "\\x41",
        "\\u12",
        "\\ud800",
        "\\udc00\\ud800",
        "\\U0041",
        "\\'",
        "\\u+041",
        "\\ud83dx",
        "\\0",
        "\\",
        "\\a",
        "\\u00g0",
    ];
    let text = if random.chance(65) {
        random.pick(good)
    } else {
        random.pick(bad)
    };
    draft.set(&["params", "arguments"], "text", Draft::text(text));
    if random.chance(40) {
        let tool = random.pick(TOOLS);
        let tool = escaped(random, tool.as_bytes());
        draft.set(&["params"], "name", Draft::text(tool));
    }
    if random.chance(40) {
        let method = escaped(random, b"tools/call");
        draft.set(&[], "method", Draft::text(method));
    }
    if random.chance(40) {
        let members = draft.members(if random.chance(50) { &[] } else { &["params"] });
        let at = random.below(members.len().max(1));
        if let Some((key, _)) = members.get(at).cloned() {
            members[at].0 = escaped(random, &key);
        }
    }
    written(random, &draft)
}

fn case_variants(random: &mut Random) -> Vec<u8> {
    let mut draft = tool_call(random);
    let key = random.pick(&[
        "name",
        "arguments",
        "method",
        "params",
        "id",
        "result",
        "uri",
        "task",
        "jsonrpc",
    ]);
    let variant = match random.below(6) {
        0 => key.to_uppercase(),
        1 => key.replace('s', "ſ").replace('k', "\u{212a}"),
        2 => key[..1].to_uppercase() + &key[1..],
        3 => format!("{key}\u{200b}"),
        4 => format!(" {key}"),
        _ => key.replace('m', "ｍ").replace('a', "ａ").replace('i', "ｉ"),
    };
    let at: &[&str] = match random.below(10) {
        0..6 => &["params", "arguments"],
        6 => &["params", "arguments", "nested"],
        7 => &[],
        8 => &["params"],
        _ => &["params", "_meta"],
    };
    let value = if random.chance(50) {
        Draft::text("delete")
    } else {
        value(random, 1)
    };
    let members = draft.members(at);
    let place = random.below(members.len() + 1);
    members.insert(place, (variant.into_bytes(), value));
    written(random, &draft)
}

fn numbers(random: &mut Random) -> Vec<u8> {
    let digits = |random: &mut Random, most: usize| -> String {
        (0..=random.below(most))
            .map(|_| char::from(b'0' + random.below(10) as u8))
            .collect()
    };
    let mut draft = tool_call(random);
    for index in 0..=random.below(3) {
        let whole = digits(random, 25);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let sign = if random.chance(30) { "-" } else { "" };
        let fraction = if random.chance(40) {
            format!(".{}", digits(random, 20))
        } else {
            String::new()
        };
        let exponent = match random.below(6) {
            0 => format!("e{}", random.below(1100)),
            1 => format!("E-{}", random.below(400)),
            2 => format!("e+0{}", random.below(30)),
            _ => String::new(),
        };
        let literal = format!("{sign}{whole}{fraction}{exponent}");
        let edges = [
            "-0",
            "-0.0",
            "1e308",
            "1e309",
            "5e-324",
            "1e-400",
            "18446744073709551616",
            "0e0",
            "1E+2",
            "0.1e1",
        ];
        let broken = [
            "01",
            "+1",
            ".5",
            "1.",
            "1e",
            "0x10",
            "NaN",
            "Infinity",
            "-Infinity",
            "1_000",
            "--1",
            "1e1000",
            "١",
            "1f",
            "0b1",
            "-",
        ];
        let text = match random.below(100) {
            0..65 => literal,
            65..85 => (random.pick(&edges)).to_owned(),
            _ => (random.pick(&broken)).to_owned(),
        };
        draft.set(
            &["params", "arguments"],
            &format!("n{index}"),
            Draft::raw(text),
        );
    }
    if random.chance(20) {
        let ids = [
            "0",
            "-1",
            "18446744073709551617",
            "1.0",
            "-0",
            "1e3",
            "null",
            "true",
            "\"\"",
            "00",
        ];
        draft.set(&[], "id", Draft::raw(random.pick(&ids)));
    }
    written(random, &draft)
}
