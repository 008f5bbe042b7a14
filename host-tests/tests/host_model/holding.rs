//! What holding a request depends on, each case on the model and in a real Envoy: one guest, one script, one expectation.
//!
//! Guests keep the held stream's id at address 128, the first root's at 116 and the newest root's at 120.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use toolgate_host::{Level, Message, Module, Stream, Vm, VmOptions};
use toolgate_rig::envoy::{Config, Envoy, Options};
use toolgate_rig::wire::http1::{self, Parsed};
use toolgate_rig::wire::{Mark, Reply, Upstream};

use super::guest::guest;

struct Case {
    name: &'static str,
    guest: &'static [(&'static str, &'static str)],
    steps: &'static [Step],
    expect: &'static [&'static str],
}

enum Step {
    /// A whole POST with this body arrives.
    Send(&'static str),
    /// The root's tick runs, at least once.
    Tick,
    /// Another configuration is accepted.
    Update,
    /// The client closes its connection.
    Gone,
}

pub const CONFIGURE: &str = "(drop (call $ticks (i32.const 50)))
    (if (i32.eqz (i32.load (i32.const 116))) (then (i32.store (i32.const 116) (local.get $id))))
    (i32.store (i32.const 120) (local.get $id)) (i32.const 1)";
const PAUSE: &str = "(i32.const 1)";
pub const HOLD: &str = "(if (local.get $b) (then (i32.store (i32.const 128) (local.get $id))
    (i32.store (i32.const 132) (local.get $id)))) (i32.const 1)";

/// Says which of `log`, `done` and `delete` ran for the stream that was held.
const DONE: &str = "(if (i32.eq (local.get $id) (i32.load (i32.const 132)))
    (then (call $say (i32.const 1408) (i32.const 4) (i32.const 0) (i32.const 0)))) (i32.const 1)";
const DELETE: &str = "(if (i32.eq (local.get $id) (i32.load (i32.const 132)))
    (then (call $say (i32.const 1440) (i32.const 6) (i32.const 0) (i32.const 0))))";

macro_rules! once_held {
    ($body:literal) => {
        concat!(
            "(if (i32.load (i32.const 128)) (then ",
            $body,
            " (i32.store (i32.const 128) (i32.const 0))))"
        )
    };
}

const CASES: &[Case] = &[
    Case {
        name: "the body of a held request can be read again from the tick, and goes on unchanged",
        guest: &[
            ("configure", CONFIGURE), ("request_headers", PAUSE), ("request_body", HOLD), ("done", DONE), ("delete", DELETE),
            ("tick", once_held!("(call $say (i32.const 304) (i32.const 5) (call $effective (i32.load (i32.const 128)))
                (call $get_buffer (i32.const 0) (i32.const 0) (i32.const 2147483647) (i32.const 200) (i32.const 204)))
                (drop (call $log (i32.const 2) (i32.load (i32.const 200)) (i32.load (i32.const 204))))
                (drop (call $continue (i32.const 0)))")),
        ],
        steps: &[Step::Send("abcdef"), Step::Tick],
        expect: &[
            "state 0 0", "abcdef", 
            "log 0 0", "done 0 0", "delete 0 0", "up abcdef", "down 200 ok",
        ],
    },
    Case {
        name: "headers and body of a held request can be changed from the tick",
        guest: &[
            ("configure", CONFIGURE), ("request_headers", PAUSE), ("request_body", HOLD),
            ("tick", once_held!("(call $say (i32.const 304) (i32.const 5) (call $effective (i32.load (i32.const 128)))
                (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 6) (i32.const 256) (i32.const 5)))
                (call $say (i32.const 304) (i32.const 5)
                (call $set_header (i32.const 0) (i32.const 272) (i32.const 14) (i32.const 368) (i32.const 1))
                (call $continue (i32.const 0)))")),
        ],
        steps: &[Step::Send("abcdef"), Step::Tick],
        expect: &[
            "state 0 0", "state 0 0", 
            "log 0 0", "up hello", "down 200 ok",
        ],
    },
    Case {
        name: "a held request is answered from the tick and nothing goes upstream",
        guest: &[
            ("configure", CONFIGURE), ("request_headers", PAUSE), ("request_body", HOLD), ("done", DONE), ("delete", DELETE),
            ("tick", once_held!("(call $say (i32.const 304) (i32.const 5) (call $effective (i32.load (i32.const 128)))
                (i32.const 0)) (call $deny)")),
        ],
        steps: &[Step::Send("abcdef"), Step::Tick],
        expect: &[
            "state 0 0", 
            "log 0 0", "done 0 0", "delete 0 0", "up nothing", "down 403 hello",
        ],
    },
    Case {
        name: "a client that leaves ends the held stream, whose context is gone with it",
        guest: &[
            ("configure", CONFIGURE), ("request_headers", PAUSE), ("request_body", HOLD), ("done", DONE), ("delete",
                "(if (i32.eq (local.get $id) (i32.load (i32.const 132))) (then
                (call $say (i32.const 1440) (i32.const 6) (i32.const 0) (i32.const 0))
                (i32.store (i32.const 136) (i32.const 1))))"),
            ("tick", "(if (i32.load (i32.const 136)) (then (i32.store (i32.const 136) (i32.const 0))
                (call $say (i32.const 304) (i32.const 5) (call $effective (i32.load (i32.const 128))) (i32.const 0))))"),
        ],
        steps: &[Step::Send("abcdef"), Step::Tick, Step::Gone, Step::Tick],
        expect: &[
            "log 0 0", "done 0 0", "delete 0 0", "state 2 0", "up nothing",
            "down 0 ",
        ],
    },
    Case {
        name: "the root of an old configuration ticks on while its streams are open",
        guest: &[
            ("configure", CONFIGURE), ("request_headers", PAUSE), ("request_body", HOLD),
            ("tick", "(if (i32.and (i32.ne (i32.load (i32.const 116)) (i32.load (i32.const 120)))
                (i32.eq (local.get $id) (i32.load (i32.const 116)))) (then
                (if (i32.load (i32.const 128)) (then
                (call $say (i32.const 304) (i32.const 5) (call $effective (i32.load (i32.const 128)))
                (call $continue (i32.const 0))) (i32.store (i32.const 128) (i32.const 0))))))"),
        ],
        steps: &[Step::Send("abcdef"), Step::Update, Step::Tick],
        expect: &[
            "state 0 0", "log 0 0",
            "up abcdef", "down 200 ok",
        ],
    },
    Case {
        name: "the root of a new configuration can release a stream of the old one",
        guest: &[
            ("configure", CONFIGURE), ("request_headers", PAUSE), ("request_body", HOLD),
            ("tick", "(if (i32.and (i32.ne (i32.load (i32.const 116)) (i32.load (i32.const 120)))
                (i32.eq (local.get $id) (i32.load (i32.const 120)))) (then
                (if (i32.load (i32.const 128)) (then
                (call $say (i32.const 304) (i32.const 5) (call $effective (i32.load (i32.const 128)))
                (call $continue (i32.const 0))) (i32.store (i32.const 128) (i32.const 0))))))"),
        ],
        steps: &[Step::Send("abcdef"), Step::Update, Step::Tick],
        expect: &[
            "state 0 0", "log 0 0",
            "up abcdef", "down 200 ok",
        ],
    },
];

/// An upstream's answer, and a client's whole request.
const OK: &str = "ok";

fn on_the_model(case: &Case, wasm: &Path) -> Vec<String> {
    let module = Module::from_file(wasm).expect("the guest loads");
    let vm = Vm::configured(&module, VmOptions::default(), b"one").expect("configured");
    let stream = vm.stream();
    let answer = |stream: &Stream| {
        if stream.upstream().is_some_and(|sent| sent.ended) {
            stream.answer(Message::response(200, "text/plain", OK));
        }
    };
    for step in case.steps {
        match step {
            Step::Send(body) => drop(stream.send(&Message::post("/mcp", *body))),
            Step::Tick => drop(vm.tick()),
            Step::Update => assert!(vm.configure(b"two").expect("runs"), "{}", case.name),
            Step::Gone => drop(stream.disconnect()),
        }
        answer(&stream);
    }
    let snapshot = stream.snapshot();
    let logs = vm.logs();
    let said = logs.iter().filter(|line| line.level == Level::Info);
    let up = snapshot.upstream.map(|sent| sent.body);
    let down = &snapshot.downstream;
    transcript(
        said.map(|line| line.message.clone()),
        up,
        down.status,
        &down.text(),
    )
}

/// A guest in a real Envoy, and an upstream behind it.
pub struct Real {
    pub envoy: Envoy,
    pub upstream: Upstream,
    pub began: Mark,
    config: Config,
    client: Option<TcpStream>,
}

impl Real {
    /// Starts both; the upstream answers this.
    pub fn start(wasm: &Path, change: &[(&str, &str)], reply: &str) -> Real {
        let upstream = Upstream::start().unwrap();
        upstream.script(Some(Reply::json(reply)));
        let address = format!("127.0.0.1:{}", upstream.port()).parse().unwrap();
        let mut config = Config::ecds()
            .unwrap()
            .wasm(wasm)
            .unwrap()
            .upstream(address)
            .unwrap();
        for (from, to) in change {
            config = config.replace(from, to).unwrap();
        }
        let envoy = Envoy::start(config.clone(), &Options::default()).unwrap();
        let began = upstream.mark();
        Real {
            envoy,
            upstream,
            began,
            config,
            client: None,
        }
    }

    /// Waits until Envoy's log holds `text` more often than `before`.
    pub fn wait_for(&self, text: &str, before: usize) {
        let began = Instant::now();
        while self.count(text) <= before {
            assert!(
                began.elapsed() < PATIENCE,
                "no `{text}`: {}",
                self.envoy.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn count(&self, text: &str) -> usize {
        self.envoy.log().matches(text).count()
    }

    pub fn send(&mut self, body: &str) {
        let mut client = TcpStream::connect(self.envoy.address()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let seen = self.count(": request_body ");
        let length = body.len();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(body.as_bytes()).unwrap();
        self.client = Some(client);
        self.wait_for(": request_body ", seen);
    }

    pub fn answer(&mut self) -> (u16, String) {
        let Some(mut client) = self.client.take() else {
            return (0, String::new());
        };
        let mut bytes = Vec::new();
        loop {
            if let Parsed::Whole(reply, _) = http1::response(&bytes, false, false) {
                return (
                    reply.status(),
                    String::from_utf8_lossy(&reply.body).into_owned(),
                );
            }
            let mut piece = [0; 4096];
            match client.read(&mut piece) {
                Ok(0) | Err(_) => return (0, String::new()),
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
            }
        }
    }

    pub fn said(&self) -> Vec<String> {
        let log = self.envoy.log();
        let lines = log.lines().filter(|line| line.contains("[wasm]"));
        let said = |line: &str| {
            Some(
                line.split_once("wasm log ")?
                    .1
                    .split_once(": ")?
                    .1
                    .to_owned(),
            )
        };
        lines.filter_map(said).collect()
    }
}

/// How long anything may take on a machine that does a lot besides.
pub const PATIENCE: Duration = Duration::from_secs(60);

fn in_envoy(case: &Case, wasm: &Path) -> Vec<String> {
    let mut real = Real::start(wasm, &[], OK);
    for step in case.steps {
        match step {
            Step::Send(body) => real.send(body),
            // The one that was under way when it was asked for does not count.
            Step::Tick => (0..2).for_each(|_| real.wait_for(": tick ", real.count(": tick "))),
            Step::Update => {
                let accepted = || {
                    real.envoy
                        .stats("extension_config_discovery.http_filter.toolgate.update_success")
                        .unwrap()
                };
                let before = accepted();
                let next = real.config.clone().policy_json("two").unwrap();
                real.envoy.publish(next.filter().unwrap()).unwrap();
                let began = Instant::now();
                while accepted() == before {
                    assert!(began.elapsed() < PATIENCE, "{}", real.envoy.log());
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            Step::Gone => {
                real.client = None;
                real.wait_for(": delete ", 0);
            }
        }
    }
    let (status, body) = real.answer();
    real.wait_for(": log ", 0);
    let began = Instant::now();
    loop {
        let mark = real.upstream.seen(real.began, None);
        assert!(mark.loose.is_empty(), "{}: {:?}", case.name, mark.loose);
        let up = mark.requests.into_iter().next().map(|request| request.body);
        let got = transcript(real.said().into_iter(), up, status, &body);
        // What comes after the answer is written down when it comes.
        if got == case.expect || began.elapsed() > PATIENCE {
            return got;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What both write down. Which callbacks brought the messages in and out, and ticks, are not what this is about.
fn transcript(
    said: impl Iterator<Item = String>,
    up: Option<Vec<u8>>,
    status: u16,
    body: &str,
) -> Vec<String> {
    let passing = |line: &String| {
        !["tick ", "request_", "response_"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let mut out: Vec<String> = said.filter(passing).collect();
    let up = up.map_or("nothing".to_owned(), |body| {
        String::from_utf8_lossy(&body).into_owned()
    });
    out.push(format!("up {up}"));
    out.push(format!("down {status} {body}"));
    out
}

/// Runs every case, and says what differs.
fn check(host: &str, run: fn(&Case, &Path) -> Vec<String>) {
    let mut wrong = Vec::new();
    for (index, case) in CASES.iter().enumerate() {
        let wasm = guest_file(&format!("{host}-{index}"), case);
        let got = run(case, &wasm);
        if got != case.expect {
            wrong.push(format!(
                "{}\n  expected {:#?}\n  got {got:#?}",
                case.name, case.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn guest_file(name: &str, case: &Case) -> PathBuf {
    let wasm = wat::parse_str(guest(case.guest)).expect("the guest's wat is valid");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("holding-{name}.wasm"));
    std::fs::write(&path, wasm).expect("the guest can be written");
    path
}

#[test]
fn the_model_holds() {
    check("model", on_the_model);
}

#[test]
fn envoy_holds() {
    check("envoy", in_envoy);
}

const RELEASES: &str = "(if (i32.load (i32.const 128)) (then
    (i32.store (i32.const 140) (i32.add (i32.const 1) (i32.load (i32.const 140))))
    (if (i32.gt_u (i32.load (i32.const 140)) (i32.const 30)) (then
    (drop (call $effective (i32.load (i32.const 128)))) (drop (call $continue (i32.const 0)))
    (i32.store (i32.const 128) (i32.const 0))))))";

/// A guest that releases what it holds after 30 ticks, which are 1.5 s.
const PATIENT: Case = Case {
    name: "released after 1.5 s",
    guest: &[
        ("configure", CONFIGURE),
        ("request_headers", PAUSE),
        ("request_body", HOLD),
        ("tick", RELEASES),
        ("delete", DELETE),
    ],
    steps: &[],
    expect: &[],
};

#[test]
fn only_the_idle_timeout_of_the_stream_ends_a_hold() {
    let wasm = guest_file("timeouts", &PATIENT);
    let request = ("request_timeout: 60s", "request_timeout: 1s");
    let idle = ("stream_idle_timeout: 300s", "stream_idle_timeout: 1s");
    // The request timeout runs until the request is complete. The idle timeout does not know that somebody waits.
    for (change, expected) in [(request, (200, OK)), (idle, (504, "stream timeout"))] {
        let mut real = Real::start(&wasm, &[change], OK);
        real.send("abcdef");
        let (status, body) = real.answer();
        assert_eq!((status, &*body), expected, "{change:?}");
    }
}

/// A guest that never releases what it holds.
const ENDLESS: Case = Case {
    name: "never released",
    guest: &[
        ("configure", CONFIGURE),
        ("request_headers", PAUSE),
        ("request_body", HOLD),
        ("delete", DELETE),
    ],
    steps: &[],
    expect: &[],
};

#[test]
fn a_client_that_will_send_no_more_counts_as_gone() {
    let wasm = guest_file("half-closed", &ENDLESS);
    let mut real = Real::start(&wasm, &[], OK);
    real.send("abcdef");
    let client = real.client.as_ref().expect("a client");
    client.shutdown(Shutdown::Write).expect("half closed");
    real.wait_for(": delete ", 0);
    assert_eq!(real.answer(), (0, String::new()));
    assert!(real.upstream.seen(real.began, None).requests.is_empty());
}

/// Says at its start what its filter is called.
const NAMED: Case = Case {
    name: "a root knows the name of its filter",
    guest: &[(
        "configure",
        "(if (i32.eqz (call $get_property (i32.const 376) (i32.const 11) (i32.const 200) (i32.const 204)))
            (then (drop (call $log (i32.const 2) (i32.load (i32.const 200)) (i32.load (i32.const 204))))))
         (i32.const 1)",
    )],
    steps: &[],
    expect: &[],
};

#[test]
fn a_root_knows_the_name_of_its_filter() {
    let wasm = guest_file("named", &NAMED);
    let mut options = VmOptions::default();
    options.properties.set(&["plugin_name"], "toolgate");
    let module = Module::from_file(&wasm).expect("the guest loads");
    let vm = Vm::configured(&module, options, b"one").expect("configured");
    assert_eq!(vm.logs()[0].message, "toolgate");

    let other = ("      name: toolgate\n", "      name: another\n");
    for (change, name) in [(&[][..], "toolgate"), (&[other][..], "another")] {
        let real = Real::start(&wasm, change, OK);
        let said = real.said();
        assert!(said.contains(&name.to_owned()), "{name}: {said:?}");
    }
}
