//! Secrets and personal data in plain text: named detectors and a policy's own patterns, from text to spans.
//!
//! A text is looked through once. What is found is sorted and never overlaps; where findings overlap they become one,
//! so that nothing any rule found survives, and the one that begins first (then the longest, then the earlier rule) names it.

mod links;
mod numbers;
mod text;
mod tokens;

use std::ops::Range;

pub use crate::policy::{Budget, TooMuchWork};
use crate::policy::{Pattern, UrlTest};
use numbers::{Groups, card, iban, ipv4, phone, ssn};
use text::{DIGIT, Text, is};

/// What a built-in detector looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `email`
    Email,
    /// `phone`
    Phone,
    /// `credit_card`
    CreditCard,
    /// `iban`
    Iban,
    /// `ssn`
    Ssn,
    /// `ipv4`
    Ipv4,
    /// `jwt`
    Jwt,
    /// `private_key`
    PrivateKey,
    /// `aws_key`
    AwsKey,
    /// `github_token`
    GithubToken,
    /// `slack_token`
    SlackToken,
    /// `stripe_key`
    StripeKey,
    /// `google_api_key`
    GoogleApiKey,
    /// `url`: links to other hosts than these. Entries as [`UrlTest::host`] makes them.
    Url {
        /// Hosts whose links stay, beside [`SCHEMA_HOST`]; `.acme.com` means it and its subdomains.
        allow_hosts: Vec<Box<str>>,
    },
}

/// The host that the `$schema` of most tools names: without it clients know no dialect, and refuse the whole tool.
pub const SCHEMA_HOST: &str = "json-schema.org";

impl Kind {
    /// The names of all kinds in a configuration; `url` is the last and takes `allow_hosts`.
    pub const NAMES: [&'static str; 14] = [
        "email",
        "phone",
        "credit_card",
        "iban",
        "ssn",
        "ipv4",
        "jwt",
        "private_key",
        "aws_key",
        "github_token",
        "slack_token",
        "stripe_key",
        "google_api_key",
        "url",
    ];

    /// The kind of this name; `url` without allowed hosts.
    pub fn named(name: &str) -> Option<Kind> {
        let place = Kind::NAMES.iter().position(|known| *known == name)?;
        Some(match place {
            EMAIL => Kind::Email,
            PHONE => Kind::Phone,
            CREDIT_CARD => Kind::CreditCard,
            IBAN => Kind::Iban,
            SSN => Kind::Ssn,
            IPV4 => Kind::Ipv4,
            JWT => Kind::Jwt,
            PRIVATE_KEY => Kind::PrivateKey,
            AWS_KEY => Kind::AwsKey,
            GITHUB_TOKEN => Kind::GithubToken,
            SLACK_TOKEN => Kind::SlackToken,
            STRIPE_KEY => Kind::StripeKey,
            GOOGLE_API_KEY => Kind::GoogleApiKey,
            _ => Kind::Url {
                allow_hosts: Vec::new(),
            },
        })
    }

    /// Where its name stands in [`Kind::NAMES`].
    fn place(&self) -> usize {
        match self {
            Kind::Email => EMAIL,
            Kind::Phone => PHONE,
            Kind::CreditCard => CREDIT_CARD,
            Kind::Iban => IBAN,
            Kind::Ssn => SSN,
            Kind::Ipv4 => IPV4,
            Kind::Jwt => JWT,
            Kind::PrivateKey => PRIVATE_KEY,
            Kind::AwsKey => AWS_KEY,
            Kind::GithubToken => GITHUB_TOKEN,
            Kind::SlackToken => SLACK_TOKEN,
            Kind::StripeKey => STRIPE_KEY,
            Kind::GoogleApiKey => GOOGLE_API_KEY,
            Kind::Url { .. } => URL,
        }
    }
}

/// What a rule looks for.
#[derive(Clone, Debug)]
pub enum Target {
    /// A built-in detector.
    Named(Kind),
    /// The author's own pattern. Empty matches are nothing.
    Own(Pattern),
}

/// One thing to look for, and what to put in its place.
#[derive(Clone, Debug)]
pub struct Rule {
    /// How it is counted in the audit record.
    pub name: Box<str>,
    /// What it looks for.
    pub target: Target,
    /// What stands there instead.
    pub with: Box<str>,
}

impl Rule {
    /// A built-in detector. What it finds becomes `[redacted:NAME]`, unless the author says otherwise.
    pub fn named(name: &str, kind: Kind, with: Option<&str>) -> Rule {
        let default = || ["[redacted:", name, "]"].concat();
        Rule {
            name: name.into(),
            target: Target::Named(kind),
            with: with.map_or_else(|| default().into(), Into::into),
        }
    }

    /// The author's own pattern. What it finds becomes `[redacted]`, unless the author says otherwise.
    pub fn own(pattern: Pattern, with: Option<&str>) -> Rule {
        Rule {
            name: "regex".into(),
            target: Target::Own(pattern),
            with: with.unwrap_or("[redacted]").into(),
        }
    }
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// In bytes, on character boundaries, never empty.
    pub span: Range<usize>,
    /// The rule that found it, by its index.
    pub kind: usize,
}

/// The rules that apply to one reply, ready to run.
#[derive(Clone, Debug)]
pub struct Detectors {
    rules: Vec<Rule>,
    /// By kind as in [`Kind::NAMES`], the first rule that looks for it. Links have [`Self::links`].
    named: [Option<usize>; URL],
    links: Vec<(usize, UrlTest)>,
    /// The bytes at which a scanner begins.
    triggers: [bool; 256],
}

// Places in [`Kind::NAMES`].
const EMAIL: usize = 0;
const PHONE: usize = 1;
const CREDIT_CARD: usize = 2;
const IBAN: usize = 3;
const SSN: usize = 4;
const IPV4: usize = 5;
const JWT: usize = 6;
const PRIVATE_KEY: usize = 7;
const AWS_KEY: usize = 8;
const GITHUB_TOKEN: usize = 9;
const SLACK_TOKEN: usize = 10;
const STRIPE_KEY: usize = 11;
const GOOGLE_API_KEY: usize = 12;
const URL: usize = 13;

/// The bytes at which each kind's scanner begins, as in [`Kind::NAMES`]: rare ones, where there is a choice.
const TRIGGERS: [&[u8]; 14] = [
    b"@%",
    b"0123456789+(",
    b"0123456789",
    b"0123456789",
    b"0123456789",
    b"0123456789",
    b"J",
    b"B",
    b"AkK",
    b"_",
    b"x/",
    b"_",
    b"A",
    b":/",
];

impl Default for Detectors {
    fn default() -> Self {
        Detectors::new(Vec::new())
    }
}

impl Detectors {
    /// Prepares rules. Where two look for the same kind, the first names what is found; of several `url` rules each has to
    /// allow a link.
    pub fn new(rules: Vec<Rule>) -> Detectors {
        let mut all = Detectors {
            named: [None; URL],
            links: Vec::new(),
            triggers: [false; 256],
            rules: Vec::new(),
        };
        for (index, rule) in rules.iter().enumerate() {
            let Target::Named(kind) = &rule.target else {
                continue;
            };
            let place = kind.place();
            if let Kind::Url { allow_hosts } = kind {
                let mut hosts = allow_hosts.clone();
                hosts.push(SCHEMA_HOST.into());
                let test = UrlTest {
                    hosts: Some(hosts),
                    schemes: None,
                };
                all.links.push((index, test));
            } else if let Some(rule) = all.named.get_mut(place) {
                rule.get_or_insert(index);
            }
            for byte in TRIGGERS.get(place).copied().unwrap_or_default() {
                if let Some(trigger) = all.triggers.get_mut(usize::from(*byte)) {
                    *trigger = true;
                }
            }
        }
        all.rules = rules;
        all
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many rules there are: kinds are below this.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// What stands in the place of a match of this kind.
    pub fn replacement(&self, kind: usize) -> &str {
        self.rules.get(kind).map_or("", |rule| &rule.with)
    }

    /// How a match of this kind is counted.
    pub fn name(&self, kind: usize) -> &str {
        self.rules.get(kind).map_or("", |rule| &rule.name)
    }

    /// Everything the rules find in `text`, in order, without overlaps.
    ///
    /// # Errors
    /// The own patterns would take more work than the budget allows.
    pub fn find(&self, text: &str, budget: &Budget) -> Result<Vec<Match>, TooMuchWork> {
        let mut found = Scan {
            rules: self,
            text: Text(text.as_bytes()),
            found: Vec::new(),
            key_ends: true,
            link_end: 0,
        }
        .run();
        for (kind, rule) in self.rules.iter().enumerate() {
            let Target::Own(pattern) = &rule.target else {
                continue;
            };
            let own = pattern.find_all(text, budget)?;
            found = join(found, own, kind);
        }
        Ok(found)
    }
}

/// One text on its way through the named detectors.
struct Scan<'s> {
    rules: &'s Detectors,
    text: Text<'s>,
    found: Vec<Match>,
    /// Whether there may be the last line of a private key further on.
    key_ends: bool,
    /// Where the last link that is not allowed ends: what stands in it is no link of its own.
    link_end: usize,
}

impl Scan<'_> {
    fn run(mut self) -> Vec<Match> {
        let triggers = &self.rules.triggers;
        let trigger = |byte: &u8| triggers.get(usize::from(*byte)) == Some(&true);
        let mut place = 0_usize;
        while let Some(rest) = self.text.0.get(place..)
            && let Some(offset) = rest.iter().position(trigger)
        {
            place = place.saturating_add(offset);
            let next = self.look(place);
            place = place.saturating_add(1).max(next);
        }
        self.found
    }

    /// Looks at a trigger; returns where to go on at the earliest.
    fn look(&mut self, place: usize) -> usize {
        let text = self.text;
        match text.at(place) {
            b'0'..=b'9' => self.digits(place),
            b'+' | b'(' => {
                if is(text.at(place.saturating_add(1)), DIGIT) || text.has(place, b"+(") {
                    self.add(PHONE, |text| phone(text, &Groups::read(text, place)));
                }
            }
            b'@' | b'%' => self.add(EMAIL, |text| links::email(text, place)),
            b':' => self.link(place),
            b'/' => {
                if text.at(place.saturating_add(1)) == b'/' {
                    self.link(place);
                }
                self.add(SLACK_TOKEN, |text| tokens::slack_webhook(text, place));
            }
            b'_' => {
                self.add(GITHUB_TOKEN, |text| tokens::github(text, place));
                self.add(STRIPE_KEY, |text| tokens::stripe(text, place));
            }
            b'A' => {
                self.add(AWS_KEY, |text| tokens::aws_id(text, place));
                self.add(GOOGLE_API_KEY, |text| tokens::google(text, place));
            }
            b'k' | b'K' => self.add(AWS_KEY, |text| tokens::aws_secret(text, place)),
            b'x' => self.add(SLACK_TOKEN, |text| tokens::slack(text, place)),
            b'J' => self.add(JWT, |text| tokens::jwt(text, place)),
            _ => {
                let before = self.found.len();
                let mut ends = self.key_ends;
                self.add(PRIVATE_KEY, |text| {
                    tokens::private_key(text, place, &mut ends)
                });
                self.key_ends = ends;
                if self.found.len() > before {
                    // Nothing in it matters any more.
                    return self.found.last().map_or(0, |found| found.span.end);
                }
            }
        }
        0
    }

    /// The number that begins here, if one does.
    fn digits(&mut self, place: usize) {
        if is(self.text.before(place, 1), DIGIT) {
            return;
        }
        if !self.text.begins_word(place) {
            self.add(IBAN, |text| iban(text, place));
            return;
        }
        // Decimals and further parts of dotted numbers are nothing we know.
        if self.text.before(place, 1) == b'.' && is(self.text.before(place, 2), DIGIT) {
            return;
        }
        let groups = Groups::read(self.text, place);
        self.add(CREDIT_CARD, |text| card(text, &groups));
        self.add(SSN, |text| ssn(text, &groups));
        self.add(IPV4, |text| ipv4(text, &groups));
        self.add(PHONE, |text| phone(text, &groups));
    }

    /// A link whose `:`, or whose first slash, is here.
    fn link(&mut self, place: usize) {
        let rules = self.rules;
        if place < self.link_end {
            return;
        }
        for (kind, test) in &rules.links {
            if let Some(span) = links::url(self.text, place, test) {
                self.link_end = self.link_end.max(span.end);
                push(&mut self.found, Match { span, kind: *kind });
            }
        }
    }

    /// Runs a scanner if a rule asks for its kind.
    fn add(&mut self, place: usize, scan: impl FnOnce(Text<'_>) -> Option<Range<usize>>) {
        if let Some(kind) = self.rules.named.get(place).copied().flatten()
            && let Some(span) = scan(self.text)
        {
            push(&mut self.found, Match { span, kind });
        }
    }
}

/// Adds a match that ends behind all others begin. What overlaps becomes one.
fn push(found: &mut Vec<Match>, mut next: Match) {
    while let Some(last) = found.pop_if(|last| last.span.end > next.span.start) {
        let (start, end) = (
            last.span.start.min(next.span.start),
            last.span.end.max(next.span.end),
        );
        let first = (last.span.start, std::cmp::Reverse(last.span.end), last.kind);
        if first < (next.span.start, std::cmp::Reverse(next.span.end), next.kind) {
            next.kind = last.kind;
        }
        next.span = start..end;
    }
    found.push(next);
}

/// Two sorted lists as one.
fn join(left: Vec<Match>, right: Vec<Range<usize>>, kind: usize) -> Vec<Match> {
    if right.is_empty() {
        return left;
    }
    let mut all = Vec::with_capacity(left.len().saturating_add(right.len()));
    let mut left = left.into_iter().peekable();
    for span in right {
        while let Some(earlier) = left.next_if(|earlier| earlier.span.start <= span.start) {
            push(&mut all, earlier);
        }
        push(&mut all, Match { span, kind });
    }
    left.for_each(|later| push(&mut all, later));
    all
}
