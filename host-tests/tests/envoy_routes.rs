//! MCP beside other traffic on one listener, in a real Envoy: `envoy/other-traffic.yaml` leaves the other traffic alone, and
//! no spelling of the MCP server's path gets past the gate, there or in the file where everything is judged.

use toolgate_rig::envoy::{Config, DEFAULT_VERSION, Envoy, OLDEST_VERSION, Options};
use toolgate_rig::wire::{Mark, Outcome, Session, Upstream, ordinary_headers};

const DENIED: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"close_account","arguments":{}}}"#;
const ALLOWED: &[u8] =
    br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_balance","arguments":{}}}"#;

/// What a server, a proxy or a framework may take for `/mcp`, as the target of a request.
const SPELLINGS: &[&str] = &[
    "/mcp",
    "/mcp/",
    "/mcp?x=1",
    "/mcp;a=b",
    "/mcp;a=b/",
    "/mcp/;a",
    "/MCP",
    "/Mcp/",
    "//mcp",
    "///mcp",
    "/./mcp",
    "/%2e/mcp",
    "/x/../mcp",
    "/x/%2e%2e/mcp",
    "/x/.%2E/mcp",
    "/x/..;/mcp",
    "/x/..;a=b/mcp",
    "/x/%252e%252e/mcp",
    "/%6dcp",
    "/%6D%63%70",
    "/m%63p",
    "/%256dcp",
    "/mcp%20",
    "/mcp%09",
    "/mcp%00",
    "/mcp%3f",
    "/mcp%23",
    "/mcp%2f",
    "/mcp%5c",
    "/%2fmcp",
    "/%5cmcp",
    "/x%2f..%2fmcp",
    "/x/..%2fmcp",
    "/\\mcp",
    "/x\\..\\mcp",
    "/mcp.",
    "/mcp.json",
    "/mcp/sse",
    "/mcp/x/..",
    "/mcp//",
    "/token/../mcp",
    "/token/%2e%2e/mcp",
    "/token/..;/mcp",
    "/token;/../mcp",
    "/token/",
    "/token;a=b",
    "/token/mcp",
    "//token/../mcp",
    "/TOKEN",
    "/register/../mcp",
    "/.well-known/oauth-protected-resource/mcp/../../../mcp",
    "/.well-known/oauth-protected-resource/mcp/",
    "/.well-known/../mcp",
    "http://wire.test/mcp",
    "http://wire.test//mcp",
    "http://other.test/MCP",
    "http://wire.test/x/..;/mcp",
];

struct Rig {
    envoy: Envoy,
    mcp: Upstream,
    web: Upstream,
}

impl Rig {
    fn start(file: &str, version: &str) -> Self {
        Self::start_with(file, version, |config| config)
    }

    fn start_with(file: &str, version: &str, change: impl Fn(Config) -> Config) -> Self {
        let (mcp, web) = (Upstream::start().unwrap(), Upstream::start().unwrap());
        let mut config = Config::shipped(file).unwrap();
        config = config
            .wasm(&toolgate_host::wasm::artifact().unwrap())
            .unwrap()
            .upstream(([127, 0, 0, 1], mcp.port()).into())
            .unwrap();
        if file == OTHER_TRAFFIC {
            config = config.second(([127, 0, 0, 1], web.port()).into()).unwrap();
        }
        let options = Options {
            version: version.to_owned(),
            log_level: "warning".to_owned(),
            ..Options::default()
        };
        let envoy = Envoy::start(change(config), &options).unwrap();
        Self { envoy, mcp, web }
    }

    /// Status and body; status 0 where the connection was closed instead.
    fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, String) {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.exchange(method, target, &headers, body)
    }

    fn exchange(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> (u16, String) {
        let mut session = Session::open(self.envoy.address().port()).unwrap();
        match session.exchange(method, target, headers, body) {
            Outcome::Answered(answers) => {
                let answer = answers.into_iter().next().unwrap();
                (
                    answer.status,
                    String::from_utf8_lossy(&answer.body).into_owned(),
                )
            }
            Outcome::Cut(..) => (0, String::new()),
            other => panic!("{method} {target}: {other:?}"),
        }
    }
}

/// The bodies that came to a server, with their request lines.
fn arrived(server: &Upstream) -> Vec<(String, Vec<u8>)> {
    let requests = server.seen(Mark::default(), None).requests;
    requests
        .into_iter()
        .map(|request| (request.start, request.body))
        .collect()
}

/// Method, path, headers and body.
type Sent<'s> = (&'s str, &'s str, &'s [(&'s str, &'s str)], &'s [u8]);

const PRODUCTION: &str = "envoy/envoy.yaml";
const OTHER_TRAFFIC: &str = "envoy/other-traffic.yaml";

#[test]
fn other_traffic_passes_untouched() {
    for version in [DEFAULT_VERSION, OLDEST_VERSION] {
        let rig = Rig::start(OTHER_TRAFFIC, version);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let json = [("content-type", "application/json")];
        let png = [
            ("content-type", "image/png"),
            ("authorization", "Basic eDp5"),
        ];
        let web: [Sent<'_>; 6] = [
            ("POST", "/static/x", &form, b"a=1&b=%20"),
            ("PUT", "/static/x", &png, b"\x89PNG\r\n\x00\xff"),
            (
                "POST",
                "/api/things",
                &json,
                br#"{"not":"json-rpc","twice":1,"twice":2}"#,
            ),
            ("PATCH", "/api/things/1", &json, b"{"),
            ("DELETE", "/api/things/1", &[], b""),
            ("POST", "/", &json, DENIED),
        ];
        for (method, path, headers, body) in web {
            rig.send(method, path, headers, body);
            let (line, seen) = arrived(&rig.web).pop().unwrap();
            assert_eq!(
                (line.as_str(), seen.as_slice()),
                (format!("{method} {path} HTTP/1.1").as_str(), body)
            );
        }
        let oauth: [Sent<'_>; 4] = [
            (
                "POST",
                "/token",
                &form,
                b"grant_type=authorization_code&code=x",
            ),
            ("POST", "/register", &json, br#"{"client_name":"x"}"#),
            ("GET", "/authorize?response_type=code", &[], b""),
            ("GET", "/.well-known/oauth-authorization-server", &[], b""),
        ];
        for (method, path, headers, body) in oauth {
            rig.send(method, path, headers, body);
            let (line, seen) = arrived(&rig.mcp).pop().unwrap();
            assert_eq!(
                (line.as_str(), seen.as_slice()),
                (format!("{method} {path} HTTP/1.1").as_str(), body)
            );
        }
        // The MCP server behind the same listener is judged.
        let before = arrived(&rig.mcp).len();
        let (status, body) = rig.exchange("POST", "/mcp", &ordinary_headers(), DENIED);
        assert!(
            status == 200 && body.contains("[POLICY DENIED]"),
            "{status} {body}"
        );
        assert_eq!(arrived(&rig.mcp).len(), before);
        let (status, body) = rig.exchange("POST", "/mcp", &ordinary_headers(), ALLOWED);
        assert!(status == 200 && body.contains("done"), "{status} {body}");
        assert_eq!(arrived(&rig.mcp).len(), before + 1);
    }
}

#[test]
fn no_spelling_of_a_path_gets_past_the_gate() {
    for (file, version) in [
        (PRODUCTION, DEFAULT_VERSION),
        (OTHER_TRAFFIC, DEFAULT_VERSION),
        (OTHER_TRAFFIC, OLDEST_VERSION),
    ] {
        let rig = Rig::start(file, version);
        for target in SPELLINGS {
            for method in ["POST", "PUT", "GET", "DELETE"] {
                let (status, body) = rig.exchange(method, target, &ordinary_headers(), DENIED);
                let seen = arrived(&rig.mcp);
                let bodies: Vec<_> = seen.iter().filter(|(_, body)| !body.is_empty()).collect();
                assert!(
                    bodies.is_empty(),
                    "{file} {version}: {method} {target}: {status} {body}: {bodies:?}"
                );
            }
        }
        // The test reaches the server at all.
        rig.exchange("POST", "/mcp", &ordinary_headers(), ALLOWED);
        assert!(arrived(&rig.mcp).iter().any(|(_, body)| body == ALLOWED));
    }
}

/// Names with underscores, which servers that turn headers into variables take for those with dashes.
#[test]
fn headers_with_underscores_are_refused() {
    let rig = Rig::start(PRODUCTION, DEFAULT_VERSION);
    for name in [
        "x_user",
        "x_http_method_override",
        "mcp_session_id",
        "content_type",
    ] {
        let mut headers = ordinary_headers();
        headers.push((name.to_owned(), "x".to_owned()));
        assert_eq!(
            rig.exchange("POST", "/mcp", &headers, ALLOWED).0,
            400,
            "{name}"
        );
    }
    assert!(arrived(&rig.mcp).is_empty());
}

/// Where the proxy lets such names through, the gate does not.
#[test]
fn headers_with_underscores_are_refused_by_the_gate() {
    let refused = "headers_with_underscores_action: REJECT_REQUEST";
    let rig = Rig::start_with(PRODUCTION, DEFAULT_VERSION, |config| {
        config
            .replace(refused, "headers_with_underscores_action: ALLOW")
            .unwrap()
    });
    for name in [
        "x_http_method_override",
        "X_HTTP-Method",
        "mcp_session_id",
        "content_type",
        "x_envoy-retry-on",
    ] {
        let mut headers = ordinary_headers();
        headers.push((name.to_owned(), "x".to_owned()));
        let (status, body) = rig.exchange("POST", "/mcp", &headers, ALLOWED);
        assert!(
            status == 400 && body.contains("/protocol/header"),
            "{name}: {status} {body}"
        );
    }
    assert!(arrived(&rig.mcp).is_empty());
    let mut headers = ordinary_headers();
    headers.push(("x_own".to_owned(), "x".to_owned()));
    assert_eq!(rig.exchange("POST", "/mcp", &headers, ALLOWED).0, 200);
}

/// Trailers do not carry what would have been judged, or taken off, among the headers.
#[test]
fn trailers_carry_nothing_that_belongs_into_headers() {
    use std::io::{Read as _, Write as _};

    let rig = Rig::start(PRODUCTION, DEFAULT_VERSION);
    let mut request = "POST /mcp HTTP/1.1\r\nhost: wire.test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n".to_owned();
    for (name, value) in ordinary_headers() {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = String::from_utf8(ALLOWED.to_vec()).unwrap();
    request.push_str(&format!("\r\n{:x}\r\n{body}\r\n0\r\n", body.len()));
    for name in [
        "authorization",
        "Cookie",
        "x-http-method-override",
        "mcp-session-id",
        "x-forwarded-for",
        "x-envoy-retry-on",
        "x-own",
    ] {
        request.push_str(&format!("{name}: evil\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = std::net::TcpStream::connect(rig.envoy.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = rig.mcp.seen(Mark::default(), None).requests;
    assert_eq!(seen.len(), 1);
    let names: Vec<_> = seen[0]
        .trailers
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name.as_ref()).into_owned())
        .collect();
    assert_eq!(names, ["x-own"]);
}

/// What a caller asks of Envoy's router itself is taken off before the router sees it: by Envoy where the caller is outside, by
/// the gate where it is not.
#[test]
fn callers_cannot_have_a_call_repeated() {
    let internal = "use_remote_address: true        # x-forwarded-for says who really connected.";
    let everybody = format!(
        "{internal}\n          internal_address_config: {{cidr_ranges: [{{address_prefix: 127.0.0.0, prefix_len: 8}}]}}"
    );
    for (is_internal, trusts, times) in [
        (false, false, 1..=1),
        (true, false, 1..=1),
        (true, true, 2..=9),
    ] {
        let rig = Rig::start_with(PRODUCTION, DEFAULT_VERSION, |config| {
            let config = config.replace(internal, if is_internal { &everybody } else { internal });
            match trusts {
                true => config.unwrap().policy_json(TRUSTING).unwrap(),
                false => config.unwrap(),
            }
        });
        rig.mcp.script(Some(toolgate_rig::wire::Reply {
            status: 503,
            ..toolgate_rig::wire::Reply::json("{}")
        }));
        let mut headers = ordinary_headers();
        for (name, value) in [
            ("x-envoy-retry-on", "5xx"),
            ("X-Envoy-Max-Retries", "5"),
            ("x-envoy-hedge-on-per-try-timeout", "true"),
            ("x-envoy-upstream-rq-per-try-timeout-ms", "1"),
            ("x-envoy-upstream-rq-timeout-ms", "2000"),
        ] {
            headers.push((name.to_owned(), value.to_owned()));
        }
        rig.exchange("POST", "/mcp", &headers, ALLOWED);
        std::thread::sleep(std::time::Duration::from_millis(500));
        let seen = arrived(&rig.mcp).len();
        assert!(
            times.contains(&seen),
            "internal {is_internal}, trusts {trusts}: {seen} times"
        );
    }
}

const TRUSTING: &str =
    r#"{"version": "1", "default": "allow", "http": {"trust_envoy_headers": true}}"#;
