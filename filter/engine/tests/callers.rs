//! Who calls and where, from what a host hands over: as data, in every spelling.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use toolgate_engine::config::Gate;
use toolgate_engine::identity::{Attributes, Stranger};
use toolgate_engine::time::Timestamp;

fn gate(document: &str) -> Gate {
    Gate::from_json(document.as_bytes(), false).unwrap_or_else(|errors| panic!("{errors}"))
}

type Header<'h> = (&'h str, &'h [u8]);

fn headers(headers: &[Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let owned = |(name, value): &Header<'_>| (name.as_bytes().to_vec(), value.to_vec());
    headers.iter().map(owned).collect()
}

/// The caller's source and id, or why it is turned away.
fn caller(gate: &Gate, head: &[Header<'_>], attributes: Attributes) -> Result<String, Stranger> {
    let now = Timestamp::parse("2026-11-30T12:00:00Z").unwrap();
    let found = gate
        .identity
        .resolve(gate.policy_names(), &headers(head), &attributes, None, now);
    let caller = found.map_err(|turned_away| turned_away.stranger)?;
    Ok(format!(
        "{} {}",
        caller.principal.source, caller.principal.id
    ))
}

mod protobuf {
    //! Enough of it for metadata.

    pub fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            field.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        field.push(u8::try_from(length).unwrap());
        field.extend_from_slice(content);
        field
    }

    pub fn entry(key: &str, value: &[u8]) -> Vec<u8> {
        bytes(1, &[bytes(1, key.as_bytes()), bytes(2, value)].concat())
    }

    pub fn text(text: &[u8]) -> Vec<u8> {
        bytes(3, text)
    }

    pub fn number(number: f64) -> Vec<u8> {
        [&[2 << 3 | 1][..], &number.to_le_bytes()].concat()
    }

    pub fn boolean(value: bool) -> Vec<u8> {
        vec![4 << 3, u8::from(value)]
    }

    pub fn object(entries: &[Vec<u8>]) -> Vec<u8> {
        bytes(5, &entries.concat())
    }

    pub fn list(values: &[Vec<u8>]) -> Vec<u8> {
        let values: Vec<Vec<u8>> = values.iter().map(|value| bytes(1, value)).collect();
        bytes(6, &values.concat())
    }
}

use protobuf::{boolean, entry, list, number, object, text};

/// Metadata with the payload of a token of `ana` and one claim more.
fn token(claim: &str, value: &[u8]) -> Vec<u8> {
    let claims = [entry("sub", &text(b"ana")), entry(claim, value)];
    let payloads = entry("jwt_payload", &object(&claims));
    entry("envoy.filters.http.jwt_authn", &payloads)
}

const JWT_THEN_HEADER: &str = r#"{"version": "1", "default": "allow",
    "identity": {"sources": ["jwt", {"header": {"name": "x-agent"}}], "required": false}}"#;
const AGENT: &[Header<'_>] = &[("x-agent", b"agent")];

fn metadata(metadata: Vec<u8>) -> Attributes {
    Attributes(vec![(Attributes::METADATA, metadata)])
}

#[test]
fn a_token_that_was_verified_is_read_whole_or_refused() {
    let gate = gate(JWT_THEN_HEADER);
    let deep = (0..70).fold(text(b"x"), |value, _| list(&[value]));
    let deep_objects = (0..70).fold(text(b"x"), |value, _| object(&[entry("a", &value)]));
    let unreadable: [(&str, Vec<u8>); 11] = [
        ("a number near 0", token("x", &number(1e-7))),
        ("a number too large", token("x", &number(1e300))),
        ("no number", token("x", &number(f64::NAN))),
        (
            "one in a list",
            token("x", &list(&[number(1.0), number(-1e-9)])),
        ),
        ("lists too deep", token("x", &deep)),
        ("objects too deep", token("x", &deep_objects)),
        ("no text", token("x", &text(b"\xff\xfe"))),
        ("a claim of no kind", token("x", b"")),
        ("a claim twice", token("sub", &text(b"eve"))),
        (
            "a payload twice",
            [token("x", &text(b"1")), token("x", &text(b"2"))].concat(),
        ),
        ("no metadata", vec![0xff]),
    ];
    for (what, token) in unreadable {
        let found = caller(&gate, AGENT, metadata(token));
        assert_eq!(found, Err(Stranger::Unknown), "{what}");
    }
    let readable: [Vec<u8>; 5] = [
        token("x", &number(0.5)),
        token("x", &number(9_007_199_254_740_993.0)),
        token("x", &list(&[text(b"a"), boolean(false)])),
        token("x", &object(&[])),
        token("x", &text("ä".as_bytes())),
    ];
    for token in readable {
        assert_eq!(
            caller(&gate, AGENT, metadata(token)),
            Ok("jwt ana".to_owned())
        );
    }
    // Where there is no token the next source is asked.
    let other = entry("envoy.filters.http.rbac", &entry("x", &number(1e-7)));
    for nothing in [Vec::new(), other] {
        let found = caller(&gate, AGENT, metadata(nothing));
        assert_eq!(found, Ok("header agent".to_owned()));
    }
}

#[test]
fn a_required_claim_says_something() {
    let gate = gate(
        r#"{"version": "1", "default": "allow",
        "identity": {"sources": ["jwt"], "require_claims": ["email_verified"]}}"#,
    );
    let nothing = [
        boolean(false),
        text(b""),
        list(&[]),
        object(&[]),
        vec![1 << 3, 0],
    ];
    for claim in nothing {
        let found = caller(&gate, &[], metadata(token("email_verified", &claim)));
        assert_eq!(found, Err(Stranger::Claims), "{claim:?}");
    }
    let something = [
        boolean(true),
        text(b"no"),
        list(&[boolean(false)]),
        object(&[entry("a", &text(b""))]),
        number(0.0),
    ];
    for claim in something {
        let found = caller(&gate, &[], metadata(token("email_verified", &claim)));
        assert_eq!(found, Ok("jwt ana".to_owned()), "{claim:?}");
    }
}

#[test]
fn a_name_in_a_certificate_is_read_alike_by_all() {
    let by = |field: &str| {
        gate(&format!(
            r#"{{"version": "1", "default": "allow", "identity": {{"sources": [{{"mtls": {{"field": "{field}"}}}}], "required": false}}}}"#
        ))
    };
    let cases: [(&str, &str, &[u8], bool); 14] = [
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/pay/bot",
            true,
        ),
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/pay/..bot",
            true,
        ),
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/pay/../admin",
            false,
        ),
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/pay/./bot",
            false,
        ),
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/pay/..",
            false,
        ),
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/pay/%2e%2e/admin",
            false,
        ),
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/pay\0",
            false,
        ),
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/pay\nx",
            false,
        ),
        (
            "uri_san",
            Attributes::URI_SAN,
            b"spiffe://a.example/\xff",
            false,
        ),
        ("dns_san", Attributes::DNS_SAN, b"bot.pay.example", true),
        (
            "dns_san",
            Attributes::DNS_SAN,
            b"bot.pay.example\0.evil",
            false,
        ),
        (
            "subject",
            Attributes::SUBJECT,
            b"CN=bot,OU=payments,O=Acme Inc",
            true,
        ),
        (
            "subject",
            Attributes::SUBJECT,
            b"CN=evil\\,OU=payments",
            false,
        ),
        (
            "subject",
            Attributes::SUBJECT,
            b"CN=evil\\2COU=payments",
            false,
        ),
    ];
    for (field, attribute, name, plain) in cases {
        let found = caller(
            &by(field),
            &[],
            Attributes(vec![(attribute, name.to_vec())]),
        );
        let name = String::from_utf8_lossy(name);
        match plain {
            true => assert_eq!(found, Ok(format!("mtls {name}"))),
            false => assert_eq!(found, Err(Stranger::Unknown), "{name}"),
        }
    }
    // A certificate without that name is a credential, too; without a certificate nobody has called.
    let nameless = Attributes(vec![(Attributes::CERTIFICATE, b"00".to_vec())]);
    assert_eq!(
        caller(&by("uri_san"), &[], nameless),
        Err(Stranger::Unknown)
    );
    let nobody = caller(&by("uri_san"), &[], Attributes::default());
    assert_eq!(nobody, Ok("anonymous anonymous".to_owned()));
}

const HOSTS: &str = r#"{"version": "1", "default": "allow", "servers": {
    "code": {"host": "Code.example"},
    "ported": {"host": ["pay.example:8443", "pay.example"]},
    "any": {"host": ["pay.example:*", "[2001:db8::1]:*"]},
    "below": {"path_prefix": "/mcp/"}}}"#;

#[test]
fn a_host_is_read_as_the_router_reads_it() {
    let gate = gate(HOSTS);
    let cases: [(&str, Option<&str>); 18] = [
        ("code.example", Some("code")),
        ("CODE.EXAMPLE", Some("code")),
        ("code.example:", None),
        ("code.example:443", None),
        ("code.example.", None),
        ("code.example:443:443", None),
        ("code.example@other", None),
        ("x.code.example", None),
        ("code.examplex", None),
        ("pay.example", Some("ported")),
        ("pay.example:8443", Some("ported")),
        ("pay.example:", None),
        ("pay.example:443", Some("any")),
        // Envoy's `pay.example:*` takes these too.
        ("PAY.example:x", Some("any")),
        ("pay.example::", Some("any")),
        ("[2001:DB8::1]:443", Some("any")),
        ("[2001:db8::1]", None),
        ("", None),
    ];
    for (host, server) in cases {
        let head = headers(&[(":authority", host.as_bytes()), (":path", b"/mcp")]);
        let found = gate.servers.find(&head, &Attributes::default());
        assert_eq!(found.ok().flatten().as_deref(), server, "{host}");
    }
}

#[test]
fn what_is_no_host_is_no_configuration() {
    for host in [
        "",
        "*",
        "*.example",
        "pay.*",
        "https://pay.example",
        "pay example",
        ":*",
        "a@b",
    ] {
        let document = format!(
            r#"{{"version": "1", "default": "allow", "servers": {{"a": {{"host": "{host}"}}}}}}"#
        );
        let errors = Gate::from_json(document.as_bytes(), false).err();
        let errors = errors
            .unwrap_or_else(|| panic!("`{host}` is read"))
            .to_string();
        assert!(errors.contains("/servers/a/host"), "{errors}");
    }
}

/// Two issuers may know the same name.
#[test]
fn issuers_are_told_apart() {
    let gate = gate(r#"{"version": "1", "default": "allow", "identity": {"sources": ["jwt"]}}"#);
    let by = |issuer: &str| {
        let now = Timestamp::parse("2026-11-30T12:00:00Z").unwrap();
        let token = metadata(token("iss", &text(issuer.as_bytes())));
        let names = gate.policy_names();
        let caller = gate.identity.resolve(names, &[], &token, None, now);
        caller.unwrap().principal
    };
    let (one, other) = (by("https://a.example"), by("https://b.example"));
    assert_eq!(one.id, other.id);
    assert_eq!(one.issuer(), Some("https://a.example"));
    assert_ne!(one.issuer(), other.issuer());
    assert_ne!(one.key(), other.key());
    assert_eq!(by("").issuer(), None);
}
