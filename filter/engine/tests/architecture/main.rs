//! What ARCHITECTURE.md says of the sources holds: imports only look down its layers, and the paths it names are there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::Sources;

/// What each of some parts imports from the others.
type Graph = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn architecture() -> String {
    fs::read_to_string(root().join("filter/ARCHITECTURE.md")).unwrap()
}

/// Every Rust file below a folder, by its path in it.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                found.push((name.replace('\\', "/"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn imports_below(folder: &str) -> Graph {
    Sources::new(&files(&root().join(folder))).imports()
}

/// The rooms of the engine from the top to the ground, as ARCHITECTURE.md lists them: in the first block under
/// `## Layers`, before what it says of them.
fn layers() -> Vec<Vec<String>> {
    let text = architecture();
    let (_, section) = text.split_once("\n## Layers\n").unwrap();
    let (_, block) = section.split_once("```\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let rooms = |line: &str| {
        let (rooms, _) = line.split_once("  ").unwrap_or((line, ""));
        rooms.split(' ').map(str::to_owned).collect()
    };
    block.lines().map(rooms).collect()
}

/// The room a file is in: the longest that its path begins with.
fn room_of<'r>(file: &str, rooms: &'r [String]) -> Option<&'r String> {
    let holds = |room: &&String| {
        file.strip_prefix(room.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    rooms.iter().filter(holds).max_by_key(|room| room.len())
}

/// Parts from the ground up, as far as they stand on no circle; then what is left.
fn sorted(graph: &Graph) -> (Vec<Vec<String>>, Graph) {
    let mut left = graph.clone();
    let mut layers = Vec::new();
    loop {
        let stands =
            |imports: &BTreeSet<String>| imports.iter().all(|part| !left.contains_key(part));
        let layer: Vec<String> = left
            .iter()
            .filter(|(_, imports)| stands(imports))
            .map(|(part, _)| part.clone())
            .collect();
        if layer.is_empty() {
            return (layers, without_roofs(left));
        }
        left.retain(|part, _| !layer.contains(part));
        layers.push(layer);
    }
}

/// Without the parts that only stand on a circle.
fn without_roofs(mut graph: Graph) -> Graph {
    loop {
        let imported: BTreeSet<String> = graph.values().flatten().cloned().collect();
        let before = graph.len();
        graph.retain(|part, _| imported.contains(part));
        for imports in graph.values_mut() {
            imports.retain(|part| imported.contains(part));
        }
        if graph.len() == before {
            return graph;
        }
    }
}

/// Files by what they import, those of one room as one where `joins` says so.
fn joined(graph: &Graph, name: impl Fn(&str) -> String) -> Graph {
    let mut joined = Graph::new();
    for (file, imports) in graph {
        let from = name(file);
        let others = imports.iter().map(|import| name(import));
        let others: BTreeSet<String> = others.filter(|other| *other != from).collect();
        joined.entry(from).or_default().extend(others);
    }
    joined
}

#[test]
fn imports_only_look_down() {
    let layers = layers();
    let rooms: Vec<String> = layers.concat();
    let level = |room: &str| {
        layers
            .iter()
            .position(|layer| layer.iter().any(|one| one == room))
    };
    let files = imports_below("filter/engine/src");
    let mut wrong = Vec::new();
    let mut lived_in = BTreeSet::new();
    for (file, imports) in &files {
        let Some(room) = room_of(file, &rooms) else {
            wrong.push(format!("`{file}` is in no room of the layers"));
            continue;
        };
        lived_in.insert(room.clone());
        for import in imports {
            let other = room_of(import, &rooms);
            if let Some(other) = other.filter(|other| *other != room)
                && level(other) <= level(room)
            {
                wrong.push(format!(
                    "`{file}` imports from `{import}`, which is not below it"
                ));
            }
        }
    }
    let empty = rooms.iter().filter(|room| !lived_in.contains(*room));
    wrong.extend(empty.map(|room| format!("the layers name `{room}`, which has no file")));
    let by_room = joined(&files, |file| {
        room_of(file, &rooms).map_or_else(|| file.to_owned(), String::clone)
    });
    let (measured, _) = sorted(&by_room);
    for (height, layer) in measured.iter().enumerate().rev() {
        println!("{height:2} {}", layer.join(" "));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    // A room with a slash in its name is one part of this graph: it looks at nothing else of its room.
    let parts: Vec<String> = layers().concat();
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|room| room.contains('/'))
        .collect();
    for folder in ["filter/engine/src", "filter/engine/json/src"] {
        let files = joined(&imports_below(folder), |file| {
            room_of(file, &parts).map_or_else(|| file.to_owned(), String::clone)
        });
        assert!(files.len() > 5, "{folder}");
        let (_, circles) = sorted(&files);
        assert!(circles.is_empty(), "{folder}: {circles:#?}");
    }
}

#[test]
fn circles_and_re_exports_are_seen() {
    let source = |file: &str, text: &str| (file.to_owned(), text.to_owned());
    let files = [
        source(
            "lib.rs",
            "pub mod a; mod b; pub use b::Word; pub use other_crate::Elsewhere;",
        ),
        source(
            "a/mod.rs",
            "mod deep; pub use deep::{Deep, other as another};",
        ),
        source(
            "a/deep.rs",
            "use crate::{Elsewhere, Word}; // use crate::c::Nothing;\nfn f<'a>(x: &'a str) { \"crate::c::No\"; }",
        ),
        source(
            "b.rs",
            "use crate::a; fn g() -> char { a::another(); '\"' }\n#[cfg(test)]\nmod tests { use crate::c::C; }",
        ),
        source(
            "c.rs",
            "fn h() { crate::a::Deep::new(); super::b::Word::new() }",
        ),
    ];
    let graph = Sources::new(&files).imports();
    let of = |file: &str| graph[file].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("a"), [""; 0]);
    assert_eq!(of("a/deep"), ["b"]);
    assert_eq!(of("b"), ["a/deep"]);
    assert_eq!(of("c"), ["a/deep", "b"]);
    let (layers, circle) = sorted(&graph);
    assert_eq!(layers, [["a"]]);
    assert_eq!(circle.keys().collect::<Vec<_>>(), ["a/deep", "b"]);
}

/// Words of a text that look like paths: they end in `.rs`, or have a slash and stand in backquotes.
fn paths(text: &str) -> BTreeSet<&str> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "_-./".contains(char);
    let words = text.split(|char| !is_part(char));
    let files = words.filter(|word| word.ends_with(".rs"));
    let quoted = text.split('`').skip(1).step_by(2);
    let folders = quoted.filter(|word| word.contains('/') && word.chars().all(is_part));
    files.chain(folders).collect()
}

/// The path a row of the code map is about; what else it names stands below that.
fn row(line: &str) -> Option<&str> {
    let (path, _) = line.strip_prefix("| `")?.split_once('`')?;
    Some(path)
}

#[test]
fn every_path_that_is_named_exists() {
    let text = architecture();
    let mut named = 0;
    let mut missing = Vec::new();
    for line in text.lines() {
        let homes = ["", "filter/engine/src", "filter/src", "filter"];
        let homes = homes.into_iter().chain(row(line));
        let homes: Vec<PathBuf> = homes.map(|home| root().join(home)).collect();
        for path in paths(line) {
            named += 1;
            if !homes.iter().any(|home| home.join(path).exists()) {
                missing.push(path);
            }
        }
    }
    assert!(named > 60, "{named}");
    assert!(missing.is_empty(), "{missing:?}");
}
