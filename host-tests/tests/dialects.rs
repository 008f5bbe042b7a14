//! The dialects in the field: what their policies decide here. The cases are data in `dialects/`; which documents are
//! refused, and why, is a test of the engine.

use std::fs;
use std::path::{Path, PathBuf};

use toolgate_cli::policytest::{Agreeing, LoadError, TestFile, run};
use toolgate_host::Module;

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dialects")
        .join(name)
}

/// The files of policy tests: every YAML file that is not itself a policy.
fn test_files() -> Vec<PathBuf> {
    let name = |path: &Path| path.display().to_string();
    let mut files: Vec<PathBuf> = fs::read_dir(here("."))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| name(path).ends_with(".yaml") && !name(path).ends_with(".policy.yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn policies_decide_as_their_tests_say_in_every_form() {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    let backend = Agreeing::new(Module::from_file(wasm).expect("the filter is a module"));
    let mut wrong = String::new();
    for path in test_files() {
        let file = match TestFile::read(&path) {
            Ok(file) => file,
            Err(LoadError::Io(path, error)) => panic!("{}: {error}", path.display()),
            Err(LoadError::Wrong { problems, .. }) => panic!("{}: {problems:#?}", path.display()),
        };
        for result in run(&file, &backend, |_| {}) {
            if let Some(failure) = result.failure {
                wrong.push_str(&format!(
                    "{}: {}: {failure:#?}\n",
                    path.display(),
                    result.case.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_policy_has_a_test() {
    for entry in fs::read_dir(here(".")).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if let Some((stem, _)) = name.split_once(".policy.") {
            assert!(here(&format!("{stem}.yaml")).exists(), "{name}");
        }
    }
}
