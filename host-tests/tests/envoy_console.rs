//! The console on a real Envoy, from the terminal: the commands of `envoy/approvals/README.md` do what stands below them.
//! `UPDATE_EXPECT=1` writes what they do there. (In a browser: `host-tests/console/run`.)

#[path = "common/readme.rs"]
mod readme;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use readme::Passage;
use toolgate_host::wasm;
use toolgate_rig::envoy::{Config, Envoy, Options};

const README: &str = "envoy/approvals/README.md";
/// Where the commands put their files.
const PLACE: &str = "target/approvals";
/// What the page shows in place of ids, which differ from run to run.
const ID: &str = "17-0a1b2c3d4e5f6071";
/// What the shipped configuration holds in place of the hash of a token.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is running, and what a shell would remember.
#[derive(Default)]
struct Session {
    children: Vec<Child>,
    envoy: Option<Envoy>,
    /// What the text says, and what it stands for.
    real: BTreeMap<&'static str, String>,
    environment: BTreeMap<String, String>,
    place: PathBuf,
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.place);
    }
}

impl Session {
    fn new() -> Self {
        let name = format!("target/approvals-runs/{}", std::process::id());
        let place = wasm::workspace_root().unwrap().join(name);
        let mut session = Session::default();
        session.place = place;
        let here = session.place.to_str().unwrap().to_owned();
        session.real.insert(PLACE, here);
        let toolgate = env!("CARGO_BIN_EXE_toolgate-under-test").to_owned();
        session.real.insert("cargo toolgate", toolgate);
        session
    }

    /// Runs a command as a person would, and returns what it prints.
    fn run(&mut self, command: &str) -> String {
        if command == "python3 envoy/identity/server.py 3000 &" {
            self.serve();
            return String::new();
        }
        if command == "envoy -c target/approvals/envoy.yaml &" {
            self.proxy();
            return String::new();
        }
        let mut real = command.to_owned();
        for (shown, meant) in &self.real {
            real = real.replace(shown, meant);
        }
        if let Some((name, value)) = real
            .strip_prefix("export ")
            .and_then(|set| set.split_once('='))
        {
            self.environment.insert(name.to_owned(), value.to_owned());
            return String::new();
        }
        let output = Command::new("sh")
            .args(["-c", &real])
            .envs(&self.environment)
            .current_dir(wasm::workspace_root().unwrap())
            .output()
            .unwrap();
        let (said, complaint) = (&output.stdout, &output.stderr);
        let said = String::from_utf8_lossy(said).into_owned();
        assert_eq!(String::from_utf8_lossy(complaint), "", "{real}\n{said}");
        if command.ends_with('&') {
            // It is held by now.
            std::thread::sleep(Duration::from_secs(1));
        }
        let mut text = self.steady(&said);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    fn serve(&mut self) {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = free.local_addr().unwrap();
        let mut command = Command::new("python3");
        command.args(["envoy/identity/server.py", &free.port().to_string()]);
        command.current_dir(wasm::workspace_root().unwrap());
        self.children.push(command.spawn().unwrap());
        let began = Instant::now();
        while TcpStream::connect(free).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.real.insert("3000", free.port().to_string());
    }

    fn proxy(&mut self) {
        let made = fs::read_to_string(self.place.join("envoy.yaml")).unwrap();
        let (_, hash) = made.split_once("\"token_sha256\": \"").unwrap();
        let (hash, _) = hash.split_once('"').unwrap();
        let port = self.real["3000"].parse().unwrap();
        let config = Config::approvals().unwrap();
        let config = config.replace(NOBODY, hash).unwrap();
        let config = config.wasm(&wasm::artifact().unwrap()).unwrap();
        let config = config.upstream(SocketAddr::from(([127, 0, 0, 1], port)));
        let envoy = Envoy::start(config.unwrap(), &Options::default()).unwrap();
        let gate = envoy.listener("mcp").unwrap();
        let console = envoy.listener("console").unwrap();
        self.real.insert("127.0.0.1:10000", gate.to_string());
        self.real.insert("127.0.0.1:10001", console.to_string());
        self.envoy = Some(envoy);
    }

    /// A text as it would be in every run: ids and the time that is left differ.
    fn steady(&mut self, text: &str) -> String {
        let mut out = String::new();
        for part in text.split_inclusive([' ', '\n', ',', '"', ';', ')']) {
            let end = part.len() - part.chars().last().map_or(0, char::len_utf8);
            let (word, rest) = part.split_at(end);
            let digits = |text: &str, most: usize| {
                (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
            };
            let id = word.split_once('-').is_some_and(|(slot, hex)| {
                digits(slot, 4)
                    && hex.len() == 16
                    && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            let left = word
                .strip_prefix("29m")
                .and_then(|rest| rest.strip_suffix('s'));
            let held = word
                .strip_prefix('4')
                .and_then(|rest| rest.strip_suffix('s'));
            let time = word.starts_with("20") && word.ends_with('Z') && word.contains('T');
            let word = if id {
                self.real.insert(ID, word.to_owned());
                ID
            } else if left.is_some_and(|seconds| digits(seconds, 2)) {
                "29m58s"
            } else if held.is_some_and(|second| digits(second, 1)) {
                "43s"
            } else if time {
                "2026-01-15T11:00:00.000Z"
            } else {
                word
            };
            out.push_str(word);
            out.push_str(rest);
        }
        out
    }
}

#[test]
fn the_commands_of_the_page_print_what_it_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: the commands need curl");
        return;
    }
    let path = wasm::workspace_root().unwrap().join(README);
    let mut session = Session::new();
    readme::check(&path, README, 15, &mut |passage| match passage {
        Passage::Section => String::new(),
        Passage::Command(command) => session.run(command),
    });
}
