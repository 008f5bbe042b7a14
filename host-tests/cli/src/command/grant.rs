//! `toolgate grant new`: makes a token, shows it once, and writes the entry that knows it by its hash alone.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use toolgate_engine::time::{Timestamp, parse_duration};

use super::Outcome;
use toolgate_engine::identity::TokenHash;

/// What every token begins with, so that secret scanners and people know one when they see it.
pub const PREFIX: &str = "tgk_";

/// What to grant.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its id; made from the token's hash, if there is none.
    pub id: Option<String>,
    /// A name for people.
    pub label: Option<String>,
    /// The policy it has.
    pub policy: Option<String>,
    /// The servers it is good for; all, if there are none.
    pub servers: Vec<String>,
    /// A time, or a duration from `now` on.
    pub expires: Option<String>,
    /// Now, in nanoseconds since 1970.
    pub now: u64,
    /// One JSON object in place of text.
    pub json: bool,
}

/// Makes a grant.
pub fn new(options: &Options) -> Outcome {
    let made = token().and_then(|token| render(options, &token));
    match made {
        Ok(output) => Outcome {
            output,
            ..Outcome::default()
        },
        Err(error) => Outcome {
            errors: format!("error: {error:#}\n"),
            code: 2,
            ..Outcome::default()
        },
    }
}

/// 256 bits that nobody can guess.
pub(super) fn token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system has no random numbers")?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn render(options: &Options, token: &str) -> Result<String> {
    let entry = entry(options, token)?;
    Ok(present(token, entry, options.json, "grant", "grants"))
}

/// A token and the entry that knows it, in `section` of a configuration: as text, or as one JSON object with the entry
/// under `name`.
pub(super) fn present(
    token: &str,
    entry: Vec<(String, Value)>,
    json: bool,
    name: &str,
    section: &str,
) -> String {
    if json {
        let mut whole = Map::new();
        whole.insert("token".to_owned(), token.into());
        whole.insert(name.to_owned(), Value::Object(entry.into_iter().collect()));
        return format!("{}\n", Value::Object(whole));
    }
    let lines: Vec<String> = entry
        .iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    format!(
        "The token, shown this once. Give it to whom it is for; keep it nowhere else:\n\n  {token}\n\n\
         The entry under `{section}`, which holds no secret:\n\n- {}\n",
        lines.join("\n  ")
    )
}

/// Keys and values, in the order of the documentation. JSON values are YAML too.
fn entry(options: &Options, token: &str) -> Result<Vec<(String, Value)>> {
    let hash = TokenHash::of(token.as_bytes()).to_string();
    let id = match &options.id {
        Some(id) if id.trim().is_empty() => bail!("`--id` is empty"),
        Some(id) => id.clone(),
        None => format!("grant-{}", hash.get(..8).unwrap_or_default()),
    };
    let mut entry: Vec<(String, Value)> = Vec::new();
    let mut push = |key: &str, value: Value| entry.push((key.to_owned(), value));
    push("id", id.into());
    if let Some(label) = &options.label {
        push("label", label.as_str().into());
    }
    push("token_sha256", hash.into());
    if let Some(policy) = &options.policy {
        push("policy", policy.as_str().into());
    }
    if !options.servers.is_empty() {
        push("servers", options.servers.clone().into());
    }
    if let Some(expires) = &options.expires {
        push("expires", expiry(expires, options.now)?.into());
    }
    Ok(entry)
}

fn expiry(text: &str, now: u64) -> Result<String> {
    let time = match (Timestamp::parse(text), parse_duration(text)) {
        (Some(time), _) => time,
        (None, Some(seconds)) => {
            let seconds = u64::try_from(seconds)?;
            // Whole seconds: nobody wants to read more.
            let from = now / 1_000_000_000;
            let nanos = from
                .checked_add(seconds)
                .and_then(|end| end.checked_mul(1_000_000_000));
            Timestamp::from_nanos(nanos.context("`--expires` is too far away")?)
        }
        (None, None) => bail!(
            "`--expires {text}` is no time; expected one in UTC such as `2027-01-01T00:00:00Z`, or a duration such as `90d`"
        ),
    };
    if time.nanos() <= now {
        bail!("`--expires {text}` is in the past");
    }
    Ok(time.to_string().replace(".000Z", "Z"))
}

#[cfg(test)]
mod tests {
    use toolgate_engine::config::Gate;

    use super::*;
    use toolgate_document::{Document, Format};

    const NOW: u64 = 1_768_473_000_000_000_000; // 2026-01-15T10:30:00Z

    fn options() -> Options {
        Options {
            id: Some("payments-bot".to_owned()),
            label: Some("Payments: \"the\" bot".to_owned()),
            policy: Some("engineer".to_owned()),
            expires: Some("90d".to_owned()),
            now: NOW,
            ..Options::default()
        }
    }

    fn made(options: &Options) -> Value {
        let outcome = new(&Options {
            json: true,
            ..options.clone()
        });
        assert_eq!((outcome.code, &*outcome.errors), (0, ""));
        serde_json::from_str(&outcome.output).unwrap()
    }

    #[test]
    fn a_token_has_256_bits_and_no_two_are_the_same() {
        let tokens = [(); 100].map(|()| made(&options())["token"].as_str().unwrap().to_owned());
        for token in &tokens {
            let random = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX).unwrap());
            assert_eq!(random.unwrap().len(), 32);
        }
        assert_eq!(std::collections::BTreeSet::from(tokens).len(), 100);
    }

    #[test]
    fn the_entry_knows_the_token_by_its_hash_alone() {
        let made = made(&options());
        let token = made["token"].as_str().unwrap();
        let grant = &made["grant"];
        assert_eq!(
            grant["token_sha256"],
            TokenHash::of(token.as_bytes()).to_string()
        );
        assert_eq!(grant["expires"], "2026-04-15T10:30:00Z");
        assert!(!grant.to_string().contains(PREFIX));

        let text = render(&options(), token).unwrap();
        assert_eq!(text.matches(token).count(), 1);
        let (_, entry) = text.split_once("\n- ").unwrap();
        let yaml = format!("version: \"1\"\npolicies: {{engineer: {{}}}}\ngrants:\n- {entry}");
        let document = Document::parse("config.yaml", yaml, Format::Yaml).unwrap();
        let gate = Gate::from_json(document.json().as_bytes(), false).unwrap();
        assert_eq!(
            &*gate.identity.grants.find(token.as_bytes()).unwrap().id,
            "payments-bot"
        );
    }

    #[test]
    fn without_options_it_has_an_id_of_its_own() {
        let grant = &made(&Options::default())["grant"];
        let hash = grant["token_sha256"].as_str().unwrap();
        assert_eq!(grant["id"], format!("grant-{}", &hash[..8]));
    }

    #[test]
    fn a_wrong_time_is_an_error() {
        for expires in ["soon", "2025-01-01T00:00:00Z", "2027-01-01", "0s"] {
            let outcome = new(&Options {
                expires: Some(expires.to_owned()),
                ..options()
            });
            assert_eq!(outcome.code, 2, "{expires}");
            assert!(outcome.errors.contains(expires) && !outcome.output.contains(PREFIX));
        }
    }
}
