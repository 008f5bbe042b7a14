//! What stands between `[` and `]`.

use super::class::Class;
use super::{Result, Translator, unsupported};

impl Translator<'_> {
    /// A class; its `[` has been read.
    pub(super) fn class(&mut self) -> Result<()> {
        let negated = self.eat("^");
        let mut class = Class::default();
        let mut first = true;
        loop {
            let Some(char) = self.next() else {
                return Err(unsupported("[", "the class has no `]`"));
            };
            if char == ']' && !first {
                break;
            }
            first = false;
            let part = match char {
                '[' => self.posix()?,
                '\\' => self.perl(),
                _ => None,
            };
            match part {
                Some(part) => class.add_all(part),
                None => self.range(char, &mut class)?,
            }
        }
        if self.fold {
            class = class.folded();
        }
        class.write(negated, &mut self.out);
        Ok(())
    }

    /// `\w` and its like inside a class; its backslash has been read.
    fn perl(&mut self) -> Option<Class> {
        let class = self.rest.chars().next().and_then(Class::perl)?;
        self.next();
        Some(class)
    }

    fn range(&mut self, char: char, class: &mut Class) -> Result<()> {
        let low = self.class_character(char)?;
        let mut high = low;
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.rest = self.rest.strip_prefix('-').unwrap_or_default();
            let char = self
                .next()
                .ok_or_else(|| unsupported("[", "the class has no `]`"))?;
            high = self.class_character(char)?;
            if high < low {
                return Err(unsupported(&format!("{low}-{high}"), "the range is empty"));
            }
        }
        class.add(low, high);
        Ok(())
    }

    fn class_character(&mut self, char: char) -> Result<char> {
        if char != '\\' {
            return Ok(char);
        }
        match self.next() {
            Some(escaped) => self.character(escaped),
            None => Err(unsupported("\\", "the pattern ends in a backslash")),
        }
    }

    /// `[:alpha:]` inside a class; its `[` has been read.
    fn posix(&mut self) -> Result<Option<Class>> {
        let Some((name, rest)) = self
            .rest
            .strip_prefix(':')
            .and_then(|rest| rest.split_once(":]"))
        else {
            return Ok(None);
        };
        let plain = name.strip_prefix('^');
        let Some(mut class) = Class::posix(plain.unwrap_or(name)) else {
            return Err(unsupported(
                &format!("[:{name}:]"),
                "there is no such class",
            ));
        };
        self.rest = rest;
        if plain.is_some() {
            // Both cases are taken out, as in Go: `(?i)[[:^lower:]]` has no letters.
            if self.fold {
                class = class.folded();
            }
            class = class.complement();
        }
        Ok(Some(class))
    }
}
