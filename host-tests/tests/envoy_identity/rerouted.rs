//! Headers that the gate takes off and that a route asks for: a call goes where it was judged for, or nowhere.

use serde_json::{Value, json};
use toolgate_rig::envoy::Options;
use toolgate_rig::identity::{Client, Place, Reply, token_sha256};
use toolgate_rig::upstream::Upstream;

use super::rig::{Rig, holds};

const TOKEN: &str = "tgk_rerouted-4Yq81s";

/// `envoy/identity/servers.yaml` with the route `guarded` for requests with this header, and `rest` for all others.
struct Rerouted {
    /// Where `guarded` leads.
    guarded: Upstream,
    /// `rig.upstream` is where `rest` leads.
    rig: Rig,
}

impl Rerouted {
    async fn start(header: &str, policy: &Value) -> Self {
        let guarded = Upstream::start().await.unwrap();
        let place = Place::new().unwrap();
        let config = place.shipped("servers.yaml").unwrap();
        let port = format!("port_value: {}}}", guarded.address().port());
        let config = config
            .replace("port_value: 3001}", &port)
            .unwrap()
            .replace(
                "match: {path_separated_prefix: /payments}\n                route: {cluster: payments_server, timeout: 0s, prefix_rewrite: /mcp}",
                &format!("match: {{prefix: /, headers: [{header}]}}\n                route: {{cluster: code_server, timeout: 0s}}"),
            )
            .unwrap()
            .replace("- name: mcp-payments ", "- name: guarded ")
            .unwrap()
            .replace(
                "- match: {prefix: \"/\"}\n                route: {cluster: payments_server",
                "- name: rest\n                match: {prefix: \"/\"}\n                route: {cluster: payments_server",
            )
            .unwrap()
            .policy_json(&policy.to_string())
            .unwrap();
        let options = Options {
            concurrency: 2,
            ..Options::default()
        };
        let rig = Rig::start(config, place, &options).await;
        Rerouted { guarded, rig }
    }

    fn client(&self) -> Client {
        self.rig.client()
    }

    /// The host tells where a request went only when it has gone: the first, which is no call with any client there is, shows it,
    /// and is cut. From then on nothing goes, over whichever worker.
    async fn goes_nowhere(&self, client: Client) {
        assert!(
            client.list().await.is_err(),
            "the reply of another server came through"
        );
        for _ in 0..3 {
            // A connection of its own may be another worker's.
            let client = client.clone().header("connection", "close");
            let reply = balance(&client).await;
            assert_eq!(
                (reply.status, reply.rule()),
                (503, "/protocol/route"),
                "{reply:?}"
            );
        }
        let calls = |upstream: &Upstream| {
            let records = upstream.records();
            records
                .iter()
                .filter(|record| record.tool().is_some())
                .count()
        };
        assert_eq!((calls(&self.guarded), calls(&self.rig.upstream)), (0, 0));
        for record in self.rig.audit(4) {
            holds(
                &record,
                &[("decision", "reject"), ("rule", "/protocol/route")],
            );
        }
    }
}

async fn balance(client: &Client) -> Reply {
    client.call("get_balance", json!({})).await.unwrap()
}

/// Two servers by their routes, and a limit that tells whether a refused call was charged.
fn policy(more: Value) -> Value {
    let mut policy = json!({
        "version": "1",
        "servers": {"guarded": {"route": "guarded"}, "rest": {"route": "rest"}},
        "tools": {
            "get_balance": {"limits": [{"counter": "calls", "max": 1, "window": "month", "scope": "server"}]},
            "whoami": {},
        },
    });
    for (key, value) in more.as_object().unwrap() {
        policy[key] = value.clone();
    }
    policy
}

fn by_grant(more: Value) -> Value {
    let grant = json!({"id": "bot", "servers": ["guarded"], "token_sha256": token_sha256(TOKEN)});
    let mut policy = policy(json!({"grants": [grant]}));
    for (key, value) in more.as_object().unwrap() {
        policy[key] = value.clone();
    }
    policy
}

const AUTHORIZATION: &str = "{name: authorization, present_match: true}";
const TENANT: &str = "{name: x-tenant, string_match: {exact: a}}";
const ENCODING: &str = "{name: accept-encoding, present_match: true}";

#[tokio::test(flavor = "multi_thread")]
async fn a_route_by_the_token_of_a_grant() {
    let rerouted = Rerouted::start(AUTHORIZATION, &by_grant(json!({}))).await;
    rerouted.goes_nowhere(rerouted.client().bearer(TOKEN)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_by_a_trusted_header() {
    let tenant = policy(json!({"identity": {"sources": [{"header": {"name": "x-tenant"}}]}}));
    let rerouted = Rerouted::start(TENANT, &tenant).await;
    for (tenant, guarded) in [("a", true), ("b", false)] {
        let client = rerouted.client().header("x-tenant", tenant);
        let reply = client.call("whoami", json!({}));
        assert!(reply.await.unwrap().ran());
        let seen = match guarded {
            true => rerouted.guarded.records(),
            false => rerouted.rig.upstream.records(),
        };
        assert_eq!((seen.len(), seen[0].header("x-tenant")), (1, Some(tenant)));
    }
    let audit = rerouted.rig.audit(2);
    holds(&audit[0], &[("server", "guarded"), ("principal", "a")]);
    holds(&audit[1], &[("server", "rest"), ("principal", "b")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_by_a_trusted_header_that_is_not_kept() {
    let source = json!({"header": {"name": "x-tenant", "keep": false}});
    let tenant = policy(json!({"identity": {"sources": [source]}}));
    let rerouted = Rerouted::start(TENANT, &tenant).await;
    rerouted
        .goes_nowhere(rerouted.client().header("x-tenant", "a"))
        .await;
    // What takes the route that it has without the header is judged for that route.
    let other = rerouted.client().header("x-tenant", "b");
    assert!(balance(&other).await.ran());
    holds(
        &rerouted.rig.audit(5)[4],
        &[("server", "rest"), ("principal", "b")],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_by_an_encoding_that_the_client_chooses() {
    let redacting = policy(json!({"results": {"redact": ["email"]}}));
    let rerouted = Rerouted::start(ENCODING, &redacting).await;
    let client = rerouted.client();
    rerouted
        .goes_nowhere(client.clone().header("accept-encoding", "gzip"))
        .await;
    // Nothing of it was charged: the limit has room for one.
    assert!(balance(&client).await.ran());
    assert_eq!(
        balance(&client).await.rule(),
        "/tools/get_balance/limits/calls"
    );
    assert_eq!(rerouted.guarded.mark(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_by_their_paths_do_not_change_routes_either() {
    let by_path = by_grant(json!({"servers": {"guarded": {"path_prefix": "/mcp"}}}));
    let rerouted = Rerouted::start(AUTHORIZATION, &by_path).await;
    rerouted.goes_nowhere(rerouted.client().bearer(TOKEN)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_headers_cannot_be_held_nothing_goes_either() {
    let unheld = by_grant(json!({"http": {"hold_request_headers": false}}));
    let rerouted = Rerouted::start(AUTHORIZATION, &unheld).await;
    rerouted.goes_nowhere(rerouted.client().bearer(TOKEN)).await;
}
