//! Five seconds of `siege`: hostile requests do not cost ordinary callers their answers. `cargo run -p toolgate-rig --bin siege`
//! is the minute.

use std::process::Command;

#[test]
fn ordinary_requests_are_answered_among_hostile_ones() {
    let siege = Command::new(env!("CARGO_BIN_EXE_siege"))
        .args(["--seconds", "5"])
        .output()
        .expect("`siege` runs");
    let text = [siege.stdout, siege.stderr].concat();
    assert!(siege.status.success(), "{}", String::from_utf8_lossy(&text));
}
