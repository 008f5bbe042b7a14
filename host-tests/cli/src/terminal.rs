//! The terminal: colours only where one is, progress only where somebody waits.

use std::io::IsTerminal as _;
use std::time::Duration;

use console::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text::push_visible;

/// Whether and how output is coloured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paint {
    colour: bool,
}

impl Paint {
    /// No colours.
    pub const PLAIN: Paint = Paint { colour: false };

    /// Colours if stdout is a terminal that has them and `NO_COLOR` is not set.
    pub fn detect() -> Paint {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Paint {
            colour: std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
        }
    }

    /// Something is wrong.
    pub fn bad(self, text: &str) -> String {
        self.with(Style::new().red().bold(), text)
    }

    /// Something may be wrong.
    pub fn warn(self, text: &str) -> String {
        self.with(Style::new().yellow().bold(), text)
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.with(Style::new().green(), text)
    }

    /// What matters most.
    pub fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What matters least.
    pub fn faint(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        style.force_styling(self.colour).apply_to(text).to_string()
    }
}

/// Shows on stderr that something is going on, once it has taken a second. Gone when dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Something begins.
    pub fn begin(what: impl Into<String>) -> Progress {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        bar.set_style(template.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(what.into());
        let later = bar.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            if !later.is_finished() {
                later.enable_steady_tick(Duration::from_millis(120));
            }
        });
        Progress(bar)
    }

    /// Something else goes on now.
    pub fn now(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// What a terminal may be sent. What came from strangers is made harmless where it is put into words; this is the second
/// line: no control character but line ends, tabs and colours, whatever a text holds. A file gets the text as it is.
pub(crate) fn fit(text: &str, terminal: bool) -> std::borrow::Cow<'_, str> {
    if terminal {
        harmless(text).into()
    } else {
        text.into()
    }
}

/// A text with every control character and hidden mark spelled out, but for line ends, tabs and colours.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if let Some(colour) = colour(rest) {
            out.push_str(colour);
            rest = rest.get(colour.len()..).unwrap_or_default();
            continue;
        }
        match char {
            '\n' | '\t' => out.push(char),
            char => push_visible(char, &mut out),
        }
        rest = rest.get(char.len_utf8()..).unwrap_or_default();
    }
    out
}

/// The colour that a text begins with: `ESC [ digits m`.
fn colour(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let end = inside.find(|char: char| !char.is_ascii_digit() && char != ';')?;
    inside
        .get(end..)?
        .starts_with('m')
        .then(|| text.get(..end + 3))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_sent_colours_and_text_only() {
        for (text, sent) in [
            (
                "\u{1b}[31;1mred\u{1b}[0m\n\tx",
                "\u{1b}[31;1mred\u{1b}[0m\n\tx",
            ),
            ("\u{1b}[2J\u{1b}]0;t\u{7}", "\\u{1b}[2J\\u{1b}]0;t\\u{7}"),
            (
                "a\rb\u{85}\u{202e}c\u{9b}31m",
                "a\\u{d}b\\u{85}\\u{202e}c\\u{9b}31m",
            ),
            ("\u{1b}[31", "\\u{1b}[31"),
            ("é→\u{1b}", "é→\\u{1b}"),
        ] {
            assert_eq!(harmless(text), sent);
        }
    }
}
