//! Everything at random: workers, callers, people, clocks and configurations over one store.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use toolgate_engine::approvals::{self, Approver, State};
use toolgate_engine::control;

use toolgate_checks::Random;

use crate::common::at;
use crate::rig::{Call, Got, Request, Rig, config as config_of, gate, pay};

/// What a call is, so that its approval can be told from others.
type Asked = (String, u64, usize);

/// A call that is held.
struct Held {
    call: Call,
    what: Asked,
    cancelled: bool,
}

const CONFIGS: [&str; 3] = ["one", "two", "three"];

fn more(config: usize) -> Value {
    json!({
        "description": CONFIGS[config],
        "approvals": {"max_pending": 12},
        "tools": {"pay": {"approval": {"timeout": "90s", "hold": "30s"}, "limits":
            [{"counter": "paid", "max": 1_000_000, "window": "day"}]}},
    })
}

/// A world and what a model knows of it.
struct World {
    rig: Rig,
    random: Random,
    config: usize,
    /// Of each configuration.
    digests: [String; 3],
    held: Vec<Held>,
    /// Approvals by id that a person gave: for what, and until when.
    approved: BTreeMap<String, (Asked, u64)>,
    /// Approvals that have released a call.
    released: BTreeSet<String>,
    /// Calls that were forwarded.
    forwarded: u64,
    stopped: bool,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64) -> World {
        World {
            rig: Rig::new(&more(0)),
            random: Random::new(seed),
            config: 0,
            digests: [0, 1, 2].map(|config| gate(&config_of(&more(config))).digest),
            held: Vec::new(),
            approved: BTreeMap::new(),
            released: BTreeSet::new(),
            forwarded: 0,
            stopped: false,
            log: Vec::new(),
        }
    }

    fn step(&mut self) {
        match self.random.below(16) {
            0..=3 => self.call(),
            4..=7 => self.tick(),
            8..=9 => self.decide(true),
            10 => self.decide(false),
            11 => self.cancel(),
            12 => self.hang_up(),
            13 => self.rig.now += self.random.below(40) as u64,
            14 => match self.random.below(4) {
                0 => self.rig.now = self.rig.now.saturating_sub(self.random.below(30) as u64),
                _ => self.toggle_stop(),
            },
            _ => self.reconfigure(),
        }
    }

    fn note(&mut self, what: String) {
        self.log.push(format!("{:>4} {what}", self.rig.now));
    }

    fn call(&mut self) {
        let caller = ["ana", "bea"][self.random.below(2)];
        let amount = self.random.below(3) as u64;
        let id = self.random.below(4) as u64;
        let what = (caller.to_owned(), amount, self.config);
        let (call, got) = self.rig.send(Request::new(caller, &pay(id, amount)));
        self.note(format!("call {what:?}: {got:?}"));
        match got {
            Got::Held => self.held.push(Held {
                call,
                what,
                cancelled: false,
            }),
            Got::Forwarded(None) => self.released_by(&call, &what, false),
            Got::Answered(200, _) => {}
            other => panic!("{other:?}\n{}", self.log.join("\n")),
        }
    }

    fn tick(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let index = self.random.below(self.held.len());
        let mut held = self.held.swap_remove(index);
        let got = self.rig.tick(&mut held.call);
        self.note(format!("tick {:?}: {got:?}", held.what));
        match got {
            Got::Waits | Got::Held => {
                held.what.2 = self.config;
                self.held.push(held);
            }
            Got::Forwarded(None) => {
                let what = (held.what.0.clone(), held.what.1, self.config);
                self.released_by(&held.call, &what, held.cancelled);
            }
            Got::Answered(status, _) => assert!(matches!(status, 200 | 202), "{status}"),
            other => panic!("{other:?}"),
        }
    }

    /// A call was forwarded: by an approval that a person gave for it, in time, and that released nothing before.
    fn released_by(&mut self, call: &Call, what: &Asked, cancelled: bool) {
        let log = || self.log.join("\n");
        let record = call.exchange.records().last().expect("a record");
        assert_eq!(record.decision.word(), "approve", "{}", log());
        let notice = record.approval.as_ref().expect("an approval");
        let (asked, expires) = self.approved.get(&notice.id).unwrap_or_else(|| {
            panic!("{} was not approved\n{}", notice.id, log());
        });
        assert_eq!(asked, what, "{}", log());
        assert!(self.rig.now < *expires, "{}", log());
        assert!(!self.stopped && !cancelled, "{}", log());
        assert!(self.released.insert(notice.id.clone()), "twice\n{}", log());
        self.forwarded += 1;
    }

    fn decide(&mut self, yes: bool) {
        let now = at(self.rig.now);
        let open = self.rig.questions(State::Pending);
        if open.is_empty() {
            return;
        }
        let question = open[self.random.below(open.len())].clone();
        let by = Approver {
            id: "bob",
            groups: &[],
            own: &[],
        };
        let decided = approvals::decide(&mut self.rig.store, now, &question.id, yes, &by, "");
        self.note(format!("{} {yes}: {:?}", question.id, decided.is_ok()));
        if decided.is_ok() && yes {
            let amount: Value = serde_json::from_str(&question.arguments).expect("arguments");
            let amount = amount["amount"].as_u64().expect("an amount");
            let config = self
                .digests
                .iter()
                .position(|digest| *digest == question.digest);
            let config = config.expect("a configuration");
            let expires = u64::try_from(question.expires - at(0).seconds()).expect("later");
            self.approved
                .insert(question.id, ((question.principal, amount, config), expires));
        }
    }

    fn cancel(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let index = self.random.below(self.held.len());
        let (caller, id) = {
            let held = &self.held[index];
            let body: Value = serde_json::from_slice(&held.call.request.body).expect("JSON");
            (held.what.0.clone(), body["id"].clone())
        };
        // Without sessions an id names every call of this caller under it.
        for held in &mut self.held {
            let body: Value = serde_json::from_slice(&held.call.request.body).expect("JSON");
            held.cancelled |= held.what.0 == caller && body["id"] == id;
        }
        let body = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        let (_, got) = self.rig.send(Request::new(&caller, &body));
        self.note(format!("cancel {caller} {id}"));
        assert_eq!(got, Got::Forwarded(None));
    }

    fn hang_up(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let index = self.random.below(self.held.len());
        let mut held = self.held.swap_remove(index);
        assert!(self.rig.with(|cx| held.call.exchange.abandoned(cx)));
        self.note(format!("hang up {:?}", held.what));
    }

    fn toggle_stop(&mut self) {
        self.stopped = !self.stopped;
        if self.stopped {
            control::stop(&mut self.rig.store, at(self.rig.now), "bob", "").expect("it works");
        } else {
            control::resume(&mut self.rig.store).expect("it works");
        }
        self.note(format!("stopped: {}", self.stopped));
    }

    fn reconfigure(&mut self) {
        self.config = self.random.below(CONFIGS.len());
        let config = self.config;
        self.rig.update(&more(config));
        self.note(format!("configuration {config}"));
    }
}

/// How often `pay` was charged, to everybody.
fn charged(world: &World) -> u64 {
    let values = world.rig.store.clone();
    let mut total = 0;
    for caller in ["ana", "bea"] {
        let mut rig = Rig::new(&json!({"tools": {"pay": {"approval": {"when":
            [{"path": "args.never", "op": "exists", "value": true}]}, "limits":
            [{"counter": "paid", "max": 1_000_000, "window": "day"}]}}}));
        rig.store = values.clone();
        rig.now = world.rig.now;
        control::resume(&mut rig.store).expect("it works");
        let (call, got) = rig.send(Request::new(caller, &pay(1, 1)));
        assert_eq!(got, Got::Forwarded(None));
        let record = call.exchange.records().last().expect("a record");
        total += record.counters[0].before.parse::<u64>().expect("a number");
    }
    total
}

#[test]
fn an_approval_releases_one_call_and_that_one() {
    let (mut forwarded, mut approved) = (0, 0);
    for seed in 0..60 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step();
        }
        let log = world.log.join("\n");
        assert_eq!(charged(&world), world.forwarded, "seed {seed}\n{log}");
        forwarded += world.forwarded;
        approved += world.approved.len();
    }
    // The world is one in which things happen.
    assert!(
        forwarded > 300 && approved > 600,
        "{forwarded} of {approved}"
    );
}
