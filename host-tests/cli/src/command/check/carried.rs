//! From a place in a configuration that stands as text inside another file to the place in that file.

use toolgate_document::{Position, Source};

/// Where the text of a string value stands in its file.
#[derive(Debug)]
pub(super) struct Carried {
    start: Position,
    /// For a block of lines: the first of them, and by how much each is indented.
    block: Option<(usize, usize)>,
    /// For a value of one line: the column of each of its characters.
    columns: Vec<usize>,
}

impl Carried {
    /// `start` is where the value begins in the file, `text` what it holds.
    pub(super) fn new(source: &Source, start: Position, text: &str) -> Self {
        let line = source.line(start.line).unwrap_or_default();
        let rest: String = line.chars().skip(start.column - 1).collect();
        let mut carried = Self {
            start,
            block: None,
            columns: Vec::new(),
        };
        if let Some(block) = block(source, start, text) {
            carried.block = Some(block);
        } else if let Some(inner) = rest.strip_prefix('"') {
            carried.columns = double_quoted(inner, start.column + 1);
        } else if let Some(inner) = rest.strip_prefix('\'') {
            carried.columns = single_quoted(inner, start.column + 1);
        } else if rest.starts_with(text) {
            carried.columns = (start.column..).take(text.chars().count()).collect();
        }
        carried
    }

    /// For JSON in a block of lines: the same JSON where it stands in the file, so that places in it are places there.
    pub(super) fn in_place(&self, text: &str) -> Option<String> {
        let (first, indent) = self.block?;
        let mut padded = "\n".repeat(first - 1);
        for line in text.split_inclusive('\n') {
            padded.push_str(&" ".repeat(indent));
            padded.push_str(line);
        }
        Some(padded)
    }

    /// The place in the file of a place in the text.
    pub(super) fn place(&self, text: &str, inner: Position) -> Position {
        if let Some((first, indent)) = self.block {
            return Position {
                line: first + inner.line - 1,
                column: indent + inner.column,
            };
        }
        let lines = text.split_inclusive('\n').take(inner.line - 1);
        let before: usize = lines.map(|line| line.chars().count()).sum();
        let column = self.columns.get(before + inner.column - 1);
        let column = column.or(self.columns.last()).copied();
        Position {
            line: self.start.line,
            column: column.unwrap_or(self.start.column),
        }
    }
}

/// `|`: the lines of the file are the lines of the text, moved to the right. Such a value is said to begin with the first line
/// that is not blank. The number of its first line, and by how much they are moved.
fn block(source: &Source, start: Position, text: &str) -> Option<(usize, usize)> {
    let blank = text.lines().take_while(|line| line.is_empty()).count();
    let first = start.line.checked_sub(blank)?;
    let written = text.lines().nth(blank)?;
    let indent = source.line(start.line)?.strip_suffix(written)?.len();
    let moved = |(number, line): (usize, &str)| {
        let there = source.line(first + number).unwrap_or_default();
        there.get(indent..).unwrap_or_default() == line
    };
    let is_block = text.contains('\n') && text.lines().enumerate().all(moved);
    is_block.then_some((first, indent))
}

fn single_quoted(inner: &str, from: usize) -> Vec<usize> {
    let mut columns = Vec::new();
    let mut chars = (from..).zip(inner.chars()).peekable();
    while let Some((column, char)) = chars.next() {
        if char == '\'' && chars.next_if(|(_, next)| *next == '\'').is_none() {
            break;
        }
        columns.push(column);
    }
    columns
}

fn double_quoted(inner: &str, from: usize) -> Vec<usize> {
    let mut columns = Vec::new();
    let mut chars = (from..).zip(inner.chars());
    while let Some((column, char)) = chars.next() {
        match char {
            '"' => break,
            '\\' => {
                let hex = match chars.next() {
                    Some((_, 'x')) => 2,
                    Some((_, 'u')) => 4,
                    Some((_, 'U')) => 8,
                    _ => 0,
                };
                chars.by_ref().take(hex).for_each(drop);
            }
            _ => {}
        }
        columns.push(column);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolgate_document::{Document, Format};

    /// Where `needle` of the carried text is said to stand, as `line:column`.
    fn placed(yaml: &str, needle: &str) -> String {
        let document = Document::parse("f", yaml, Format::Yaml).unwrap();
        let value = document.root().get("a").unwrap();
        let text = value.as_str().unwrap();
        let carried = Carried::new(document.source(), document.position(value), &text);
        let inner = Source::new("inner", text.as_ref()).position(text.find(needle).unwrap());
        carried.place(&text, inner).to_string()
    }

    #[test]
    fn every_style_of_text_leads_back() {
        for (yaml, place) in [
            ("a: |\n  {\n   X\n", "3:4"),
            ("b: 1\na: |-\n\n      {\n\n       X\n", "6:8"),
            ("a: |2\n    {X\n", "2:6"),
            ("a: \"{\\n\\u00e9 X\"", "1:15"),
            ("a: '{ '' X'", "1:10"),
            ("a: é X", "1:6"),
        ] {
            assert_eq!(placed(yaml, "X"), place, "{yaml}");
        }
    }
}
