//! What claims mean that do not come as what they are: lists written as text.

use super::path::{Path, Root, Step};
use super::truth::Quantifier;

/// How a claim that is a list holds its items where it came as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Items {
    /// Separated by single spaces (RFC 6749, section 3.3).
    Spaced,
    /// The whole text is the only item: nobody says how others would be told apart.
    Whole,
    /// The whole text, and each part between commas or spaces: what may be meant is denied.
    Any,
}

impl Items {
    /// How the text at the end of this path holds items, if it is one of the claims that are lists of names.
    pub(super) fn of(path: &Path, quantifier: Quantifier) -> Option<Items> {
        let Some(Step::Key(name)) = path.steps.last().filter(|_| path.root == Root::Identity)
        else {
            return None;
        };
        match (&**name, quantifier) {
            ("scope" | "scp", _) => Some(Items::Spaced),
            ("groups" | "roles", Quantifier::Every) => Some(Items::Whole),
            ("groups" | "roles", Quantifier::Some) => Some(Items::Any),
            _ => None,
        }
    }

    /// Whether the text has this item.
    pub(super) fn have(self, text: &str, item: &str) -> bool {
        match self {
            Items::Whole => text == item,
            Items::Spaced => text.split(' ').any(|part| part == item),
            Items::Any => text == item || text.split([',', ' ']).any(|part| part == item),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_text() {
        for (items, text, item, has) in [
            (Items::Spaced, "mcp:read mcp:write", "mcp:write", true),
            (Items::Spaced, "mcp:write_limited", "mcp:write", false),
            (Items::Spaced, "a,b", "a", false),
            (Items::Whole, "admin", "admin", true),
            (Items::Whole, "admin,dev", "admin", false),
            (Items::Any, "admin,dev", "admin", true),
            (Items::Any, "dev admin", "admin", true),
            (Items::Any, "site admin", "site admin", true),
            (Items::Any, "not-admin", "admin", false),
        ] {
            assert_eq!(items.have(text, item), has, "{items:?} {text} {item}");
        }
    }
}
