//! The ids of the requests of one body, read once, to find by the id of an answer.

use crate::json::{Document, Limits, Value, canonical};
use crate::order;
use crate::rpc::{Id, MAX_ID};

/// Numbers of requests by the value of their ids. Servers may spell a string id with other escapes.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// In the order of the ids.
    by_value: Vec<(String, usize)>,
}

impl Ids {
    /// The ids of requests, numbered as they come.
    pub(super) fn new<'i>(ids: impl Iterator<Item = Id<'i>>) -> Ids {
        let value = |id: Id<'_>| {
            let document = Document::parse(id.token().as_bytes(), &Limits::WIRE);
            document.map_or_else(|_| String::new(), |document| canonical(document.root()))
        };
        let numbered: Vec<_> = ids.map(value).zip(0..).collect();
        let order = order::by_text(numbered.iter().map(|(id, _)| id.as_str()));
        Ids {
            by_value: order::arrange(numbered, &order),
        }
    }

    /// The request that a message answers. It takes time by the length of the message's id, and none where that is no request's.
    pub(super) fn answered(&self, message: Value<'_>) -> Option<usize> {
        /// What a byte takes at most, written as an escape.
        const ESCAPE: usize = "\\u0000".len();
        if self.by_value.is_empty() || message.get("method").is_some() {
            return None;
        }
        let id = message.get("id")?;
        if id.raw().len() > MAX_ID.saturating_mul(ESCAPE) {
            return None;
        }
        let id = canonical(id);
        let place = self.by_value.partition_point(|(known, _)| *known < id);
        let (known, number) = self.by_value.get(place)?;
        (*known == id).then_some(*number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::read_id;

    fn find(ids: &[&str], message: &str) -> Option<usize> {
        let parsed = ids
            .iter()
            .map(|id| Document::parse(id.as_bytes(), &Limits::WIRE).unwrap());
        let parsed: Vec<_> = parsed.collect();
        let known = Ids::new(parsed.iter().map(|id| read_id(id.root()).unwrap()));
        let message = Document::parse(message.as_bytes(), &Limits::REPLY).unwrap();
        known.answered(message.root())
    }

    #[test]
    fn by_value() {
        let long = "i".repeat(1000);
        let ids = ["1", r#""1""#, r#""a\u0062""#, &format!("\"{long}\"")];
        let escaped: String = long.chars().map(|_| "\\u0069").collect();
        for (message, number) in [
            (r#"{"id":1,"result":{}}"#, Some(0)),
            (r#"{"id":1.0,"result":{}}"#, Some(0)),
            (r#"{"id":"1","result":{}}"#, Some(1)),
            (r#"{"id":"\u0031"}"#, Some(1)),
            (r#"{"id":"ab","error":{}}"#, Some(2)),
            (&format!(r#"{{"id":"{long}"}}"#), Some(3)),
            (&format!(r#"{{"id":"{escaped}"}}"#), Some(3)),
            (&format!(r#"{{"id":"{escaped}i"}}"#), None),
            (&format!(r#"{{"id":"{}"}}"#, "\\u0069".repeat(9000)), None),
            (r#"{"id":2}"#, None),
            (r#"{"id":null}"#, None),
            (r#"{"id":["1"]}"#, None),
            (r#"{"result":{}}"#, None),
            // A request of the server's, whose ids are its own.
            (r#"{"id":1,"method":"ping"}"#, None),
        ] {
            assert_eq!(find(&ids, message), number, "{message}");
        }
    }
}
