//! The detectors: a file each, and a row each in [`DETECTORS`].
//!
//! A detector is asked at each place where one of its triggers stands. It may look around there as far as it needs, but what it
//! costs must not grow with the text: it reads on for a bounded distance, or over bytes that no other beginning shares, or
//! goes on behind what it found last ([`Look::past`](crate::scan::Look::past)).

mod aws_key;
mod credit_card;
mod email;
mod github_token;
mod google_api_key;
mod iban;
mod ipv4;
mod jwt;
mod phone;
mod private_key;
mod slack_token;
mod ssn;
mod stripe_key;
mod url;

use std::fmt;
use std::ops::Range;

use crate::scan::Look;

/// Something to look for.
pub struct Detector {
    /// Its name, in lower case, with `_` between words.
    pub name: &'static str,
    /// What it finds, in a few words: `addresses of mail`.
    pub finds: &'static str,
    /// Whether some of what it finds may stay: links to allowed hosts.
    pub takes_hosts: bool,
    /// The bytes at which it begins to look: rare ones, where there is a choice. A digit triggers only as the first of its run.
    pub(crate) triggers: &'static [u8],
    /// What it finds at a trigger: a span that is not empty, ends behind the trigger, and lies on characters.
    pub(crate) find: fn(&Look<'_>) -> Option<Range<usize>>,
}

const DIGITS: &[u8] = b"0123456789";

/// All of them. Which comes first says nothing.
pub static DETECTORS: [Detector; 14] = [
    Detector::new("email", "addresses of mail", b"@%", email::find),
    Detector::new("phone", "telephone numbers", b"0123456789+(", phone::find),
    Detector::new(
        "credit_card",
        "numbers of payment cards",
        DIGITS,
        credit_card::find,
    ),
    Detector::new("iban", "account numbers", DIGITS, iban::find),
    Detector::new("ssn", "social security numbers", DIGITS, ssn::find),
    Detector::new("ipv4", "addresses of hosts", DIGITS, ipv4::find),
    Detector::new("jwt", "JSON web tokens", b"J", jwt::find),
    Detector::new(
        "private_key",
        "private keys in PEM",
        b"B",
        private_key::find,
    ),
    Detector::new("aws_key", "keys of AWS", b"AkK", aws_key::find),
    Detector::new("github_token", "tokens of GitHub", b"_", github_token::find),
    Detector::new(
        "slack_token",
        "tokens and webhooks of Slack",
        b"x/",
        slack_token::find,
    ),
    Detector::new("stripe_key", "keys of Stripe", b"_", stripe_key::find),
    Detector::new(
        "google_api_key",
        "keys of Google",
        b"A",
        google_api_key::find,
    ),
    Detector {
        takes_hosts: true,
        ..Detector::new("url", "links to other hosts", b":/", url::find)
    },
];

impl Detector {
    const fn new(
        name: &'static str,
        finds: &'static str,
        triggers: &'static [u8],
        find: fn(&Look<'_>) -> Option<Range<usize>>,
    ) -> Detector {
        Detector {
            name,
            finds,
            takes_hosts: false,
            triggers,
            find,
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Detector> {
        DETECTORS.iter().find(|detector| detector.name == name)
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Detector").field(&self.name).finish()
    }
}
