//! Policies with many grants.

use toolgate_rig::identity::token_sha256;

use crate::input;

/// The token of the grant with this number.
pub fn token(number: usize) -> String {
    format!("tgk_{number:043}")
}

/// The policy of twenty rules with so many grants.
pub fn policy(grants: usize) -> String {
    let grant = |number| {
        let hash = token_sha256(&token(number));
        format!(
            r#"{{"id":"bot-{number}","label":"Bot {number}","token_sha256":"{hash}","expires":"2030-01-01T00:00:00Z","claims":{{"team":"payments"}}}}"#
        )
    };
    let grants: Vec<String> = (0..grants).map(grant).collect();
    let policy = input::policy(20, 20);
    let open = policy.rfind('}').unwrap_or_default();
    format!("{},\"grants\":[{}]}}", &policy[..open], grants.join(","))
}
