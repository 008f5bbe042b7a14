//! Which upstream a request is for, by what Envoy matched.

use super::Attributes;
use crate::headers::{Headers, header};
use crate::order;

/// One upstream: everything that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: Box<str>,
    /// The name of the route Envoy matched.
    pub route: Option<Box<str>>,
    /// The host, as a domain of Envoy's virtual hosts.
    pub host: Option<Host>,
    /// What the path begins with.
    pub path_prefix: Option<Box<str>>,
}

/// A host as Envoy's router tells hosts apart: the whole text counts, port and all, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// In lower case.
    text: Box<str>,
    /// `NAME:*`: `text` is what stands before the star, and something follows it.
    any_port: bool,
}

impl Host {
    /// Reads a host: `NAME`, `NAME:PORT`, or `NAME:*` for any port.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (text, any_port) = match text.strip_suffix(":*") {
            Some(name) => (format!("{name}:"), true),
            None => (text, false),
        };
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'@' | b'*');
        let named = !text.starts_with(':') && text.bytes().all(plain);
        (named && !text.is_empty()).then(|| Host {
            text: text.into(),
            any_port,
        })
    }

    fn matches(&self, authority: &str) -> bool {
        match self.any_port {
            true => authority.len() > self.text.len() && authority.starts_with(&*self.text),
            false => *authority == *self.text,
        }
    }

    /// A host that it is.
    pub fn example(&self) -> String {
        let port = if self.any_port { "443" } else { "" };
        format!("{}{port}", self.text)
    }
}

/// The upstreams behind a listener.
#[derive(Debug, Default)]
pub enum Servers {
    /// They are not told apart.
    #[default]
    Any,
    /// There is one.
    One(Box<str>),
    /// The most specific that matches; see [`Servers::several`].
    Several(Vec<Server>),
}

impl Servers {
    /// Several servers, one of them perhaps more than once. Where more than one matches, a route decides before a host, a host
    /// before one with any port and that before a path, and a longer path before a shorter one: the order of a document does not survive every way a host delivers it.
    pub fn several(servers: Vec<Server>) -> Self {
        let by_name = order::by_text(servers.iter().map(|server| &*server.name));
        let servers = order::arrange(servers, &by_name);
        // The least come first: what is there, and the longer path, has the smaller number.
        let specificity = |server: &Server| {
            let path = server.path_prefix.as_ref().map_or(0, |prefix| prefix.len());
            let path = u64::from(u32::MAX).saturating_sub(u64::try_from(path).unwrap_or(u64::MAX));
            let host = match &server.host {
                Some(host) => u64::from(host.any_port),
                None => 2,
            };
            u64::from(server.route.is_none()) << 34 | host << 32 | path
        };
        let most_specific = order::by_number(servers.iter().map(specificity));
        Servers::Several(order::arrange(servers, &most_specific))
    }

    /// Whether a server has this name.
    pub fn knows(&self, name: &str) -> bool {
        match self {
            Servers::Any => false,
            Servers::One(one) => **one == *name,
            Servers::Several(servers) => servers.iter().any(|server| *server.name == *name),
        }
    }

    /// Whether a route tells any of them from others.
    pub fn by_route(&self) -> bool {
        matches!(self, Servers::Several(servers) if servers.iter().any(|server| server.route.is_some()))
    }

    /// The name of the server a request is for.
    ///
    /// # Errors
    /// None of them matches.
    pub fn find(
        &self,
        headers: &Headers,
        attributes: &Attributes,
    ) -> Result<Option<Box<str>>, NoServer> {
        match self {
            Servers::Any => Ok(None),
            Servers::One(name) => Ok(Some(name.clone())),
            Servers::Several(servers) => {
                let matching = servers
                    .iter()
                    .find(|server| server.matches(headers, attributes));
                matching
                    .map(|server| Some(server.name.clone()))
                    .ok_or(NoServer)
            }
        }
    }
}

/// A request that is for no server of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoServer;

impl Server {
    fn matches(&self, headers: &Headers, attributes: &Attributes) -> bool {
        let text =
            |name: &str| header(headers, name).and_then(|value| std::str::from_utf8(value).ok());
        let host = || text(":authority").map(str::to_ascii_lowercase);
        let path = || {
            text(":path").map(|path| path.split(['?', '#']).next().unwrap_or_default().to_owned())
        };
        self.route
            .as_deref()
            .is_none_or(|route| attributes.get(Attributes::ROUTE) == Some(route.as_bytes()))
            && self
                .host
                .as_ref()
                .is_none_or(|wanted| host().is_some_and(|host| wanted.matches(&host)))
            && self
                .path_prefix
                .as_deref()
                .is_none_or(|prefix| path().is_some_and(|path| path.starts_with(prefix)))
    }
}
