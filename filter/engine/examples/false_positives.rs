//! What the detectors find in ordinary prose and code, where there should be little to find.
//!
//!     cargo run --release -p toolgate-engine --example false_positives             this repository, what cargo has
//!                                                                                  downloaded, documentation of the machine
//!     cargo run --release -p toolgate-engine --example false_positives -- FOLDER…  these, with every match
#![allow(
    clippy::expect_used,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "not part of the data plane"
)]

use std::path::{Path, PathBuf};

use toolgate_engine::redact::detect::{Budget, Detectors, Kind, Rule};

/// Most text taken from one place.
const MOST: usize = 32 << 20;

fn main() {
    let rules = Kind::NAMES.map(|name| Rule::named(name, Kind::named(name).expect("a kind"), None));
    let rules = Detectors::new(rules.to_vec());
    let wanted: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let print = !wanted.is_empty();
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            let home = std::env::home_dir()?;
            Some(home.join(".cargo"))
        });
    let ordinary = [
        Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")),
        home.map(|home| home.join("registry/src")),
        Some("/usr/share/doc".into()),
        Some("/usr/share/common-licenses".into()),
        Some("/usr/lib/python3".into()),
    ];
    let places = if print {
        wanted
    } else {
        ordinary.into_iter().flatten().collect()
    };
    print!("{:>9}", "MB");
    for kind in 0..rules.len() {
        print!(" {:>7.7}", rules.name(kind));
    }
    println!();
    for place in places {
        let (mut size, mut counts) = (0, vec![0_usize; rules.len()]);
        let mut folders = vec![place.clone()];
        while let Some(folder) = folders.pop().filter(|_| size < MOST) {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                // What is built or fetched is neither prose nor code; the cases are meant to be found.
                let name = entry.file_name();
                let skipped = ["target", "node_modules", ".git", "detectors"]
                    .iter()
                    .any(|skipped| name == *skipped);
                if kind.is_dir() && !skipped {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && let Ok(text) = std::fs::read_to_string(entry.path())
                {
                    size += text.len();
                    let found = rules.find(&text, &Budget::new(0)).expect("no patterns");
                    for found in found {
                        if let Some(count) = counts.get_mut(found.kind) {
                            *count += 1;
                        }
                        if print {
                            let line = text[..found.span.start].matches('\n').count() + 1;
                            let part = text[found.span].replace('\n', "⏎");
                            println!(
                                "{}\t{}:{line}\t{part}",
                                rules.name(found.kind),
                                entry.path().display()
                            );
                        }
                    }
                }
            }
        }
        let megabytes = u32::try_from(size).map_or(f64::NAN, f64::from) / 1e6;
        print!("{megabytes:>9.1}");
        for count in counts {
            print!(" {count:>7}");
        }
        println!("  {}", place.display());
    }
}
