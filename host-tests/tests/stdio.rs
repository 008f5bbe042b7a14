//! Servers that are started as a command: `scan`, `pin` and `init` over stdin and stdout.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use toolgate_cli::command::scan::Server;
use toolgate_cli::command::{Outcome, Paint, check, init, pin, scan as scan_command, test};
use toolgate_cli::scan::{Command, Era, Pins, Target};

/// Python itself: what stands on the path may be a script that adds variables of its own.
fn python() -> String {
    let mut ask = std::process::Command::new("python3");
    let told = ask
        .args(["-c", "import sys; print(sys.executable)"])
        .output();
    String::from_utf8(told.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}

/// `tests/stdio/server.py` in this mode.
fn words(mode: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stdio/server.py");
    let words = [python(), script.display().to_string()].into_iter();
    words
        .chain(mode.iter().map(|word| (*word).to_owned()))
        .collect()
}

fn server(mode: &[&str], variables: &[&str], patience: u64) -> Server {
    let variables: Vec<_> = variables.iter().map(|text| (*text).to_owned()).collect();
    let environment = |name: &str| (name == "NAMED").then(|| "from outside".to_owned());
    Server {
        target: Target::Command(Command::new(&words(mode), &variables, &environment).unwrap()),
        era: Era::Auto,
        patience: Duration::from_secs(patience),
    }
}

fn directory(name: &str) -> PathBuf {
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stdio-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn scan(name: &str, server: Server) -> (PathBuf, Outcome) {
    let out = directory(name);
    let outcome = scan_command::run(&scan_command::Options {
        server,
        out: out.clone(),
        force: false,
        paint: Paint::PLAIN,
    });
    (out, outcome)
}

fn pinned(out: &Path) -> Pins {
    Pins::read(&out.join("pins.json")).unwrap()
}

fn assert_code(outcome: &Outcome, code: u8) {
    assert_eq!(outcome.code, code, "{outcome:?}");
}

/// Nothing that moves a cursor, colours, or hides text.
fn assert_harmless(text: &str) {
    let wrong = text
        .chars()
        .find(|char| (char.is_control() && *char != '\n') || matches!(char, '\u{85}' | '\u{202e}'));
    assert_eq!(wrong, None, "{text:?}");
}

#[test]
fn pages_digits_and_unknown_annotations_come_as_they_were_written() {
    for mode in ["plain", "noisy", "strict"] {
        let (out, outcome) = scan(mode, server(&[mode], &[], 60));
        assert_code(&outcome, 0);
        let pins = pinned(&out);
        assert_eq!((&*pins.server, &*pins.server_version), ("stdio", "1.2.3"));
        let names = pins.tools.iter().map(|tool| tool.definition.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["delete_b", "get_a"], "{mode}");
        let text = pins.to_json();
        assert!(
            text.contains("9007199254740993") && text.contains("newHint"),
            "{text}"
        );
        // It says that it has resources, and does not list them.
        assert!(
            outcome.output.contains("not listed: resources"),
            "{}",
            outcome.output
        );
        let next = "toolgate pin --file";
        assert!(outcome.output.contains(next) && outcome.output.contains("mcp-proxy"));
    }
}

#[test]
fn the_environment_is_what_was_named() {
    let (out, outcome) = scan(
        "environment",
        server(&["environment"], &["NAMED", "GIVEN=a=b"], 60),
    );
    assert_code(&outcome, 0);
    let pins = pinned(&out);
    let text = pins.tools[0].definition.text("description").unwrap();
    let mut names: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    names.sort_unstable();
    let path = std::env::var("PATH").unwrap();
    let home = std::env::var("HOME").unwrap();
    assert_eq!(
        names,
        [
            ("GIVEN", "a=b"),
            ("HOME", &home),
            ("NAMED", "from outside"),
            ("PATH", &path)
        ]
    );
    for file in ["policy.yaml", "pins.json"] {
        let text = std::fs::read_to_string(out.join(file)).unwrap();
        assert!(
            text.contains("python") && !text.contains("environment\n"),
            "{text}"
        );
    }
}

#[test]
fn what_goes_wrong_says_what_to_do_and_is_fit_for_a_terminal() {
    let start = Instant::now();
    let missing = Server {
        target: Target::Command(
            Command::new(&["no-such-server-anywhere".to_owned()], &[], &|_| None).unwrap(),
        ),
        ..server(&["plain"], &[], 60)
    };
    for (name, server, says) in [
        ("missing", missing, &["no such program on PATH"][..]),
        (
            "dying",
            server(&["dying"], &[], 60),
            &["exit status: 3", "error: no API_KEY", "--env NAME"],
        ),
        (
            "silent",
            server(&["silent"], &[], 2),
            &["did not answer in 2s", "--timeout"],
        ),
        (
            "failing",
            server(&["failing"], &[], 60),
            &["listing the tools", "no tools/list"],
        ),
    ] {
        let (out, outcome) = scan(name, server);
        assert_code(&outcome, 2);
        for words in says {
            assert!(outcome.errors.contains(words), "{name}: {}", outcome.errors);
        }
        assert_eq!(outcome.errors.lines().count(), 1, "{}", outcome.errors);
        assert_harmless(&outcome.errors);
        assert!(!out.exists(), "nothing is written");
    }
    assert!(
        start.elapsed() < Duration::from_secs(50),
        "nothing waited for is waited for longer"
    );
}

#[test]
fn what_a_server_starts_ends_with_it() {
    let file = directory("parent");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let (_, outcome) = scan(
        "parents",
        server(&["parent", file.to_str().unwrap()], &[], 60),
    );
    assert_code(&outcome, 0);
    let pid: u32 = std::fs::read_to_string(&file).unwrap().parse().unwrap();
    let status = PathBuf::from(format!("/proc/{pid}/status"));
    let runs = || std::fs::read_to_string(&status).is_ok_and(|text| !text.contains("State:\tZ"));
    let end = Instant::now() + Duration::from_secs(10);
    while runs() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!runs(), "process {pid} is still there");
}

#[test]
fn drift_of_a_command_is_shown() {
    let file = directory("pin").join("pins.json");
    let pin = |mode, server_mode: &str| {
        pin::run(&pin::Options {
            server: server(&[server_mode], &[], 60),
            file: file.clone(),
            mode,
            paint: Paint::PLAIN,
        })
    };
    let outcome = pin(pin::Mode::Check, "plain");
    assert_code(&outcome, 2);
    assert!(
        outcome.errors.contains("--write -- python"),
        "{}",
        outcome.errors
    );
    assert_code(&pin(pin::Mode::Write, "plain"), 0);
    assert_code(&pin(pin::Mode::Check, "plain"), 0);
    let outcome = pin(pin::Mode::Check, "hostile");
    assert_code(&outcome, 1);
    assert_harmless(&outcome.output);
}

/// A list with one server of this mode, and options to begin from it.
fn beginning(name: &str, mode: &str) -> init::Options {
    let out = directory(name);
    std::fs::create_dir_all(&out).unwrap();
    let list = out.join("mcp.json");
    let words = words(&[mode]);
    let servers = json!({"mcpServers": {"Local": {
        "command": words[0], "args": words[1..], "env": {"FROM_LIST": "l1st"},
    }}});
    std::fs::write(&list, servers.to_string()).unwrap();
    init::Options {
        source: Some(list.display().to_string()),
        from: None,
        only: None,
        headers: Vec::new(),
        start: true,
        environment: vec!["GIVEN=g1ven".to_owned()],
        era: Era::Auto,
        patience: Duration::from_secs(60),
        out,
        wasm: Some(toolgate_host::wasm::artifact().unwrap()),
        listen: "127.0.0.1:10000".parse().unwrap(),
        bridge: "127.0.0.1:3456".parse().unwrap(),
        force: false,
        paint: Paint::PLAIN,
    }
}

#[test]
fn init_starts_a_command_only_when_told_to() {
    let mut options = beginning("init", "environment");
    options.start = false;
    let outcome = init::run(&options);
    assert_code(&outcome, 2);
    let says = "skipped `Local`: it is a command, `python";
    assert!(
        outcome.errors.contains(says) && outcome.errors.contains("--start"),
        "{outcome:?}"
    );
    assert!(!options.out.join("policy.yaml").exists());

    options.start = true;
    let outcome = init::run(&options);
    assert_code(&outcome, 0);
    assert!(outcome.output.contains("--port 3456"), "{}", outcome.output);
    assert!(
        outcome.output.contains("http://127.0.0.1:10000/mcp"),
        "{}",
        outcome.output
    );
    let description = pinned(&options.out).tools[0]
        .definition
        .text("description")
        .unwrap();
    for variable in ["FROM_LIST=l1st", "GIVEN=g1ven"] {
        assert!(description.contains(variable), "{description}");
    }
    let envoy = std::fs::read_to_string(options.out.join("envoy.yaml")).unwrap();
    assert!(envoy.contains("port_value: 3456"), "{envoy}");
    assert!(!outcome.output.contains("l1st") && !outcome.output.contains("g1ven"));
}

#[test]
fn any_names_make_a_policy_that_loads_and_tests_that_pass() {
    let options = beginning("names", "hostile");
    let outcome = init::run(&options);
    assert_code(&outcome, 0);
    assert_harmless(&outcome.output);
    let policy = options.out.join("policy.yaml");
    let text = std::fs::read_to_string(&policy).unwrap();
    assert_harmless(&text);
    let checked = check::check(&policy).unwrap();
    assert!(checked.digest.is_some(), "{:?}", checked.diagnostics);
    for native in [true, false] {
        let outcome = test::run(&test::Options {
            paths: vec![options.out.clone()],
            format: test::Format::Text,
            native,
            wasm: options.wasm.clone(),
            paint: Paint::PLAIN,
        });
        assert_code(&outcome, 0);
    }
}
