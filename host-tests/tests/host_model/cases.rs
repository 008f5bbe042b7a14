//! What streams do, case by case. Measured on Envoy 1.40, or read in its source.

use super::script::Case;

pub const PAUSE: &str = "(i32.const 1)";
const PAUSE_TO_END: &str = "(i32.eqz (local.get $b))";
const DENY: &str = "(call $deny) (i32.const 1)";
const DENY_AT_END: &str = "(if (local.get $b) (then (call $deny))) (i32.const 1)";

pub const CASES: &[Case] = &[
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
