//! Bearer tokens of grants.

use http::Method;
use serde_json::{Value, json};
use toolgate_rig::identity::token_sha256;

use super::rig::{Rig, holds};

pub const PAYMENTS: &str = "tgk_payments-7kz0Qy1";
pub const SUPPORT: &str = "tgk_support-m2Xc9rT";
const EXPIRED: &str = "tgk_expired-a81LqPe";
const REVOKED: &str = "tgk_revoked-Zp40sDe";
const BARE: &str = "tgk_bare-uu7Wq3";
const STRAY: &str = "tgk_stray-9Qe1dd";

/// Two policies, a grant for each, and grants that are good for nothing.
pub fn policy() -> Value {
    let grant = |id: &str, token: &str, rest: Value| {
        let mut grant =
            json!({"id": id, "token_sha256": token_sha256(token), "policy": "payments"});
        let claims = json!({"team": id});
        for (key, value) in rest.as_object().unwrap() {
            grant[key] = value.clone();
        }
        if grant["claims"].is_null() {
            grant["claims"] = claims;
        }
        grant
    };
    let refunds = |max: u32| json!({"limits": [{"counter": "refunds", "max": max, "window": "day", "scope": "grant"}]});
    json!({
        "version": "1",
        "server": "bank",
        "identity": {"sources": ["grant"], "require_claims": ["team"]},
        "grants": [
            grant("payments-bot", PAYMENTS, json!({"label": "Payments bot"})),
            grant("support-bot", SUPPORT, json!({"policy": "support"})),
            grant("old-bot", EXPIRED, json!({"expires": "2020-01-01T00:00:00Z"})),
            grant("fired-bot", REVOKED, json!({"revoked": true})),
            grant("bare-bot", BARE, json!({"claims": {"team": null}})),
        ],
        "policies": {
            "payments": {"tools": {"get_balance": {}, "whoami": {}, "create_refund": refunds(2)}},
            "support": {"tools": {"list_issues": {}, "create_refund": refunds(1)}},
        },
        "audit": {"claims": ["team"], "log": true},
    })
}

fn refund() -> Value {
    json!({"payment": "p1", "amount": 5})
}

#[tokio::test(flavor = "multi_thread")]
async fn two_grants_have_two_policies_two_lists_and_two_counters() {
    let rig = Rig::ecds(&policy()).await;
    let (payments, support) = (rig.client().bearer(PAYMENTS), rig.client().bearer(SUPPORT));

    let list = payments.list().await.unwrap();
    assert_eq!(list.tools(), ["get_balance", "create_refund", "whoami"]);
    let list = support.list().await.unwrap();
    assert_eq!(list.tools(), ["create_refund", "list_issues"]);
    assert_eq!(list.body["result"]["cacheScope"], "private");

    assert!(payments.call("get_balance", json!({})).await.unwrap().ran());
    let denied = support.call("get_balance", json!({})).await.unwrap();
    assert_eq!((denied.status, denied.rule()), (200, "/default"));
    assert_eq!(denied.body["result"]["isError"], true);

    // The counter is the grant's, whatever else the client says it is.
    for pretence in ["payments-1", "payments-2"] {
        let other = payments.clone().header("x-forwarded-for", "10.1.2.3");
        let other = other.header("user-agent", pretence);
        assert!(other.call("create_refund", refund()).await.unwrap().ran());
    }
    for (name, value) in [
        ("mcp-session-id", "5d0c1f60-5a35-4d3c-9d3e-0a6f5a2d9f11"),
        ("x-mcp-grant", "support-bot"),
        ("x-forwarded-client-cert", "URI=spiffe://example.org/other"),
        ("x-request-id", "1"),
    ] {
        let other = payments.clone().header(name, value);
        let denied = other.call("create_refund", refund()).await.unwrap();
        assert_eq!(
            denied.rule(),
            "/tools/create_refund/limits/refunds",
            "{name}"
        );
        assert_eq!(
            (denied.status, &denied.body["result"]["isError"]),
            (200, &json!(true))
        );
    }
    assert!(support.call("create_refund", refund()).await.unwrap().ran());
    let denied = support.call("create_refund", refund()).await.unwrap();
    assert_eq!(denied.rule(), "/tools/create_refund/limits/refunds");

    // The token went no further than the gate.
    for record in rig.upstream.records() {
        assert_eq!(record.header("authorization"), None);
        assert!(!format!("{record:?}").contains("tgk_"));
    }
    let audit = rig.audit(12);
    let payments = [
        ("principal", "payments-bot"),
        ("source", "grant"),
        ("server", "bank"),
        ("policy", "payments"),
    ];
    holds(&audit[2], &payments);
    assert_eq!(audit[2]["claims"], json!({"team": "payments-bot"}));
    holds(&audit[8], &payments);
    holds(
        &audit[8],
        &[
            ("decision", "deny"),
            ("rule", "/tools/create_refund/limits/refunds"),
        ],
    );
    holds(
        &audit[10],
        &[
            ("principal", "support-bot"),
            ("policy", "support"),
            ("decision", "allow"),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_a_challenge_and_nothing_goes_upstream() {
    let rig = Rig::ecds(&policy()).await;
    let with = |token: &str| rig.client().bearer(token);
    let cases = [
        (rig.client(), 401, "/identity/missing"),
        (with(STRAY), 401, "/identity/unknown"),
        (with(&PAYMENTS.to_uppercase()), 401, "/identity/unknown"),
        (with(&token_sha256(PAYMENTS)), 401, "/identity/unknown"),
        (with(EXPIRED), 401, "/identity/expired"),
        (with(REVOKED), 401, "/identity/revoked"),
        (with(BARE), 403, "/identity/claims"),
        (basic(&rig), 401, "/identity/unknown"),
        (
            rig.client().header("authorization", PAYMENTS),
            401,
            "/identity/unknown",
        ),
        (
            rig.client().header("authorization", "Bearer"),
            401,
            "/identity/unknown",
        ),
        (
            rig.client().header("x-mcp-grant", "payments-bot"),
            401,
            "/identity/missing",
        ),
        (
            rig.client().header("x-authorization", PAYMENTS),
            401,
            "/identity/missing",
        ),
        (
            rig.client()
                .header("x-forwarded-client-cert", "URI=spiffe://example.org/a"),
            401,
            "/identity/missing",
        ),
    ];
    for (client, status, rule) in &cases {
        rig.refuses(*status, rule, client.call("get_balance", json!({})))
            .await;
        rig.refuses(*status, rule, client.list()).await;
        rig.refuses(*status, rule, client.bare(Method::GET)).await;
        rig.refuses(*status, rule, client.bare(Method::DELETE))
            .await;
    }
    let audit = rig.audit(cases.len() * 4);
    for (records, (_, _, rule)) in audit.chunks(4).zip(&cases) {
        for record in records {
            holds(
                record,
                &[("decision", "reject"), ("rule", rule), ("server", "bank")],
            );
        }
    }
    // A grant that is known but not good any more is named.
    holds(&audit[4 * 4], &[("principal", "old-bot")]);
    holds(&audit[5 * 4], &[("principal", "fired-bot")]);
    holds(&audit[6 * 4], &[("principal", "bare-bot")]);
    assert_eq!(rig.upstream.connections(), 0);
}

fn basic(rig: &Rig) -> toolgate_rig::identity::Client {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("payments-bot:{PAYMENTS}"));
    rig.client()
        .header("authorization", &format!("Basic {pair}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_are_none() {
    let rig = Rig::ecds(&policy()).await;
    for other in [PAYMENTS, SUPPORT, STRAY] {
        let client = rig.client().bearer(PAYMENTS).bearer(other);
        // Envoy joins them with a comma before any filter sees them, which no bearer token holds.
        let call = client.call("get_balance", json!({}));
        rig.refuses(400, "/protocol/header", call).await;
        rig.refuses(400, "/protocol/header", client.bare(Method::GET))
            .await;
    }
    assert_eq!(rig.upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_credential_is_needed_a_wrong_one_is_still_wrong() {
    let mut policy = policy();
    policy["identity"] = json!({"sources": ["grant"], "required": false});
    let rig = Rig::ecds(&policy).await;
    let (anonymous, stray) = (rig.client(), rig.client().bearer(STRAY));

    rig.refuses(
        401,
        "/identity/unknown",
        stray.call("get_balance", json!({})),
    )
    .await;
    rig.refuses(401, "/identity/unknown", stray.list()).await;
    // Policies have names, and nobody named one: nothing is listed, nothing is allowed.
    assert_eq!(anonymous.list().await.unwrap().tools(), [""; 0]);
    let denied = anonymous.call("get_balance", json!({})).await.unwrap();
    assert_eq!((denied.status, denied.rule()), (200, "/no-policy"));
    assert!(
        rig.client()
            .bearer(PAYMENTS)
            .call("get_balance", json!({}))
            .await
            .unwrap()
            .ran()
    );
    let audit = rig.audit(5);
    holds(
        &audit[3],
        &[("principal", "anonymous"), ("source", "anonymous")],
    );

    // One inline policy is everybody's.
    let inline = json!({
        "version": "1",
        "identity": {"sources": ["grant"], "required": false},
        "grants": [{"id": "payments-bot", "token_sha256": token_sha256(PAYMENTS)}],
        "tools": {"get_balance": {}},
    });
    rig.publish(&inline);
    rig.refuses(
        401,
        "/identity/unknown",
        stray.call("get_balance", json!({})),
    )
    .await;
    assert!(
        anonymous
            .call("get_balance", json!({}))
            .await
            .unwrap()
            .ran()
    );
}
