//! The other half of the classes: what is changed is the shape of the document, or its bytes.

use crate::classes::{call, tool_call, value, written};
use crate::draft::Draft;
use toolgate_checks::Random;

pub fn nesting(random: &mut Random) -> Vec<u8> {
    let mut draft = tool_call(random);
    let depth = if random.chance(70) {
        random.below(124)
    } else {
        115 + random.below(60)
    };
    let mut value = value(random, 0);
    for _ in 0..depth {
        value = if random.chance(50) {
            Draft::Array(vec![value])
        } else {
            Draft::object([("a", value)])
        };
    }
    draft.set(&["params", "arguments"], "deep", value);
    let mut body = written(random, &draft);
    if random.chance(15) {
        let at = random.below(body.len());
        body.insert(at, random.pick(b"[]{}"));
    }
    body
}

pub fn unicode(random: &mut Random) -> Vec<u8> {
    let good: &[&[u8]] = &[
        "é".as_bytes(),
        "e\u{301}".as_bytes(),
        "\u{2028}\u{2029}".as_bytes(),
        "\u{1F468}\u{200d}\u{1F469}".as_bytes(),
        "\u{fffe}\u{ffff}".as_bytes(),
        "\u{10ffff}".as_bytes(),
        "\u{7f}".as_bytes(),
        "\u{85}\u{9f}".as_bytes(),
        "\u{202e}abc".as_bytes(),
        "ﬁ".as_bytes(),
        "\u{feff}".as_bytes(),
        "ǅ".as_bytes(),
    ];
    let bad: &[&[u8]] = &[
        b"\xc0\xaf",
        b"\xc1\xa5",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xed\xa0\xbd\xed\xb8\x80",
        b"\xf4\x90\x80\x80",
        b"\xff\xfe",
        b"\xe9",
        b"\x80",
        b"\xc3",
        b"\xf8\x88\x80\x80\x80",
        b"\x01",
        b"\0",
        b"\xc0\xa2",
        b"\xe0\x80\xa2",
    ];
    let mut draft = tool_call(random);
    for index in 0..=random.below(3) {
        let text: &[u8] = if random.chance(78) {
            random.pick(good)
        } else {
            random.pick(bad)
        };
        let member = (
            [b"k", text].concat(),
            Draft::text([b"x", text, b"y"].concat()),
        );
        match random.below(5) {
            0 => draft.set(&["params"], "name", Draft::text(text)),
            1 if index == 0 => draft.members(&["params", "arguments"]).push(member),
            _ => draft.set(&["params", "arguments"], &format!("u{index}"), member.1),
        }
    }
    let mut body = written(random, &draft);
    match random.below(25) {
        0 => body.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        1 => body = body.iter().flat_map(|&byte| [byte, 0]).collect(),
        _ => {}
    }
    body
}

pub fn white_space(random: &mut Random) -> Vec<u8> {
    let good: &[&[u8]] = &[b"", b" ", b"\n", b"\r\n", b"\t", b"   \n\t", b"\r"];
    let bad: &[&[u8]] = &[
        b"\x0b",
        b"\x0c",
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
        b"\xef\xbb\xbf",
        b"/**/",
        b"//\n",
        b"#\n",
        b"\0",
        b"\x1e",
        b"\x85",
    ];
    let draft = call(random);
    let mut body = random.pick(good).to_vec();
    draft.write(random, good, &mut body);
    body.extend_from_slice(random.pick(good));
    if random.chance(40) {
        let places: Vec<usize> = (0..=body.len())
            .filter(|&at| at == 0 || b"{}[]:,".contains(&body[at - 1]))
            .collect();
        let at = random.pick(&places);
        body.splice(at..at, random.pick(bad).iter().copied());
    }
    body
}

pub fn trailing_data(random: &mut Random) -> Vec<u8> {
    let draft = call(random);
    let mut body = written(random, &draft);
    if random.chance(55) {
        for _ in 0..random.below(20) {
            body.push(random.pick(b" \n\r\t"));
        }
        return body;
    }
    let other = call(random);
    let other = written(random, &other);
    let junk: &[&[u8]] = &[
        b"}",
        b"]",
        b",",
        b"\0",
        b"null",
        b"{}",
        b"\x1a",
        b"//x",
        b"\xef\xbb\xbf",
        b"\x0c",
        b"\n1",
        b";",
    ];
    match random.below(4) {
        0 => body.extend(other),
        1 => body.extend([b"\n".to_vec(), other].concat()),
        2 => body = [other, b"\x1e".to_vec(), body].concat(),
        _ => body.extend_from_slice(random.pick(junk)),
    }
    body
}

pub fn batches(random: &mut Random) -> Vec<u8> {
    let honest = random.chance(60);
    let mut items = Vec::new();
    for index in 0..=random.below(5) {
        let mut item = call(random);
        item.set(&[], "id", Draft::raw((100 + index).to_string()));
        if random.chance(15) {
            item = Draft::object([
                ("jsonrpc", Draft::text("2.0")),
                ("method", Draft::text("notifications/initialized")),
            ]);
        } else if random.chance(10) {
            item = Draft::object([
                ("jsonrpc", Draft::text("2.0")),
                ("id", Draft::raw("7")),
                ("result", Draft::object([])),
            ]);
        }
        items.push(item);
    }
    if !honest {
        let at = random.below(items.len());
        match random.below(6) {
            0 => items.insert(at, Draft::Array(vec![call(random)])),
            1 => items.insert(at, Draft::raw("null")),
            2 => items[at].set(&[], "id", Draft::raw("1.5")),
            3 => items[at].set(&[], "method", Draft::text("Tools/Call")),
            4 => items[at]
                .members(&["params"])
                .push((b"Name".to_vec(), Draft::text("delete"))),
            _ => items.clear(),
        }
    }
    written(random, &Draft::Array(items))
}

pub fn extra_members(random: &mut Random) -> Vec<u8> {
    let mut draft = call(random);
    let free: &[&str] = &[
        "x",
        "extra",
        "trace",
        "$schema",
        "names",
        "nam",
        "argument_s",
        "__meta",
        "метод",
        "toString",
        "hasOwnProperty",
        "idx",
        "0",
    ];
    let taken: &[&str] = &[
        "__proto__",
        "result",
        "error",
        "METHOD",
        "Params",
        "params ",
        "i\u{200b}d",
        "ｉｄ",
        "Arguments",
        "NAME",
    ];
    for _ in 0..=random.below(3) {
        let key = if random.chance(80) {
            random.pick(free)
        } else {
            random.pick(taken)
        };
        let value = value(random, 2);
        let at: &[&str] = match random.below(4) {
            0 | 1 => &[],
            2 => &["params"],
            _ => &["params", "_meta"],
        };
        draft.set(at, key, value);
    }
    written(random, &draft)
}

pub fn types(random: &mut Random) -> Vec<u8> {
    let mut draft = call(random);
    if random.chance(55) {
        return written(random, &draft);
    }
    let odd: &[&str] = &[
        "null",
        "true",
        "7",
        "[]",
        "{}",
        "\"\"",
        "[\"delete\"]",
        "{\"name\":\"delete\"}",
        "\"tools/call\"",
        "1.0",
    ];
    let odd = Draft::raw(random.pick(odd));
    match random.below(6) {
        0 => draft.set(&[], "params", odd),
        1 => draft.set(&[], "method", odd),
        2 => draft.set(&["params"], "name", odd),
        3 => draft.set(&["params"], "arguments", odd),
        4 => draft.set(&[], "jsonrpc", odd),
        _ => draft.set(&["params"], "_meta", odd),
    }
    written(random, &draft)
}

/// One byte is another.
pub fn bytes(random: &mut Random) -> Vec<u8> {
    let mut draft = tool_call(random);
    let text = "lorem ipsum dolor sit amet ".repeat(1 + random.below(40));
    draft.set(&["params", "arguments"], "text", Draft::text(text));
    let mut body = written(random, &draft);
    for _ in 0..=random.below(2) {
        let at = random.below(body.len());
        body[at] = if random.chance(70) {
            0x20 + random.below(95) as u8
        } else {
            random.below(256) as u8
        };
    }
    body
}
