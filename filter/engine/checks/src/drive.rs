//! Runs the targets without libFuzzer: seeds, changed at random, the same way on every run.

use std::path::Path;

use serde_json::Value as Json;

use super::Random;

/// A target: its name, what must hold, and what its input is made of.
pub type Target = (&'static str, fn(&[u8]), &'static [&'static str]);

/// All of them.
pub const TARGETS: &[Target] = &[
    ("request_body", super::request_body, JSON),
    (
        "sse_stream",
        super::sse_stream,
        &[
            "\n",
            "\r",
            "\r\n",
            "data:",
            "data: drop",
            "data: new",
            "data: end",
            "event: x",
            ":",
            "\u{feff}",
            "id: 1",
            "é",
            " ",
            "\n\n",
        ],
    ),
    (
        "json_stream",
        super::json_stream,
        &[
            "{", "}", "[", "]", "\"", "\\", "\\\"", "\n", " ", "drop", "new", "end", "{}", "1\n",
        ],
    ),
    ("mirrors", super::mirrors, JSON),
    (
        "configuration",
        super::configuration,
        &[
            "\"tools\":{",
            "\"default\":\"deny\"",
            "1e2",
            "{",
            "}",
            "[",
            "]",
            ",",
            "\"rules\"",
            "\"limits\"",
            "null",
            "\"*\"",
            "-1",
            "0.5",
            "\\u0061",
        ],
    ),
    (
        "cost",
        super::cost,
        &[
            "e",
            "k",
            "r",
            "t",
            "x",
            "[",
            "]",
            "{}",
            "[]",
            "\"a\"",
            "\\u0061",
            "01 ",
            "a@b.cc",
            "data: ",
            "\n\n",
            "\n",
            ":",
            "é",
            "{\"a\":1}",
            "abab",
            "1",
            ",",
            "[[1]]",
            "{\"result\":1}",
        ],
    ),
    (
        "paths_and_patterns",
        super::paths_and_patterns,
        &[
            "args.", "[0]", "[*]", "[\"", "\"]", ".", "\\", "(", ")", "[a-z]", "{1,3}", "*", "+?",
            "|", "^", "$", "\\b", "(?i)", "\\d", "[^", "\n", "a",
        ],
    ),
    (
        "patterns",
        super::patterns,
        &[
            "\\b",
            "\\B",
            "^",
            "$",
            "(?m:^)",
            "(?i:",
            "(?s:.)",
            "(?U:",
            "(",
            ")",
            "|",
            "*",
            "+",
            "?",
            "??",
            "{2}",
            "{0,3}?",
            "{30}",
            "[a-c]",
            "[^é]",
            "[[:^lower:]]",
            "\\w",
            "\\W",
            "\\d",
            "\\s",
            ".",
            "\\x{e9}",
            "\n",
            "a",
            "ab",
            "é",
            "漢",
            "1",
            "_",
            " ",
        ],
    ),
    (
        "decimals",
        super::decimals,
        &[
            "0", "1", "9", ".", "-", "e", "E-", "e+", " ", "00", "999", "1e999", "0.1", "e-999",
        ],
    ),
    (
        "input_schemas",
        super::input_schemas,
        &[
            "\n",
            "{",
            "}",
            "[",
            "]",
            ",",
            "\"a\":",
            "\"b\"",
            "1",
            "-1",
            "null",
            "true",
            "false",
            "{}",
            "\"type\":\"integer\"",
            "\"type\":[\"string\",\"null\"]",
            "\"required\":[\"a\"]",
            "\"properties\":{\"a\":",
            "\"additionalProperties\":false",
            "\"patternProperties\":{\"^a\":",
            "\"propertyNames\":",
            "\"enum\":[1,\"b\"]",
            "\"const\":",
            "\"minimum\":1",
            "\"exclusiveMaximum\":3",
            "\"multipleOf\":2",
            "\"minLength\":1",
            "\"maxItems\":2",
            "\"uniqueItems\":true",
            "\"items\":",
            "\"prefixItems\":[",
            "\"anyOf\":[",
            "\"oneOf\":[",
            "\"allOf\":[",
            "\"not\":",
            "\"$ref\":\"#\"",
            "\"$ref\":\"#/$defs/x\"",
            "\"$defs\":{\"x\":",
            "\"pattern\":\"^a\"",
        ],
    ),
    ("exchange", super::exchange, JSON),
    (
        "results",
        super::results,
        &[
            "KEY-123",
            "\\u004b",
            "EY-12",
            "3",
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "data: ",
            "\n",
            "\r\n\r\n",
            ": KEY-456\n",
            "event: KEY-789\n",
            "forbidden",
            "\"ssn\":",
            "é",
            "\"structuredContent\":{",
            "\"taskId\":\"KEY-321\"",
            "\\ud800",
            "\"id\":1",
        ],
    ),
    (
        "detectors",
        super::detectors,
        &[
            "@",
            ".",
            "+",
            "-",
            "(",
            ")",
            " ",
            "/",
            "\\",
            "\\n",
            "\n",
            "\"",
            "=",
            ":",
            "//",
            "%40",
            "_",
            "0",
            "1",
            "415",
            "4111",
            "DE",
            "eyJ",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "AKIA",
            "AIza",
            "ghp_",
            "github_pat_",
            "xoxb-",
            "xoxd-",
            "sk_live_",
            "whsec_",
            "secret_access_key=",
            "hooks.slack.com/",
            "https:",
            "docs.acme.com",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "é",
            "\u{a0}",
            "–",
            "漢",
            "[a-z]+",
            "(a|b)*",
            "^",
        ],
    ),
];

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u006e",
    "\"name\":",
    "\"params\":",
    "\"method\":",
    "\"tools/call\"",
    "\"echo\"",
    "\"secret\"",
    "\"id\":1",
    "null",
    "1e400",
    "-0",
    "Name",
    "\u{212a}",
    " ",
    "\n",
    "\"result\":{\"tools\":[",
    "data: ",
    "\r\n\r\n",
    "2026-07-28",
    "\"_meta\":{",
    "=?base64?",
];

/// One target on its way.
pub struct Driver {
    target: Target,
    seeds: Vec<Vec<u8>>,
    random: Random,
}

impl Driver {
    pub fn new(target: Target, seeds: Vec<Vec<u8>>, seed: u64) -> Driver {
        Driver {
            target,
            seeds,
            random: Random::new(seed),
        }
    }

    /// Runs the target once. What it was given is in `input` should it panic.
    pub fn run(&mut self, input: &mut Vec<u8>) {
        *input = self.input();
        (self.target.1)(input);
    }

    fn next(&mut self, bound: usize) -> usize {
        self.random.below(bound.max(1))
    }

    fn input(&mut self) -> Vec<u8> {
        let seed = self.next(self.seeds.len());
        let mut input = self.seeds.get(seed).cloned().unwrap_or_default();
        for _ in 0..self.next(6) {
            let at = self.next(input.len() + 1);
            let end = (at + self.next(24)).min(input.len());
            match self.next(7) {
                0 if at < input.len() => input[at] = u8::try_from(self.next(256)).unwrap_or(0),
                1 if at < input.len() => input[at] ^= 1 << self.next(8),
                2 => drop(input.drain(at..end)),
                3 => {
                    let copy = input[at..end].to_vec();
                    let to = self.next(input.len() + 1);
                    input.splice(to..to, copy);
                }
                4 => {
                    let other = self.next(self.seeds.len());
                    let other = self.seeds.get(other).cloned().unwrap_or_default();
                    let from = self.next(other.len() + 1);
                    input.truncate(at);
                    input.extend_from_slice(&other[from..]);
                }
                _ => {
                    let word = self.next(self.target.2.len());
                    let word = self.target.2.get(word).copied().unwrap_or_default();
                    input.splice(at..at, word.bytes());
                }
            }
        }
        input.truncate(1 << 14);
        input
    }
}

/// What to begin with, from the project's corpus in this folder.
pub fn seeds(target: &str, corpus: &Path) -> Vec<Vec<u8>> {
    let text = |text: &str| text.as_bytes().to_vec();
    match target {
        "request_body" => bodies(&corpus.join("requests")),
        "sse_stream" | "json_stream" => {
            let more = [
                "data: a\r\n\r\n: c\n\nevent: x\ndata: new\ndata: b\n\n",
                "{\"a\":1}\n{\"drop\":[]} [\"\\\"}\"]",
            ];
            let mut all = bodies(&corpus.join("replies"));
            all.extend(more.map(text));
            all
        }
        "mirrors" => {
            let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
            let heads = [
                "2026-07-28\ntools/call\necho\n",
                "2026-07-28\ntools/call\n=?base64?ZWNobw==?=\n",
                "2025-06-18\n\n\n",
                "\n\n\n",
            ];
            heads.map(|head| text(&format!("{head}{body}"))).to_vec()
        }
        "configuration" => {
            let mut all: Vec<_> = files(&corpus.join("policies"))
                .into_iter()
                .map(|(_, content)| content)
                .collect();
            all.extend([
                text(r#"{"version":"1","default":"deny","tools":{"echo":{}}}"#),
                text(r#"{"version":"1","tools":{"pay":{"limits":[{"counter":"n","max":1e2,"window":"day"}],"deny_if":[{"conditions":[{"path":"args.amount","op":"gt","value":100.0}]}]}}}"#),
                text(r#"{"version":"1","default":"allow","tools":{"pay":{"rules":[{"name":"a","action":"evaluate","conditions":[{"path":"args.a","op":"regex","value":"^x$"}],"rate_limit":"5/minute"}]}},"http":{"max_body_bytes":2048}}"#),
                b"\x0a\x10\x0a\x07version\x12\x05\x1a\x031.0".to_vec(),
            ]);
            all
        }
        "cost" => [
            "x1",
            "x[[1]]",
            "x\"\\u0061\"",
            "x{\"a\":[1,{\"a\":2}]}",
            "x\"abababababababababababab\"",
            "xhttps://a.example/",
            "ké",
            "kKey",
            "k\\u006bey",
            "r{\"a\":1}",
            "r\"01 01 \"",
            "r\"{\\\"key\\\":1}\"",
            "t01 ",
            "t-----BEGIN PRIVATE KEY-----",
            "tabbabababbababababaababc",
            "edata: {\"result\":1}\n\n",
            "edata: {\n\n",
            "e:\n\n",
            "edata:1\n\n",
            "edata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"ababab\"}}\n\n",
        ]
        .map(text)
        .to_vec(),
        "paths_and_patterns" => [
            "args.a.b[0][*][\"c.d\"]\n^a(b|c)*$\nabc",
            "identity.team\n[a-z]+@x\\.org\na@x.org",
            "counters.refunds\nabc\nxabcx",
            "tool.name\n(?i)x{2,3}\\bé\nXX é",
        ]
        .map(text)
        .to_vec(),
        "patterns" => [
            "\\s?\\brm\\b\n  -rm -rf /",
            "((\\w*?))+[[:^alpha:]]\nB1\n",
            "(?i)a[ab]{20}c|é*\nabbabababbababababaababcéé",
            "(?:\\B|x)é?\naéa x",
            "[a-z]+@[a-z]+\\.com\naaaa@b.com aaa",
            "(?m)^a$|b\\z\na\nab\nb",
        ]
        .map(text)
        .to_vec(),
        "input_schemas" => [
            "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1},\"b\":{\"type\":[\"string\",\"null\"],\"maxLength\":3}},\"required\":[\"a\"],\"additionalProperties\":false}\n{\"a\":1,\"b\":\"x\"}",
            "{\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"anyOf\":[{\"type\":\"null\"},{\"items\":{\"$ref\":\"#/$defs/x\"},\"type\":\"array\"}]}}}\n[[null],[]]",
            "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"items\":[{\"enum\":[1,\"b\",{\"a\":[]}]}],\"additionalItems\":{\"const\":2}}\n[{\"a\":[]},2]",
            "{\"oneOf\":[{\"multipleOf\":2},{\"multipleOf\":3}],\"not\":{\"exclusiveMinimum\":100}}\n9",
            "{\"patternProperties\":{\"^x\":{\"uniqueItems\":true,\"minItems\":1}},\"propertyNames\":{\"pattern\":\"[a-z]\"},\"additionalProperties\":{\"allOf\":[{\"type\":\"string\"},{\"minLength\":2}]}}\n{\"xa\":[1,2],\"y\":\"ab\"}",
            "{\"prefixItems\":[{\"type\":\"boolean\"}],\"items\":{\"maximum\":5},\"maxItems\":3,\"minProperties\":1}\n[true,5,1]",
        ]
        .map(text)
        .to_vec(),
        "results" => {
            let secret = |reply: Vec<u8>| {
                let text = String::from_utf8_lossy(&reply).replace("SECRET-ABCDEFGH", "KEY-123");
                let kind = if text.trim_start().starts_with(['{', '[']) {
                    ""
                } else {
                    "e"
                };
                format!("{kind}{text}").into_bytes()
            };
            bodies(&corpus.join("replies"))
                .into_iter()
                .map(secret)
                .collect()
        }
        "decimals" => [
            "1 1.0",
            "-0 0e5",
            "9007199254740993 9007199254740992.9999",
            "1e999 -1e-999",
            "0.000000001 12.5e3",
            "100 1E+2",
        ]
        .map(text)
        .to_vec(),
        "detectors" => {
            let cases = corpus.join("../../filter/engine/detect/tests/cases");
            let mut all = Vec::new();
            for (_, content) in files(&cases) {
                for line in String::from_utf8_lossy(&content).lines() {
                    let text = line.replace('⏎', "\n").replace(['⟦', '⟧', '¦'], "");
                    all.extend(text.get(2..).map(|text| format!("[0-9]+b?\n{text}").into_bytes()));
                }
            }
            all
        }
        _ => {
            let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
            let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"amount":5,"currency":"GBP"}}}"#;
            let mut all = Vec::new();
            for reply in bodies(&corpus.join("replies")) {
                let reply: Vec<u8> = String::from_utf8_lossy(&reply)
                    .replace("wipe_disk", "secret")
                    .into_bytes();
                for (request, kind) in [(list, "e"), (list, "j"), (call, "e")] {
                    let kind: &[u8] = if reply.starts_with(b"{") && kind == "e" {
                        b"j"
                    } else {
                        kind.as_bytes()
                    };
                    all.push([request.as_bytes(), b"\xff", kind, &reply].concat());
                }
            }
            all
        }
    }
}

/// The bodies of the cases in a folder.
fn bodies(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (_, content) in files(folder) {
        for line in String::from_utf8_lossy(&content).lines() {
            let Ok(case) = serde_json::from_str::<Json>(line) else {
                continue;
            };
            let chunks = case.get("chunks").and_then(Json::as_array);
            let chunks =
                chunks.map(|chunks| chunks.iter().filter_map(Json::as_str).collect::<String>());
            let body = case.get("body").and_then(Json::as_str).map(str::to_owned);
            all.extend(body.or(chunks).map(String::into_bytes));
        }
    }
    all
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_string_lossy().into_owned(),
                std::fs::read(entry.path()).ok()?,
            ))
        })
        .collect();
    all.sort();
    all
}
