//! Envoy's own filters, `mcp` and `rbac`, with the same rules.
//!
//! The rules are policies of their own, so that a refusal names the one that refused, as the gate does.

use benches::TOOL;
use benches::input::{REQUIRED, RULES};
use serde_json::{Value, json};

use super::config::typed;

/// What passes besides calls of the one tool.
const METHODS: [&str; 6] = [
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "notifications/initialized",
    "notifications/cancelled",
];

/// Both filters.
pub fn filters() -> Vec<Value> {
    vec![native_mcp(), native_rbac()]
}

/// The strictest that the filter offers: it reads what the rules need, and refuses what is not MCP.
fn native_mcp() -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(key, ..)| format!("params.arguments.{key}"))
        .chain(["params.name".to_owned()])
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|path| json!({"path": path}))
        .collect();
    json!({
        "name": "envoy.filters.http.mcp",
        "typed_config": typed("filters.http.mcp.v3.Mcp", json!({
            "traffic_mode": "REJECT_NO_MCP",
            // One more than the largest call, which is refused otherwise.
            "max_request_body_size": (1 << 20) + 1,
            "reject_duplicate_keys": true,
            "parser_config": {
                "methods": [{"method": "tools/call", "extraction_rules": rules}],
            },
        })),
    })
}

/// The same twenty rules, as policies that deny.
fn native_rbac() -> Value {
    let at = |path: &[&str], value: Value| {
        let path: Vec<Value> = path.iter().map(|key| json!({"key": key})).collect();
        json!({"metadata": {"filter": "envoy.filters.http.mcp", "path": path, "value": value}})
    };
    let tool = at(
        &["params", "name"],
        json!({"string_match": {"exact": TOOL}}),
    );
    let mut policies: serde_json::Map<String, Value> = RULES
        .iter()
        .enumerate()
        .map(|(index, (key, op, value))| {
            let holds = at(&["params", "arguments", key], value_matcher(op, value));
            let denies = if index < REQUIRED {
                json!({"not_rule": holds})
            } else {
                holds
            };
            let policy = json!({
                "permissions": [{"and_rules": {"rules": [tool, denies]}}],
                "principals": [{"any": true}],
            });
            (format!("{key}-{op}-{index}"), policy)
        })
        .collect();
    let call = at(
        &["method"],
        json!({"string_match": {"exact": "tools/call"}}),
    );
    let other = json!({
        "permissions": [{"and_rules": {"rules": [call, {"not_rule": tool}]}}],
        "principals": [{"any": true}],
    });
    policies.insert("other-tools".to_owned(), other);
    let known = METHODS.map(|method| json!({"string_match": {"exact": method}}));
    let unknown = json!({
        "permissions": [{"not_rule": at(&["method"], json!({"or_match": {"value_matchers": known}}))}],
        "principals": [{"any": true}],
    });
    policies.insert("other-methods".to_owned(), unknown);
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": typed("filters.http.rbac.v3.RBAC", json!({
            "rules": {"action": "DENY", "policies": policies},
        })),
    })
}

fn value_matcher(op: &str, value: &str) -> Value {
    const FAR: f64 = 1e15;
    let value: Value = serde_json::from_str(value).unwrap_or_default();
    let number = value.as_f64().unwrap_or_default();
    let range =
        |start: f64, end: f64| json!({"double_match": {"range": {"start": start, "end": end}}});
    let exact = |value: &Value| match value {
        Value::String(text) => json!({"string_match": {"exact": text}}),
        Value::Bool(expected) => json!({"bool_match": expected}),
        other => json!({"double_match": {"exact": other}}),
    };
    match op {
        "in" => {
            let all: Vec<Value> = value.as_array().into_iter().flatten().map(exact).collect();
            json!({"or_match": {"value_matchers": all}})
        }
        "exists" => json!({"present_match": true}),
        // The upper end of a range is not part of it.
        "gte" => range(number, FAR),
        "lte" => range(-FAR, number + 0.5),
        "gt" => range(number + 0.5, FAR),
        "eq" => exact(&value),
        _ => json!({"string_match": {op: value}}),
    }
}
