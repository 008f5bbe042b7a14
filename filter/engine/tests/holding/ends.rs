//! Credentials that end: whatever they are, they count again when a body is complete and when a held call would go on.

use serde_json::{Value, json};
use toolgate_engine::identity::Attributes;

use crate::common::at;
use crate::rig::{Call, Got, Request, Rig, pay};

/// When the credentials of these tests end, in seconds.
const END: u64 = 30;

/// A caller that is known by one kind of credential, and ends at [`END`].
struct Credential {
    name: &'static str,
    /// Laid over the configuration.
    config: fn() -> Value,
    attributes: fn() -> Attributes,
}

const CREDENTIALS: [Credential; 4] = [
    Credential {
        name: "a grant",
        config: || {
            let mut grants = crate::rig::config(&json!({}))["grants"].clone();
            grants[0]["expires"] = json!(at(END).to_string());
            json!({"grants": grants})
        },
        attributes: Attributes::default,
    },
    Credential {
        name: "a token",
        config: || json!({"identity": {"sources": ["grant", "jwt"]}}),
        attributes: || token(seconds(END)),
    },
    Credential {
        name: "a token whose time has a fraction",
        config: || json!({"identity": {"sources": ["grant", "jwt"]}}),
        attributes: || token(seconds(END) - 0.5),
    },
    Credential {
        name: "a certificate",
        config: || json!({"identity": {"sources": ["grant", "mtls"]}}),
        attributes: || certificate(&at(END).seconds().to_string()),
    },
];

#[expect(clippy::cast_precision_loss, reason = "a time is far below 2^53")]
fn seconds(after: u64) -> f64 {
    at(after).seconds() as f64
}

/// A field of protobuf: its number, and bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap_or(0));
    out.extend_from_slice(bytes);
    out
}

/// An entry of a map.
fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
}

/// What `jwt_authn` leaves of a token of ana's with this `exp`.
fn token(exp: f64) -> Attributes {
    let number = [&[2 << 3 | 1][..], &exp.to_le_bytes()].concat();
    let claims = [entry("sub", &field(3, b"ana")), entry("exp", &number)].concat();
    with_claims(&claims)
}

fn with_claims(claims: &[u8]) -> Attributes {
    let payload = entry("jwt_payload", &field(5, claims));
    let metadata = entry("envoy.filters.http.jwt_authn", &payload);
    Attributes(vec![(Attributes::METADATA, metadata)])
}

fn certificate(end: &str) -> Attributes {
    Attributes(vec![
        (Attributes::URI_SAN, b"spiffe://acme/ana".to_vec()),
        (Attributes::CERTIFICATE, b"00".to_vec()),
        (Attributes::CERTIFICATE_END, end.into()),
    ])
}

fn request(attributes: Attributes) -> Request {
    let mut request = Request::new("ana", &pay(7, 40));
    if !attributes.0.is_empty() {
        request.headers.retain(|(name, _)| name != b"authorization");
    }
    request.attributes = attributes;
    request
}

#[track_caller]
fn expired(call: &Call, got: &Got, what: &str) {
    let rule = call.exchange.records()[0].rule.as_deref();
    let is_401 = matches!(got, Got::Answered(401, _));
    assert!(
        is_401 && rule == Some("/identity/expired"),
        "{what}: {got:?}, {rule:?}"
    );
}

#[test]
fn a_held_call_ends_with_the_credential_it_was_made_with() {
    for Credential {
        name,
        config,
        attributes,
    } in CREDENTIALS
    {
        for answered in [false, true] {
            let mut rig = Rig::new(&config());
            let mut call = rig.hold(request(attributes()));
            rig.now = END - 1;
            assert_eq!(rig.tick(&mut call), Got::Waits, "{name}");
            if answered {
                rig.answer(true);
            }
            rig.now = END;
            let got = rig.tick(&mut call);
            expired(&call, &got, name);
        }
    }
}

#[test]
fn neither_a_new_call_nor_one_that_is_complete_now_comes_with_it() {
    for Credential {
        name,
        config,
        attributes,
    } in CREDENTIALS
    {
        let mut rig = Rig::new(&config());
        rig.now = END - 1;
        let (begun, request) = (rig.begin(request(attributes())), request(attributes()));
        rig.now = END;
        let (call, got) = rig.end(begun);
        expired(&call, &got, name);
        let (call, got) = rig.send(request);
        expired(&call, &got, name);
    }
}

#[test]
fn an_end_that_cannot_be_read_is_nobodys() {
    let text = |value: &str| entry("exp", &field(3, value.as_bytes()));
    let unreadable = [
        with_claims(
            &[
                entry("sub", &field(3, b"ana")),
                text("2030-01-01T00:00:00Z"),
            ]
            .concat(),
        ),
        certificate("Jan  1 00:00:00 2030 GMT"),
        certificate("1e9"),
    ];
    for attributes in unreadable {
        let mut rig = Rig::new(&json!({"identity": {"sources": ["grant", "jwt", "mtls"]}}));
        let (call, got) = rig.send(request(attributes));
        let rule = call.exchange.records()[0].rule.as_deref();
        assert!(matches!(got, Got::Answered(401, _)), "{got:?}");
        assert_eq!(rule, Some("/identity/unknown"));
    }
    // No end, or one beyond all clocks.
    let endless = [
        with_claims(&entry("sub", &field(3, b"ana"))),
        with_claims(&[entry("sub", &field(3, b"ana")), entry("exp", &[1 << 3, 0])].concat()),
        token(1e30),
        certificate("-"),
        certificate(""),
    ];
    for attributes in endless {
        let mut rig = Rig::new(&json!({"identity": {"sources": ["grant", "jwt", "mtls"]}}));
        assert_eq!(rig.send(request(attributes)).1, Got::Held);
    }
}
