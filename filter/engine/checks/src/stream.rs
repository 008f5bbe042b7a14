//! Streams: the same bytes leave whatever the pieces they come in, and they mean what came in, less what was dropped.

use toolgate_engine::ndjson::Splitter;
use toolgate_engine::sse::{Edit, Event, Rewriter};

/// What the judge makes of a payload.
fn rule(payload: Option<&[u8]>) -> Edit {
    let holds = |word: &[u8]| {
        payload.is_some_and(|text| text.windows(word.len()).any(|window| window == word))
    };
    match payload {
        None => Edit::Withhold("withheld".to_owned()),
        _ if holds(b"drop") => Edit::Drop,
        _ if holds(b"new") => Edit::Replace("replaced".to_owned()),
        _ if holds(b"end") => Edit::End("ended".to_owned()),
        Some(_) => Edit::Pass,
    }
}

fn rewrite(
    input: &[u8],
    size: usize,
    limit: usize,
    judge: &mut dyn FnMut(Option<Event<'_>>) -> Edit,
) -> Vec<u8> {
    let mut rewriter = Rewriter::new(limit);
    let mut out = Vec::new();
    for piece in input.chunks(size.max(1)) {
        out.extend(rewriter.push(piece, judge));
    }
    out.extend(rewriter.finish(judge));
    out
}

/// An event stream.
pub fn sse_stream(input: &[u8]) {
    let mut judge = |event: Option<Event<'_>>| {
        rule(
            event
                .map(|event| event.data().into_owned())
                .as_deref()
                .map(str::as_bytes),
        )
    };
    for limit in [32, 1 << 20] {
        let whole = rewrite(input, input.len(), limit, &mut judge);
        for size in [1, 2, 3, 16] {
            assert_eq!(
                rewrite(input, size, limit, &mut judge),
                whole,
                "in pieces of {size}, limit {limit}"
            );
        }
    }
    let readable = std::str::from_utf8(input).is_ok();
    let passed = rewrite(input, 3, usize::MAX, &mut |_| Edit::Pass);
    assert!(
        passed == input || (!readable && passed.len() < input.len()),
        "what passes is changed"
    );
    let dropped = rewrite(input, 3, usize::MAX, &mut |event| match event {
        Some(event) if event.data().is_empty() => Edit::Pass,
        _ => Edit::Drop,
    });
    assert!(dropped.len() <= input.len());
    assert!(
        decode(&dropped).is_empty(),
        "a dropped event leaves: {:?}",
        String::from_utf8_lossy(&dropped)
    );
    if readable {
        let mut expected = Vec::new();
        for (name, data) in decode(input) {
            match rule(Some(data.as_bytes())) {
                Edit::Replace(text) => expected.push((name, text)),
                Edit::End(text) => {
                    expected.push(("error".to_owned(), text));
                    break;
                }
                Edit::Drop => {}
                _ => expected.push((name, data)),
            }
        }
        let out = rewrite(input, 5, usize::MAX, &mut judge);
        assert_eq!(
            decode(&out),
            expected,
            "another stream: {:?}",
            String::from_utf8_lossy(&out)
        );
    }
}

/// The events with data of a stream, as clients read them; the last one without its blank line too, which lenient ones read.
pub fn decode(input: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(input)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let mut events = Vec::new();
    let (mut name, mut data): (String, Option<String>) = (String::new(), None);
    let mut first = true;
    for line in text.split('\n').chain([""]) {
        let blank = line.is_empty();
        let line = if std::mem::take(&mut first) {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        } else {
            line
        };
        // A byte order mark alone makes no blank line, but where the stream begins: there no event ends with it.
        if blank {
            let name = std::mem::take(&mut name);
            events.extend(
                data.take()
                    .filter(|data| !data.is_empty())
                    .map(|data| (name, data)),
            );
            first = true;
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value.to_owned(),
            "data" => {
                data = Some(match data {
                    Some(before) => format!("{before}\n{value}"),
                    None => value.to_owned(),
                });
            }
            // After a comment that stands before every field the next line is as good as a first one.
            "" if name.is_empty() && data.is_none() => first = true,
            _ => {}
        }
    }
    events
}

/// A stream of JSON values.
pub fn json_stream(input: &[u8]) {
    let split = |size: usize, limit: usize, judge: &mut dyn FnMut(Option<&[u8]>) -> Edit| {
        let mut splitter = Splitter::new(limit);
        let mut out = Vec::new();
        for piece in input.chunks(size.max(1)) {
            out.extend(splitter.push(piece, judge));
        }
        out.extend(splitter.finish(judge));
        out
    };
    for limit in [16, 1 << 20] {
        let whole = split(input.len(), limit, &mut rule);
        for size in [1, 2, 7] {
            assert_eq!(
                split(size, limit, &mut rule),
                whole,
                "in pieces of {size}, limit {limit}"
            );
        }
    }
    assert_eq!(
        split(3, usize::MAX, &mut |_| Edit::Pass),
        input,
        "what passes is changed"
    );
    let white = split(3, usize::MAX, &mut |_| Edit::Drop);
    assert!(
        white.iter().all(u8::is_ascii_whitespace),
        "a dropped value leaves"
    );
    // Whole values are judged whole.
    let values: Vec<_> = serde_json::Deserializer::from_slice(input)
        .into_iter::<serde_json::Value>()
        .collect();
    if values.iter().all(Result::is_ok)
        && values
            .iter()
            .flatten()
            .all(|value| value.is_object() || value.is_array())
    {
        let mut judged = Vec::new();
        split(1, usize::MAX, &mut |value| {
            judged.push(value.map(<[u8]>::to_vec));
            Edit::Pass
        });
        assert_eq!(judged.len(), values.len(), "values cut or joined");
    }
}
