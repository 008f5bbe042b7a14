//! The policy and the call, in sizes.
//!
//! Twenty rules on one tool: twelve that must hold and eight that must not, of the kinds people write (lists, equality,
//! ranges, prefixes, texts). The call passes all of them, which is the most work a policy can make.

use serde_json::{Value, json};

use crate::TOOL;

/// Arguments that pass every rule.
pub const ARGUMENTS: &str = r##""owner":"acme","repo":"widgets","title":"Fix the pump","priority":3,"estimate":12,"assignee":"eng-ana","team":"platform","due":"2026-02-01","draft":false,"milestone":"q1""##;

/// Rules on one tool: path, operator, value. The first twelve stand under `require`, the others under `deny_if`.
pub const RULES: [(&str, &str, &str); 20] = [
    ("owner", "in", r#"["acme","acme-labs"]"#),
    ("repo", "in", r#"["widgets","gadgets","gizmos"]"#),
    ("title", "exists", "true"),
    ("priority", "gte", "1"),
    ("priority", "lte", "5"),
    ("estimate", "gte", "0"),
    ("estimate", "lte", "40"),
    ("team", "eq", r#""platform""#),
    ("assignee", "prefix", r#""eng-""#),
    ("due", "prefix", r#""2026-""#),
    ("draft", "eq", "false"),
    ("milestone", "in", r#"["q1","q2","q3","q4"]"#),
    ("owner", "eq", r#""evil-corp""#),
    ("repo", "prefix", r#""secret-""#),
    ("title", "contains", r#""password""#),
    ("team", "eq", r#""finance""#),
    ("assignee", "suffix", r#""-bot""#),
    ("priority", "eq", "0"),
    ("estimate", "gt", "100"),
    ("milestone", "eq", r#""frozen""#),
];

/// How many of [`RULES`] stand under `require`.
pub const REQUIRED: usize = 12;

/// The policy as the gate reads it: `tools` tools, and `rules` rules and one counter on the one that is called.
pub fn policy(tools: usize, rules: usize) -> String {
    let block = |index: usize| {
        let (path, op, value) = RULES[index % RULES.len()];
        let value: Value = serde_json::from_str(value).unwrap_or_default();
        json!({"conditions": [{"path": format!("args.{path}"), "op": op, "value": value}]})
    };
    let side = |required: bool| -> Vec<Value> {
        (0..rules)
            .filter(|index| (index % RULES.len() < REQUIRED) == required)
            .map(block)
            .collect()
    };
    let entry = json!({
        "require": side(true),
        "deny_if": side(false),
        "limits": [{"counter": "issues", "max": 1_000_000_000_000_u64, "window": "day"}],
    });
    let mut entries: serde_json::Map<String, Value> = (1..tools)
        .map(|index| {
            let rule = json!({"path": "args.owner", "op": "eq", "value": "acme"});
            let name = format!("tool_{index:05}");
            (name, json!({"require": [{"conditions": [rule]}]}))
        })
        .collect();
    entries.insert(TOOL.to_owned(), entry);
    json!({"version": "1", "default": "deny", "hide": ["delete_repository"], "tools": entries})
        .to_string()
}

/// A permitted call whose body has `size` bytes: what is missing is the issue's text, which has a line end or a quote
/// every sixty characters, like the files and messages that agents send.
pub fn call(size: usize) -> Vec<u8> {
    const LINE: &str = "the pump on line two stops \\\"at random\\\" after a few hours\\n";
    let open = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{TOOL}","arguments":{{{ARGUMENTS},"body":""#
    );
    let close = "\"}}}";
    let mut body = open;
    while body.len() + LINE.len() + close.len() <= size {
        body.push_str(LINE);
    }
    while body.len() + close.len() < size {
        body.push('.');
    }
    body.push_str(close);
    body.into_bytes()
}

/// A call that the first rule refuses.
pub fn refused_call() -> Vec<u8> {
    String::from_utf8_lossy(&call(300))
        .replace(r#""owner":"acme""#, r#""owner":"evil-corp""#)
        .into_bytes()
}

/// A call of the tool with these members before the arguments that pass.
pub fn call_with(members: &str) -> Vec<u8> {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{TOOL}","arguments":{{{members},{ARGUMENTS}}}}}}}"#
    )
    .into_bytes()
}

/// A reply to `tools/list` with `count` tools of about 500 bytes each.
pub fn tools_list(count: usize) -> String {
    let tools: Vec<Value> = (0..count)
        .map(|index| {
            let name = if index == 0 {
                TOOL.to_owned()
            } else {
                format!("tool_{index:05}")
            };
            json!({
                "name": name,
                "title": format!("Tool {index}"),
                "description": "Creates, reads or changes one record of the tracker and returns it as JSON. Use the search tool first if you do not know the identifier.",
                "inputSchema": {
                    "type": "object",
                    "properties": {
                        "owner": {"type": "string", "description": "The account"},
                        "repo": {"type": "string", "description": "The repository"},
                        "number": {"type": "integer", "minimum": 1},
                    },
                    "required": ["owner", "repo"],
                    "additionalProperties": false,
                },
                "annotations": {"readOnlyHint": index % 2 == 0},
            })
        })
        .collect();
    json!({"jsonrpc": "2.0", "id": 7, "result": {"tools": tools, "_meta": {"page": 1}}}).to_string()
}

/// A stream of about `size` bytes: mostly small progress notifications, some results of a few kilobytes, comments.
pub fn event_stream(size: usize) -> (Vec<u8>, usize) {
    let (mut stream, mut events) = (String::with_capacity(size + 5000), 0);
    while stream.len() < size {
        stream.push_str(&event(events));
        events += 1;
    }
    (stream.into_bytes(), events)
}

/// The event at this place of a stream, with a comment before it where one stands there.
pub fn event(index: usize) -> String {
    const SMALL: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":40,"total":100}}"#;
    match index % 10 {
        9 => {
            let text = "x".repeat(4000);
            let large = format!(
                r#"{{"jsonrpc":"2.0","id":9,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
            );
            format!("event: message\nid: {index}\ndata: {large}\n\n")
        }
        4 => format!(": keep-alive\n\ndata: {SMALL}\n\n"),
        _ => format!("event: message\ndata: {SMALL}\n\n"),
    }
}

/// Every detector of secrets and personal data.
pub const DETECTORS: &str = r#"["email","phone","credit_card","iban","ssn","ipv4","jwt","private_key","aws_key","github_token",
    "slack_token","stripe_key","google_api_key",{"url":{"allow_hosts":[".acme.com"]}}]"#;

/// A policy that lets every call pass and looks for these in results.
pub fn redaction_policy(redact: &str) -> String {
    format!(
        r#"{{"version":"1","default":"allow","results":{{"max_json_bytes":16777216,"redact":{redact}}}}}"#
    )
}

/// A result of about `size` bytes of prose, code and records, with something to find every few kilobytes.
pub fn result(size: usize) -> Vec<u8> {
    const LINES: [&str; 6] = [
        "The pump on line two stops at random after a few hours, says the night shift.\\n",
        "    let total = items.iter().map(|item| item.price * item.count).sum::<u64>();\\n",
        "2026-03-14T09:30:00Z INFO request 4711 done in 12.5 ms, 3 rows, 128 bytes\\n",
        "\\\"name\\\": \\\"\\u00c5sa\\\", \\\"city\\\": \\\"Lule\\u00e5\\\", \\\"visits\\\": 17\\n",
        "See https://docs.acme.com/manual/page/12 and the notes of version 4.12.1 below.\\n",
        "- [ ] order filters, - [x] call the vendor, - [ ] write the report by Friday\\n",
    ];
    let mut body =
        r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":""#.to_owned();
    for index in 0.. {
        if body.len() >= size {
            break;
        }
        body.push_str(LINES[index % LINES.len()]);
        if index % 40 == 39 {
            body.push_str("ana@example.com 4111 1111 1111 1111\\n");
        }
    }
    body.push_str("\"}]}}");
    body.into_bytes()
}

/// Bodies of at most 1 MiB that are made to be expensive, with what they aim at.
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    /// The default of `http.max_body_bytes`.
    const SIZE: usize = 1 << 20;
    // Room for the call around the members.
    let room = SIZE - call_with("").len() - 16;
    let list = |item: &dyn Fn(usize) -> String, room: usize| {
        let mut out = String::with_capacity(room);
        for index in 0.. {
            let item = item(index);
            if out.len() + item.len() + 1 > room {
                break;
            }
            if index > 0 {
                out.push(',');
            }
            out.push_str(&item);
        }
        out
    };
    let repeat = |unit: &str| unit.repeat(room / unit.len());
    let array =
        |item: &str, room: usize| format!(r#""a":[{}]"#, list(&|_| item.to_owned(), room - 8));
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let few_keys = |count: usize| {
        let members: Vec<String> = (0..count).map(|key| format!(r#""k{key}":0"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    let escaped_key = |index: usize| format!(r#""\u00{:02x}{index:x}":0"#, 0x61 + index % 16);
    let duplicate = |room: usize| {
        let keys = list(&|index| format!(r#""k{index:x}":0"#), room - 32);
        format!(r#"{keys},"\u006b0":1"#)
    };
    let digits = |index: usize| format!("{index:04}").replace('0', "7") + &"7".repeat(1020);
    let in_params = |members: String| {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{{members},"name":"{TOOL}","arguments":{{{ARGUMENTS}}}}}}}"#
        )
        .into_bytes()
    };
    let batch = {
        let one = String::from_utf8(call(10_000)).unwrap_or_default();
        let calls: Vec<String> = (0..100)
            .map(|id| one.replacen(r#""id":7"#, &format!(r#""id":{id}"#), 1))
            .collect();
        format!("[{}]", calls.join(",")).into_bytes()
    };
    let title = |text: &str| {
        let arguments = ARGUMENTS.replace("Fix the pump", text);
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{TOOL}","arguments":{{{arguments}}}}}}}"#
        )
        .into_bytes()
    };
    vec![
        ("unclosed nesting", vec![b'['; SIZE]),
        (
            "nesting to the limit, repeated",
            call_with(&array(&nested(120), room)),
        ),
        (
            "many keys",
            call_with(&list(&|index| format!(r#""k{index:x}":0"#), room)),
        ),
        ("many escaped keys", call_with(&list(&escaped_key, room))),
        ("long keys with one beginning", {
            let beginning = "p".repeat(1000);
            call_with(&list(&|index| format!(r#""{beginning}{index:x}":0"#), room))
        }),
        ("objects of 8 keys", call_with(&array(&few_keys(8), room))),
        ("objects of 9 keys", call_with(&array(&few_keys(9), room))),
        ("empty objects", call_with(&array("{}", room))),
        ("many small numbers", call_with(&array("7", room))),
        (
            "as many numbers as are read",
            call_with(&array("777", room)),
        ),
        (
            "long numbers",
            call_with(&format!(r#""a":[{}]"#, list(&digits, room - 8))),
        ),
        (
            "one long string",
            call_with(&format!(r#""a":"{}""#, repeat("a"))),
        ),
        (
            "one long string that rules search",
            title(&repeat("passwor")),
        ),
        (
            "escapes",
            call_with(&format!(r#""a":"{}""#, repeat("\\u0041"))),
        ),
        ("escapes that rules decode", title(&repeat("\\n"))),
        (
            "surrogate pairs",
            call_with(&format!(r#""a":"{}""#, repeat("\\ud83d\\ude00"))),
        ),
        (
            "three-byte characters",
            call_with(&format!(r#""a":"{}""#, repeat("€"))),
        ),
        ("a duplicate key at the end", call_with(&duplicate(room))),
        (
            "an invisible key beside protocol keys",
            in_params(format!(
                r#""{}x":0"#,
                repeat("\u{200b}").split_at(room / 3 * 3 - 300).0
            )),
        ),
        (
            "many lookalike keys",
            in_params(list(&|index| format!("\"nam\u{20ac}{index:x}\":0"), room)),
        ),
        (
            "white space",
            call_with(&format!(r#""a":{}1"#, repeat(" "))),
        ),
        ("a full batch", batch),
    ]
}
