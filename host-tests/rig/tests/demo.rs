//! The demo as a newcomer runs it: its exit code says whether every call came out as it has to.

use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("the demo starts")
}

#[test]
fn every_call_comes_out_as_it_has_to() {
    let output = demo(&[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for row in [
        "tools/list",
        "/tools/create_refund/limits/refunds",
        "/hide",
        "/default",
        "/protocol/json",
    ] {
        assert!(text.contains(row), "no row with {row} in\n{text}");
    }
}

#[test]
fn without_a_policy_it_names_what_is_not_enforced() {
    let output = demo(&["--policy", "allow-all"]);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(1), "{text}");
    for row in [
        "delete_repository",
        "close_account",
        "tools/list",
        "create_refund",
    ] {
        assert!(text.contains(row), "{row} is not named in\n{text}");
    }
}
