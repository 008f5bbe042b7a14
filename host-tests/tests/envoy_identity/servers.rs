//! Two servers behind one listener, `envoy/identity/servers.yaml`.

use serde_json::{Value, json};
use toolgate_rig::envoy::Options;
use toolgate_rig::identity::{Client, Place, token_sha256};
use toolgate_rig::upstream::Upstream;

use super::rig::{NOBODY, Rig, holds, turned_away};

const PAYMENTS: &str = "tgk_servers-payments";
const CODE: &str = "tgk_servers-code";

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_good_for_its_servers_only() {
    let code = Upstream::start().await.unwrap();
    let place = Place::new().unwrap();
    let config = place.shipped("servers.yaml").unwrap();
    let config = config.replace(NOBODY, &token_sha256(PAYMENTS)).unwrap();
    let config = config
        .replace(&NOBODY.replace('0', "1"), &token_sha256(CODE))
        .unwrap();
    let code_address = format!("port_value: {}}}", code.address().port());
    let config = config.replace("port_value: 3001}", &code_address).unwrap();
    let rig = Rig::start(config, place, &Options::default()).await;

    let at = |path: &str, token: &str| Client::new(&rig.envoy.url(path)).bearer(token);
    let code_host = |client: Client| client.header("host", "code.example");
    let balance = async |client: &Client| client.call("get_balance", json!({})).await.unwrap();

    let payments = at("/payments", PAYMENTS);
    assert!(balance(&payments).await.ran());
    assert_eq!((rig.upstream.mark(), code.mark()), (1, 0));
    // The same grant elsewhere.
    let elsewhere = code_host(at("/mcp", PAYMENTS));
    turned_away(&balance(&elsewhere).await, 403, "/identity/server");
    turned_away(&elsewhere.list().await.unwrap(), 403, "/identity/server");
    assert_eq!((rig.upstream.mark(), code.connections()), (1, 0));

    // A grant without `servers` is good for both; its policy goes with it.
    let anywhere = at("/payments/", CODE);
    assert!(balance(&anywhere).await.ran());
    let anywhere = code_host(at("/mcp", CODE));
    assert!(balance(&anywhere).await.ran());
    assert_eq!(
        anywhere.list().await.unwrap().tools(),
        ["get_balance", "list_issues", "create_issue"]
    );
    assert_eq!((rig.upstream.mark(), code.mark()), (2, 2));
    // Ports and case of a host do not matter.
    let anywhere = at("/mcp", CODE).header("host", "CODE.example:8443");
    assert!(balance(&anywhere).await.ran());

    // Routed, but no server of the gate's; however it is spelt.
    for client in [
        at("/mcp", CODE),
        at("/paymentsx", CODE),
        at("/", PAYMENTS),
        at("/payments/../mcp", PAYMENTS),
        at("/%70ayment", PAYMENTS),
        code_host(at("/payments", PAYMENTS)),
        at("/payments", PAYMENTS).header("host", "code.example"),
        // Envoy's `code.example:*` does not take an empty port, nor its `code.example` a dot behind it.
        at("/mcp", CODE).header("host", "code.example:"),
        at("/mcp", CODE).header("host", "code.example."),
    ] {
        let before = (rig.upstream.mark(), code.mark());
        let reply = balance(&client).await;
        assert_eq!(
            (reply.status, reply.rule()),
            (404, "/no-server"),
            "{client:?}"
        );
        assert!(!reply.is_tool_result());
        assert_eq!((rig.upstream.mark(), code.mark()), before);
    }
    // One spelling is another: what is judged is what is routed.
    for path in ["/%70ayments", "/x/../payments", "//payments"] {
        assert!(balance(&at(path, PAYMENTS)).await.ran(), "{path}");
    }

    let audit: Vec<Value> = rig.audit(19);
    holds(
        &audit[0],
        &[
            ("server", "payments"),
            ("principal", "payments-bot"),
            ("policy", "payments"),
        ],
    );
    holds(
        &audit[1],
        &[
            ("server", "code"),
            ("principal", "payments-bot"),
            ("rule", "/identity/server"),
        ],
    );
    holds(
        &audit[4],
        &[
            ("server", "code"),
            ("principal", "code-bot"),
            ("policy", "code"),
        ],
    );
    holds(&audit[7], &[("rule", "/no-server")]);
}
