//! A misspelt key or word is never taken for anything: thousands of them are refused, each with the word that was meant.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use serde_json::Value;
use toolgate_checks::Random;
use toolgate_engine::config::keys::{Shape, visit};
use toolgate_engine::config::{ConfigError, Gate};

mod documents;

/// One slip of the finger: a letter more, less, another or swapped with the next, a capital.
fn misspell(word: &str, dice: &mut Random) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz_-";
    let mut letters: Vec<char> = word.chars().collect();
    let (at, letter) = (
        dice.below(letters.len()),
        char::from(LETTERS[dice.below(LETTERS.len())]),
    );
    match dice.below(5) {
        0 => letters.insert(at, letter),
        1 => {
            letters.remove(at);
        }
        2 => letters[at] = letter,
        3 if at + 1 < letters.len() => letters.swap(at, at + 1),
        _ => letters[at] = letters[at].to_ascii_uppercase(),
    }
    letters.into_iter().collect()
}

/// A word of a document that has no other spelling.
enum Place {
    /// A key of the object at this pointer, and the keys it may have.
    Key(String, &'static str, Vec<&'static str>),
    /// The word at this pointer, and the words it may be.
    Word(String, String, &'static [&'static str]),
}

fn places(document: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    visit(document, &mut |at, shape, value| match shape {
        Shape::Object(object) => {
            let known: Vec<&str> = object.keys.iter().map(|key| key.name).collect();
            for key in object
                .keys
                .iter()
                .filter(|key| value.get(key.name).is_some())
            {
                places.push(Place::Key(at.to_owned(), key.name, known.clone()));
            }
        }
        Shape::Choice(words) if value.is_string() && at != "/version" => {
            let word = value.as_str().unwrap_or_default().to_owned();
            places.push(Place::Word(at.to_owned(), word, words));
        }
        _ => {}
    });
    places
}

#[test]
fn ten_thousand_misspellings() {
    let documents: Vec<(Value, Vec<Place>)> = documents::documents()
        .into_iter()
        .map(|(_, document)| {
            let places = places(&document);
            (document, places)
        })
        .collect();
    let mut dice = Random::new(0x7001_9a7e);
    let (mut refused, mut keys) = (0, 0);
    while refused < 10_000 {
        let (document, places) = &documents[dice.below(documents.len())];
        let mut wrong = document.clone();
        let (pointer, word, misspelt) = match &places[dice.below(places.len())] {
            Place::Key(at, key, known) => {
                let misspelt = misspell(key, &mut dice);
                if misspelt.is_empty() || known.contains(&misspelt.as_str()) {
                    continue;
                }
                let object = wrong.pointer_mut(at).unwrap().as_object_mut().unwrap();
                let value = object.remove(*key).unwrap();
                object.insert(misspelt.clone(), value);
                keys += 1;
                (format!("{at}/{misspelt}"), (*key).to_owned(), misspelt)
            }
            Place::Word(at, word, known) => {
                let misspelt = misspell(word, &mut dice);
                if known.contains(&misspelt.as_str()) {
                    continue;
                }
                *wrong.pointer_mut(at).unwrap() = Value::from(misspelt.clone());
                (at.clone(), word.clone(), misspelt)
            }
        };
        let errors = match Gate::from_json(wrong.to_string().as_bytes(), false) {
            Ok(_) => panic!("`{misspelt}` at {pointer} was taken for something\n{wrong:#}"),
            Err(errors) => errors,
        };
        refused += 1;
        // Of a source it is said what sources there are.
        let is_source = |error: &ConfigError| error.message.contains("a source is `grant`, `jwt`");
        if errors.0.iter().any(is_source) {
            continue;
        }
        let error = errors.0.iter().find(|error| error.pointer == pointer);
        let error = error.unwrap_or_else(|| panic!("`{misspelt}` at {pointer}: {errors}"));
        assert!(
            error.suggestion.is_some(),
            "`{misspelt}` for `{word}`: {error}"
        );
        assert!(error.message.contains(&misspelt), "{error}");
    }
    assert!(keys > 2000, "{keys}");
}
