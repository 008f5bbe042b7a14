//! What is done to a result once nothing in it needs hiding: its texts are marked with the server they come from, and cut
//! where together they are too long.
//!
//! Texts are what a model reads: `content[].text`, the text of an embedded resource, `contents[].text` and the content of
//! `messages[]`. Nothing else is cut, and a result with structured content is not cut at all: half of that is no value of its
//! schema.

use std::ops::Range;

use super::written::escaped;
use crate::json::{Document, Edits, Kind, Limits, Value};

/// What stands behind the last text that is shown. An agent has to be able to tell that there was more.
const CUT: &str = "… [truncated by policy: the rest of this result is not shown]";

/// What to do to results.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'r> {
    /// The server to name before each text.
    pub label: Option<&'r str>,
    /// Most bytes of the result, as JSON.
    pub most: Option<usize>,
}

/// What has become of a result.
#[derive(Debug, PartialEq, Eq)]
pub enum Shaped {
    /// Nothing.
    Same,
    /// This; and whether something of it is gone.
    Changed(String, bool),
    /// It is too long, and cannot be cut to what may be shown.
    TooLong,
}

impl Shape<'_> {
    /// Whether nothing is to be done.
    pub fn is_nothing(self) -> bool {
        self.label.is_none() && self.most.is_none()
    }

    /// The same without a label.
    pub fn unlabelled(self) -> Self {
        Shape {
            label: None,
            ..self
        }
    }

    /// Shapes a result: the JSON of one, or of a task that holds one.
    pub fn result(self, result: &str) -> Shaped {
        let over = self.most.is_some_and(|most| result.len() > most);
        if self.label.is_none() && !over {
            return Shaped::Same;
        }
        let Ok(document) = Document::parse(result.as_bytes(), &Limits::REPLY) else {
            return Shaped::TooLong;
        };
        let results = [Some(document.root()), document.root().get("result")];
        let results: Vec<_> = results.into_iter().flatten().collect();
        let mut texts: Vec<Range<usize>> = Vec::new();
        results
            .iter()
            .for_each(|result| texts_of(*result, &mut texts));
        let label = self
            .label
            .map(|name| escaped(&format!("[server: {name}]\n")))
            .unwrap_or_default();
        let labels = label.len().saturating_mul(texts.len());
        let whole = result.len().saturating_add(labels);
        let mut edits = Edits::default();
        match self.most {
            Some(most) if whole > most => {
                let structured = |result: &Value<'_>| {
                    let content = result.get("structuredContent");
                    content.is_some_and(|content| content.kind() != Kind::Null)
                };
                let over = whole.saturating_sub(most);
                if results.iter().any(structured) || !cut(result, &texts, over, &label, &mut edits)
                {
                    return Shaped::TooLong;
                }
            }
            _ if label.is_empty() || texts.is_empty() => return Shaped::Same,
            _ => {
                for text in &texts {
                    edits.replace(text.start..text.start, label.clone());
                }
            }
        }
        let is_cut = self.most.is_some_and(|most| whole > most);
        match edits.apply(result) {
            Some(text) => Shaped::Changed(text, is_cut),
            None => Shaped::TooLong,
        }
    }
}

/// Takes at least `over` bytes away from the end of the texts, and says so at the cut. Returns whether that is possible.
fn cut(result: &str, texts: &[Range<usize>], over: usize, label: &str, edits: &mut Edits) -> bool {
    let mut over = over.saturating_add(CUT.len());
    // From the last text backwards: those that are gone leave nothing behind, not even their label.
    for (index, text) in texts.iter().enumerate().rev() {
        let written = result.get(text.clone()).unwrap_or_default();
        let gone = written.len().saturating_add(label.len());
        if index > 0 && over >= written.len() {
            edits.replace(text.clone(), "");
            over = over.saturating_sub(gone);
            continue;
        }
        let Some(kept) = written.len().checked_sub(over) else {
            return false;
        };
        let kept = start_of(written, kept);
        edits.replace(text.start..text.start, label.to_owned());
        edits.replace(text.start.saturating_add(kept)..text.end, CUT);
        for earlier in texts.iter().take(index) {
            edits.replace(earlier.start..earlier.start, label.to_owned());
        }
        return true;
    }
    false
}

/// The longest start of a JSON string's content, at most so long, that cuts no character and no escape in two.
fn start_of(written: &str, most: usize) -> usize {
    let mut kept = 0;
    let mut rest = written;
    while !rest.is_empty() {
        let plain = rest.find('\\').unwrap_or(rest.len());
        let (len, whole) = match plain {
            0 => (escape(rest), true),
            plain => (plain, false),
        };
        let room = most.saturating_sub(kept);
        if len > room {
            if !whole {
                let mut len = room;
                while !rest.is_char_boundary(len) {
                    len = len.saturating_sub(1);
                }
                kept = kept.saturating_add(len);
            }
            return kept;
        }
        kept = kept.saturating_add(len);
        rest = rest.get(len..).unwrap_or_default();
    }
    kept
}

/// How long the escape is that a text begins with; of a pair of surrogates, both.
fn escape(text: &str) -> usize {
    let unit = |text: &str| -> Option<u32> {
        let hex = text.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(hex, 16).ok()
    };
    match unit(text) {
        Some(0xd800..=0xdbff) => match text.get(6..).and_then(unit) {
            Some(0xdc00..=0xdfff) => 12,
            _ => 6,
        },
        Some(_) => 6,
        None => 2,
    }
}

/// Where the texts of a result stand, without their quotes, in order.
fn texts_of(result: Value<'_>, texts: &mut Vec<Range<usize>>) {
    for list in ["content", "contents", "messages"] {
        let items = result.get(list).into_iter().flat_map(|list| list.items());
        for item in items {
            text_of(item, texts);
            if let Some(content) = item.get("content") {
                text_of(content, texts);
                content.items().for_each(|part| text_of(part, texts));
            }
        }
    }
}

/// The text of one part of content: its own, or that of the resource in it.
fn text_of(part: Value<'_>, texts: &mut Vec<Range<usize>>) {
    let resource = part
        .get("resource")
        .and_then(|resource| resource.get("text"));
    for text in [part.get("text"), resource].into_iter().flatten() {
        if matches!(text.kind(), Kind::PlainString | Kind::EscapedString) {
            let span = text.span();
            texts.push(span.start.saturating_add(1)..span.end.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_to(most: usize, result: &str) -> Option<String> {
        let shape = Shape {
            label: None,
            most: Some(most),
        };
        match shape.result(result) {
            Shaped::Same => Some(result.to_owned()),
            Shaped::Changed(text, true) => {
                assert!(text.len() <= most, "{} over {most}: {text}", text.len());
                Document::parse(text.as_bytes(), &Limits::REPLY).expect("still JSON");
                Some(text)
            }
            Shaped::Changed(..) => panic!("it was cut"),
            Shaped::TooLong => None,
        }
    }

    #[test]
    fn texts_are_cut_from_the_end_and_say_so() {
        let long = "x".repeat(200);
        let one = format!(r#"{{"content":[{{"type":"text","text":"{long}"}}],"n":1}}"#);
        assert_eq!(cut_to(one.len(), &one), Some(one.clone()));
        let shown = cut_to(one.len() - 1, &one).unwrap();
        // One byte too many costs the mark as well.
        let kept = 200 - 1 - CUT.len();
        assert!(
            shown.contains(&format!("\"{}{CUT}\"", "x".repeat(kept))),
            "{shown}"
        );
        assert!(
            shown.ends_with("],\"n\":1}"),
            "what is no text stays: {shown}"
        );

        let two = format!(
            r#"{{"content":[{{"type":"text","text":"{long}"}},{{"type":"text","text":"second"}}]}}"#
        );
        let shown = cut_to(180, &two).unwrap();
        assert!(
            shown.contains(CUT) && shown.contains(r#""text":""}"#),
            "{shown}"
        );
        // No room for what is no text, and the mark.
        assert_eq!(cut_to(60, &two), None);
    }

    #[test]
    fn no_character_and_no_escape_is_cut_in_two() {
        let written = r"aé\n\u00e9\ud83d\ude00b";
        let starts: Vec<_> = (0..=written.len())
            .map(|most| start_of(written, most))
            .collect();
        let ends = [0, 1, 3, 5, 11, 23, 24];
        for (most, start) in starts.iter().enumerate() {
            let expected = ends.iter().rev().find(|end| **end <= most).unwrap();
            assert_eq!(start, expected, "{most}");
        }
        let text = written.repeat(40);
        let result = format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#);
        for most in 110..400 {
            cut_to(most, &result);
        }
    }

    #[test]
    fn structured_content_and_images_are_not_cut() {
        let long = "x".repeat(500);
        for result in [
            format!(
                r#"{{"content":[{{"type":"text","text":"{long}"}}],"structuredContent":{{"a":1}}}}"#
            ),
            format!(r#"{{"content":[{{"type":"image","data":"{long}"}}]}}"#),
            format!(r#"{{"status":"working","note":"{long}"}}"#),
            format!(r#"{{"result":{{"content":[{{"text":"{long}"}}],"structuredContent":[]}}}}"#),
        ] {
            assert_eq!(cut_to(300, &result), None, "{result}");
        }
        let nothing = format!(r#"{{"content":[{{"text":"{long}"}}],"structuredContent":null}}"#);
        assert!(cut_to(300, &nothing).is_some());
    }

    #[test]
    fn every_text_is_found() {
        let long = "x".repeat(150);
        for result in [
            format!(
                r#"{{"content":[{{"type":"resource","resource":{{"uri":"a:b","text":"{long}"}}}}]}}"#
            ),
            format!(r#"{{"contents":[{{"uri":"a:b","text":"{long}"}}]}}"#),
            format!(
                r#"{{"messages":[{{"role":"user","content":{{"type":"text","text":"{long}"}}}}]}}"#
            ),
            format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"{long}"}}]}}]}}"#
            ),
            format!(
                r#"{{"taskId":"t","result":{{"content":[{{"type":"text","text":"{long}"}}]}}}}"#
            ),
        ] {
            assert!(cut_to(result.len() - 20, &result).is_some(), "{result}");
        }
    }

    #[test]
    fn texts_are_labelled() {
        let label = |result: &str, most| {
            Shape {
                label: Some("git\"hub"),
                most,
            }
            .result(result)
        };
        let result = r#"{"content":[{"text":"a"},{"data":"b"},{"text":""}],"structuredContent":{"text":"c"}}"#;
        let shown = r#"{"content":[{"text":"[server: git\"hub]\na"},{"data":"b"},{"text":"[server: git\"hub]\n"}],"structuredContent":{"text":"c"}}"#;
        assert_eq!(label(result, None), Shaped::Changed(shown.into(), false));
        assert_eq!(label(r#"{"content":[]}"#, None), Shaped::Same);
        // The label is a part of what may be shown.
        let long = format!(r#"{{"content":[{{"text":"{}"}}]}}"#, "x".repeat(200));
        for most in [long.len() - 1, long.len(), long.len() + 10] {
            match label(&long, Some(most)) {
                Shaped::Changed(text, true) => {
                    assert!(text.len() <= most && text.contains("[server:"))
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
