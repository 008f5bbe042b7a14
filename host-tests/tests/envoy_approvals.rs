//! Calls that wait for a person, on a real Envoy with two workers: what is approved goes on as it came, once; whatever else
//! becomes of a call, nothing goes upstream. People decide through the console's interface, in a VM of its own.

#[path = "envoy_approvals/bound.rs"]
mod bound;
#[path = "envoy_approvals/clients.rs"]
mod clients;
#[path = "envoy_approvals/decided.rs"]
mod decided;
#[path = "envoy_approvals/floods.rs"]
mod floods;
#[path = "envoy_approvals/gone.rs"]
mod gone;
#[path = "envoy_approvals/many.rs"]
mod many;
#[path = "envoy_approvals/mrtr.rs"]
mod mrtr;
#[path = "envoy_approvals/rig.rs"]
mod rig;
#[path = "envoy_approvals/stop.rs"]
mod stop;
#[path = "envoy_approvals/traps.rs"]
mod traps;
#[path = "envoy_approvals/webhook.rs"]
mod webhook;
