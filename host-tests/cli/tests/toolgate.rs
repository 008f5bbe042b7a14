//! The `toolgate` command as a shell runs it: what it prints and how it exits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of its own with these files.
fn files(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("toolgate")
        .join(name);
    let _absent = fs::remove_dir_all(&root);
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    fs::create_dir_all(&root).expect("a directory");
    root
}

/// Exit code, stdout, stderr.
fn toolgate(root: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .current_dir(root)
        .args(arguments)
        .output()
        .expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

const GOOD: &str = "version: \"1\"\ndefault: deny\ntools:\n  echo: {}\n  pay:\n    limits: [{counter: paid, max: 1, window: day}]\n";

#[test]
fn check_says_ok() {
    let root = files(
        "ok",
        &[
            ("a/policy.yaml", GOOD),
            (
                "b/c/policy.json",
                r#"{"version":"1","default":"deny","tools":{"echo":{}}}"#,
            ),
        ],
    );
    let (code, output, errors) = toolgate(&root, &["check", "."]);
    assert_eq!((code, errors.as_str()), (0, ""), "{output}");
    let lines: Vec<&str> = output.lines().collect();
    assert!(
        lines[0].starts_with("./a/policy.yaml: ok (digest "),
        "{output}"
    );
    assert!(
        lines[1].starts_with("./b/c/policy.json: ok (digest "),
        "{output}"
    );
}

#[test]
fn check_shows_every_error_with_its_line() {
    let text = "version: \"1\"\ndefualt: deny\ntools:\n  echo:\n    deny_if:\n      - conditions: [{path: args.x, op: gtt, value: 1}]\n";
    let root = files("errors", &[("policy.yaml", text)]);
    let (code, output, errors) = toolgate(&root, &["check", "policy.yaml"]);
    assert_eq!((code, errors.as_str()), (1, ""));
    let expected = [
        "policy.yaml:2:1: error: /defualt: unknown key `defualt`; expected ",
        "; did you mean `default`?\n     2 | defualt: deny\n       | ^\n",
        "policy.yaml:6:41: error: /tools/echo/deny_if/0/conditions/0/op: expected `eq`",
        "found `\"gtt\"`; did you mean `gt`?\n     6 |       - conditions: [{path: args.x, op: gtt, value: 1}]\n       |                                         ^\n",
        "2 errors, 0 warnings\n",
    ];
    for part in expected {
        assert!(output.contains(part), "{part}\n---\n{output}");
    }
    assert!(!output.contains('\u{1b}'), "colours without a terminal");
}

#[test]
fn check_exits_with_what_it_found() {
    let lenient = GOOD.replace("default: deny\n", "");
    let root = files(
        "codes",
        &[
            ("good.yaml", GOOD),
            ("lenient.yaml", &lenient),
            ("bad.yaml", "a: 0x10"),
            ("empty/x", ""),
        ],
    );
    for (arguments, code) in [
        (&["check", "good.yaml"][..], 0),
        (&["check", "lenient.yaml"], 0),
        (&["check", "--deny-warnings", "lenient.yaml"], 1),
        (&["check", "--deny-warnings", "good.yaml"], 0),
        (&["check", "bad.yaml"], 1),
        (&["check", "bad.yaml", "absent.yaml"], 2),
        (&["check", "empty"], 2),
        (&["check"], 2),
        (&["check", "--format", "xml", "good.yaml"], 2),
    ] {
        let (got, output, errors) = toolgate(&root, arguments);
        assert_eq!(got, code, "{arguments:?}\n{output}{errors}");
    }
    let (_, output, _) = toolgate(&root, &["check", "bad.yaml"]);
    assert!(
        output.starts_with(
            "bad.yaml:1:4: error: `0x10` is a hexadecimal number, which JSON cannot write;"
        ),
        "{output}"
    );
    let (_, _, errors) = toolgate(&root, &["check", "absent.yaml"]);
    assert!(
        errors.starts_with("error: cannot read `absent.yaml`: "),
        "{errors}"
    );
}

#[test]
fn check_reports_for_programs() {
    let root = files(
        "json",
        &[("policy.yaml", "version: \"1\"\ndefault: alow\n")],
    );
    let (code, output, _) = toolgate(&root, &["check", "--format", "json", "."]);
    assert_eq!(code, 1);
    let report: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(report["errors"], 1);
    let found = &report["files"][0]["diagnostics"][0];
    assert_eq!((&found["line"], &found["column"]), (&2.into(), &10.into()));
    assert_eq!(
        (&found["pointer"], &found["suggestion"]),
        (&"/default".into(), &"allow".into())
    );
}

const TESTS: &str = "config: policy.yaml\ncases:\n  - name: once a day\n    steps:\n      - {call: {tool: pay}, expect: allow}\n      - {call: {tool: pay}, expect: deny, rule: /tools/pay/limits/paid}\n";

#[test]
fn test_says_what_holds_in_the_wasm() {
    let root = files(
        "test-ok",
        &[("p/policy.yaml", GOOD), ("p/tests.yaml", TESTS)],
    );
    let (code, output, errors) = toolgate(&root, &["test", "p"]);
    assert_eq!((code, errors.as_str()), (0, ""), "{output}");
    assert_eq!(
        output,
        "p/tests.yaml\n  ok    once a day\n1 case, all passed (wasm)\n"
    );
}

#[test]
fn test_shows_what_fails() {
    let wrong = TESTS
        .replace("expect: deny", "repeat: 3, expect: allow")
        .replace(", rule: /tools/pay/limits/paid", "");
    let root = files(
        "test-fails",
        &[("policy.yaml", GOOD), ("tests.yaml", &wrong)],
    );
    let (code, output, _) = toolgate(&root, &["test", "--native", "tests.yaml"]);
    assert_eq!(code, 1);
    for part in [
        "  FAIL  once a day\n          tests.yaml:6:9, step 2, repetition 1 of 3\n          expected: allow\n          got: deny\n          rule: /tools/pay/limits/paid\n          reason: The limit of 1 per day",
        "          the agent sees: [POLICY DENIED] The limit of 1 per day",
        "1 case, 1 failed (native)\n",
    ] {
        assert!(output.contains(part), "{part}\n---\n{output}");
    }
    let (code, output, _) = toolgate(&root, &["test", "--native", "--format", "junit", "."]);
    assert_eq!(code, 1);
    assert!(
        output.contains("<testsuite name=\"./tests.yaml\" tests=\"1\" failures=\"1\""),
        "{output}"
    );
    assert!(
        output.contains("<failure type=\"failure\" message=\"expected allow, got deny\">"),
        "{output}"
    );
    let (_, output, _) = toolgate(&root, &["test", "--native", "--format", "tap", "."]);
    assert!(
        output.starts_with("TAP version 14\n1..1\nnot ok 1 - ./tests.yaml: once a day\n  ---\n"),
        "{output}"
    );
    let (_, output, _) = toolgate(&root, &["test", "--native", "--format", "json", "."]);
    let report: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(
        (&report["failed"], &report["files"][0]["cases"][0]["got"]),
        (&1.into(), &"deny".into())
    );
}

#[test]
fn test_refuses_a_file_that_is_wrong() {
    let case = |step: &str| {
        format!("config: policy.yaml\ncases:\n  - name: x\n    steps:\n      - {step}\n")
    };
    for (tests, message) in [
        (
            case("{call: {tool: pay}, expcet: allow}"),
            "5:29: error: /cases/0/steps/0/expcet: unknown key `expcet`",
        ),
        (
            case("{call: {tool: pay}, expcet: allow}"),
            "did you mean `expect`?",
        ),
        (
            case("{call: {tool: pay}, expect: alow}"),
            "did you mean `allow`?",
        ),
        (case("{expect: allow}"), "a step needs `call`"),
        (
            case("{call: {tool: pay, prompt: x}, expect: allow}"),
            "expected one of `tool`, `prompt` or `resource`",
        ),
        (
            case("{call: {tool: pay}, at: 1d, expect: allow}"),
            "expected a duration such as `+1d`",
        ),
        (
            case("{call: {tool: pay}, as: {grant: nobody}, expect: allow}"),
            "the grant `nobody` is not supported by this configuration",
        ),
        (
            case("{call: {tool: pay}, as: {claims: {sub: a}}, expect: allow}"),
            "`identity.sources` has no `jwt`",
        ),
        (
            case("{call: {tool: pay}, upstream: crash, expect: allow}"),
            "expected `ok`, `rpc_error`",
        ),
        (
            case("{call: {tool: pay}, repeat: 0, expect: allow}"),
            "expected a whole number from 1",
        ),
        (
            case("{call: {tool: pay}, approve: perhaps, expect: allow}"),
            "expected `yes` or `no`",
        ),
        (
            "config: policy.yaml\ncases: []\n".to_owned(),
            "nothing would be tested",
        ),
        (
            "config: absent.yaml\ncases: [{name: a, steps: []}]\n".to_owned(),
            "cannot read `absent.yaml`",
        ),
        (
            "config: bad.yaml\ncases: [{name: a, steps: []}]\n".to_owned(),
            "bad.yaml:1:",
        ),
        (
            "config: policy.yaml\ncases: [{name: a, list: tools, steps: []}]\n".to_owned(),
            "`given` is missing",
        ),
    ] {
        let root = files(
            "test-wrong",
            &[
                ("policy.yaml", GOOD),
                ("bad.yaml", "version: 1.5\n"),
                ("tests.yaml", &tests),
            ],
        );
        let (code, output, errors) = toolgate(&root, &["test", "--native", "tests.yaml"]);
        assert_eq!((code, output.as_str()), (2, ""), "{tests}\n{errors}");
        assert!(
            errors.contains(message),
            "{tests}\n{message}\n---\n{errors}"
        );
    }
}

#[test]
fn every_command_explains_itself() {
    let root = files("help", &[]);
    let (code, output, _) = toolgate(&root, &["--help"]);
    assert_eq!(code, 0);
    let commands = output
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1);
    let commands: Vec<&str> = commands
        .map_while(|line| line.split_whitespace().next())
        .collect();
    assert!(
        commands.contains(&"check") && commands.contains(&"test"),
        "{output}"
    );
    for command in commands.into_iter().filter(|command| *command != "help") {
        let (code, output, _) = toolgate(&root, &[command, "--help"]);
        assert_eq!(code, 0, "{command}");
        assert!(
            output.contains("xample"),
            "`{command} --help` has no example:\n{output}"
        );
    }
}

#[test]
fn a_module_is_taken_from_where_it_is_named() {
    let tests = "config: policy.yaml\ncases:\n  - name: echo\n    steps: [{call: {tool: echo}, expect: allow}]\n";
    let root = files(
        "module",
        &[
            ("policy.yaml", GOOD),
            ("tests.yaml", tests),
            ("no.wasm", "no"),
        ],
    );
    let run = |arguments: &[&str], variable: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_toolgate"))
            .current_dir(&root)
            .env("TOOLGATE_WASM", variable)
            .args(arguments)
            .output()
            .expect("the command runs");
        let said = String::from_utf8(output.stderr).expect("text");
        (output.status.code(), said)
    };
    // What is named comes before what could be had, and the argument before the variable.
    let (code, said) = run(&["test", "tests.yaml"], "absent.wasm");
    assert_eq!(code, Some(2));
    assert!(
        said.contains("`TOOLGATE_WASM`") && said.contains("`absent.wasm`"),
        "{said}"
    );
    let (code, said) = run(&["test", "--wasm", "no.wasm", "tests.yaml"], "absent.wasm");
    assert_eq!(code, Some(2));
    assert!(
        said.contains("`--wasm`") && said.contains("`no.wasm`"),
        "{said}"
    );
    let built = toolgate_host::wasm::artifact().expect("the filter builds");
    let built = built.display().to_string();
    assert_eq!(
        run(&["test", "tests.yaml"], &built),
        (Some(0), String::new())
    );
    assert_eq!(
        run(&["test", "--native", "tests.yaml"], "absent.wasm").0,
        Some(0)
    );
}
