//! The upstream's own secret, `envoy/identity/credential-injector.yaml`.

use std::time::{Duration, Instant};

use serde_json::json;
use toolgate_rig::envoy::Options;
use toolgate_rig::identity::{Place, token_sha256};

use super::rig::{NOBODY, Rig, turned_away};

const TOKEN: &str = "tgk_injector-5Gt81";

#[tokio::test(flavor = "multi_thread")]
async fn the_server_sees_its_own_secret_and_a_rotated_one_within_a_second() {
    let place = Place::new().unwrap();
    place.put_upstream_secret("upstream-secret-1").unwrap();
    let config = place.shipped("credential-injector.yaml").unwrap();
    let config = config.replace(NOBODY, &token_sha256(TOKEN)).unwrap();
    let rig = Rig::start(config, place, &Options::default()).await;
    let client = rig.client().bearer(TOKEN);
    let seen = || {
        let records = rig.upstream.records();
        let last = records.last().unwrap();
        assert_eq!(last.headers.get_all("authorization").iter().count(), 1);
        last.header("authorization").unwrap().to_owned()
    };

    assert!(client.call("get_balance", json!({})).await.unwrap().ran());
    assert_eq!(seen(), "Bearer upstream-secret-1");
    assert_eq!(client.list().await.unwrap().tools().len(), 3);
    assert_eq!(seen(), "Bearer upstream-secret-1");
    // It is not told to the client, unless the server does so itself.
    let injected = || {
        let stats = rig.envoy.stats("http.mcp.credential_injector.").unwrap();
        stats["http.mcp.credential_injector.injected"]
    };
    let (before, mark) = (injected(), rig.upstream.mark());
    assert_eq!(before, 2);
    let denied = client
        .call("create_refund", json!({"payment": "p", "amount": 101}))
        .await
        .unwrap();
    assert_eq!(
        denied.rule(),
        "/tools/create_refund/require/args.amount-lte"
    );
    let denied = client.call("close_account", json!({})).await.unwrap();
    assert_eq!(denied.rule(), "/default");
    let stray = rig.client().bearer("upstream-secret-1");
    turned_away(&stray.list().await.unwrap(), 401, "/identity/unknown");
    turned_away(
        &rig.client().list().await.unwrap(),
        401,
        "/identity/missing",
    );
    // No refused call came as far as the injector.
    assert_eq!((injected(), rig.upstream.mark()), (before, mark));

    rig.place.put_upstream_secret("upstream-secret-2").unwrap();
    let rotated = Instant::now();
    while seen() != "Bearer upstream-secret-2" {
        assert!(rotated.elapsed() < Duration::from_secs(1));
        assert!(client.call("get_balance", json!({})).await.unwrap().ran());
    }
    println!("rotated after {:?}", rotated.elapsed());
}
