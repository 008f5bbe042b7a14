//! The wasmtime host held against what Envoy does.
//!
//! Each case is a guest (callback bodies in wat), the events of one stream, and what must come out: the callbacks with
//! their arguments, the bytes on either side, the outcome. The expectations come from measurements on Envoy 1.40 and
//! from its source, not from the host.

use std::sync::Arc;
use std::time::Duration;

use host_tests::host::{
    Answer, Headers, Level, Message, Module, Outcome, SharedData, Status, Stream, Upstream, Vm,
    VmOptions, When,
};

/// What every guest starts with: imports, an allocator, and `$say`, which logs `TAG N M`.
const PRELUDE: &str = r#"
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $set_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove_header (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $ticks (param i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 65536))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param $n i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (local.get $n)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $n) (i32.const 16)))))))
    (local.get $at))
  ;; texts at fixed places; 0..255 is scratch
  (data (i32.const 256) "hello")            ;; 5
  (data (i32.const 272) "content-length")   ;; 14
  (data (i32.const 288) "x-seen")           ;; 6
  (data (i32.const 304) "state")            ;; 5
  (data (i32.const 320) "cluster")          ;; 7
  (data (i32.const 336) "request\00path")   ;; 12
  (data (i32.const 352) ":path")            ;; 5
  ;; one map: {x-seen: hello}
  (data (i32.const 512) "\01\00\00\00\06\00\00\00\05\00\00\00x-seen\00hello\00") ;; 25
  ;; headers of a callout: {:path: /, :method: GET, :authority: a}
  (data (i32.const 544) "\03\00\00\00\05\00\00\00\01\00\00\00\07\00\00\00\03\00\00\00\0a\00\00\00\01\00\00\00:path\00/\00:method\00GET\00:authority\00a\00") ;; 61
  (func $digits (param $at i32) (param $n i32) (result i32)
    (if (i32.ge_u (local.get $n) (i32.const 10))
      (then (local.set $at (call $digits (local.get $at) (i32.div_u (local.get $n) (i32.const 10))))))
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (i32.add (local.get $at) (i32.const 1)))
  (func $say (param $tag i32) (param $len i32) (param $n i32) (param $m i32)
    (local $at i32)
    (memory.copy (i32.const 0) (local.get $tag) (local.get $len))
    (i32.store8 (local.get $len) (i32.const 32))
    (local.set $at (call $digits (i32.add (local.get $len) (i32.const 1)) (local.get $n)))
    (i32.store8 (local.get $at) (i32.const 32))
    (local.set $at (call $digits (i32.add (local.get $at) (i32.const 1)) (local.get $m)))
    (drop (call $log (i32.const 2) (i32.const 0) (local.get $at))))
  ;; answers 403 with body `hello` and header x-seen
  (func $deny
    (drop (call $send (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 256) (i32.const 5)
                      (i32.const 512) (i32.const 25) (i32.const -1))))
"#;

/// name, parameters after the context id, has a result, number of arguments to log
const CALLBACKS: &[(&str, usize, bool)] = &[
    ("context_create", 1, false),
    ("vm_start", 1, true),
    ("configure", 1, true),
    ("tick", 0, false),
    ("request_headers", 2, true),
    ("request_body", 2, true),
    ("request_trailers", 1, true),
    ("response_headers", 2, true),
    ("response_body", 2, true),
    ("response_trailers", 1, true),
    ("http_call_response", 4, false),
    ("log", 0, false),
    ("done", 0, true),
    ("delete", 0, false),
];

/// A guest whose stream callbacks log their arguments and then run the given bodies. `$a` and `$b` are the arguments
/// after the context id. Callbacks without a body return 0, roots' yes-or-no ones and `done` 1.
fn guest(bodies: &[(&str, &str)]) -> String {
    let mut out = format!("(module {PRELUDE}\n");
    for (n, (name, params, result)) in CALLBACKS.iter().enumerate() {
        let body = bodies.iter().find(|(c, _)| c == name).map(|(_, b)| *b);
        let at = 1024 + n * 32;
        let names = ["$a", "$b", "$c", "$d"];
        let list: String = names
            .iter()
            .take(*params)
            .map(|p| format!("(param {p} i32)"))
            .collect();
        let arg = |i: usize| {
            let known = names.get(i).filter(|_| i < *params);
            known.map_or("(i32.const 0)".to_owned(), |p| format!("(local.get {p})"))
        };
        let default = match *name {
            "vm_start" | "configure" | "done" => "(i32.const 1)",
            _ if *result => "(i32.const 0)",
            _ => "",
        };
        let result = if *result { "(result i32)" } else { "" };
        let traced =
            name.starts_with("re") || matches!(*name, "tick" | "log" | "http_call_response");
        let trace = format!(
            "(call $say (i32.const {at}) (i32.const {}) {} {})",
            name.len(),
            arg(0),
            arg(1)
        );
        let trace = if traced { trace } else { String::new() };
        out += &format!(
            "(data (i32.const {at}) \"{name}\")\n(func (export \"proxy_on_{name}\") (param $id i32) {list} {result}\n  {trace}\n  {})\n",
            body.unwrap_or(default)
        );
    }
    out + ")"
}

fn start(bodies: &[(&str, &str)], options: VmOptions) -> Vm {
    let wasm = wat::parse_str(guest(bodies)).expect("the guest's wat is valid");
    let module = Module::from_bytes(&wasm).expect("the guest loads");
    Vm::configured(&module, options, b"config").expect("the guest accepts its configuration")
}

/// Plays one line of a case's script.
fn play(vm: &Vm, stream: &Stream, line: &str) {
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
fn transcript(vm: &Vm, stream: Stream) -> Vec<String> {
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

struct Case {
    name: &'static str,
    /// `allow_on_headers_stop_iteration`
    allow: bool,
    guest: &'static [(&'static str, &'static str)],
    steps: &'static [&'static str],
    expect: &'static [&'static str],
}

const PAUSE: &str = "(i32.const 1)";
const PAUSE_TO_END: &str = "(i32.eqz (local.get $b))";
const DENY: &str = "(call $deny) (i32.const 1)";
const DENY_AT_END: &str = "(if (local.get $b) (then (call $deny))) (i32.const 1)";

const CASES: &[Case] = &[
    Case {
        name: "nothing paused: each piece passes as it comes",
        allow: true,
        guest: &[],
        steps: &["> headers", "> data abc", "> data def end", "< headers", "< data uvw", "< data xyz end"],
        expect: &[
            "request_headers 4 0", "request_body 3 0", "request_body 3 1",
            "response_headers 2 0", "response_body 3 0", "response_body 3 1", "log 0 0",
            "up abcdef early ended", "down 200 uvw|xyz ended", "Answered",
        ],
    },
    Case {
        name: "a paused request is held whole and the size is cumulative",
        allow: true,
        guest: &[("request_headers", PAUSE), ("request_body", PAUSE_TO_END)],
        steps: &["> headers", "> data abc", "> data", "> data def", "> data end", "< headers end"],
        expect: &[
            "request_headers 4 0", "request_body 3 0", "request_body 3 0", "request_body 6 0", "request_body 6 1",
            "response_headers 2 1", "log 0 0", "up abcdef ended", "down 200  ended", "Answered",
        ],
    },
    Case {
        name: "without the option a pause in the headers hangs",
        allow: false,
        guest: &[("request_headers", PAUSE), ("request_body", PAUSE_TO_END)],
        steps: &["> headers", "> data abc end"],
        expect: &["request_headers 4 0", "log 0 0", "up nothing", "down 0  reset", "Hung"],
    },
    Case {
        name: "headers that end the request skip the body callback",
        allow: true,
        guest: &[],
        steps: &["> headers end", "< headers end"],
        expect: &["request_headers 4 1", "response_headers 2 1", "log 0 0", "up  ended", "down 200  ended", "Answered"],
    },
    Case {
        name: "a denial in the body leaves nothing upstream and runs the response callbacks",
        allow: true,
        guest: &[("request_headers", PAUSE), ("request_body", DENY_AT_END)],
        steps: &["> headers", "> data abc", "> data def end", "< headers end"],
        expect: &[
            "request_headers 4 0", "request_body 3 0", "request_body 6 1", "response_headers 4 0", "response_body 5 1",
            "log 0 0", "up nothing", "down 403 hello x-seen local ended", "Answered",
        ],
    },
    Case {
        name: "a denial before the end of the body: the rest of the request goes nowhere",
        allow: true,
        guest: &[("request_headers", PAUSE), ("request_body", DENY)],
        steps: &["> headers", "> data abc", "> data def end"],
        expect: &[
            "request_headers 4 0", "request_body 3 0", "response_headers 4 0", "response_body 5 1",
            "log 0 0", "up nothing", "down 403 hello x-seen local ended", "Answered",
        ],
    },
    Case {
        name: "a denial stops iteration even when the callback returns Continue",
        allow: true,
        guest: &[("request_headers", "(call $deny) (i32.const 0)")],
        steps: &["> headers end", "< headers end"],
        expect: &[
            "request_headers 4 1", "response_headers 4 0", "response_body 5 1", "log 0 0",
            "up nothing", "down 403 hello x-seen local ended", "Answered",
        ],
    },
    Case {
        name: "headers that were let go are upstream when the body is denied",
        allow: true,
        guest: &[("request_body", DENY_AT_END)],
        steps: &["> headers", "> data abc end"],
        expect: &[
            "request_headers 4 0", "request_body 3 1", "response_headers 4 0", "response_body 5 1", "log 0 0",
            "up  early reset", "down 403 hello x-seen local ended", "Answered",
        ],
    },
    Case {
        name: "trailers hide the end of the body; the default trailers callback lets everything go",
        allow: true,
        guest: &[("request_headers", PAUSE), ("request_body", PAUSE_TO_END)],
        steps: &["> headers", "> data abc", "> trailers", "< headers", "< data xyz", "< trailers"],
        expect: &[
            "request_headers 4 0", "request_body 3 0", "request_trailers 1 0",
            "response_headers 2 0", "response_body 3 0", "response_trailers 1 0", "log 0 0",
            "up abc trailers ended", "down 200 xyz trailers ended", "Answered",
        ],
    },
    Case {
        name: "a denial in the trailers holds the body back",
        allow: true,
        guest: &[("request_headers", PAUSE), ("request_body", PAUSE), ("request_trailers", DENY)],
        steps: &["> headers", "> data abc", "> trailers"],
        expect: &[
            "request_headers 4 0", "request_body 3 0", "request_trailers 1 0", "response_headers 4 0",
            "response_body 5 1", "log 0 0", "up nothing", "down 403 hello x-seen local ended", "Answered",
        ],
    },
    Case {
        name: "a pause after a continue holds only what is left",
        allow: true,
        guest: &[("request_body", "(i32.ne (local.get $a) (i32.const 3))")],
        steps: &["> headers", "> data abc", "> data de", "> data f"],
        expect: &[
            "request_headers 4 0", "request_body 3 0", "request_body 2 0", "request_body 3 0", "log 0 0",
            "up abcdef early reset", "down 0  reset", "Sending",
        ],
    },
    Case {
        name: "a request over the limit is 413 and nothing leaves",
        allow: true,
        guest: &[("request_headers", PAUSE), ("request_body", PAUSE)],
        steps: &["> headers", "> data 0123456789", "> data 0123456789", "> data x end"],
        expect: &[
            "request_headers 4 0", "request_body 10 0", "request_body 20 0", "response_headers 3 0", "response_body 17 1", "log 0 0",
            "up nothing", "down 413 Payload Too Large local ended", "Answered",
        ],
    },
    Case {
        name: "a reply over the limit with its headers held is 500",
        allow: true,
        guest: &[("response_headers", PAUSE), ("response_body", PAUSE)],
        steps: &["> headers end", "< headers", "< data 0123456789", "< data 0123456789 end"],
        expect: &[
            "request_headers 4 1", "response_headers 2 0", "response_body 10 0", "log 0 0",
            "up  ended", "down 500 Internal Server Error local ended", "Answered",
        ],
    },
    Case {
        name: "a reply over the limit with its headers gone is cut",
        allow: true,
        guest: &[("response_body", PAUSE)],
        steps: &["> headers end", "< headers", "< data 0123456789", "< data 0123456789 end"],
        expect: &[
            "request_headers 4 1", "response_headers 2 0", "response_body 10 0", "log 0 0",
            "up  ended", "down 200  reset", "Reset",
        ],
    },
    Case {
        name: "a denial from the response callbacks with headers held goes out past the module",
        allow: true,
        guest: &[("response_headers", PAUSE), ("response_body", DENY)],
        steps: &["> headers end", "< headers", "< data xyz end"],
        expect: &[
            "request_headers 4 1", "response_headers 2 0", "response_body 3 1", "log 0 0",
            "up  ended", "down 403 hello x-seen local ended", "Answered",
        ],
    },
    Case {
        name: "a denial after the reply's headers have left cuts it",
        allow: true,
        guest: &[("response_body", DENY)],
        steps: &["> headers end", "< headers", "< data xyz end"],
        expect: &[
            "request_headers 4 1", "response_headers 2 0", "response_body 3 1", "log 0 0",
            "up  ended", "down 200  reset", "Reset",
        ],
    },
    Case {
        name: "a paused request is resumed from the tick",
        allow: true,
        guest: &[
            ("configure", "(drop (call $ticks (i32.const 100))) (i32.const 1)"),
            ("request_headers", PAUSE), ("request_body", PAUSE),
            ("tick", "(if (i32.eqz (call $effective (i32.const 2))) (then (drop (call $continue (i32.const 0)))))"),
        ],
        steps: &["> headers", "> data abc end", "tick", "< headers end"],
        expect: &[
            "request_headers 4 0", "request_body 3 1", "tick 0 0", "response_headers 2 1", "log 0 0",
            "up abc ended", "down 200  ended", "Answered",
        ],
    },
    Case {
        name: "a paused request is answered from the tick",
        allow: true,
        guest: &[
            ("configure", "(drop (call $ticks (i32.const 100))) (i32.const 1)"),
            ("request_headers", PAUSE), ("request_body", PAUSE),
            ("tick", "(if (i32.eqz (call $effective (i32.const 2))) (then (call $deny)))"),
        ],
        steps: &["> headers", "> data abc end", "tick"],
        expect: &[
            "request_headers 4 0", "request_body 3 1", "tick 0 0", "response_headers 4 0", "response_body 5 1",
            "log 0 0", "up nothing", "down 403 hello x-seen local ended", "Answered",
        ],
    },
    Case {
        name: "a client that left cannot be resumed",
        allow: true,
        guest: &[
            ("configure", "(drop (call $ticks (i32.const 100))) (i32.const 1)"),
            ("request_headers", PAUSE), ("request_body", PAUSE),
            ("tick", "(call $say (i32.const 304) (i32.const 5) (call $effective (i32.const 2)) (i32.const 0))"),
        ],
        steps: &["> headers", "> data abc end", "gone", "tick"],
        expect: &[
            "request_headers 4 0", "request_body 3 1", "log 0 0", "tick 0 0", "state 2 0",
            "up nothing", "down 0  reset", "Reset",
        ],
    },
    Case {
        name: "the module closes the stream",
        allow: true,
        guest: &[("request_headers", "(drop (call $close (i32.const 0))) (i32.const 1)")],
        steps: &["> headers", "> data abc end"],
        expect: &["request_headers 4 0", "log 0 0", "up nothing", "down 0  reset", "Reset"],
    },
    Case {
        name: "a trap in the request is 503, past the module, and the VM is dead",
        allow: true,
        guest: &[("request_headers", PAUSE), ("request_body", "unreachable")],
        steps: &["> headers", "> data abc end"],
        expect: &["request_headers 4 0", "request_body 3 1", "up nothing", "down 503  local ended", "Answered", "dead"],
    },
    Case {
        name: "a trap in the reply's body is 503 while the headers are held",
        allow: true,
        guest: &[("response_headers", PAUSE), ("response_body", "unreachable")],
        steps: &["> headers end", "< headers", "< data xyz end"],
        expect: &[
            "request_headers 4 1", "response_headers 2 0", "response_body 3 1", "up  ended",
            "down 503  local ended", "Answered", "dead",
        ],
    },
    Case {
        name: "a trap in the reply's body cuts it once the headers have left",
        allow: true,
        guest: &[("response_body", "unreachable")],
        steps: &["> headers end", "< headers", "< data xyz end"],
        expect: &[
            "request_headers 4 1", "response_headers 2 0", "response_body 3 1", "up  ended",
            "down 200  reset", "Reset", "dead",
        ],
    },
    Case {
        name: "an endless loop is a trap",
        allow: true,
        guest: &[("request_headers", "(loop $l (br $l)) (i32.const 0)")],
        steps: &["> headers end"],
        expect: &["request_headers 4 1", "up nothing", "down 503  local ended", "Answered", "dead"],
    },
    Case {
        name: "no upstream: Envoy answers through the module",
        allow: true,
        guest: &[],
        steps: &["> headers end", "< unreachable"],
        expect: &[
            "request_headers 4 1", "response_headers 3 0", "response_body 19 1", "log 0 0", "up nothing",
            "down 503 no healthy upstream local ended", "Answered",
        ],
    },
    Case {
        name: "an upstream that resets after its headers cuts the reply",
        allow: true,
        guest: &[],
        steps: &["> headers end", "< headers", "< data abc", "< reset"],
        expect: &[
            "request_headers 4 1", "response_headers 2 0", "response_body 3 0", "log 0 0", "up  ended reset",
            "down 200 abc reset", "Reset",
        ],
    },
    Case {
        name: "headers let go are out of reach: reading one is BadArgument",
        allow: true,
        guest: &[(
            "request_body",
            "(call $say (i32.const 304) (i32.const 5)
               (call $get_header (i32.const 0) (i32.const 352) (i32.const 5) (i32.const 200) (i32.const 204)) (i32.const 0))
             (i32.const 0)",
        )],
        steps: &["> headers", "> data abc end"],
        expect: &[
            "request_headers 4 0", "request_body 3 1", "state 2 0", "log 0 0", "up abc early ended reset",
            "down 0  reset", "Waiting",
        ],
    },
    Case {
        name: "replacing the whole body, start and size as the SDK sends them",
        allow: true,
        guest: &[
            ("request_headers", PAUSE),
            ("request_body", "(drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 256) (i32.const 5))) (i32.const 0)"),
            ("response_headers", "(drop (call $remove_header (i32.const 2) (i32.const 272) (i32.const 14))) (i32.const 0)"),
            ("response_body", "(drop (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 256) (i32.const 5))) (i32.const 0)"),
        ],
        steps: &["> headers", "> data abc end", "< headers", "< data uvwxyz end"],
        expect: &[
            "request_headers 4 0", "request_body 3 1", "response_headers 2 0", "response_body 6 1", "log 0 0",
            "up hello ended", "down 200 hellowxyz ended", "Answered",
        ],
    },
    Case {
        name: "prepend, append, and the middle, which Envoy refuses",
        allow: true,
        guest: &[(
            "request_body",
            "(drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256) (i32.const 1)))
             (drop (call $set_buffer (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 256) (i32.const 2)))
             (call $say (i32.const 304) (i32.const 5)
               (call $set_buffer (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 256) (i32.const 5)) (i32.const 0))
             (i32.const 0)",
        )],
        steps: &["> headers", "> data abc end"],
        expect: &[
            "request_headers 4 0", "request_body 3 1", "state 2 0", "log 0 0", "up habche early ended reset",
            "down 0  reset", "Waiting",
        ],
    },
];

#[test]
fn streams_behave_as_in_envoy() {
    let mut wrong = Vec::new();
    for case in CASES {
        let options = VmOptions {
            allow_on_headers_stop_iteration: case.allow,
            buffer_limit: 16,
            fuel_per_call: 1_000_000,
            ..VmOptions::default()
        };
        let vm = start(case.guest, options);
        let stream = vm.stream();
        for step in case.steps {
            play(&vm, &stream, step);
        }
        let got = transcript(&vm, stream);
        if got != case.expect {
            wrong.push(format!(
                "{}\n  expected {:#?}\n  got {got:#?}",
                case.name, case.expect
            ));
        }
        if !vm.panicked() {
            assert_eq!(vm.open_streams(), 0, "{}: a context leaked", case.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

const DEAD: &[(&str, &str)] = &[("request_headers", "unreachable")];

#[test]
fn a_dead_vm_answers_503_without_calling_the_module() {
    let vm = start(DEAD, VmOptions::default());
    let first = vm.exchange(&Message::get("/"), Upstream::Silent);
    assert!(first.panicked && first.trap.is_some());
    let second = vm.exchange(&Message::get("/"), Upstream::Silent);
    assert_eq!(second.downstream.status, 503);
    assert_eq!(second.downstream.details, "wasm_fail_stream");
    assert!(second.upstream.is_none() && second.logs.is_empty());
}

#[test]
fn shared_data_is_one_store_with_envoys_cas() {
    let store = SharedData::new();
    assert!(
        store.set("a", b"k", b"1", u32::MAX),
        "an impossible cas creates"
    );
    assert!(
        !store.set("a", b"k", b"2", u32::MAX),
        "and does not overwrite"
    );
    let (value, cas) = store.get("a", b"k").expect("the key is there");
    assert_eq!(value, b"1");
    assert!(
        store.clone().set("a", b"k", b"2", cas),
        "the right cas writes"
    );
    assert!(!store.set("a", b"k", b"3", cas), "once");
    assert!(store.set("a", b"k", b"4", 0), "no cas writes always");
    assert_eq!(store.get("b", b"k"), None, "vm_ids do not mix");
    assert_eq!(store.keys("a"), [b"k".to_vec()]);
}

const SHARE: &[(&str, &str)] = &[(
    "request_headers",
    "(call $say (i32.const 304) (i32.const 5)
       (call $set_shared (i32.const 304) (i32.const 5) (i32.const 256) (i32.const 5) (i32.const -1)) (i32.const 0))
     (i32.const 0)",
)];

#[test]
fn workers_share_data_and_faults_reach_every_call() {
    let shared = SharedData::new();
    let options = || VmOptions {
        shared: shared.clone(),
        ..VmOptions::default()
    };
    let (one, two) = (start(SHARE, options()), start(SHARE, options()));
    let said = |vm: &Vm| {
        let done = vm.exchange(&Message::get("/"), Upstream::Silent);
        done.logs
            .iter()
            .find_map(|l| l.message.strip_prefix("state ").map(str::to_owned))
    };
    assert_eq!(said(&one).as_deref(), Some("0 0"));
    assert_eq!(
        said(&two).as_deref(),
        Some("8 0"),
        "the other worker was first"
    );
    two.faults().fail(
        "proxy_set_shared_data",
        When::From(2),
        Status::InternalFailure,
    );
    assert_eq!(said(&two).as_deref(), Some("10 0"));
    assert_eq!(two.faults().calls("proxy_set_shared_data"), 2);
    two.faults().trap("proxy_set_shared_data", When::Nth(3));
    two.faults().clear();
    two.faults().trap("proxy_log", When::Always);
    assert_eq!(said(&two), None);
    assert!(two.panicked());
}

/// Accepts a configuration of 6 bytes, rejects 3, traps on others.
const PICKY: &[(&str, &str)] = &[(
    "configure",
    "(if (i32.gt_u (local.get $a) (i32.const 6)) (then unreachable)) (i32.ge_u (local.get $a) (i32.const 6))",
)];

#[test]
fn a_bad_update_leaves_the_last_good_configuration() {
    let wasm = wat::parse_str(guest(PICKY)).expect("valid wat");
    let module = Module::from_bytes(&wasm).expect("loads");
    let fresh = Vm::start(&module, VmOptions::default()).expect("starts");
    assert!(!fresh.configure(b"bad").expect("runs"));
    assert!(Vm::configured(&module, VmOptions::default(), b"traps on it").is_err());

    let vm = start(PICKY, VmOptions::default());
    let held = vm.stream();
    held.request_headers(Message::request("POST", "/").headers, false);
    for (text, accepted) in [("bad", false), ("traps on it", false), ("second", true)] {
        assert_eq!(
            vm.configure(text.as_bytes()).expect("runs"),
            accepted,
            "{text}"
        );
        assert!(!vm.panicked(), "{text}: the live VM must survive");
    }
    held.request_data("x", true);
    held.answer(Message::response(200, "text/plain", "ok"));
    assert_eq!(
        held.done().outcome,
        Outcome::Answered,
        "streams of the old configuration finish"
    );
}

/// Calls out from the request headers; the answer resumes.
const CALLS: &[(&str, &str)] = &[
    (
        "request_headers",
        "(call $say (i32.const 304) (i32.const 5)
           (call $http_call (i32.const 320) (i32.const 7) (i32.const 544) (i32.const 61) (i32.const 256) (i32.const 5)
                            (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 200)) (i32.load (i32.const 200)))
         (i32.const 1)",
    ),
    (
        "http_call_response",
        "(drop (call $effective (i32.const 2))) (drop (call $continue (i32.const 0)))",
    ),
];

#[test]
fn callouts_are_recorded_and_answered() {
    let with = |responder| VmOptions {
        clusters: ["cluster".to_owned()].into(),
        responder,
        ..VmOptions::default()
    };
    let vm = start(CALLS, with(None));
    let stream = vm.stream();
    stream.request_headers(Message::request("GET", "/").headers, true);
    assert_eq!(stream.outcome(), Outcome::Hung);
    let [callout] = <[_; 1]>::try_from(vm.callouts()).expect("one callout");
    assert_eq!(
        (callout.cluster.as_str(), callout.timeout_millis),
        ("cluster", 1000)
    );
    let answer = Answer::Http {
        headers: Headers::from([(":status", "200")]),
        body: vec![],
        trailers: Headers::new(),
    };
    assert!(vm.answer(callout.token, answer.clone()));
    assert!(!vm.answer(callout.token, Answer::Failed), "once");
    assert_eq!(stream.outcome(), Outcome::Waiting);

    let vm = start(CALLS, with(Some(Arc::new(move |_| Some(answer.clone())))));
    let done = vm.exchange(
        &Message::get("/"),
        Message::response(200, "text/plain", "ok"),
    );
    assert!(done.forwarded());

    let vm = start(CALLS, VmOptions::default());
    let done = vm.exchange(&Message::get("/"), Upstream::Silent);
    assert_eq!(done.outcome, Outcome::Hung);
    assert!(
        done.logs.iter().any(|l| l.message == "state 2 0"),
        "an unknown cluster is BadArgument"
    );
}

/// Sets filter state in `on_log`, counts requests, reads a property.
const OBSERVED: &[(&str, &str)] = &[
    (
        "configure",
        "(drop (call $define (i32.const 0) (i32.const 304) (i32.const 5) (i32.const 128))) (i32.const 1)",
    ),
    (
        "request_headers",
        "(drop (call $increment (i32.load (i32.const 128)) (i64.const 1)))
         (drop (call $get_property (i32.const 336) (i32.const 12) (i32.const 200) (i32.const 204)))
         (drop (call $log (i32.const 3) (i32.load (i32.const 200)) (i32.load (i32.const 204))))
         (drop (call $now (i32.const 200)))
         (drop (call $log (i32.const 1) (i32.const 200) (i32.const 8)))
         (i32.const 0)",
    ),
    (
        "log",
        "(drop (call $set_property (i32.const 304) (i32.const 5) (i32.const 256) (i32.const 5)))",
    ),
];

#[test]
fn filter_state_metrics_properties_and_time_are_visible() {
    let vm = start(OBSERVED, VmOptions::default());
    let reply = Message::response(200, "text/plain", "ok");
    for (n, path) in [(1, "/a?b"), (2, "/c")] {
        let done = vm.exchange(&Message::get(path), reply.clone());
        assert_eq!(done.state_text("state").as_deref(), Some("hello"));
        assert_eq!(done.metrics.counter("state"), Some(n));
        let warned: Vec<_> = done
            .logs
            .iter()
            .filter(|l| l.level == Level::Warn)
            .collect();
        assert_eq!(warned.first().map(|l| l.message.as_str()), Some(path));
        done.check().expect("lengths match");
    }
    let own = Message::get("/").property(&["request", "path"], "/other");
    let done = vm.exchange(&own, reply);
    assert!(done.logs.iter().any(|l| l.message == "/other"));
    vm.clock().advance(Duration::from_secs(60));
    assert_eq!(
        vm.clock().nanos(),
        host_tests::host::START_NANOS + 60_000_000_000
    );
    assert!(vm.fuel_used() > 0 && vm.memory_bytes() >= 4 * 65536);
}

#[test]
fn a_wrong_content_length_is_found() {
    let vm = start(&[], VmOptions::default());
    let short = Message::response(200, "text/plain", "ok").with("content-length", "1");
    let done = vm.exchange(&Message::get("/"), short);
    let error = done.check().expect_err("two bytes under a length of one");
    assert_eq!(
        error,
        "downstream: content-length is `1` but the body has 2 bytes"
    );
}

#[test]
fn a_module_that_is_not_for_envoy_does_not_load() {
    for text in [
        "(module)",
        r#"(module (import "env" "proxy_unheard_of" (func)) (func (export "proxy_abi_version_0_2_1")))"#,
    ] {
        let wasm = wat::parse_str(text).expect("valid wat");
        assert!(Module::from_bytes(&wasm).is_err(), "{text}");
    }
}
