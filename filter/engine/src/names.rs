//! Things by name: a map that keeps the order in which they came.
//!
//! One hash table type serves all of them, because each costs the module 2 KB.

use std::collections::HashMap;

/// Values by name, in the order they were inserted. Looked up in constant time.
#[derive(Clone, Debug)]
pub struct NameMap<T> {
    index: HashMap<Box<str>, usize>,
    entries: Vec<(Box<str>, T)>,
}

/// Names without values.
pub type Names = NameMap<()>;

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        NameMap {
            index: HashMap::new(),
            entries: Vec::new(),
        }
    }
}

impl<T> NameMap<T> {
    /// Adds a value; what stood under the name is replaced and returned.
    pub fn insert(&mut self, name: &str, value: T) -> Option<T> {
        if let Some(present) = self.get_mut(name) {
            return Some(std::mem::replace(present, value));
        }
        self.index.insert(name.into(), self.entries.len());
        self.entries.push((name.into(), value));
        None
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        let place = *self.index.get(name)?;
        self.entries.get(place).map(|(_, value)| value)
    }

    /// The value under a name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let place = *self.index.get(name)?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// The value under a name, and its place in the order.
    pub fn find(&self, name: &str) -> Option<(usize, &T)> {
        let place = *self.index.get(name)?;
        self.entries.get(place).map(|(_, value)| (place, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| &**name)
    }

    /// The values, in order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The values, in order, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// Names with values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }
}
