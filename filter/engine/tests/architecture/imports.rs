//! Which file of a crate names which: paths in `use` and in code, followed through re-exports to the file that defines
//! what is named. Methods are called without a path and are not seen; nor are names inside macros of other crates.

use std::collections::{BTreeMap, BTreeSet};

/// A path from the root of the crate.
type Path = Vec<String>;

/// The files of a crate, by what they import.
pub struct Sources(BTreeMap<Path, Module>);

/// One file.
#[derive(Default)]
struct Module {
    /// What `use` brings in: the name here, and what it names.
    imports: Vec<(String, Path)>,
    /// What `pub use` hands on.
    exports: BTreeMap<String, Path>,
    /// Paths in code, as they are written.
    paths: Vec<Path>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Separator,
    Mark(char),
}

impl Sources {
    /// Reads files, each with its path below `src/`. Tests are left out.
    pub fn new(files: &[(String, String)]) -> Self {
        let mut modules: BTreeMap<Path, Module> = BTreeMap::new();
        let names: Vec<Path> = files.iter().map(|(file, _)| module_of(file)).collect();
        for (name, (file, text)) in names.iter().zip(files) {
            if file.ends_with("tests.rs") || file.contains("/tests/") {
                continue;
            }
            let tokens = without_tests(tokens(text));
            modules.insert(name.clone(), read(&tokens));
        }
        Sources(modules)
    }

    /// For each file what it imports from others, by their module paths (`exchange/reply`).
    pub fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let modules = self.0.iter().filter(|(name, _)| !name.is_empty());
        modules
            .map(|(name, module)| (name.join("/"), self.imports_of(name, module)))
            .collect()
    }

    fn imports_of(&self, here: &Path, module: &Module) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut rooms: BTreeMap<&str, Path> = BTreeMap::new();
        for child in self.0.keys() {
            if let Some((last, parents)) = child.split_last()
                && parents == here
            {
                rooms.insert(last, child.clone());
            }
        }
        let mut note = |(module, item): (Path, bool)| {
            if item && !module.is_empty() && module != *here {
                found.insert(module.join("/"));
            }
        };
        for (name, path) in &module.imports {
            let Some(path) = self.absolute(here, path) else {
                continue;
            };
            match self.resolve(&path, 0) {
                (module, false) => {
                    rooms.insert(name, module);
                }
                item => note(item),
            }
        }
        for path in &module.paths {
            let absolute = match (path.split_first(), self.absolute(here, path)) {
                (Some((first, rest)), None) => match rooms.get(first.as_str()) {
                    Some(room) => [room, rest].concat(),
                    None => continue,
                },
                (_, Some(absolute)) => absolute,
                (None, None) => continue,
            };
            note(self.resolve(&absolute, 0));
        }
        found
    }

    /// The path from the root; `None` where it leads out of the crate.
    fn absolute(&self, here: &Path, path: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([here, rest].concat()),
            "super" => {
                let above = path.iter().take_while(|part| *part == "super").count();
                let parents = here.get(..here.len().checked_sub(above)?)?;
                Some([parents, path.get(above..)?].concat())
            }
            _ => {
                let child = [&here[..], std::slice::from_ref(first)].concat();
                self.0
                    .contains_key(&child)
                    .then(|| [child, rest.to_vec()].concat())
            }
        }
    }

    /// The file a path leads to, and whether to something in it or to the file itself. What another crate defines leads
    /// to the root.
    fn resolve(&self, path: &[String], depth: usize) -> (Path, bool) {
        let depth_of_module = (0..=path.len())
            .rev()
            .find(|len| self.0.contains_key(&path[..*len]));
        let (module, rest) = path.split_at(depth_of_module.unwrap_or(0));
        let Some((item, rest)) = rest.split_first() else {
            return (module.to_vec(), false);
        };
        let handed_on = self.0.get(module).and_then(|face| face.exports.get(item));
        let Some(target) = handed_on.filter(|_| depth < 8) else {
            return (module.to_vec(), true);
        };
        match self.absolute(&module.to_vec(), target) {
            Some(target) => self.resolve(&[&target, rest].concat(), depth + 1),
            None => (Path::new(), true),
        }
    }
}

/// `exchange/reply/mod.rs` is `exchange/reply`, `lib.rs` the root.
fn module_of(file: &str) -> Path {
    let file = file.strip_suffix(".rs").unwrap_or(file);
    let mut path: Path = file.split('/').map(str::to_owned).collect();
    if path
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        path.pop();
    }
    path
}

/// Words and marks; without comments, texts and lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |char: char| char.is_alphanumeric() || char == '_';
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            found.push(Token::Separator);
            2
        } else if let Some(len) = text_len(rest) {
            len
        } else if is_word(first) {
            let len = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
            found.push(Token::Word(rest[..len].to_owned()));
            len
        } else {
            if !first.is_whitespace() {
                found.push(Token::Mark(first));
            }
            first.len_utf8()
        };
        rest = &rest[len..];
    }
    found
}

/// How long the literal or lifetime is that `rest` begins with, if it does.
fn text_len(rest: &str) -> Option<usize> {
    let bare = rest.trim_start_matches(['b', 'r']);
    let prefix = rest.len() - bare.len();
    let hashes = bare.len() - bare.trim_start_matches('#').len();
    if prefix <= 2 && bare[hashes..].starts_with('"') && (hashes == 0 || prefix > 0) {
        let raw = rest[..prefix].contains('r');
        let end = format!("\"{}", "#".repeat(hashes));
        let mut at = prefix + hashes + 1;
        loop {
            match rest.get(at..)?.chars().next()? {
                '\\' if !raw => at += 1 + rest[at + 1..].chars().next()?.len_utf8(),
                _ if rest[at..].starts_with(&end) => return Some(at + end.len()),
                char => at += char.len_utf8(),
            }
        }
    }
    let quoted = bare.strip_prefix('\'').filter(|_| prefix <= 1)?;
    let mut chars = quoted.chars();
    let first = chars.next()?;
    if first == '\\' {
        let escaped = chars.next()?.len_utf8();
        let end = quoted.get(1 + escaped..)?.find('\'')?;
        return Some(prefix + 1 + 1 + escaped + end + 1);
    }
    if chars.next() == Some('\'') {
        return Some(prefix + 1 + first.len_utf8() + 1);
    }
    let name = quoted.find(|char: char| !char.is_alphanumeric() && char != '_');
    (prefix == 0).then(|| 1 + name.unwrap_or(quoted.len()))
}

/// Without `#[cfg(test)] mod … { … }`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let word = |text: &str| Token::Word(text.to_owned());
    let marker = [
        Token::Mark('#'),
        Token::Mark('['),
        word("cfg"),
        Token::Mark('('),
        word("test"),
        Token::Mark(')'),
        Token::Mark(']'),
        word("mod"),
    ];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].starts_with(&marker) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut open = 0_i32;
        for token in &tokens[at..] {
            at += 1;
            match token {
                Token::Mark('{') => open += 1,
                Token::Mark('}') if open == 1 => break,
                Token::Mark('}') => open -= 1,
                Token::Mark(';') if open == 0 => break,
                _ => {}
            }
        }
    }
    kept
}

fn read(tokens: &[Token]) -> Module {
    let mut module = Module::default();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            Token::Word(word)
                if word == "use" && matches!(tokens.get(at + 1), Some(Token::Word(_))) =>
            {
                let is_public = match tokens[..at].last() {
                    Some(Token::Word(before)) => before == "pub",
                    Some(Token::Mark(')')) => true,
                    _ => false,
                };
                let end = tokens[at..]
                    .iter()
                    .position(|token| *token == Token::Mark(';'));
                let end = at + end.unwrap_or(tokens.len() - at);
                let mut names = Vec::new();
                read_tree(&tokens[at + 1..end], &[], &mut names);
                if is_public {
                    module.exports.extend(names);
                } else {
                    module.imports.extend(names);
                }
                at = end;
            }
            Token::Word(first) if tokens.get(at + 1) == Some(&Token::Separator) => {
                let mut path = vec![first.clone()];
                while let (Some(Token::Separator), Some(Token::Word(next))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    path.push(next.clone());
                    at += 2;
                }
                module.paths.push(path);
                at += 1;
            }
            _ => at += 1,
        }
    }
    module
}

/// Reads `a::{b, c::d as e}` into the names it brings in.
fn read_tree(tokens: &[Token], prefix: &[String], names: &mut Vec<(String, Path)>) {
    let mut path = prefix.to_vec();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if word == "as" => {
                if let Some(Token::Word(name)) = tokens.get(at + 1) {
                    names.push((name.clone(), path));
                }
                return;
            }
            Token::Word(word) if word == "self" && path.len() > prefix.len() => {}
            Token::Word(word) if word == "self" && !prefix.is_empty() => {}
            Token::Word(word) => path.push(word.clone()),
            Token::Mark('{') => {
                let inner = &tokens[at + 1..tokens.len().saturating_sub(1)];
                for part in split_list(inner) {
                    read_tree(part, &path, names);
                }
                return;
            }
            Token::Separator | Token::Mark(_) => {}
        }
    }
    if let Some(name) = path.last() {
        names.push((name.clone(), path));
    }
}

/// Splits at commas that stand in no braces.
fn split_list(tokens: &[Token]) -> Vec<&[Token]> {
    let mut open = 0_i32;
    let parts = tokens.split(|token| {
        match token {
            Token::Mark('{') => open += 1,
            Token::Mark('}') => open -= 1,
            _ => {}
        }
        open == 0 && *token == Token::Mark(',')
    });
    parts.filter(|part| !part.is_empty()).collect()
}
