//! The text of unfinished requests and replies that is kept for all streams of this VM: here and, for the gate, at the host.
//!
//! The engine says whose text gives way where it is too much. A stream whose own text that is withholds it; another's reply is
//! cut at once, and another's request is refused with the next tick, or when more of it comes. Not at once: whichever stream a
//! local response is sent for, Envoy drops the data of the stream whose callback is running (`stopNextIteration` of its VM).

use std::cell::RefCell;
use std::collections::BTreeSet;

use toolgate_engine::exchange::Step;
use toolgate_engine::refusal::Rejection;
use toolgate_engine::rpc::Id;
use toolgate_engine::shares::{Ledger, Share, Text};

use crate::held;
use crate::host;
use crate::perform;

/// Less than this of a text is not counted, in bytes: ordinary events and messages come and go.
const MINOR: usize = 4096;

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

#[derive(Default)]
struct Kept {
    ledger: Ledger,
    /// Requests that are to be ended.
    leaving: BTreeSet<Text>,
    /// What was ended for it, until its stream knows.
    ended: BTreeSet<Text>,
}

fn with<T: Default>(act: impl FnOnce(&mut Kept) -> T) -> T {
    KEPT.with(|kept| kept.try_borrow_mut().map(|mut kept| act(&mut kept)))
        .unwrap_or_default()
}

/// What counts of so many bytes.
pub fn counted(bytes: usize) -> usize {
    if bytes < MINOR { 0 } else { bytes }
}

/// So many bytes of a text are kept now, of `most` in all. False if it has to be given up. The stream has to be the effective
/// context. Afterwards others may wait for a [`tick`].
pub fn keep(text: Text, share: Share, bytes: usize, most: usize) -> bool {
    if with(|kept| kept.leaving.remove(&text)) {
        return false;
    }
    let gone = with(|kept| kept.ledger.keep(text, share, bytes, most));
    let others: Vec<Text> = gone.iter().copied().filter(|gone| *gone != text).collect();
    for other in &others {
        end(*other);
    }
    if !others.is_empty() {
        // If that fails the stream is gone.
        let _gone = host::set_effective_context(text.stream);
    }
    !gone.contains(&text)
}

/// Ends another stream, whose text is the one to give way.
fn end(text: Text) {
    if text.of_reply {
        with(|kept| kept.ended.insert(text));
        if host::set_effective_context(text.stream).is_ok() {
            let _gone = host::close_downstream();
        }
    } else if !held::end_soon(text.stream) {
        with(|kept| kept.leaving.insert(text));
    }
}

/// Whether a request waits to be ended.
pub fn is_leaving() -> bool {
    with(|kept| !kept.leaving.is_empty())
}

/// Ends the requests that gave way. The effective context is one of theirs afterwards.
pub fn tick() {
    for text in with(|kept| std::mem::take(&mut kept.leaving)) {
        with(|kept| kept.ended.insert(text));
        if host::set_effective_context(text.stream).is_ok() {
            perform::answer(&Step::Reply(Rejection::Crowded.reply(Id::NULL, "")));
        }
    }
}

/// Nothing of a text is kept any more.
pub fn done(text: Text) {
    with(|kept| {
        kept.leaving.remove(&text);
        kept.ledger.end(text);
    });
}

/// Whether this text was ended from outside its stream.
pub fn was_ended(text: Text) -> bool {
    with(|kept| kept.ended.remove(&text))
}
