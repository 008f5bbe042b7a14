//! Verified JWTs beside grants, behind `cors`: `envoy/identity/jwt.yaml`.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use serde_json::{Value, json};
use toolgate_rig::envoy::{Config, Options};
use toolgate_rig::identity::{Client, Issuer, Place, Reply, token_sha256};

use super::rig::{NOBODY, Rig, holds, turned_away};

const GRANT: &str = "tgk_jwt-release";
const METADATA: &str = "https://mcp.example/.well-known/oauth-protected-resource";

fn config(place: &Place, issuer: &Issuer) -> Config {
    place.put("jwks.json", &issuer.jwks()).unwrap();
    let config = place.shipped("jwt.yaml").unwrap();
    config.replace(NOBODY, &token_sha256(GRANT)).unwrap()
}

async fn start(change: impl Fn(Config) -> Config) -> (Rig, Issuer) {
    let (place, issuer) = (Place::new().unwrap(), Issuer::generate().unwrap());
    let config = change(config(&place, &issuer));
    (Rig::start(config, place, &Options::default()).await, issuer)
}

/// Claims that are right, with these on top; null takes one away.
fn claims(change: Value) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut claims = json!({
        "iss": "https://issuer.example", "aud": "https://mcp.example/mcp", "exp": now + 600,
        "sub": "ana", "team": "payments", "toolgate_policy": "engineer",
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

async fn balance(client: &Client) -> Reply {
    client.call("get_balance", json!({})).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_choose_the_policy_and_feed_it() {
    let (rig, issuer) = start(|config| config).await;
    let with = |change: Value| rig.client().bearer(&issuer.token(&claims(change)).unwrap());
    let refund = || json!({"payment": "p1", "amount": 5});

    let ana = with(json!({}));
    assert_eq!(
        ana.list().await.unwrap().tools(),
        ["get_balance", "create_refund", "whoami"]
    );
    assert!(ana.call("create_refund", refund()).await.unwrap().ran());
    // `identity.team` is known without arguments: who fails on it does not see the tool either.
    let ben = with(json!({"sub": "ben", "team": "support"}));
    assert_eq!(ben.list().await.unwrap().tools(), ["get_balance", "whoami"]);
    let denied = ben.call("create_refund", refund()).await.unwrap();
    assert_eq!(
        denied.rule(),
        "/tools/create_refund/require/identity.team-in"
    );
    // Another token of the same person is the same person.
    let again = with(json!({"jti": "2"}));
    assert!(again.call("create_refund", refund()).await.unwrap().ran());
    let denied = ana.call("create_refund", refund()).await.unwrap();
    assert_eq!(denied.rule(), "/tools/create_refund/limits/refunds");
    let cleo = with(json!({"sub": "cleo"}));
    assert!(cleo.call("create_refund", refund()).await.unwrap().ran());

    // A reader of an organisation, and a grant with the same policy.
    let reader = with(json!({"toolgate_policy": "reader", "owner": "acme"}));
    for client in [&reader, &rig.client().bearer(GRANT)] {
        assert_eq!(
            client.list().await.unwrap().tools(),
            ["get_balance", "list_issues"]
        );
        let issues = |owner| client.call("list_issues", json!({"owner": owner, "repo": "r"}));
        assert!(issues("acme").await.unwrap().ran());
        let denied = issues("evil").await.unwrap();
        assert_eq!(denied.rule(), "/tools/list_issues/require/args.owner-eq");
    }
    // No policy, or none of that name.
    for name in [json!(null), json!("root"), json!(["engineer"])] {
        let client = with(json!({"toolgate_policy": name}));
        assert_eq!(balance(&client).await.rule(), "/no-policy", "{name}");
    }
    for record in rig.upstream.records() {
        assert_eq!(record.header("authorization"), None);
    }
    let audit = rig.audit(16);
    holds(
        &audit[1],
        &[
            ("principal", "ana"),
            ("source", "jwt"),
            ("policy", "engineer"),
            ("decision", "allow"),
        ],
    );
    assert_eq!(audit[1]["claims"], json!({"team": "payments"}));
    holds(&audit[3], &[("principal", "ben"), ("decision", "deny")]);
    holds(
        &audit[11],
        &[
            ("principal", "release-bot"),
            ("source", "grant"),
            ("policy", "reader"),
        ],
    );
}

/// RFC 9110: the name of the scheme is case-insensitive.
#[tokio::test(flavor = "multi_thread")]
async fn the_scheme_may_be_written_in_any_case() {
    let (rig, issuer) = start(|config| config).await;
    let jwt = issuer.token(&claims(json!({}))).unwrap();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        for token in [jwt.as_str(), GRANT] {
            let client = rig
                .client()
                .header("authorization", &format!("{scheme} {token}"));
            assert!(balance(&client).await.ran(), "{scheme} {token}");
        }
    }
    for record in rig.upstream.records() {
        assert_eq!(record.header("authorization"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_right_is_unknown() {
    let (rig, issuer) = start(|config| config).await;
    let right = issuer.token(&claims(json!({}))).unwrap();
    assert!(balance(&rig.client().bearer(&right)).await.ran());
    let forged = Issuer::generate()
        .unwrap()
        .token(&claims(json!({})))
        .unwrap();
    let (head, rest) = right.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let wrong = [
        issuer
            .token(&claims(json!({"iss": "https://evil.example"})))
            .unwrap(),
        issuer
            .token(&claims(json!({"aud": "https://other.example"})))
            .unwrap(),
        issuer
            .token(&claims(json!({"exp": 1_600_000_000})))
            .unwrap(),
        issuer.token(&claims(json!({"exp": null}))).unwrap(),
        forged,
        format!("{head}.{body}."),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{body}."),
        format!(
            "{head}.{body}.{}",
            signature.chars().rev().collect::<String>()
        ),
    ];
    for token in &wrong {
        let client = rig.client().bearer(token);
        rig.refuses(
            401,
            "/identity/unknown",
            client.call("get_balance", json!({})),
        )
        .await;
    }
    rig.refuses(
        401,
        "/identity/unknown",
        rig.client().bearer(&wrong[0]).list(),
    )
    .await;
    rig.refuses(401, "/identity/missing", rig.client().list())
        .await;
    // Only the Authorization header carries a token: not the query, which access logs show.
    let query = Client::new(&rig.envoy.url(&format!("/mcp?access_token={right}")));
    rig.refuses(401, "/identity/missing", query.list()).await;
    // A verified token and a second one beside it.
    let mark = rig.upstream.mark();
    for (one, other) in [(&right, &wrong[0]), (&wrong[0], &right), (&right, &right)] {
        let reply = rig.client().bearer(one).bearer(other).list().await.unwrap();
        println!("two tokens: {} {}", reply.status, reply.rule());
        assert!(reply.status == 400 || reply.status == 401, "{reply:?}");
    }
    assert_eq!(rig.upstream.mark(), mark);

    for lacking in [json!({"team": null}), json!({"team": null, "sub": "eve"})] {
        let client = rig
            .client()
            .bearer(&issuer.token(&claims(lacking)).unwrap());
        rig.refuses(
            403,
            "/identity/claims",
            client.call("get_balance", json!({})),
        )
        .await;
    }
    let nobody = rig
        .client()
        .bearer(&issuer.token(&claims(json!({"sub": null}))).unwrap());
    rig.refuses(
        401,
        "/identity/unknown",
        nobody.call("get_balance", json!({})),
    )
    .await;
}

/// A verified token that names nobody is a credential all the same.
#[tokio::test(flavor = "multi_thread")]
async fn where_no_credential_is_needed_a_token_without_a_subject_is_still_unknown() {
    let optional = |config: Config| {
        let config = config
            .replace("\"require_claims\": [\"team\"]", "\"required\": false")
            .unwrap();
        config
            .replace(
                r#""company", "subject": "sub", "policy_claim": "toolgate_policy""#,
                r#""company", "policy": "reader""#,
            )
            .unwrap()
    };
    let (rig, issuer) = start(optional).await;
    assert_eq!(balance(&rig.client()).await.rule(), "/no-policy");
    for subject in [json!(null), json!(7), json!("")] {
        let token = issuer.token(&claims(json!({"sub": subject}))).unwrap();
        rig.refuses(401, "/identity/unknown", rig.client().bearer(&token).list())
            .await;
    }
    let token = issuer.token(&claims(json!({"sub": "ana"}))).unwrap();
    assert!(balance(&rig.client().bearer(&token)).await.ran());
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_get_their_preflight_and_strangers_learn_where_tokens_come_from() {
    let (rig, _) = start(|config| config).await;
    let origin = "https://inspector.example";
    let preflight = |origin: &str| {
        let client = rig.client().header("origin", origin);
        client
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,mcp-protocol-version",
            )
    };
    let reply = preflight(origin).bare(Method::OPTIONS).await.unwrap();
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, origin)
    );
    assert!(
        reply
            .header("access-control-allow-headers")
            .contains("authorization")
    );
    let reply = preflight("https://evil.example")
        .bare(Method::OPTIONS)
        .await
        .unwrap();
    assert_eq!(reply.header("access-control-allow-origin"), "");
    // OPTIONS that is no preflight is a request like any other.
    rig.refuses(401, "/identity/missing", rig.client().bare(Method::OPTIONS))
        .await;

    // A browser may read the challenge.
    let reply = rig.client().header("origin", origin).list().await.unwrap();
    turned_away(&reply, 401, "/identity/missing");
    assert_eq!(reply.header("access-control-allow-origin"), origin);
    assert!(
        reply
            .header("access-control-expose-headers")
            .contains("www-authenticate")
    );
    let challenge = reply.header("www-authenticate");
    assert!(
        challenge.contains(&format!("resource_metadata=\"{METADATA}\"")),
        "{challenge}"
    );

    for path in ["", "/mcp"] {
        let url = rig
            .envoy
            .url(&format!("/.well-known/oauth-protected-resource{path}"));
        let client = Client::new(&url).header("origin", origin);
        let preflight = client
            .clone()
            .header("access-control-request-method", "GET");
        for reply in [
            client.bare(Method::GET).await,
            preflight.bare(Method::OPTIONS).await,
        ] {
            let headers = reply.unwrap().headers;
            assert_eq!(headers["access-control-allow-origin"], "*");
            assert_eq!(
                headers["access-control-allow-headers"],
                "mcp-protocol-version"
            );
        }
        let reply = client.bare(Method::GET).await.unwrap();
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "application/json")
        );
        assert_eq!(reply.body["resource"], "https://mcp.example/mcp");
        assert_eq!(
            reply.body["authorization_servers"],
            json!(["https://issuer.example"])
        );
    }
    // The gate is off for these two paths and no other.
    let elsewhere = Client::new(&rig.envoy.url("/.well-known/oauth-protected-resource/x"));
    for reply in [elsewhere.bare(Method::GET).await, elsewhere.list().await] {
        let reply = reply.unwrap();
        assert_eq!(
            (reply.status, &reply.body["error"]),
            (404, &json!("invalid_request"))
        );
    }
    for path in [
        "/.well-known/",
        "/.well-known/oauth-protected-resource/../../mcp",
    ] {
        let client = Client::new(&rig.envoy.url(path));
        rig.refuses(401, "/identity/missing", client.bare(Method::GET))
            .await;
        rig.refuses(401, "/identity/missing", client.list()).await;
    }
    assert_eq!(rig.upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_while_its_call_is_held_releases_nothing() {
    let asking = |config: Config| {
        let from = r#""get_balance": {}"#;
        let to = r#""get_balance": { "approval": { "hold": "45s" } }"#;
        config.replace(from, to).unwrap()
    };
    let (rig, issuer) = start(asking).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let end = now.as_secs() + 6;
    let token = issuer.token(&claims(json!({"exp": end}))).unwrap();
    let client = rig.client().bearer(&token);
    // Nobody answers, and it would be held much longer.
    let reply = client.call("get_balance", json!({}));
    rig.refuses(401, "/identity/expired", reply).await;
    let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(after.as_secs() >= end);
    // `jwt_authn` grants a minute more, the gate does not.
    let again = client.call("get_balance", json!({}));
    rig.refuses(401, "/identity/expired", again).await;
}

/// Envoy hands claims over as doubles in a message of limited depth; what the gate cannot read of it is no reason to take the
/// bearer for nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_read_whole_is_unknown() {
    let sources = "\"sources\": [";
    let open = format!("\"required\": false, {sources}");
    let (rig, issuer) = start(|config| config.replace(sources, &open).unwrap()).await;
    let deep = (0..70).fold(json!(1), |value, _| json!([value]));
    for claim in [json!(1e-7), json!(1e300), json!({"a": [-1e-9]}), deep] {
        let token = issuer.token(&claims(json!({"x": claim}))).unwrap();
        let client = rig.client().bearer(&token);
        rig.refuses(
            401,
            "/identity/unknown",
            client.call("get_balance", json!({})),
        )
        .await;
    }
    assert_eq!(rig.upstream.connections(), 0);
}
