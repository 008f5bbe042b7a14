//! A list of bounded length that many holders write to, as one value of a store.

use super::{Share, payer};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Whose it is.
    pub(crate) share: Share,
    /// From this second on it is over.
    pub(crate) until: i64,
    /// What it says: one line.
    pub(crate) text: String,
}

/// A list as it is stored: a line of its own, then a line for each entry, the oldest first: `<share> <until> <text>`.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// The first line.
    pub(crate) head: String,
    /// The entries, the oldest first.
    pub(crate) entries: Vec<Entry>,
}

impl List {
    /// From its stored form. What is no entry is nobody's.
    pub(crate) fn read(value: &[u8]) -> List {
        let mut lines = std::str::from_utf8(value).unwrap_or_default().lines();
        let entry = |line: &str| {
            let (share, rest) = line.split_once(' ')?;
            let (until, text) = rest.split_once(' ')?;
            Some(Entry {
                share: Share::from_hex(share)?,
                until: until.parse().ok()?,
                text: text.to_owned(),
            })
        };
        List {
            head: lines.next().unwrap_or_default().to_owned(),
            entries: lines.filter_map(entry).collect(),
        }
    }

    /// Its stored form.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut text = self.head.clone();
        for Entry {
            share,
            until,
            text: said,
        } in &self.entries
        {
            text.push_str(&format!("\n{} {until} {said}", share.to_hex()));
        }
        text.into_bytes()
    }

    /// Adds an entry at this second, if there is room among `most`: what is over gives way first, then the newest entry of who
    /// has most. False if that is the newcomer.
    pub(crate) fn add(&mut self, now: i64, most: usize, entry: Entry) -> bool {
        if self.entries.len() >= most {
            self.entries.retain(|entry| now < entry.until);
        }
        if self.entries.len() >= most {
            let taken = self.entries.iter().map(|entry| (entry.share, 1));
            let pays = payer(entry.share, 1, taken);
            let newest = self.entries.iter().rposition(|entry| entry.share == pays);
            match newest {
                Some(place) if pays != entry.share => self.entries.remove(place),
                _ => return false,
            };
        }
        self.entries.push(entry);
        true
    }
}
