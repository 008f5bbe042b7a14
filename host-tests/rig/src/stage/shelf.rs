//! The host's shared data with the engine's eyes: what gates and consoles keep there, put there by a test.

use serde::Deserialize;
use serde_json::Value;
use toolgate_engine::approvals::{self, Binding, Bound, Question, State};
use toolgate_engine::counters::{SaveError, Store, StoreLost, Version};
use toolgate_engine::identity::Principal;
use toolgate_engine::json::{Document, Limits, canonical, legible};
use toolgate_engine::time::Timestamp;

use toolgate_cli::shared_store::Shared;
use toolgate_host::SharedData;

/// The shared data of one proxy, seen as plugins with this `vm_id` see it.
#[derive(Clone, Debug)]
pub struct Shelf {
    store: Shared,
    /// Nothing can be read or written.
    pub down: bool,
}

/// A question to put there: what is left out is of no matter.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asking {
    /// The caller.
    pub principal: String,
    /// What established it.
    pub source: String,
    /// Its name for people.
    pub label: Option<String>,
    /// Its session.
    pub session: Option<String>,
    /// The server.
    pub server: Option<String>,
    /// The policy.
    pub policy: Option<String>,
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: Value,
    /// The arguments as text, in place of `arguments`: numbers stay as they are.
    pub raw: Option<String>,
    /// What else the call carries, as the text of an object.
    pub besides: Option<String>,
    /// The rule's text.
    pub reason: String,
    /// Groups that may decide.
    pub approvers: Vec<String>,
    /// Seconds for which it stays open.
    pub timeout: i64,
    /// Seconds for which the call is held.
    pub hold: i64,
}

impl Default for Asking {
    fn default() -> Self {
        Asking {
            principal: "payments-bot".to_owned(),
            source: "grant".to_owned(),
            label: None,
            session: None,
            server: None,
            policy: None,
            tool: "create_refund".to_owned(),
            arguments: Value::Object(serde_json::Map::new()),
            raw: None,
            besides: None,
            reason: "Refunds over 50 need a person.".to_owned(),
            approvers: Vec::new(),
            timeout: 1800,
            hold: 0,
        }
    }
}

/// Slots of the table.
const SLOTS: usize = 256;

impl Shelf {
    /// The shared data of plugins with this `vm_id`.
    pub fn new(shared: SharedData, vm_id: &str) -> Self {
        let mut shelf = Shelf {
            store: Shared::new(shared, vm_id),
            down: false,
        };
        let announced = approvals::announce_slots(&mut shelf, SLOTS);
        announced.expect("a store in memory works");
        shelf
    }

    /// Asks; returns the question's id.
    ///
    /// # Panics
    /// If the arguments are no JSON, or there is no room.
    pub fn ask(&mut self, now: Timestamp, asking: &Asking) -> String {
        let text = asking
            .raw
            .clone()
            .unwrap_or_else(|| asking.arguments.to_string());
        let document = Document::parse(text.as_bytes(), &Limits::WIRE).expect("arguments are JSON");
        let arguments = canonical(document.root());
        let rule = format!("/tools/{}/approval", asking.tool.replace('/', "~1"));
        let principal = Principal {
            id: asking.principal.as_str().into(),
            source: "grant",
            ..Principal::anonymous()
        };
        let binding = Binding::of_call(&Bound {
            principal: &principal,
            server: asking.server.as_deref().unwrap_or_default(),
            kind: "tool",
            target: &asking.tool,
            arguments: &arguments,
            besides: asking.besides.as_deref().unwrap_or_default(),
        });
        let now_seconds = now.seconds();
        let question = Question {
            id: String::new(),
            state: State::Pending,
            created: now_seconds,
            expires: now_seconds + asking.timeout,
            held_until: if asking.hold > 0 {
                now_seconds + asking.hold
            } else {
                0
            },
            waiting: i64::from(asking.hold > 0),
            binding: String::new(),
            share: principal.share(),
            principal: asking.principal.clone(),
            source: asking.source.clone(),
            issuer: None,
            label: asking.label.clone(),
            session: asking.session.clone(),
            server: asking.server.clone(),
            policy: asking.policy.clone(),
            kind: "tool".to_owned(),
            target: asking.tool.clone(),
            arguments: legible(document.root()),
            besides: asking.besides.clone(),
            rule: rule.clone(),
            reason: asking.reason.clone(),
            approvers: asking
                .approvers
                .iter()
                .map(|group| group.as_str().into())
                .collect(),
            digest: "0".repeat(64),
            decision_id: "0-0".to_owned(),
            decided_by: None,
            decided_reason: None,
            decided_at: 0,
            used_at: 0,
            closed: false,
            announced: 0,
            announce_at: 0,
            tries: 0,
            round: 0,
        };
        let binding = binding.under("", "", &rule);
        let asked = approvals::ask(self, now, SLOTS, binding, &question);
        asked.expect("there is room").id
    }
}

impl Store for Shelf {
    fn load(&mut self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreLost> {
        if self.down {
            return Err(StoreLost);
        }
        self.store.load(key)
    }

    fn save(
        &mut self,
        key: &str,
        value: &[u8],
        expected: Option<Version>,
    ) -> Result<(), SaveError> {
        if self.down {
            return Err(SaveError::Failed);
        }
        self.store.save(key, value, expected)
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<(), StoreLost> {
        if self.down {
            return Err(StoreLost);
        }
        self.store.put(key, value)
    }
}
