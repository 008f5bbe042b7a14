//! Cases: the events of one stream, and what must come out.

use toolgate_host::{Level, Message, Stream, Vm};

pub struct Case {
    pub name: &'static str,
    /// `allow_on_headers_stop_iteration`
    pub allow: bool,
    pub guest: &'static [(&'static str, &'static str)],
    pub steps: &'static [&'static str],
    pub expect: &'static [&'static str],
}

/// Plays one line of a case's script.
pub fn play(vm: &Vm, stream: &Stream, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let end = words.last() == Some(&"end");
    let data = words.get(2).copied().filter(|w| *w != "end").unwrap_or("");
    match words.as_slice() {
        [">", "headers", ..] => {
            let request = Message::request("POST", "/mcp");
            stream.request_headers(request.headers, end);
        }
        [">", "data", ..] => drop(stream.request_data(data, end)),
        [">", "trailers"] => drop(stream.request_trailers([("t", "1")])),
        ["<", "headers", ..] => {
            stream.response_headers([(":status", "200"), ("content-length", "6")], end);
        }
        ["<", "data", ..] => drop(stream.response_data(data, end)),
        ["<", "trailers"] => drop(stream.response_trailers([("t", "2")])),
        ["<", "reset"] => drop(stream.upstream_reset()),
        ["<", "unreachable"] => drop(stream.upstream_unreachable()),
        ["gone"] => drop(stream.disconnect()),
        ["tick"] => drop(vm.tick()),
        other => panic!("unknown step {other:?}"),
    }
}

/// Writes down what happened.
pub fn transcript(vm: &Vm, stream: Stream) -> Vec<String> {
    let vm = vm.clone();
    let done = stream.done();
    let mut out: Vec<String> = done
        .logs
        .iter()
        .filter(|l| l.level != Level::Critical)
        .map(|l| l.message.clone())
        .collect();
    out.push(match &done.upstream {
        None => "up nothing".to_owned(),
        Some(up) => {
            let mut line = format!("up {}", String::from_utf8_lossy(&up.body));
            for (flag, text) in [
                (up.headers_left_early, " early"),
                (up.trailers.is_some(), " trailers"),
                (up.ended, " ended"),
                (up.reset, " reset"),
            ] {
                line += if flag { text } else { "" };
            }
            line
        }
    });
    let down = &done.downstream;
    let chunks: Vec<_> = down
        .chunks
        .iter()
        .map(|c| String::from_utf8_lossy(c))
        .collect();
    let mut line = format!("down {} {}", down.status, chunks.join("|"));
    for (flag, text) in [
        (down.headers.contains("x-seen"), " x-seen"),
        (down.trailers.is_some(), " trailers"),
        (down.local_reply, " local"),
        (down.ended, " ended"),
        (down.reset, " reset"),
    ] {
        line += if flag { text } else { "" };
    }
    out.push(line);
    out.push(format!("{:?}", done.outcome));
    if vm.panicked() {
        out.push("dead".to_owned());
    }
    out
}
