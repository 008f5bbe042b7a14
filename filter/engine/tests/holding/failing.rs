//! A store that fails, or that another worker changes, at each of its operations in turn.

use serde_json::json;
use toolgate_engine::approvals::State;

use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};
use toolgate_engine::exchange::Context;

use crate::common::{Memory, at};
use crate::rig::{Call, Got, Request, Rig, got, pay};

/// What an approval has released, and what was charged, once the store works again.
fn settle(rig: &mut Rig) -> (usize, u64) {
    rig.store.failing = None;
    (rig.questions(State::Used).len(), rig.paid())
}

#[test]
fn nothing_is_forwarded_that_was_not_used_up_and_charged() {
    for for_good in [false, true] {
        for first in 0..80 {
            let mut rig = Rig::new(&json!({}));
            let mut ready = rig.hold(Request::new("ana", &pay(1, 1)));
            rig.answer(true);
            // One that is approved and held, one that is repeated, one that begins to wait.
            let before: Memory = rig.store.clone();
            for kind in 0..3 {
                let mut rig = Rig::new(&json!({}));
                rig.store = before.clone();
                rig.store.failing = Some((rig.store.operations + first, for_good));
                let got = match kind {
                    0 => {
                        let mut held = Rig::new(&json!({}));
                        let mut call = held.hold(Request::new("ana", &pay(1, 1)));
                        rig.tick(&mut call)
                    }
                    1 => rig.send(Request::new("ana", &pay(2, 1))).1,
                    _ => rig.send(Request::new("ana", &pay(3, 2))).1,
                };
                let (used, paid) = settle(&mut rig);
                match got {
                    Got::Forwarded(None) => assert_eq!((used, paid), (1, 1), "{first} {kind}"),
                    Got::Answered(status, _) => {
                        assert!(status == 200 || status >= 400, "{first} {kind}");
                        // A charge that could not be given back errs towards refusing; an approval that was used up without
                        // an answer from the store is lost, never used twice.
                        assert!(paid <= 1 && used <= 1, "{first} {kind}");
                        let asked = rig.questions(State::Pending);
                        assert!(kind == 2 || asked.is_empty(), "{first} {kind} {asked:?}");
                    }
                    Got::Held => assert_eq!((kind, used, paid), (2, 0, 0), "{first}"),
                    other => panic!("{first} {kind}: {other:?}"),
                }
            }
            let _held = rig.tick(&mut ready);
        }
    }
}

#[test]
fn a_lost_store_is_said_so() {
    let mut rig = Rig::new(&json!({}));
    let mut call = rig.hold(Request::new("ana", &pay(1, 1)));
    rig.store.failing = Some((0, true));
    let Got::Answered(200, body) = rig.tick(&mut call) else {
        panic!("no answer");
    };
    let text = &body["result"]["content"][0]["text"];
    let said =
        "[POLICY DENIED] The store of approvals cannot be reached, so the call was not made.";
    assert_eq!(text, said);
    // Where calls that cannot be counted are let through, those that nobody can be asked about are not.
    let mut rig = Rig::new(&json!({"counters": {"on_store_error": "allow"}}));
    rig.store.failing = Some((0, true));
    let (_, got) = rig.send(Request::new("ana", &pay(1, 1)));
    let Got::Answered(200, body) = got else {
        panic!("{got:?}")
    };
    assert_eq!(
        body["result"]["_meta"]["toolgate/denial"]["rule"],
        "/approvals/unavailable"
    );
    let (_, got) = rig.send(Request::new(
        "ana",
        &json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}),
    ));
    assert_eq!(got, Got::Forwarded(None));
}

/// A store in which another worker acts before one of the operations.
struct Racing<'a> {
    store: &'a mut Memory,
    before: usize,
    other: Option<Act<'a>>,
}

/// What the other worker does.
type Act<'a> = Box<dyn FnOnce(&mut Memory) + 'a>;

impl Racing<'_> {
    fn operation(&mut self) -> &mut Memory {
        if self.before == 0
            && let Some(other) = self.other.take()
        {
            other(self.store);
        }
        self.before = self.before.wrapping_sub(1);
        self.store
    }
}

impl Store for Racing<'_> {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        self.operation().load(key)
    }

    fn save(&mut self, key: &str, value: &[u8], seen: Option<Version>) -> Result<(), SaveError> {
        self.operation().save(key, value, seen)
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost> {
        self.operation().put(key, value)
    }
}

#[test]
fn two_workers_release_one_call_between_them() {
    let mut raced = 0;
    for before in 0..40 {
        let mut rig = Rig::new(&json!({}));
        let mut first = rig.hold(Request::new("ana", &pay(1, 1)));
        let mut second = rig.hold(Request::new("ana", &pay(2, 1)));
        rig.answer(true);
        let mut others = None;
        let gate = &rig.gate;
        let tick = |call: &mut Call, store: &mut dyn Store| {
            let mut cx = Context {
                gate,
                store,
                now: at(1),
                held: 0,
            };
            let mut request = call.request.clone();
            got(call.exchange.held(&mut cx, &mut request))
        };
        let mut racing = Racing {
            store: &mut rig.store,
            before,
            other: Some(Box::new(|store| others = Some(tick(&mut second, store)))),
        };
        let own = tick(&mut first, &mut racing);
        drop(racing);
        let forwarded = [Some(own), others.clone()]
            .iter()
            .filter(|got| **got == Some(Got::Forwarded(None)))
            .count();
        raced += usize::from(others.is_some());
        rig.now = 1;
        assert_eq!(forwarded, 1, "before operation {before}");
        assert_eq!(rig.paid(), 1, "before operation {before}");
        assert_eq!(
            rig.questions(State::Used).len() + rig.questions(State::Pending).len(),
            1
        );
    }
    assert!(raced > 10, "{raced}");
}
