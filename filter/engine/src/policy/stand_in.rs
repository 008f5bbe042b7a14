//! What stands in the place of what was taken out.

use std::borrow::Cow;

/// The text in the place of what was found, and how much of that may stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// Where nothing may stay.
    plain: Box<str>,
    /// What stands before and behind that which stays.
    around: (Box<str>, Box<str>),
    keep_last: usize,
}

impl StandIn {
    /// The author's own words; what may stay comes behind them.
    pub fn own(text: &str) -> StandIn {
        StandIn {
            plain: text.into(),
            around: (text.into(), "".into()),
            keep_last: 0,
        }
    }

    /// `[redacted]`, or `[redacted:NAME]`; what may stay comes in the brackets, as `[redacted:NAME …1111]`.
    pub fn marked(name: Option<&str>) -> StandIn {
        let inside = match name {
            Some(name) => ["redacted:", name].concat(),
            None => "redacted".to_owned(),
        };
        StandIn {
            plain: format!("[{inside}]").into(),
            around: (format!("[{inside} …").into(), "]".into()),
            keep_last: 0,
        }
    }

    /// Lets the last so many letters and digits stay.
    #[must_use]
    pub fn keeping(self, keep_last: usize) -> StandIn {
        StandIn { keep_last, ..self }
    }

    /// What stands where nothing may stay.
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// What stands in the place of `found`. Of a text of which more would be shown than hidden nothing stays.
    pub fn of(&self, found: &str) -> Cow<'_, str> {
        let kept = |char: &char| char.is_alphanumeric();
        let most = self.keep_last.saturating_mul(2);
        if self.keep_last == 0 || found.chars().filter(kept).take(most).count() < most {
            return Cow::Borrowed(&self.plain);
        }
        let mut last: Vec<char> = found
            .chars()
            .rev()
            .filter(kept)
            .take(self.keep_last)
            .collect();
        last.reverse();
        let (before, after) = &self.around;
        let last: String = last.into_iter().collect();
        Cow::Owned([before, &*last, after].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_letters_and_digits_stay_where_as_many_are_hidden() {
        let card = StandIn::marked(Some("credit_card")).keeping(4);
        for (found, shown) in [
            ("4111 1111 1111 1234", "[redacted:credit_card …1234]"),
            ("4111-1111-1111-1-2-3-4", "[redacted:credit_card …1234]"),
            ("12345678", "[redacted:credit_card …5678]"),
            ("1234567", "[redacted:credit_card]"),
            ("1234", "[redacted:credit_card]"),
            ("", "[redacted:credit_card]"),
            ("müllerß", "[redacted:credit_card]"),
            ("übermüllerß", "[redacted:credit_card …lerß]"),
        ] {
            assert_eq!(card.of(found), shown);
        }
        assert_eq!(StandIn::own("****").keeping(2).of("abcdef"), "****ef");
        assert_eq!(StandIn::own("****").of("abcdef"), "****");
        assert_eq!(StandIn::marked(None).of("abcdef"), "[redacted]");
    }
}
