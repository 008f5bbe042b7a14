//! dogwood-local-engine: Cedar with a past, in memory.
//!
//! Its durable engine syncs every event to a disk before it decides, which would measure the disk; this is the engine
//! underneath, with the rules in Cedar's part of the language, so that there is no past to keep. That is its best case.

use benches::TOOL;
use dogwood_language::{
    Authorizer, Event, EventBuilder, LoweredPolicySet, PolicySchema, ServiceSchema, Value,
};
use dogwood_local_engine::LocalTemporalEngine;

use crate::cedar;

const SCHEMA: &str = r#"
entity Grant;
entity Server;
action "create_issue" appliesTo {
    principal: Grant, resource: Server, context: { input: {
        owner: String, repo: String, title: String, priority: Long, estimate: Long, assignee: String,
        team: String, due: String, draft: Bool, milestone: String, body: String
    } }
};
"#;

pub struct Dogwood(Authorizer);

impl Dogwood {
    pub fn new() -> Self {
        let source = cedar::policies(&format!("Action::\"{TOOL}\""), "context.input");
        let schema = PolicySchema::from_cedarschema_str(SCHEMA).unwrap();
        let policies = LoweredPolicySet::from_str(&source, &ServiceSchema::defaults(), &schema);
        let authorizer = Authorizer::builder(policies.unwrap())
            .temporal_engine(LocalTemporalEngine::new())
            .build();
        Dogwood(authorizer.unwrap())
    }

    /// What a call is for dogwood.
    pub fn parsed(call: &serde_json::Value) -> Event {
        let name = call["params"]["name"].as_str().unwrap_or_default();
        let mut event: EventBuilder = Event::builder(&format!("Action::{name}"), "request")
            .principal_for("Grant", "payments-bot")
            .resource_for("Server", "tracker");
        for (key, value) in call["params"]["arguments"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let value = match value {
                serde_json::Value::Bool(value) => Value::Bool(*value),
                serde_json::Value::Number(number) => {
                    Value::Int(number.as_i64().unwrap_or_default())
                }
                other => Value::String(other.as_str().unwrap_or_default().to_owned()),
            };
            event = event.request_context("input", key, value);
        }
        event.build()
    }

    pub fn permits(&mut self, event: &Event) -> bool {
        self.0
            .is_authorized(event)
            .is_some_and(|answer| answer.allowed())
    }
}
