//! Client certificates, `envoy/identity/mtls.yaml`.

use std::time::{Duration, SystemTime};

use serde_json::json;
use toolgate_rig::envoy::Options;
use toolgate_rig::identity::{Authority, Certificate, Client, Place};

use super::rig::{Rig, holds, turned_away};

const PAYMENTS: &str = "spiffe://example.org/payments/refund-bot";
const SUPPORT: &str = "spiffe://example.org/support/bot";

/// The shipped configuration with certificates of an authority of its own, and where it listens.
async fn shipped() -> (Authority, Rig, String) {
    let authority = Authority::generate().unwrap();
    let place = Place::new().unwrap();
    let server = authority.server().unwrap();
    place.put("server.pem", &server.certificate).unwrap();
    place.put("server.key", &server.key).unwrap();
    place.put("ca.pem", authority.certificate()).unwrap();
    let config = place.shipped("mtls.yaml").unwrap();
    let rig = Rig::start(config, place, &Options::default()).await;
    let url = rig.envoy.url("/mcp").replace("http:", "https:");
    (authority, rig, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_uri_of_a_verified_certificate_is_who_calls() {
    let (authority, rig, url) = shipped().await;
    let client = |certificate: Option<&Certificate>| {
        Client::tls(&url, authority.certificate(), certificate).unwrap()
    };
    let named = |uris: &[&str]| client(Some(&authority.client("agent", uris).unwrap()));
    let (payments, support) = (named(&[PAYMENTS]), named(&[SUPPORT]));
    let refund = || json!({"payment": "p1", "amount": 5});

    assert_eq!(
        payments.list().await.unwrap().tools(),
        ["get_balance", "create_refund"]
    );
    assert_eq!(support.list().await.unwrap().tools(), ["get_balance"]);
    let forged = format!("By=x;Hash=y;URI={PAYMENTS}");
    let forged = support.header("x-forwarded-client-cert", &forged);
    let denied = forged.call("create_refund", refund()).await.unwrap();
    assert_eq!(
        denied.rule(),
        "/tools/create_refund/require/identity.id-prefix"
    );
    for _ in 0..2 {
        assert!(
            payments
                .call("create_refund", refund())
                .await
                .unwrap()
                .ran()
        );
    }
    // A new certificate of the same agent is the same agent.
    let renewed = named(&[PAYMENTS]);
    let denied = renewed.call("create_refund", refund()).await.unwrap();
    assert_eq!(denied.rule(), "/tools/create_refund/limits/refunds");
    assert!(
        named(&["spiffe://example.org/payments/b"])
            .call("create_refund", refund())
            .await
            .unwrap()
            .ran()
    );
    for record in rig.upstream.records() {
        assert_eq!(record.header("x-forwarded-client-cert"), None);
    }

    // Verified, but nobody: also where a header says otherwise.
    let nameless = named(&[]).header("x-forwarded-client-cert", &format!("URI={PAYMENTS}"));
    rig.refuses(
        401,
        "/identity/unknown",
        nameless.call("get_balance", json!({})),
    )
    .await;
    rig.refuses(401, "/identity/unknown", nameless.list()).await;

    // No certificate, and one of another authority with the right name: no connection.
    let stranger = Authority::generate()
        .unwrap()
        .client("agent", &[PAYMENTS])
        .unwrap();
    let mark = rig.upstream.mark();
    for certificate in [None, Some(&stranger)] {
        let sent = client(certificate).call("get_balance", json!({})).await;
        assert!(sent.is_err(), "{sent:?}");
    }
    assert_eq!(rig.upstream.mark(), mark);

    let audit = rig.audit(9);
    holds(
        &audit[2],
        &[
            ("principal", SUPPORT),
            ("source", "mtls"),
            ("policy", "agents"),
            ("decision", "deny"),
        ],
    );
    holds(&audit[3], &[("principal", PAYMENTS), ("decision", "allow")]);
    holds(&audit[7], &[("rule", "/identity/unknown")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_outlives_its_certificate_is_nobodys() {
    let (authority, _rig, url) = shipped().await;

    // Long enough for the first call, on a machine that has other things to do.
    let end = SystemTime::now() + Duration::from_secs(6);
    let certificate = authority.client_until(PAYMENTS, end).unwrap();
    let client = Client::tls(&url, authority.certificate(), Some(&certificate)).unwrap();
    let balance = || client.call("get_balance", json!({}));
    assert!(balance().await.unwrap().ran());
    let refused = loop {
        let reply = balance().await.unwrap();
        if !reply.ran() {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    turned_away(&refused, 401, "/identity/expired");
    assert!(SystemTime::now() >= end - Duration::from_secs(1));
}
