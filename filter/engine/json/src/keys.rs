//! The keys of objects, folded once however often they are looked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::fold::{fold_case, is_case_variant};
use super::value::Value;
use crate::order;

/// What looking a key up takes, in looks at a byte.
const LOOK_UP: u64 = 8;
/// What folding a key and putting it in its place takes, besides a look at each of its bytes.
const FOLD: u64 = 20;
/// Objects of no more members are looked through from their beginning.
const FEW: usize = 16;

/// The keys of the large objects of one document, as far as they have been looked for.
#[derive(Debug, Default)]
pub struct Keys {
    by_place: RefCell<HashMap<usize, Rc<Folded>>>,
}

/// The keys of one object: each folded, then as it is, with its place among the members.
#[derive(Debug)]
struct Folded(Vec<(String, usize)>);

/// Between a folded key and the key itself, neither of which holds one.
const BETWEEN: char = '\0';

impl Keys {
    /// The member of an object under `key`, and whether another key differs from it only in case. `pay` is told what each step
    /// takes, in looks at a byte, before it is taken.
    ///
    /// # Errors
    /// What `pay` says.
    pub fn member<'d, E>(
        &self,
        object: Value<'d>,
        key: &str,
        pay: impl Fn(u64) -> Result<(), E>,
    ) -> Result<(Option<Value<'d>>, bool), E> {
        let Some(folded) = self.folded(object, pay)? else {
            return Ok(object.member(key));
        };
        let (place, has_variant) = folded.find(key);
        Ok((place.map(|place| object.sibling(place)), has_variant))
    }

    /// The members of an object under `key` in any case, as [`member`](Self::member) looks for one.
    ///
    /// # Errors
    /// What `pay` says.
    pub fn alike<'d, E>(
        &self,
        object: Value<'d>,
        key: &str,
        pay: impl Fn(u64) -> Result<(), E>,
    ) -> Result<Vec<Value<'d>>, E> {
        let Some(folded) = self.folded(object, pay)? else {
            let members = object.members();
            let is_alike = |name: &str| name == key || is_case_variant(name, key);
            let alike = members.filter(|(name, _)| is_alike(&name.decode()));
            return Ok(alike.map(|(_, value)| value).collect());
        };
        let alike = folded.alike(&spelled(key)).iter();
        Ok(alike.map(|(_, place)| object.sibling(*place)).collect())
    }

    /// The folded keys of an object; `None` if it is small enough to be looked through.
    fn folded<E>(
        &self,
        object: Value<'_>,
        pay: impl Fn(u64) -> Result<(), E>,
    ) -> Result<Option<Rc<Folded>>, E> {
        pay(LOOK_UP)?;
        if object.members().nth(FEW).is_none() {
            return Ok(None);
        }
        let known = self.by_place.borrow().get(&object.place()).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let bytes = u64::try_from(object.raw().len()).unwrap_or(u64::MAX);
        let members = u64::try_from(object.members().count()).unwrap_or(u64::MAX);
        pay(members.saturating_mul(FOLD).saturating_add(bytes))?;
        let folded = Rc::new(Folded::of(object));
        let mut by_place = self.by_place.borrow_mut();
        by_place.insert(object.place(), Rc::clone(&folded));
        Ok(Some(folded))
    }
}

impl Folded {
    fn of(object: Value<'_>) -> Folded {
        let mut members = object.members();
        let mut keys = Vec::new();
        while let Some((key, value)) = members.next_with_key() {
            let key = key.as_str().unwrap_or_default();
            keys.push((spelled(&key), value.place()));
        }
        let order = order::by_text(keys.iter().map(|(key, _)| key.as_str()));
        Folded(order::arrange(keys, &order))
    }

    /// The keys that fold to the same.
    fn alike(&self, spelled: &str) -> &[(String, usize)] {
        let folded = begins(spelled);
        let first = self.0.partition_point(|(known, _)| begins(known) < folded);
        let end = self.0.partition_point(|(known, _)| begins(known) <= folded);
        self.0.get(first..end).unwrap_or_default()
    }

    /// The place of a key's value, and whether there is another key that differs only in case.
    fn find(&self, key: &str) -> (Option<usize>, bool) {
        let spelled = spelled(key);
        let alike = self.alike(&spelled);
        let place = alike.partition_point(|(known, _)| *known < spelled);
        let found = alike.get(place).filter(|(known, _)| *known == spelled);
        let has_variant = alike.len() > usize::from(found.is_some());
        (found.map(|(_, place)| *place), has_variant)
    }
}

/// The folded key.
fn begins(spelled: &str) -> &str {
    spelled.split(BETWEEN).next().unwrap_or_default()
}

fn spelled(key: &str) -> String {
    let mut spelled: String = fold_case(key).collect();
    spelled.push(BETWEEN);
    spelled.push_str(key);
    spelled
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{Document, Limits};

    /// Large objects are looked into as small ones are.
    #[test]
    fn as_from_the_beginning() {
        let keys = [
            "amount",
            "Amount",
            "AMOUNT",
            "sum",
            "\u{17f}um",
            "kind",
            "\u{212a}ind",
            "é",
            "É",
            "e\u{301}",
            "a",
            "",
            "amount2",
            "amoun",
            "İ",
            "i\u{307}",
            "ß",
            "ss",
        ];
        for take in 1..keys.len() {
            for left_out in 0..keys.len() {
                let members: Vec<String> = keys
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| *index != left_out && (index + left_out) % take != 1)
                    .map(|(index, key)| format!("\"{key}\":{index}"))
                    .collect();
                let filler: Vec<String> = (0..20).map(|index| format!("\"x{index}\":0")).collect();
                let text = format!("{{{}}}", [members, filler].concat().join(","));
                let Ok(document) = Document::parse(text.as_bytes(), &Limits::WIRE) else {
                    continue;
                };
                let known = Keys::default();
                for key in keys {
                    let small = document.root().member(key);
                    let large = known
                        .member(document.root(), key, |_| Ok::<(), ()>(()))
                        .unwrap();
                    let raw = |(value, variant): (Option<Value<'_>>, bool)| {
                        (value.map(|value| value.raw().to_owned()), variant)
                    };
                    assert_eq!(raw(large), raw(small), "{key:?} in {text}");
                }
            }
        }
    }

    /// An object is folded once, however many keys are looked for.
    #[test]
    fn folding_is_paid_once() {
        let members: Vec<String> = (0..1000).map(|index| format!("\"é{index}\":0")).collect();
        let text = format!("{{{}}}", members.join(","));
        let document = Document::parse(text.as_bytes(), &Limits::WIRE).unwrap();
        let keys = Keys::default();
        let paid = Cell::new(0);
        let pay = |units| {
            paid.set(paid.get() + units);
            if paid.get() > 60_000 { Err(()) } else { Ok(()) }
        };
        for index in 0..1000 {
            let key = format!("é{index}");
            assert!(keys.member(document.root(), &key, pay).unwrap().0.is_some());
        }
        let none = Keys::default().member(document.root(), "é1", |units| {
            if units > 100 { Err(()) } else { Ok(()) }
        });
        assert!(none.is_err());
    }
}
