//! Requests that wait for a person.
//!
//! When the engine says [`Step::Hold`] a stream hands its exchange over. The tick of the root that the stream belongs to
//! asks the engine about it until it goes on or is answered, and the stream's next callback takes it back. Each VM looks
//! after its own requests; what people decide reaches all of them through shared data.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use toolgate_engine::exchange::{self, Exchange, HeldRequest, Step};
use toolgate_engine::pep::Rejection;
use toolgate_engine::shares::{Share, payer};
use toolgate_engine::time::Timestamp;

use crate::host::{self, Buffer, Map};
use crate::live;
use crate::perform;
use crate::plugin::Plugin;
use crate::store::SharedData;

thread_local! {
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
    static TURN: Cell<u64> = const { Cell::new(0) };
}

/// How many of the waiting a tick looks after, if that is all of them once a second.
const MOST_AT_ONCE: usize = 32;

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody has decided.
    Waiting,
    /// Forwarded.
    Forwarded,
    /// Answered here: nothing goes upstream.
    Answered,
}

/// A request that waits, or did until the last tick.
pub struct Held {
    /// The stream.
    pub context: u32,
    /// The configuration whose root looks after it.
    pub home: Rc<Plugin>,
    /// The configuration it was judged under last.
    pub plugin: Rc<Plugin>,
    /// Its exchange.
    pub exchange: Exchange,
    /// Bytes of its body, which the host keeps.
    pub size: usize,
    /// How many configurations this VM had taken when it was judged.
    pub epoch: u64,
    /// How it stands.
    pub fate: Fate,
    /// Whose share of the held requests it takes.
    pub share: Share,
    /// Tells which came later: [`turn`].
    pub turn: u64,
    /// Others need its place: it is told to come again.
    pub gives_way: bool,
}

/// How many requests of this VM wait.
pub fn count() -> usize {
    count_if(|_| true)
}

/// How many of them count against `most` for another request of this share: where they are all there may be, one less if
/// another's would [give way](payer) to it.
pub fn count_for(share: impl FnOnce() -> Share, most: usize) -> usize {
    let count = count();
    if count < most || most == 0 {
        return count;
    }
    let share = share();
    let pays = HELD.with(|all| Some(payer(share, 1, taken(&all.try_borrow().ok()?))));
    match pays {
        Some(pays) if pays != share => most.saturating_sub(1),
        _ => count,
    }
}

fn taken(all: &[Held]) -> impl Iterator<Item = (Share, usize)> {
    let waiting = |held: &&Held| held.fate == Fate::Waiting && !held.gives_way;
    all.iter().filter(waiting).map(|held| (held.share, 1))
}

/// How many of them this configuration's root looks after.
pub fn count_under(home: &Plugin) -> usize {
    count_if(|held| std::ptr::eq(&raw const *held.home, home))
}

fn count_if(counts: impl Fn(&Held) -> bool) -> usize {
    let waiting = |held: &&Held| held.fate == Fate::Waiting && counts(held);
    HELD.with(|all| {
        let all = all.try_borrow();
        all.map_or(usize::MAX, |all| all.iter().filter(waiting).count())
    })
}

/// Takes a request over.
pub fn put(held: Held) {
    HELD.with(|all| {
        if let Ok(mut all) = all.try_borrow_mut() {
            all.push(held);
        }
    });
}

/// The turn of the next request.
pub fn turn() -> u64 {
    TURN.replace(TURN.get().wrapping_add(1))
}

/// Takes a request over that begins to wait. Where more than `most` wait then, the newest of whoever has most gives way.
pub fn begin(held: Held, most: usize) {
    let share = held.share;
    put(held);
    HELD.with(|all| {
        let Ok(mut all) = all.try_borrow_mut() else {
            return;
        };
        if taken(&all).count() <= most {
            return;
        }
        let pays = payer(share, 0, taken(&all));
        let theirs = all.iter_mut().filter(|held| held.share == pays);
        let theirs = theirs.filter(|held| held.fate == Fate::Waiting && !held.gives_way);
        if let Some(newest) = theirs.max_by_key(|held| held.turn) {
            newest.gives_way = true;
        }
    });
}

/// Ends the wait of a stream's request with the next tick; false if it does not wait.
pub fn end_soon(context: u32) -> bool {
    HELD.with(|all| {
        let Ok(mut all) = all.try_borrow_mut() else {
            return false;
        };
        let found = all.iter_mut().find(|held| held.context == context);
        found.is_some_and(|held| {
            held.gives_way = true;
            held.fate == Fate::Waiting
        })
    })
}

/// Gives the request of a stream back.
pub fn take(context: u32) -> Option<Held> {
    HELD.with(|all| {
        let mut all = all.try_borrow_mut().ok()?;
        let place = all.iter().position(|held| held.context == context)?;
        Some(all.swap_remove(place))
    })
}

/// Looks after what waits under this root, in turn: each at least once a second, and many not all at once. True while
/// something waits.
pub fn tick(home: &Rc<Plugin>, now: Timestamp) -> bool {
    let waits = |held: &Held| held.fate == Fate::Waiting && Rc::ptr_eq(&held.home, home);
    let due: Vec<Held> = HELD.with(|all| {
        let Ok(mut all) = all.try_borrow_mut() else {
            return Vec::new();
        };
        let tenth = all.len().checked_div(10).unwrap_or(0);
        let most = tenth.saturating_add(1).max(MOST_AT_ONCE);
        let mut taken = 0_usize;
        let due = |held: &mut Held| {
            taken = taken.saturating_add(usize::from(waits(held)));
            waits(held) && taken <= most
        };
        all.extract_if(.., due).collect()
    });
    for mut held in due {
        // A stream that is gone says so itself.
        if host::set_effective_context(held.context).is_ok() {
            held.look_after(now);
        }
        // Behind those that were not looked at.
        put(held);
    }
    HELD.with(|all| all.try_borrow().is_ok_and(|all| all.iter().any(waits)))
}

/// What the host has of a request whose stream is the effective one.
struct AtTheHost {
    size: usize,
}

impl HeldRequest for AtTheHost {
    fn headers(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        host::headers(Map::Request).ok()
    }

    fn body(&mut self) -> Option<Vec<u8>> {
        host::buffer(Buffer::RequestBody, self.size).ok()
    }
}

impl Held {
    /// Asks the engine, and does what it says; the host acts on it when the tick is over.
    fn look_after(&mut self, now: Timestamp) {
        if let Some(newer) = live::newer(&self.plugin, self.epoch) {
            newer.read_attributes(&mut self.exchange);
            self.plugin = newer;
            self.epoch = live::epoch();
        }
        let mut request = AtTheHost { size: self.size };
        let gives_way = self.gives_way;
        let step = self.decide(now, |exchange, cx| match gives_way {
            true => exchange.held_no_longer(cx, &mut request),
            false => exchange.held(cx, &mut request),
        });
        let fate = match step {
            Step::Buffer | Step::Drain => return,
            Step::Hold(_) => Fate::Waiting,
            Step::Forward(_permit, removals, body) => {
                let body = (body.as_deref(), self.size);
                let ready = perform::make_ready(&self.plugin, &self.exchange, &removals, body);
                let gone = ready
                    .and_then(|()| host::continue_request().map_err(|_failure| Rejection::Host));
                match gone {
                    Ok(()) => Fate::Forwarded,
                    Err(rejection) => {
                        let stopped =
                            self.decide(now, |exchange, cx| exchange.not_forwarded(cx, rejection));
                        perform::answer(&stopped);
                        Fate::Answered
                    }
                }
            }
            reply @ Step::Reply(_) => {
                perform::answer(&reply);
                Fate::Answered
            }
        };
        self.fate = fate;
        self.plugin.publish(&self.exchange, now);
    }

    /// The stream ended before anybody decided: nothing is forwarded. Leaves a record of it.
    pub fn abandon(&mut self) {
        if self.fate != Fate::Waiting {
            return;
        }
        self.fate = Fate::Answered;
        let Ok(now) = host::now() else { return };
        self.decide(now, |exchange, cx| exchange.abandoned(cx));
        self.plugin.publish(&self.exchange, now);
    }

    fn decide<T>(
        &mut self,
        now: Timestamp,
        decide: impl FnOnce(&mut Exchange, &mut exchange::Context<'_>) -> T,
    ) -> T {
        let mut store = SharedData;
        let mut cx = self.plugin.context(now, &mut store, count());
        decide(&mut self.exchange, &mut cx)
    }
}
