//! What the detectors find in ordinary prose and code, where there should be little to find.
//!
//!     cargo run --release -p toolgate-detect --example false_positives             this repository, what cargo has
//!                                                                                  downloaded, documentation of the machine
//!     cargo run --release -p toolgate-detect --example false_positives -- FOLDER…  these, with every match
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "not part of the data plane"
)]

use std::path::{Path, PathBuf};

use toolgate_detect::{Budget, DETECTORS, LOOKS_PER_BYTE, Scanner};

/// Most text taken from one place.
const MOST: usize = 32 << 20;

fn main() {
    let mut scanner = Scanner::default();
    for (rule, detector) in DETECTORS.iter().enumerate() {
        scanner.add(rule, detector, &[]);
    }
    let wanted: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let print = !wanted.is_empty();
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            let home = std::env::home_dir()?;
            Some(home.join(".cargo"))
        });
    let ordinary = [
        Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")),
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
    for detector in &DETECTORS {
        print!(" {:>7.7}", detector.name);
    }
    println!();
    for place in places {
        let (mut size, mut counts) = (0, [0_usize; DETECTORS.len()]);
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
                    let budget = Budget::new(LOOKS_PER_BYTE * (text.len() as u64 + 1));
                    let found = scanner.find(&text, &budget).expect("always enough");
                    for found in found {
                        if let Some(count) = counts.get_mut(found.rule) {
                            *count += 1;
                        }
                        if print {
                            let line = text[..found.span.start].matches('\n').count() + 1;
                            let part = text[found.span].replace('\n', "⏎");
                            println!(
                                "{}\t{}:{line}\t{part}",
                                DETECTORS[found.rule].name,
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
