//! URLs that are parsed, not matched as text, and lists of hosts.
//!
//! Only plain absolute URLs count. Whatever readers disagree about (user info, backslashes, spaces, control
//! and non-ASCII characters, odd hosts) makes a text unparseable, which no rule lets pass.

/// What a URL has to satisfy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlTest {
    /// Lower-case hosts; `.acme.com` means `acme.com` and its subdomains. `None`: any host.
    pub hosts: Option<Vec<Box<str>>>,
    /// Lower-case schemes. `None`: any scheme.
    pub schemes: Option<Vec<Box<str>>>,
}

impl UrlTest {
    /// A host as it is compared, from an entry of `host_in`; `None` if no URL has such a host.
    pub fn host(entry: &str) -> Option<Box<str>> {
        let host = entry.strip_prefix('.').unwrap_or(entry);
        let domain = entry.len() == host.len() || !host.starts_with('[');
        (domain && host_is_plain(host)).then(|| normal_host(entry).into())
    }

    /// A scheme as it is compared, from an entry of `scheme_in`.
    pub fn scheme(entry: &str) -> Option<Box<str>> {
        scheme_is_plain(entry).then(|| entry.to_ascii_lowercase().into())
    }

    /// Whether the URL satisfies it; `None` if `text` is no plain absolute URL.
    pub fn matches(&self, text: &str) -> Option<bool> {
        let (scheme, host) = parse(text)?;
        let scheme_fits = self.schemes.as_ref().is_none_or(|schemes| {
            schemes
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(scheme))
        });
        let host = normal_host(host);
        let host_fits = self
            .hosts
            .as_ref()
            .is_none_or(|hosts| hosts.iter().any(|allowed| covers(allowed, &host)));
        Some(scheme_fits && host_fits)
    }
}

/// The host of a plain `http` or `https` URL with this authority.
pub(crate) fn host_of(authority: &str) -> Option<String> {
    let (host, port) = split_port(authority)?;
    let plain = is_plain(authority) && host_is_plain(host) && port_is_plain(port);
    plain.then(|| normal_host(host))
}

/// Hosts and domains, found in as many steps as a host has labels, however many they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// In order, and all of them hosts.
    hosts: Vec<Box<str>>,
    /// In order, without the dot before them: they and all below them.
    domains: Vec<Box<str>>,
}

impl Hosts {
    /// Entries as [`UrlTest::host`] makes them.
    pub(crate) fn new<'h>(entries: impl IntoIterator<Item = &'h str>) -> Hosts {
        let mut all = Hosts::default();
        for entry in entries {
            match entry.strip_prefix('.') {
                Some(domain) => all.domains.push(domain.into()),
                None => all.hosts.push(entry.into()),
            }
        }
        all.hosts.sort_unstable();
        all.domains.sort_unstable();
        all
    }

    /// Whether a normal host is one of these, or below one of them.
    pub(crate) fn has(&self, host: &str) -> bool {
        let in_list = |list: &[Box<str>], host: &str| {
            list.binary_search_by(|entry| (**entry).cmp(host)).is_ok()
        };
        let below = |(dot, _): (usize, &str)| {
            let domain = host.get(dot.saturating_add(1)..).unwrap_or_default();
            in_list(&self.domains, domain)
        };
        in_list(&self.hosts, host)
            || in_list(&self.domains, host)
            || (!self.domains.is_empty() && host.match_indices('.').any(below))
    }
}

/// A host in lower case, and an IPv6 address in its shortest form.
fn normal_host(host: &str) -> String {
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match address.and_then(|address| address.parse::<std::net::Ipv6Addr>().ok()) {
        Some(address) => format!("[{address}]"),
        None => host.to_ascii_lowercase(),
    }
}

fn scheme_is_plain(scheme: &str) -> bool {
    let mut letters = scheme.bytes();
    letters
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn covers(allowed: &str, host: &str) -> bool {
    match allowed.strip_prefix('.') {
        Some(domain) => {
            host == domain
                || host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
        None => host == allowed,
    }
}

/// Scheme and host of a plain absolute URL.
fn parse(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme_ok = scheme_is_plain(scheme);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = split_port(authority)?;
    let plain = is_plain(text) && scheme_ok && host_is_plain(host) && port_is_plain(port);
    plain.then_some((scheme, host))
}

/// Whether every reader sees the same characters.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn port_is_plain(port: Option<&str>) -> bool {
    port.is_none_or(|port| {
        !port.is_empty() && port.parse::<u16>().is_ok() && !port.starts_with('+')
    })
}

fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let end = address.len().saturating_add(2);
        let host = authority.get(..end)?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if after.is_empty() => Some((host, None)),
            None => None,
        };
    }
    Some(
        authority
            .split_once(':')
            .map_or((authority, None), |(host, port)| (host, Some(port))),
    )
}

fn host_is_plain(host: &str) -> bool {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label_ok = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // A last label of digits makes some readers see an IPv4 address in odd notation; only the usual one counts.
    let numeric = host.rsplit('.').next().is_some_and(|label| {
        label.bytes().all(|byte| byte.is_ascii_digit())
            || label.starts_with("0x")
            || label.starts_with("0X")
    });
    !host.is_empty()
        && host.split('.').all(label_ok)
        && (!numeric || host.parse::<std::net::Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let test = UrlTest {
            hosts: Some(vec!["docs.acme.com".into(), ".corp.io".into()]),
            schemes: Some(vec!["https".into()]),
        };
        let cases = [
            ("https://docs.acme.com", Some(true)),
            ("HTTPS://DOCS.Acme.com:443/a?b#c", Some(true)),
            ("https://corp.io/", Some(true)),
            ("https://a.b.corp.io/", Some(true)),
            ("https://evilcorp.io/", Some(false)),
            ("http://docs.acme.com/", Some(false)),
            ("https://docs.acme.com.attacker.example/", Some(false)),
            (
                "https://attacker.example/https://docs.acme.com",
                Some(false),
            ),
            ("https://127.0.0.1/", Some(false)),
            ("https://[::1]:8080/", Some(false)),
            ("https://docs.acme.com@evil.example/", None),
            ("https://docs.acme.com\\@evil.example/", None),
            ("https://docs.acme.com /", None),
            ("https://docs.acme.com\n", None),
            ("https://döcs.acme.com/", None),
            ("https:/docs.acme.com", None),
            ("https:///docs.acme.com", None),
            ("//docs.acme.com", None),
            ("docs.acme.com", None),
            ("https://docs.acme.com:x/", None),
            ("https://docs.acme.com:/", None),
            ("https://docs..acme.com/", None),
            ("https://docs.acme.com./", None),
            ("https://0x7f.1/", None),
            ("https://2130706433/", None),
            ("https://docs%2eacme.com/", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(test.matches(text), expected, "{text:?}");
        }
    }

    #[test]
    fn hosts() {
        let entries = [
            "docs.acme.com",
            ".corp.io",
            "[::1]",
            ".b.corp.io",
            "corp.net",
        ];
        let test = UrlTest {
            hosts: Some(entries.map(Into::into).to_vec()),
            schemes: None,
        };
        let hosts = Hosts::new(entries);
        for host in [
            "docs.acme.com",
            "acme.com",
            "x.docs.acme.com",
            "corp.io",
            "a.corp.io",
            "a.b.corp.io",
            "evilcorp.io",
            "corp.io.x",
            "[::1]",
            "[::2]",
            "corp.net",
            "a.corp.net",
            "io",
            "127.0.0.1",
        ] {
            let expected = test.matches(&format!("https://{host}/"));
            assert_eq!(Some(hosts.has(host)), expected, "{host}");
            assert_eq!(host_of(host).as_deref(), Some(host));
        }
        assert_eq!(host_of("A.Corp.io:80").as_deref(), Some("a.corp.io"));
        for authority in ["", "a@b.c", "a..b", "a:", "a:x", "a b", "é.com"] {
            assert_eq!(host_of(authority), None, "{authority}");
        }
    }
}
