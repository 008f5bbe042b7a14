//! No credential is written down: not in the audit trail, the access log, statistics, the configuration dump, nor by the
//! gate into Envoy's log, at debug level, in plain or in base64.
//!
//! Envoy's own debug log is another matter: it prints the headers of every request, `authorization` included, the token
//! that `jwt_authn` verifies, and each secret file it reads. Those three kinds of lines are the only ones that may hold
//! one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;
use toolgate_rig::envoy::{Config, Options};
use toolgate_rig::identity::{Issuer, Place, token_sha256};

use super::rig::{NOBODY, Rig};

const GRANT: &str = "tgk_secrecy-known-0kQ7";
const STRAY: &str = "tgk_secrecy-stray-4Rt2";
const SECRET: &str = "upstream-secret-Wq81";

/// `jwt.yaml` with the injector of `credential-injector.yaml` behind the gate, and the gate's own log on.
fn config(place: &Place, issuer: &Issuer) -> Config {
    place.put("jwks.json", &issuer.jwks()).unwrap();
    place.put_upstream_secret(SECRET).unwrap();
    let other = place.shipped("credential-injector.yaml").unwrap();
    let start = other
        .as_str()
        .find("          - name: envoy.filters.http.credential_injector")
        .unwrap();
    let injector = &other.as_str()[start..];
    let router = "          - name: envoy.filters.http.router\n";
    let end = injector.find(router).unwrap();
    let config = place.shipped("jwt.yaml").unwrap();
    let config = config.replace(NOBODY, &token_sha256(GRANT)).unwrap();
    let config = config
        .replace(
            r#""audit": {"#,
            r#""audit": { "log": true, "args": "full","#,
        )
        .unwrap();
    config
        .replace(router, &format!("{}{router}", &injector[..end]))
        .unwrap()
}

async fn run(level: &str) -> (Rig, Vec<String>) {
    let (place, issuer) = (Place::new().unwrap(), Issuer::generate().unwrap());
    let config = config(&place, &issuer);
    let options = Options {
        log_level: level.to_owned(),
        ..Options::default()
    };
    let rig = Rig::start(config, place, &options).await;
    let exp = 4_000_000_000_u64;
    let mut claims = json!({
        "iss": "https://issuer.example", "aud": "https://mcp.example/mcp", "exp": exp,
        "sub": "person-ana", "team": "payments", "toolgate_policy": "engineer",
    });
    let right = issuer.token(&claims).unwrap();
    claims["iss"] = json!("https://evil.example");
    let wrong = issuer.token(&claims).unwrap();

    let secrets = vec![
        GRANT.to_owned(),
        STRAY.to_owned(),
        right,
        wrong,
        SECRET.to_owned(),
    ];
    for secret in &secrets {
        let client = rig.client().bearer(secret);
        client.list().await.unwrap();
        client.call("get_balance", json!({})).await.unwrap();
        client
            .call("close_account", json!({"account": "a"}))
            .await
            .unwrap();
        client.bare(http::Method::DELETE).await.unwrap();
    }
    let basic = rig.client().header(
        "authorization",
        &format!("Basic {}", STANDARD_NO_PAD.encode(GRANT)),
    );
    basic.list().await.unwrap();
    assert_eq!(rig.envoy.access_records(21, super::rig::PATIENCE).len(), 21);
    assert!(rig.upstream.records().iter().all(|record| {
        record
            .header("authorization")
            .is_none_or(|value| value == format!("Bearer {SECRET}"))
    }));
    (rig, secrets)
}

/// A secret in every form to look for; of a JWT also its signature alone.
fn forms(secret: &str) -> Vec<String> {
    let signature = secret.rsplit('.').next().unwrap_or(secret);
    let mut forms = vec![secret.to_owned(), signature.to_owned()];
    // In base64 a text has three shapes, by where it begins; without the characters that its neighbours change.
    for lead in ["", "x", "xx"] {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let coded = engine.encode(format!("{lead}{secret}"));
            forms.push(coded[4..coded.len() - 2].to_owned());
        }
    }
    forms
}

/// The lines of a text that hold a secret.
fn holding<'t>(text: &'t str, secrets: &[String]) -> Vec<&'t str> {
    let forms: Vec<_> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    let holds = |line: &&str| forms.iter().any(|form| line.contains(form));
    text.lines().filter(holds).collect()
}

/// Everything but Envoy's own log.
fn everything_else(rig: &Rig) -> String {
    let pages = [
        "/stats",
        "/stats/prometheus",
        "/config_dump?include_eds",
        "/clusters",
        "/listeners",
    ];
    let mut text = std::fs::read_to_string(rig.envoy.access_log()).unwrap();
    for page in pages {
        text += &rig.envoy.admin(page).unwrap();
    }
    text
}

#[test]
fn the_search_finds_what_is_there() {
    let secrets = [GRANT.to_owned()];
    for lead in ["", "a", "ab"] {
        let coded = STANDARD_NO_PAD.encode(format!("{lead}{GRANT} and more"));
        assert_eq!(holding(&format!("x\nheader: {coded}\n"), &secrets).len(), 1);
    }
    assert_eq!(
        holding(&format!("authorization: Bearer {GRANT}"), &secrets).len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_usual_level_no_credential_is_written_anywhere() {
    let (rig, secrets) = run("info").await;
    let text = rig.envoy.log() + &everything_else(&rig);
    assert_eq!(holding(&text, &secrets), [""; 0]);
    // Who it was, is.
    for id in ["release-bot", "person-ana"] {
        assert!(
            text.contains(&format!(r#"\"principal\":\"{id}\""#)),
            "the access log: {id}"
        );
        assert!(
            text.contains(&format!(r#""principal":"{id}""#)),
            "the proxy's log: {id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_debug_level_only_envoys_own_dump_of_headers_holds_one() {
    let (rig, secrets) = run("debug").await;
    assert_eq!(holding(&everything_else(&rig), &secrets), [""; 0]);
    let log = rig.envoy.log();
    let found = holding(&log, &secrets);
    let is_dump = |line: &&str| line.starts_with("'authorization', '");
    let is_jwt = |line: &&str| line.contains("[debug][jwt]");
    let is_file = |line: &&str| line.trim() == format!("inline_string: \"{SECRET}\"");
    let count = |is: &dyn Fn(&&str) -> bool| found.iter().filter(|line| is(line)).count();
    let (dumped, verified, read) = (count(&is_dump), count(&is_jwt), count(&is_file));
    println!(
        "of {} lines these hold a credential: {dumped} headers, {verified} of jwt_authn, {read} of secret files",
        log.lines().count()
    );
    let others: Vec<_> = found
        .iter()
        .filter(|line| !is_dump(line) && !is_jwt(line) && !is_file(line))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    // Not one of them is the gate's.
    assert!(
        !found
            .iter()
            .any(|line| line.contains("[wasm]") || line.contains("toolgate"))
    );
    assert!(
        log.lines()
            .any(|line| line.contains("[wasm]") && line.contains(r#""principal":"person-ana""#))
    );
    assert!(
        dumped > 0,
        "Envoy no longer prints headers: the README may say so"
    );
}
