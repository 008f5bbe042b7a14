//! Where allowed calls go.

use std::net::IpAddr;

use anyhow::{Context as _, Result, bail, ensure};

/// An MCP server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl Upstream {
    /// Reads `host:port` or a URL of http or https, whose path does not matter here.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Some(true), rest),
            Some(("http", rest)) => (Some(false), rest),
            Some((scheme, _)) => bail!("an upstream speaks http or https, not `{scheme}`"),
            None => (None, text),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        ensure!(
            !authority.contains('@'),
            "an upstream's address has no credentials in it; Envoy's credential_injector adds them"
        );
        let default = tls.map(|tls| if tls { 443 } else { 80 });
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').context("a `[` without its `]`")?;
                (host, rest.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0),
            None => default,
        };
        let port =
            port.context("expected `HOST:PORT`, or a URL such as `https://mcp.example.com/mcp`")?;
        let known =
            |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_' | ':');
        ensure!(
            !host.is_empty() && host.chars().all(known),
            "`{}` is not a host name or an address",
            crate::text::one_line(host, 80)
        );
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
            tls: tls.unwrap_or(false),
        })
    }

    /// The address, if the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// What stands in a Host header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = match self.ip() {
            Some(IpAddr::V6(_)) => format!("[{}]", self.host),
            _ => self.host.clone(),
        };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Envoy's form of the address.
    pub(super) fn socket(&self) -> String {
        socket(&self.host, self.port)
    }

    /// Name and namespace of the Kubernetes service it is; `None` outside of a cluster.
    pub(super) fn service(&self) -> Option<(&str, &str)> {
        if self.tls || self.ip().is_some() {
            return None;
        }
        let mut labels = self.host.split('.');
        let name = labels.next()?;
        let namespace = labels.next().unwrap_or("default");
        let rest: Vec<_> = labels.collect();
        let inside = rest.is_empty() || rest == ["svc"] || rest == ["svc", "cluster", "local"];
        (inside && name != "localhost").then_some((name, namespace))
    }
}

/// Envoy's form of an address. Colons need quotes in YAML.
pub(super) fn socket(host: &str, port: u16) -> String {
    let quotes = if host.contains(':') { "\"" } else { "" };
    format!("{{address: {quotes}{host}{quotes}, port_value: {port}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (String, u16, bool) {
        let upstream = Upstream::parse(text).unwrap();
        (upstream.host, upstream.port, upstream.tls)
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(parse("localhost:3000"), ("localhost".into(), 3000, false));
        assert_eq!(
            parse("https://MCP.example.com/mcp?x"),
            ("mcp.example.com".into(), 443, true)
        );
        assert_eq!(parse("http://[::1]:8080/mcp"), ("::1".into(), 8080, false));
        for wrong in [
            "",
            "localhost",
            "a:b",
            "a:0",
            "ftp://a",
            "https://u:p@a/",
            "a b:1",
            "x}:1",
            "[::1:1",
        ] {
            assert!(Upstream::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            Upstream::parse("https://a:8443").unwrap().authority(),
            "a:8443"
        );
    }

    #[test]
    fn services_are_known() {
        let service = |text: &str| {
            let upstream = Upstream::parse(text).unwrap();
            upstream
                .service()
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        };
        let expected = Some(("mcp".to_owned(), "tools".to_owned()));
        assert_eq!(service("mcp.tools.svc.cluster.local:80"), expected);
        assert_eq!(service("mcp.tools:80"), expected);
        assert_eq!(
            service("mcp:80"),
            Some(("mcp".to_owned(), "default".to_owned()))
        );
        for outside in [
            "https://mcp.tools",
            "10.0.0.1:80",
            "mcp.example.com:80",
            "localhost:1",
        ] {
            assert_eq!(service(outside), None, "{outside}");
        }
    }
}
