//! A JSON document as somebody types it: keys and scalars are text, so that every spelling can be written down.

use toolgate_checks::Random;

#[derive(Clone)]
pub enum Draft {
    /// Written as it stands; not necessarily text.
    Raw(Vec<u8>),
    Array(Vec<Draft>),
    /// Keys as they stand between their quotes.
    Object(Vec<(Vec<u8>, Draft)>),
}

impl Draft {
    pub fn raw(text: impl AsRef<[u8]>) -> Draft {
        Draft::Raw(text.as_ref().to_vec())
    }

    /// A string of these bytes, which may hold escapes.
    pub fn text(text: impl AsRef<[u8]>) -> Draft {
        Draft::Raw([b"\"", text.as_ref(), b"\""].concat())
    }

    pub fn object<const N: usize>(members: [(&str, Draft); N]) -> Draft {
        let member = |(key, value): (&str, Draft)| (key.as_bytes().to_vec(), value);
        Draft::Object(members.into_iter().map(member).collect())
    }

    /// The members of the object under `path`, which comes to be where it is not.
    pub fn members(&mut self, path: &[&str]) -> &mut Vec<(Vec<u8>, Draft)> {
        if !matches!(self, Draft::Object(_)) {
            *self = Draft::Object(Vec::new());
        }
        let Draft::Object(members) = self else {
            unreachable!("it is one now")
        };
        let Some((key, path)) = path.split_first() else {
            return members;
        };
        let known = members.iter().position(|(name, _)| name == key.as_bytes());
        let index = known.unwrap_or(members.len());
        if known.is_none() {
            members.push((key.as_bytes().to_vec(), Draft::Object(Vec::new())));
        }
        members[index].1.members(path)
    }

    /// Puts a member in, or in the place of the one of this name.
    pub fn set(&mut self, path: &[&str], key: &str, value: Draft) {
        let members = self.members(path);
        match members.iter_mut().find(|(name, _)| name == key.as_bytes()) {
            Some((_, old)) => *old = value,
            None => members.push((key.as_bytes().to_vec(), value)),
        }
    }

    /// Writes it, with something from `spaces` at every place where white space may stand.
    pub fn write(&self, random: &mut Random, spaces: &[&[u8]], out: &mut Vec<u8>) {
        let gap = |random: &mut Random, out: &mut Vec<u8>| {
            out.extend_from_slice(random.pick(spaces));
        };
        match self {
            Draft::Raw(text) => out.extend_from_slice(text),
            Draft::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    gap(random, out);
                    item.write(random, spaces, out);
                    gap(random, out);
                }
                out.push(b']');
            }
            Draft::Object(members) => {
                out.push(b'{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    gap(random, out);
                    out.push(b'"');
                    out.extend_from_slice(key);
                    out.push(b'"');
                    gap(random, out);
                    out.push(b':');
                    gap(random, out);
                    value.write(random, spaces, out);
                    gap(random, out);
                }
                out.push(b'}');
            }
        }
    }
}
