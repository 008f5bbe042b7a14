//! YAML to JSON text, event by event, with the place of every value.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::problem::Problem;
use super::source::Position;
use super::yaml_host::{Host, read_by};
use super::yaml_scalar::{Plain, resolve};

/// Deepest nesting: the engine's own bound on configurations.
const MAX_DEPTH: usize = 64;
/// Most values that aliases may add to what is written out. A hundred nested doublings would fill the memory.
const MAX_ALIASED: usize = 100_000;

/// Offsets in the JSON text with the places they come from, ascending.
pub(super) type Origins = Vec<(usize, Position)>;

/// A document as JSON text.
#[derive(Debug, Default)]
pub(super) struct Converted {
    pub(super) json: String,
    pub(super) origins: Origins,
    /// For a host's file: what its reader takes for something else than it looks like.
    pub(super) odd: Vec<Odd>,
}

/// A scalar that a host's YAML reader takes for something else than YAML 1.2 does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odd {
    /// Where it stands in the JSON text.
    pub offset: usize,
    /// As it was written.
    pub written: String,
    /// What the host makes of it, as JSON.
    pub read: String,
}

/// Converts one YAML document.
pub(super) fn to_json(text: &str) -> Result<Converted, Problem> {
    let tree = Builder::default().build(text)?;
    match tree.roots.first() {
        Some(root) => Writer::new(&tree, None).converted(*root),
        None => Err(Problem::new("the document is empty").at(Position::START)),
    }
}

/// Converts the documents of a host's file as the host itself reads them, which is another YAML: `NO` is false there.
/// Documents without content are left out.
pub(super) fn host_to_json(text: &str) -> Result<Vec<Converted>, Problem> {
    let builder = Builder {
        host: true,
        ..Builder::default()
    };
    let tree = builder.build(text)?;
    let filled = tree.roots.iter().filter(|root| tree.is_filled(**root));
    let convert = |root: &usize| Writer::new(&tree, Some(tree.host(*root))).converted(*root);
    filled.map(convert).collect()
}

/// Values by index, so that aliases share and dropping does not recurse.
#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    /// Of each document.
    roots: Vec<usize>,
}

impl Tree {
    fn is_filled(&self, root: usize) -> bool {
        let node = self.nodes.get(root);
        !node.is_some_and(
            |node| matches!(&node.content, Content::Plain(text) if resolve(text) == Plain::Null),
        )
    }

    /// Whose file this is: resources of Kubernetes say so themselves.
    fn host(&self, root: usize) -> Host {
        let has = |name: &str| {
            let node = self.nodes.get(root);
            let named = |(key, _): &(Key, usize)| key.json == quote(name);
            node.is_some_and(
                |node| matches!(&node.content, Content::Map(members) if members.iter().any(named)),
            )
        };
        if has("apiVersion") && has("kind") {
            Host::Kubernetes
        } else {
            Host::Envoy
        }
    }
}

struct Node {
    at: Position,
    content: Content,
}

enum Content {
    /// A scalar without quotes and tags, which has to be resolved.
    Plain(String),
    /// JSON text of any other scalar.
    Scalar(String),
    List(Vec<usize>),
    Map(Vec<(Key, usize)>),
    /// A value written elsewhere.
    Alias(usize),
}

struct Key {
    /// JSON text.
    json: String,
    at: Position,
}

#[derive(Default)]
struct Builder {
    tree: Tree,
    /// Whether it is a host's file: several documents, keys of any kind, and numbers that JSON does not have.
    host: bool,
    /// Collections that are not closed, innermost last.
    open: Vec<Open>,
    anchors: HashMap<usize, usize>,
    documents: usize,
}

struct Open {
    node: usize,
    /// For a map: the key whose value comes next, and the keys so far with their lines.
    key: Option<Key>,
    keys: HashMap<String, usize>,
    is_map: bool,
}

impl Builder {
    fn build(mut self, text: &str) -> Result<Tree, Problem> {
        let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                Problem::new(format!("not YAML: {}", error.info())).at(position(*error.marker()))
            })?;
            let at = position(span.start);
            match event {
                Event::DocumentStart(_) => {
                    self.documents += 1;
                    if self.documents > 1 && !self.host {
                        let message = "a second document; a file holds one";
                        return Err(Problem::new(message).at(at));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.scalar(&text, style, anchor, tag.as_deref(), at)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    refuse_tag(tag.as_deref(), "seq", at)?;
                    self.collection(Content::List(Vec::new()), anchor, at)?;
                }
                Event::MappingStart(anchor, tag) => {
                    refuse_tag(tag.as_deref(), "map", at)?;
                    self.collection(Content::Map(Vec::new()), anchor, at)?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    self.open.pop();
                }
                Event::Alias(anchor) => {
                    if self.awaits_key() {
                        let message = "an alias cannot be a key; write the key out";
                        return Err(Problem::new(message).at(at));
                    }
                    let Some(node) = self.anchors.get(&anchor).copied() else {
                        return Err(Problem::new("an alias to no anchor").at(at));
                    };
                    self.add(Content::Alias(node), 0, at)?;
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(self.tree)
    }

    fn awaits_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.is_map && open.key.is_none())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), Problem> {
        let is_text = tag.is_some_and(|tag| is_core(tag, "str") || tag_is_bare(tag));
        if !is_text {
            refuse_tag(tag, "str", at)?;
        }
        let plain = style == ScalarStyle::Plain && !is_text;
        if self.awaits_key() {
            let resolved = if plain && !self.host {
                resolve(text)
            } else {
                Plain::Text(text)
            };
            let merge = style == ScalarStyle::Plain && text == "<<";
            return self.key(resolved, text, merge, at);
        }
        let content = if plain {
            if let (Plain::NoJson(message), false) = (resolve(text), self.host) {
                return Err(Problem::new(message).at(at));
            }
            Content::Plain(text.to_owned())
        } else {
            Content::Scalar(quote(text))
        };
        self.add(content, anchor, at)
    }

    fn key(
        &mut self,
        resolved: Plain<'_>,
        text: &str,
        merge: bool,
        at: Position,
    ) -> Result<(), Problem> {
        if merge {
            let message = "merge keys (`<<`) are not supported; write the members out, or use an alias for a whole value";
            return Err(Problem::new(message).at(at));
        }
        if !matches!(resolved, Plain::Text(_)) {
            let message = format!("the key `{text}` is not text; write quotes: `\"{text}\"`");
            return Err(Problem::new(message).at(at));
        }
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        if let Some(line) = open.keys.insert(text.to_owned(), at.line) {
            let message = format!("the key `{text}` is there already, on line {line}");
            return Err(Problem::new(message).at(at));
        }
        open.key = Some(Key {
            json: quote(text),
            at,
        });
        Ok(())
    }

    fn collection(&mut self, content: Content, anchor: usize, at: Position) -> Result<(), Problem> {
        if self.awaits_key() {
            let message = "a key must be text, not a list or a map";
            return Err(Problem::new(message).at(at));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        let is_map = matches!(content, Content::Map(_));
        self.add(content, anchor, at)?;
        self.open.push(Open {
            node: self.tree.nodes.len() - 1,
            key: None,
            keys: HashMap::new(),
            is_map,
        });
        Ok(())
    }

    /// Puts a value where it belongs: in the open collection, or at the top.
    fn add(&mut self, content: Content, anchor: usize, at: Position) -> Result<(), Problem> {
        let node = self.tree.nodes.len();
        self.tree.nodes.push(Node { at, content });
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
        let Some(open) = self.open.last_mut() else {
            self.tree.roots.push(node);
            return Ok(());
        };
        let key = open.key.take();
        match (self.tree.nodes.get_mut(open.node), key) {
            (
                Some(Node {
                    content: Content::Map(members),
                    ..
                }),
                Some(key),
            ) => members.push((key, node)),
            (
                Some(Node {
                    content: Content::List(items),
                    ..
                }),
                _,
            ) => items.push(node),
            _ => return Err(Problem::new("a value without a key").at(at)),
        }
        Ok(())
    }
}

struct Writer<'t> {
    tree: &'t Tree,
    /// Who reads the scalars, if not we.
    host: Option<Host>,
    json: String,
    origins: Origins,
    odd: Vec<Odd>,
    /// Values written because of an alias.
    aliased: usize,
    /// Collections being written, outermost first: one that contains itself is found here.
    open: Vec<usize>,
}

impl<'t> Writer<'t> {
    fn new(tree: &'t Tree, host: Option<Host>) -> Self {
        Self {
            tree,
            host,
            json: String::new(),
            origins: Vec::new(),
            odd: Vec::new(),
            aliased: 0,
            open: Vec::new(),
        }
    }

    fn converted(mut self, root: usize) -> Result<Converted, Problem> {
        self.write(root, None)?;
        Ok(Converted {
            json: self.json,
            origins: self.origins,
            odd: self.odd,
        })
    }

    fn plain(&mut self, text: &str) {
        let ours = match resolve(text) {
            Plain::Null => "null".to_owned(),
            Plain::Bool(value) => value.to_string(),
            Plain::Number(text) => text.to_owned(),
            Plain::Text(text) => quote(text),
            // Of a host's file alone: elsewhere it was refused.
            Plain::NoJson(_) => quote(text),
        };
        let Some(host) = self.host else {
            self.json.push_str(&ours);
            return;
        };
        let theirs = read_by(host, text);
        if theirs != ours || matches!(resolve(text), Plain::NoJson(_)) {
            self.odd.push(Odd {
                offset: self.json.len(),
                written: text.to_owned(),
                read: theirs.clone(),
            });
        }
        self.json.push_str(&theirs);
    }

    /// Writes a node. `alias` is where the alias stands that led here. Recursion is bounded by [`MAX_DEPTH`].
    fn write(&mut self, index: usize, alias: Option<Position>) -> Result<(), Problem> {
        let tree = self.tree;
        let Some(node) = tree.nodes.get(index) else {
            return Ok(());
        };
        let blamed = alias.unwrap_or(node.at);
        if alias.is_some() {
            self.aliased += 1;
            if self.aliased > MAX_ALIASED {
                let message =
                    format!("aliases add more than {MAX_ALIASED} values to this document");
                return Err(Problem::new(message).at(blamed));
            }
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(blamed));
        }
        if !matches!(node.content, Content::Alias(_)) {
            self.origins.push((self.json.len(), node.at));
        }
        match &node.content {
            Content::Plain(text) => self.plain(text),
            Content::Scalar(json) => self.json.push_str(json),
            Content::Alias(target) => {
                if self.open.contains(target) {
                    let message = "an alias inside its own anchor: the value would contain itself";
                    return Err(Problem::new(message).at(node.at));
                }
                self.write(*target, Some(alias.unwrap_or(node.at)))?;
            }
            Content::List(items) => {
                self.open.push(index);
                self.json.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        self.json.push(',');
                    }
                    self.write(*item, alias)?;
                }
                self.json.push(']');
                self.open.pop();
            }
            Content::Map(members) => {
                self.open.push(index);
                self.json.push('{');
                for (number, (key, value)) in members.iter().enumerate() {
                    if number > 0 {
                        self.json.push(',');
                    }
                    self.origins.push((self.json.len(), key.at));
                    self.json.push_str(&key.json);
                    self.json.push(':');
                    self.write(*value, alias)?;
                }
                self.json.push('}');
                self.open.pop();
            }
        }
        Ok(())
    }
}

fn position(marker: Marker) -> Position {
    Position {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

fn too_deep(at: Position) -> Problem {
    Problem::new(format!("nested more than {MAX_DEPTH} levels deep")).at(at)
}

fn is_core(tag: &Tag, kind: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == kind
}

/// `!` alone: text, whatever it looks like.
fn tag_is_bare(tag: &Tag) -> bool {
    (tag.handle.is_empty() && tag.suffix == "!") || (tag.handle == "!" && tag.suffix.is_empty())
}

fn refuse_tag(tag: Option<&Tag>, natural: &str, at: Position) -> Result<(), Problem> {
    match tag {
        Some(tag) if !is_core(tag, natural) => {
            let name = if tag.is_yaml_core_schema() {
                format!("!!{}", tag.suffix)
            } else {
                format!("{}{}", tag.handle, tag.suffix)
            };
            let message = format!("the tag `{name}` is not supported; write the value itself");
            Err(Problem::new(message).at(at))
        }
        _ => Ok(()),
    }
}

pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
