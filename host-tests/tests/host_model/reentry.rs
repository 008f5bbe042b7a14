//! Host calls that call back, each case on the model and in a real Envoy: one guest, one request, one reply, one expectation.
//!
//! A buffer the filter manager holds is bounded. Making it larger than that ends the stream inside the host call, and the guest is
//! called back before that has returned; what it traps on there ends the process. The bound is 1024 bytes here.

use std::path::Path;
use std::time::{Duration, Instant};

use toolgate_host::{Level, Message, Module, Vm, VmOptions};

use super::guest::guest;
use super::holding::{CONFIGURE, HOLD, PATIENCE, Real};

struct Case {
    name: &'static str,
    guest: &'static [(&'static str, &'static str)],
    expect: &'static [&'static str],
}

const LIMIT: usize = 1024;
const PAUSE: &str = "(i32.const 1)";
const SAY_SEEN: &str =
    "(call $say (i32.const 288) (i32.const 6) (i32.const 0) (i32.const 0)) (i32.const 0)";
const SAY_DELETE: &str = "(call $say (i32.const 1440) (i32.const 6) (i32.const 0) (i32.const 0))";

/// Puts so many bytes in the place of all of a buffer and says what the host said. Address 144 tells that it has not returned.
macro_rules! grow {
    ($buffer:literal, $bytes:literal) => {
        concat!(
            "(i32.store (i32.const 144) (i32.const 1)) (call $say (i32.const 304) (i32.const 5) (call $set_buffer (i32.const ",
            $buffer,
            ") (i32.const 0) (i32.const -1) (i32.const 65536) (i32.const ",
            $bytes,
            ")) (i32.const 0)) (i32.store (i32.const 144) (i32.const 0))"
        )
    };
}

/// Pauses to the end, where the buffer is replaced.
macro_rules! grow_at_end {
    ($buffer:literal, $bytes:literal) => {
        concat!(
            "(if (local.get $b) (then ",
            grow!($buffer, $bytes),
            ")) (i32.eqz (local.get $b))"
        )
    };
}

const TRAP_INSIDE: &str = "(if (i32.load (i32.const 144)) (then unreachable))";
const GROW_HELD: &str = concat!(
    "(if (i32.load (i32.const 128)) (then (drop (call $effective (i32.load (i32.const 128)))) (i32.store (i32.const 128) (i32.const 0))",
    grow!("0", "2048"),
    "))"
);

const CASES: &[Case] = &[
    Case {
        name: "a held reply may grow to the limit",
        guest: &[
            ("response_headers", "(drop (call $remove_header (i32.const 2) (i32.const 272) (i32.const 14))) (i32.const 1)"),
            ("response_body", grow_at_end!("1", "1024")),
            ("delete", SAY_DELETE),
        ],
        expect: &["state 0 0", "log 0 0", "delete 0 0", "up abcdef", "down 200 1024 bytes"],
    },
    Case {
        name: "a held reply that grows over it is 500, and its log callback runs inside the call",
        guest: &[("response_headers", PAUSE), ("response_body", grow_at_end!("1", "1025")), ("delete", SAY_DELETE)],
        expect: &["log 0 0", "delete 0 0", "state 0 0", "up abcdef", "down 500 Internal Server Error"],
    },
    Case {
        name: "the same with its headers gone is cut, inside the call",
        guest: &[
            ("response_headers", concat!("(drop (call $remove_header (i32.const 2) (i32.const 272) (i32.const 14)))", "(i32.const 0)")),
            ("response_body", grow_at_end!("1", "2048")),
            ("delete", SAY_DELETE),
        ],
        expect: &["log 0 0", "delete 0 0", "state 0 0", "up abcdef", "down 0 "],
    },
    Case {
        name: "a trap in that log callback ends the process",
        guest: &[
            ("response_headers", PAUSE), ("response_body", grow_at_end!("1", "2048")),
            ("log", TRAP_INSIDE), ("delete", SAY_DELETE),
        ],
        expect: &["log 0 0", "state 0 0", "crashed"],
    },
    Case {
        name: "the same with the headers gone",
        guest: &[
            ("response_body", grow_at_end!("1", "2048")), ("log", TRAP_INSIDE), ("delete", SAY_DELETE),
        ],
        expect: &["log 0 0", "state 0 0", "crashed"],
    },
    Case {
        name: "what passes has no limit",
        guest: &[
            ("response_headers", concat!("(drop (call $remove_header (i32.const 2) (i32.const 272) (i32.const 14)))", "(i32.const 0)")),
            ("response_body", concat!("(if (local.get $a) (then ", grow!("1", "2048"), ")) (i32.const 0)")),
            ("delete", SAY_DELETE),
        ],
        expect: &["state 0 0", "log 0 0", "delete 0 0", "up abcdef", "down 200 2048 bytes"],
    },
    Case {
        name: "a request that its own callback makes too large is 413 when that has returned",
        guest: &[
            ("request_headers", PAUSE), ("request_body", grow_at_end!("0", "2048")),
            ("response_headers", SAY_SEEN), ("delete", SAY_DELETE),
        ],
        expect: &["state 0 0", "x-seen 0 0", "log 0 0", "delete 0 0", "up nothing", "down 413 Payload Too Large"],
    },
    Case {
        name: "a held request that the tick makes too large is 413, whose callbacks run inside the call",
        guest: &[
            ("configure", CONFIGURE), ("request_headers", PAUSE), ("request_body", HOLD), ("tick", GROW_HELD),
            ("response_headers", SAY_SEEN), ("delete", SAY_DELETE),
        ],
        expect: &["x-seen 0 0", "log 0 0", "delete 0 0", "state 0 0", "up nothing", "down 413 Payload Too Large"],
    },
    Case {
        name: "a trap in those callbacks ends the VM alone",
        guest: &[
            ("configure", CONFIGURE),
            ("request_headers", PAUSE),
            ("request_body", HOLD),
            ("tick", GROW_HELD),
            ("response_headers", concat!("(if (i32.load (i32.const 144)) (then unreachable))", "(i32.const 0)")),
            ("delete", SAY_DELETE),
        ],
        expect: &["state 0 0", "up nothing", "down 503 "],
    },
    Case {
        name: "a stream closed in a callback ends when that has returned",
        guest: &[
            ("response_headers", PAUSE),
            ("response_body", "(i32.store (i32.const 144) (i32.const 1)) (drop (call $close (i32.const 1)))
                (call $say (i32.const 304) (i32.const 5) (i32.const 0) (i32.const 0)) (i32.store (i32.const 144) (i32.const 0)) (i32.const 1)"),
            ("log", TRAP_INSIDE), ("delete", SAY_DELETE),
        ],
        expect: &["state 0 0", "log 0 0", "delete 0 0", "up abcdef", "down 0 "],
    },
    Case {
        name: "an answer in a callback runs the others when that has returned",
        guest: &[
            ("request_headers", PAUSE),
            ("request_body", "(i32.store (i32.const 144) (i32.const 1)) (call $deny)
                (call $say (i32.const 304) (i32.const 5) (i32.const 0) (i32.const 0)) (i32.store (i32.const 144) (i32.const 0)) (i32.const 1)"),
            ("response_headers", concat!("(if (i32.load (i32.const 144)) (then unreachable))",
                "(call $say (i32.const 288) (i32.const 6) (i32.const 0) (i32.const 0)) (i32.const 0)")),
            ("log", TRAP_INSIDE), ("delete", SAY_DELETE),
        ],
        expect: &["state 0 0", "x-seen 0 0", "log 0 0", "delete 0 0", "up nothing", "down 403 hello"],
    },
];

fn on_the_model(case: &Case, wasm: &Path) -> Vec<String> {
    let options = VmOptions {
        buffer_limit: LIMIT,
        ..VmOptions::default()
    };
    let module = Module::from_file(wasm).expect("the guest loads");
    let vm = Vm::configured(&module, options, b"one").expect("configured");
    let stream = vm.stream();
    // As an HTTP/1.1 codec delivers a body with a length: its end comes apart.
    stream.request_headers(Message::request("POST", "/mcp").headers, false);
    stream.request_data("abcdef", false).request_data("", true);
    vm.tick();
    if stream.upstream().is_some_and(|sent| sent.ended) {
        stream.response_headers([(":status", "200"), ("content-length", "6")], false);
        stream
            .response_data("uvwxyz", false)
            .response_data("", true);
    }
    let exchange = stream.snapshot();
    let logs = vm.logs();
    let said = logs.iter().filter(|line| line.level == Level::Info);
    let said = said.map(|line| line.message.clone());
    if exchange.crashed {
        assert!(vm.crashed() && exchange.check().is_err(), "{}", case.name);
        return transcript(said, None);
    }
    let up = exchange.upstream.map(|sent| sent.body);
    let down = &exchange.downstream;
    let whole = if down.ended {
        (down.status, down.text())
    } else {
        (0, String::new())
    };
    transcript(said, Some((up, whole)))
}

fn in_envoy(case: &Case, wasm: &Path) -> Vec<String> {
    let limit = format!("per_connection_buffer_limit_bytes: {LIMIT}");
    let change = ("per_connection_buffer_limit_bytes: 8388608", limit.as_str());
    let mut real = Real::start(wasm, &[change], "uvwxyz");
    real.send("abcdef");
    let (status, body) = real.answer();
    let began = Instant::now();
    // Nobody but a crash leaves a stream without an answer, or a live VM without its last callback.
    let over = |real: &Real| {
        real.count(": delete ") > 0 || (status != 0 && real.count("failed: Uncaught") > 0)
    };
    while real.envoy.is_running() && !over(&real) {
        assert!(
            began.elapsed() < PATIENCE,
            "{}: {}",
            case.name,
            real.envoy.log()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    // What the guest says of a host call comes after what the call did; the next tick is after all of it.
    if real.envoy.is_running() && case.guest.iter().any(|(name, _)| *name == "tick") {
        real.wait_for(": tick ", real.count(": tick "));
    }
    if !real.envoy.is_running() {
        assert!(
            real.envoy.log().contains("Caught Segmentation fault"),
            "{}",
            real.envoy.log()
        );
        return transcript(real.said().into_iter(), None);
    }
    let seen = real.upstream.seen(real.began, None);
    let up = seen.requests.into_iter().next().map(|request| request.body);
    transcript(real.said().into_iter(), Some((up, (status, body))))
}

/// What came of it; `None` if nobody is left to say.
type Came = Option<(Option<Vec<u8>>, (u16, String))>;

/// What both write down. Codecs cut messages as they like, and ticks come as they come.
fn transcript(said: impl Iterator<Item = String>, came: Came) -> Vec<String> {
    let passing = |line: &String| {
        !["tick ", "request_", "response_"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let mut out: Vec<String> = said.filter(passing).collect();
    let Some((up, (status, body))) = came else {
        out.push("crashed".to_owned());
        return out;
    };
    let up = up.map_or("nothing".to_owned(), |body| {
        String::from_utf8_lossy(&body).into_owned()
    });
    let body = match body.len() {
        0..=30 => body,
        bytes => format!("{bytes} bytes"),
    };
    out.push(format!("up {up}"));
    out.push(format!("down {status} {body}"));
    out
}

/// Runs every case, and says what differs.
fn check(host: &str, run: fn(&Case, &Path) -> Vec<String>) {
    let mut wrong = Vec::new();
    for (index, case) in CASES.iter().enumerate() {
        let wasm = wat::parse_str(guest(case.guest)).expect("the guest's wat is valid");
        let name = format!("reentry-{host}-{index}.wasm");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, wasm).expect("the guest can be written");
        let got = run(case, &path);
        if got != case.expect {
            wrong.push(format!(
                "{}\n  expected {:#?}\n  got {got:#?}",
                case.name, case.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_model_calls_back() {
    check("model", on_the_model);
}

#[test]
fn envoy_calls_back() {
    check("envoy", in_envoy);
}
