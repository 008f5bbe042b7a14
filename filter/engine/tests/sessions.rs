//! Sessions that counters count by: who is issued how many, and that what one caller is issued takes none from another.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod common;

use common::{Memory, at};
use serde_json::json;
use toolgate_engine::config::Gate;
use toolgate_engine::counters::Table;
use toolgate_engine::exchange::{Context, Exchange, Step};
use toolgate_engine::identity::{Attributes, Principal, network};
use toolgate_engine::pdp::{knows_session, remember_session};

const DAY: u64 = 86_400;

/// Somebody of whom nothing but an address is known.
fn from(address: &str) -> Principal {
    Principal {
        network: Some(network(address)),
        ..Principal::anonymous()
    }
}

/// Issues sessions; how many of them are known then.
fn issue(
    (table, store): (&Table, &mut Memory),
    now: u64,
    caller: &Principal,
    names: impl Iterator<Item = String>,
) -> usize {
    let known = names.filter(|name| {
        remember_session(table, store, at(now), caller, name);
        knows_session(table, store, at(now), caller, name).expect("it works")
    });
    known.count()
}

fn named(prefix: &str, count: usize) -> impl Iterator<Item = String> + use<> {
    let prefix = prefix.to_owned();
    (0..count).map(move |index| format!("{prefix}-{index}"))
}

#[test]
fn a_flood_of_sessions_is_its_callers_alone() {
    let eve = "203.0.113.9:1000";
    // The flooder, an innocent, and whether the innocent is issued sessions afterwards.
    let grant = |id: &str| Principal {
        id: id.into(),
        source: "grant",
        ..Principal::anonymous()
    };
    let cases = [
        (from(eve), from("198.51.100.7:1"), true),
        (from(eve), from("203.0.113.8:1000"), true),
        (from(eve), from("203.0.113.9:2000"), false),
        (from("[2001:db8::1]:1"), from("[2001:db8:0:1::1]:1"), true),
        (from("[2001:db8::1]:1"), from("[2001:db8::ffff:1]:9"), false),
        (from(eve), grant("ana"), true),
        (grant("eve"), grant("ana"), true),
        (grant("eve"), grant("eve"), false),
    ];
    for (flooder, innocent, issued) in cases {
        let (table, mut store) = (Table::new(65_536), Memory::default());
        let flood = issue((&table, &mut store), 0, &flooder, named("flood", 1005));
        assert_eq!(flood, 1000, "{flooder:?}");
        let known = issue((&table, &mut store), 1, &innocent, named("s", 20));
        assert_eq!(known, if issued { 20 } else { 0 }, "{innocent:?}");
        let next_day = issue((&table, &mut store), DAY, &flooder, named("next", 5));
        assert_eq!(next_day, 5);
    }
}

#[test]
fn sessions_are_remembered_for_a_week() {
    let (table, mut store) = (Table::new(65_536), Memory::default());
    let ana = from("192.0.2.1");
    assert_eq!(issue((&table, &mut store), 0, &ana, named("s", 1)), 1);
    let mut known = |caller: &Principal, now: u64| {
        knows_session(&table, &mut store, at(now), caller, "s-0").expect("it works")
    };
    assert!(known(&ana, 7 * DAY - 1));
    assert!(known(&from("198.51.100.7"), 1), "a client may move");
    assert!(!known(&ana, 7 * DAY));
}

#[test]
fn in_a_small_table_each_caller_keeps_its_share() {
    // One list of 64: whoever is issued most gives way.
    let (table, mut store) = (Table::new(64), Memory::default());
    let callers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(from);
    issue((&table, &mut store), 0, &callers[0], named("a", 500));
    assert_eq!(
        issue((&table, &mut store), 1, &callers[1], named("b", 12)),
        12
    );
    assert_eq!(
        issue((&table, &mut store), 1, &callers[2], named("c", 3)),
        3
    );
    issue((&table, &mut store), 2, &callers[0], named("d", 500));
    let mut known = |caller: &Principal, name: String| {
        knows_session(&table, &mut store, at(3), caller, &name).expect("it works")
    };
    assert!(named("b", 12).all(|name| known(&callers[1], name)));
    assert!(named("c", 3).all(|name| known(&callers[2], name)));
    let bytes: usize = store.values.values().map(|(value, _)| value.len()).sum();
    assert!(bytes < 64 * 80, "{bytes}");
}

#[test]
fn a_gate_without_identity_asks_where_callers_come_from() {
    let limits = json!([{"counter": "c", "max": 3, "window": "day", "scope": "session"}]);
    let gate = |more: serde_json::Value| {
        let mut policy = json!({"version": "1", "tools": {"pay": more}});
        if let Some(identity) = policy["tools"]["pay"]
            .as_object_mut()
            .and_then(|pay| pay.remove("identity"))
        {
            policy["identity"] = identity;
        }
        Gate::from_bytes(policy.to_string().as_bytes()).expect("a configuration")
    };
    let header =
        |required: bool| json!({"sources": [{"header": {"name": "x-user"}}], "required": required});
    let asks = |gate: &Gate| gate.attributes.contains(&Attributes::SOURCE);
    assert!(asks(&gate(json!({"limits": limits}))));
    assert!(asks(&gate(json!({"approval": {}}))));
    assert!(asks(&gate(
        json!({"approval": {}, "identity": header(false)})
    )));
    assert!(!asks(&gate(
        json!({"approval": {}, "identity": header(true)})
    )));
    assert!(!asks(&gate(json!({}))));

    // The whole way: 1,001 initializations from one address, then one from another and its call.
    let gate = gate(json!({"limits": limits}));
    let mut store = Memory::default();
    let mut cx = Context {
        gate: &gate,
        store: &mut store,
        now: at(0),
        held: 0,
    };
    let mut post = |address: &str, session: Option<&str>, body: serde_json::Value| {
        let attributes = Attributes(vec![(Attributes::SOURCE, address.as_bytes().to_vec())]);
        let mut exchange = Exchange::new("x".to_owned()).with_attributes(attributes);
        let mut headers = vec![
            (b":method".to_vec(), b"POST".to_vec()),
            (b":path".to_vec(), b"/mcp".to_vec()),
            (b"content-type".to_vec(), b"application/json".to_vec()),
        ];
        headers.extend(
            session.map(|session| (b"mcp-session-id".to_vec(), session.as_bytes().to_vec())),
        );
        exchange.request_headers(&mut cx, &headers, false);
        let step = exchange.request_end(&mut cx, body.to_string().as_bytes());
        let issued = format!("s-{address}").into_bytes();
        let reply = [(b"mcp-session-id".to_vec(), issued)];
        exchange.reply_headers(&mut cx, 200, reply.as_ref(), true, "");
        matches!(step, Step::Forward(..))
    };
    let initialize = || {
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25",
            "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}})
    };
    let call =
        || json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "pay"}});
    for _ in 0..1001 {
        assert!(post("203.0.113.9:1", None, initialize()));
    }
    assert!(!post("203.0.113.9:1", Some("s-203.0.113.8:1"), call()));
    assert!(post("198.51.100.7:2", None, initialize()));
    assert!(post("198.51.100.7:3", Some("s-198.51.100.7:2"), call()));
}
