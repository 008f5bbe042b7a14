//! Text with lines: positions in it, and excerpts for messages.

use std::fmt;
use std::sync::Arc;

/// A place in a text: line and column from 1, columns counted in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// The first character.
    pub const START: Position = Position { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.line, self.column)
    }
}

/// A named text. Clones share it.
#[derive(Clone, Debug)]
pub struct Source(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    text: String,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
}

/// Widest excerpt, in characters. A minified file is one line.
const WIDTH: usize = 100;

impl Source {
    /// A text and what messages call it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let text = text.into();
        let starts = text.match_indices('\n').map(|(offset, _)| offset + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Source(Arc::new(Inner {
            name: name.into(),
            text,
            lines,
        }))
    }

    /// What messages call it: its path.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Line and column of a byte offset. One past the end is the end.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.0.text.len());
        while !self.0.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self
            .0
            .lines
            .partition_point(|start| *start <= offset)
            .max(1);
        let start = self.0.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.0.text.get(start..offset).unwrap_or_default().chars();
        Position {
            line,
            column: column.count() + 1,
        }
    }

    /// A line without its end, from 1.
    pub fn line(&self, number: usize) -> Option<&str> {
        let start = *self.0.lines.get(number.checked_sub(1)?)?;
        let end = self
            .0
            .lines
            .get(number)
            .map_or(self.0.text.len(), |next| next - 1);
        let line = self.0.text.get(start..end)?;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    /// The line of a position with a caret under its column, ready to print under a message:
    ///
    /// ```text
    ///    12 | defualt: deny
    ///       | ^
    /// ```
    ///
    /// Control characters are shown as `·`, so that a file cannot speak to the terminal; of a very long line the part
    /// around the caret is shown.
    pub fn excerpt(&self, position: Position) -> Option<String> {
        let line: Vec<char> = self.line(position.line)?.chars().collect();
        let caret = (position.column - 1).min(line.len());
        let (from, to) = if line.len() <= WIDTH {
            (0, line.len())
        } else {
            let from = caret.saturating_sub(WIDTH / 2).min(line.len() - WIDTH);
            (from, from + WIDTH)
        };
        let shown = line.get(from..to)?;
        let visible = |char: &char| match *char {
            '\t' => '\t',
            char if char.is_control() || is_invisible(char) => '·',
            char => char,
        };
        let text: String = shown.iter().map(visible).collect();
        let before = shown.iter().take(caret - from);
        let padding: String = before
            .map(|char| if *char == '\t' { '\t' } else { ' ' })
            .collect();
        let (left, right) = (
            if from > 0 { "…" } else { "" },
            if to < line.len() { "…" } else { "" },
        );
        let indent = if from > 0 { " " } else { "" };
        let number = position.line;
        Some(format!(
            "{number:>6} | {left}{text}{right}\n       | {indent}{padding}^"
        ))
    }
}

/// Marks that change the direction of text or take no room.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
