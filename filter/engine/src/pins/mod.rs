//! Pins: what each tool was when somebody last looked at it.
//!
//! A server may change a tool after it was reviewed: its description, which a model obeys, or its schema, which says what
//! a call means. A pin is a digest of all that ([`digest`]). Lists show whether a tool still has it; [`drift`] remembers
//! what they showed, so that calls on every worker follow; and calls of a tool that is as it was may be held to the
//! schema that was pinned ([`schema`]).

mod definition;
pub mod drift;
mod pin;
pub mod schema;

pub(crate) use definition::is_ambiguous;
pub use definition::{FIELDS, definition, digest, digest_of};
pub use pin::Pin;

use crate::counters::Store;
use crate::json::{Document, Limits, Value};
use crate::names::NameMap;
use crate::policy::Budget;
use crate::refusal::{Denial, Own};
use drift::Drift;

/// What becomes of a tool that is not as it was pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDrift {
    /// Not listed, and its calls denied.
    #[default]
    Hide,
    /// Listed, and its calls denied.
    Deny,
    /// Only recorded.
    Observe,
}

/// The pinned tools of a gate.
#[derive(Debug)]
pub struct Pins {
    /// Those of every server.
    pub shared: Tools,
    /// Those of one server, by its name; they go before the shared ones.
    pub servers: Vec<(Box<str>, Tools)>,
    /// What becomes of a tool that has changed.
    pub on_drift: OnDrift,
    /// Whether tools without a pin are listed and may be called.
    pub allow_unknown: bool,
    /// How long lists have to agree after one that differed, in seconds.
    pub settle: i64,
}

impl Default for Pins {
    fn default() -> Self {
        Pins {
            shared: Tools::default(),
            servers: Vec::new(),
            on_drift: OnDrift::default(),
            allow_unknown: false,
            settle: 3600,
        }
    }
}

/// Pinned tools by name.
#[derive(Debug, Default)]
pub struct Tools(NameMap<Pin>);

impl Tools {
    /// Adds a pin.
    pub fn add(&mut self, pin: Pin) {
        let name = pin.name.clone();
        self.0.insert(&name, pin);
    }

    /// The pin of a tool.
    pub fn get(&self, name: &str) -> Option<&Pin> {
        self.0.get(name)
    }
}

/// The pins that hold for one server.
#[derive(Clone, Copy, Debug)]
pub struct ServerPins<'g> {
    pins: &'g Pins,
    /// Empty where servers are not told apart.
    server: &'g str,
    own: Option<&'g Tools>,
}

impl Pins {
    /// Those for a server.
    pub fn of<'g>(&'g self, server: Option<&'g str>) -> ServerPins<'g> {
        let server = server.unwrap_or_default();
        let own = self.servers.iter().find(|(name, _)| **name == *server);
        ServerPins {
            pins: self,
            server,
            own: own.map(|(_, tools)| tools),
        }
    }
}

impl<'g> ServerPins<'g> {
    /// What becomes of a tool that has changed.
    pub fn on_drift(&self) -> OnDrift {
        self.pins.on_drift
    }

    /// Whether tools without a pin are listed and may be called.
    pub fn allows_unknown(&self) -> bool {
        self.pins.allow_unknown
    }

    /// How long lists have to agree after one that differed, in seconds.
    pub fn settle(&self) -> i64 {
        self.pins.settle
    }

    /// The pin of a tool, and a number of its own among all of this server's.
    pub fn find(&self, name: &str) -> Option<(usize, &'g Pin)> {
        if let Some(own) = self.own.and_then(|own| own.0.find(name)) {
            return Some(own);
        }
        let (place, pin) = self.pins.shared.0.find(name)?;
        Some((self.own_len().saturating_add(place), pin))
    }

    /// How many pins there are at most.
    pub fn len(&self) -> usize {
        self.own_len().saturating_add(self.pins.shared.0.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn own_len(&self) -> usize {
        self.own.map_or(0, |own| own.0.len())
    }

    /// Its name; empty where servers are not told apart.
    pub fn server(&self) -> &'g str {
        self.server
    }

    /// What is known of a tool that is to be called.
    pub fn look(&self, store: &mut dyn Store, name: &str) -> Pinned<'g> {
        let pin = self.find(name).map(|(_, pin)| pin);
        Pinned {
            pins: *self,
            drift: pin.map_or(Drift::None, |pin| drift::load(store, self.server, pin)),
            pin,
        }
    }
}

/// A tool that is to be called, as far as pins say something about it.
#[derive(Clone, Copy, Debug)]
pub struct Pinned<'g> {
    pins: ServerPins<'g>,
    pin: Option<&'g Pin>,
    drift: Drift,
}

impl Pinned<'_> {
    /// Whether what has changed is only recorded.
    pub fn is_observed(&self) -> bool {
        self.pin.is_some() && self.pins.on_drift() == OnDrift::Observe
    }

    /// Why it may not be called whatever the arguments are.
    pub fn drifted(&self) -> Option<Denial> {
        let Some(pin) = self.pin else {
            return (!self.pins.allows_unknown()).then(|| {
                let reason = "This tool has no pin: nobody has reviewed it. An operator can look at it with `toolgate pin` and add it to `pins` (rule /pins/unknown).";
                Denial::own(Own::PinsUnknown, reason)
            });
        };
        let why = match self.drift {
            Drift::None => return None,
            Drift::Changed => {
                "The definition of this tool has changed since it was pinned, so it is not called until an operator has reviewed it (`toolgate pin` shows the difference) and pinned it anew"
            }
            Drift::Lost => {
                "It cannot be told whether the definition of this tool has changed since it was pinned, so the call was not made"
            }
        };
        let pointer = pin.pointer();
        let reason = [why, " (rule ", &pointer, ")."].concat();
        Some(Denial::at(&pointer, reason))
    }

    /// Whether arguments are held to a schema.
    pub fn has_schema(&self) -> bool {
        self.pin.is_some_and(|pin| pin.schema.is_some())
    }

    /// How many patterns the schema holds.
    pub fn patterns(&self) -> usize {
        let schema = self.pin.and_then(|pin| pin.schema.as_ref());
        schema.map_or(0, |schema| schema.patterns())
    }

    /// Why it may not be called with these arguments. A call without any has none: `{}`.
    pub fn misfit(&self, arguments: Option<Value<'_>>, budget: &Budget) -> Option<Denial> {
        let pin = self.pin?;
        let schema = pin.schema.as_ref()?;
        let misfit = match arguments {
            Some(arguments) => schema.judge(arguments, budget),
            None => {
                let empty = Document::parse(b"{}", &Limits::WIRE).ok()?;
                schema.judge(empty.root(), budget)
            }
        }?;
        let mut pointer = pin.pointer();
        pointer.push_str("/arguments");
        let what = "The arguments do not fit the tool's input schema: ";
        let reason = [what, &misfit, " (rule ", &pointer, ")."].concat();
        Some(Denial::at(&pointer, reason))
    }
}
