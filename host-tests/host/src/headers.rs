//! Header and trailer maps, as Envoy keeps them: ordered, lower-case names, values of any bytes.

/// Headers for which Envoy keeps a single entry: adding a second value appends it after a comma instead of making a
/// second line (Envoy's inline headers).
const SINGLE_ENTRY: [&str; 16] = [
    ":authority",
    ":method",
    ":path",
    ":scheme",
    ":status",
    "connection",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "server",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// An ordered header map. Names are lower case; values are bytes, because a client may send any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of `name`. Envoy's single-value getter hides later duplicates in the same way.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let name = name.to_ascii_lowercase();
        self.0
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v.as_slice())
    }

    /// The first value of `name` as text; `None` when absent or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|v| std::str::from_utf8(v).ok())
    }

    /// Every value of `name`, in order.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let name = name.to_ascii_lowercase();
        self.0
            .iter()
            .filter(|(n, _)| *n == name)
            .map(|(_, v)| v.as_slice())
            .collect()
    }

    /// True when `name` has at least one value.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Appends one line, even when `name` is already there: what a client can put on the wire.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0
            .push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
    }

    /// Adds a value as Envoy's `addCopy` does: single-entry headers get it after a comma, others a new line.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        let name = name.to_ascii_lowercase();
        if SINGLE_ENTRY.contains(&name.as_str())
            && let Some((_, old)) = self.0.iter_mut().find(|(n, _)| *n == name)
        {
            if !old.is_empty() {
                old.push(b',');
            }
            old.extend_from_slice(value);
            return;
        }
        self.0.push((name, value.to_vec()));
    }

    /// Replaces all values of `name` with one, in the place of the first.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let name = name.to_ascii_lowercase();
        let value = value.as_ref().to_vec();
        let Some(at) = self.0.iter().position(|(n, _)| *n == name) else {
            self.0.push((name, value));
            return;
        };
        let mut seen = 0;
        self.0.retain(|(n, _)| {
            if *n == name {
                seen += 1;
                seen == 1
            } else {
                true
            }
        });
        if let Some(entry) = self.0.get_mut(at) {
            entry.1 = value;
        }
    }

    /// Removes every value of `name`.
    pub fn remove(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        self.0.retain(|(n, _)| *n != name);
    }

    /// All lines in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_slice()))
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The `:status` of a response, 0 when it is missing or not a number.
    pub fn status(&self) -> u16 {
        self.text(":status")
            .and_then(|s| s.parse().ok())
            .unwrap_or(0)
    }

    /// Compares `content-length`, where there is one, with the size of the body it announces. A reply that announces
    /// fewer bytes than follow makes the client read the surplus as the next response (measured on Envoy 1.40).
    pub fn check_length(&self, body: usize) -> Result<(), String> {
        let values = self.all("content-length");
        for value in &values {
            let text = String::from_utf8_lossy(value);
            if text.parse() != Ok(body) {
                return Err(format!(
                    "content-length is `{text}` but the body has {body} bytes"
                ));
            }
        }
        if values.len() > 1 {
            return Err(format!("{} content-length headers", values.len()));
        }
        Ok(())
    }

    /// The proxy-wasm wire form: count, then all lengths, then `name NUL value NUL` for each.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let word = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        out.extend_from_slice(&word(self.0.len()));
        for (name, value) in &self.0 {
            out.extend_from_slice(&word(name.len()));
            out.extend_from_slice(&word(value.len()));
        }
        for (name, value) in &self.0 {
            out.extend_from_slice(name.as_bytes());
            out.push(0);
            out.extend_from_slice(value);
            out.push(0);
        }
        out
    }

    /// Reads the proxy-wasm wire form. Like Envoy, a malformed map reads as an empty one.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self::try_decode(bytes).unwrap_or_default()
    }

    fn try_decode(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let raw = bytes.get(at..at.checked_add(4)?)?;
            usize::try_from(u32::from_le_bytes(raw.try_into().ok()?)).ok()
        };
        let count = word(0)?;
        let mut at = count.checked_mul(8)?.checked_add(4)?;
        let mut out = Self::new();
        for n in 0..count {
            let mut take = |len: usize| {
                let end = at.checked_add(len)?;
                let part = bytes.get(at..end)?;
                at = end.checked_add(1)?;
                Some(part)
            };
            let name = take(word(n * 8 + 4)?)?;
            let value = take(word(n * 8 + 8)?)?;
            out.push(&String::from_utf8_lossy(name), value);
        }
        Some(out)
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(lines: I) -> Self {
        let mut out = Self::new();
        for (name, value) in lines {
            out.push(name.as_ref(), value);
        }
        out
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>, const K: usize> From<[(N, V); K]> for Headers {
    fn from(lines: [(N, V); K]) -> Self {
        lines.into_iter().collect()
    }
}
