//! Policy tests, ours and those of the examples, in every form: natively and in wasm, whole and byte by byte.

use std::fs;
use std::path::{Path, PathBuf};

use toolgate_cli::command::{TEST_FILES, find};
use toolgate_cli::policytest::{Agreeing, Failure, LoadError, TestFile, run};
use toolgate_host::Module;

fn backend() -> Agreeing {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    Agreeing::new(Module::from_file(wasm).expect("the filter is a module"))
}

fn read(path: &Path) -> Result<TestFile, String> {
    TestFile::read(path).map_err(|error| match error {
        LoadError::Io(path, error) => format!("{}: {error}\n", path.display()),
        LoadError::Wrong { source, problems } => problems
            .iter()
            .map(|problem| {
                let position = problem.position.expect("a position");
                format!(
                    "{position}: {}: {}\n{}\n",
                    problem.pointer,
                    problem.sentence(),
                    source.excerpt(position).unwrap_or_default()
                )
            })
            .collect(),
    })
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn all_hold_in_every_form() {
    let mut files: Vec<PathBuf> = fs::read_dir(here("tests/policytests"))
        .expect("our own")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .filter(|path| !path.to_string_lossy().contains("policy"))
        .collect();
    files.sort();
    let (examples, _none_yet) = find(&[here("../examples")], &TEST_FILES);
    files.extend(examples);
    let backend = backend();
    let mut wrong = String::new();
    for path in files {
        let file = match read(&path) {
            Ok(file) => file,
            Err(error) => {
                wrong.push_str(&format!("{}:\n{error}", path.display()));
                continue;
            }
        };
        for result in run(&file, &backend, |_| {}) {
            if let Some(failure) = result.failure {
                wrong.push_str(&format!(
                    "{}: {}: {}\n",
                    path.display(),
                    result.case.name,
                    show(&failure)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn show(failure: &Failure) -> String {
    format!(
        "{:?} {:?}\n  expected {}\n  got {} {:?} {:?}",
        failure.position, failure.step, failure.expected, failure.got, failure.rule, failure.reason
    )
}
