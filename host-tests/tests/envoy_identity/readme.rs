//! The commands of `envoy/identity/README.md` do what stands below them. `UPDATE_EXPECT=1` writes what they do there.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};

use toolgate_rig::envoy::{Config, Envoy, Options};
use toolgate_rig::identity::Place;

use crate::common_readme::{Passage, check};

const README: &str = "envoy/identity/README.md";

/// What a section has running. The ports in its text stand for these.
#[derive(Default)]
struct Session {
    children: Vec<Child>,
    envoy: Option<Envoy>,
    real: BTreeMap<&'static str, String>,
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Session {
    /// Runs a command as a person would, and returns what it prints.
    fn run(&mut self, command: &str, place: &Place) -> String {
        if let Some(port) = between(command, "python3 envoy/identity/server.py ", " &") {
            self.serve(if port == "3000" { "3000" } else { "3001" });
            return String::new();
        }
        if let Some(file) = between(command, "envoy -c target/identity/", " &") {
            self.proxy(&fs::read_to_string(place.directory().join(file)).unwrap());
            return String::new();
        }
        let here = place.directory().to_str().unwrap();
        let mut command = command.replace("target/identity", here);
        for (shown, real) in &self.real {
            command = command.replace(shown, real);
        }
        let root = toolgate_host::wasm::workspace_root().unwrap();
        let output = Command::new("sh")
            .arg("-c")
            .arg(&command)
            .current_dir(root)
            .output();
        let output = output.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
        let mut text = String::from_utf8(output.stdout).unwrap().replace('\r', "");
        text = text.replace(here, "target/identity");
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    fn serve(&mut self, shown: &'static str) {
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut command = Command::new("python3");
        command.args(["envoy/identity/server.py", &free.port().to_string()]);
        let root = toolgate_host::wasm::workspace_root().unwrap();
        self.children
            .push(command.current_dir(root).spawn().unwrap());
        let began = std::time::Instant::now();
        while TcpStream::connect(free).is_err() {
            assert!(began.elapsed() < super::rig::PATIENCE);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        self.real.insert(shown, free.port().to_string());
    }

    fn proxy(&mut self, text: &str) {
        let mut text = text.to_owned();
        for port in ["3000", "3001"] {
            if let Some(real) = self.real.remove(port) {
                text = text.replace(
                    &format!("port_value: {port}}}"),
                    &format!("port_value: {real}}}"),
                );
            }
        }
        let config = Config::from(text);
        let config = config
            .wasm(&toolgate_host::wasm::artifact().unwrap())
            .unwrap();
        let envoy = Envoy::start(config, &Options::default()).unwrap();
        let address = |address: SocketAddr| address.to_string();
        self.real
            .insert("127.0.0.1:10000", address(envoy.address()));
        self.real
            .insert("127.0.0.1:9901", address(envoy.admin_address()));
        self.envoy = Some(envoy);
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    text.strip_prefix(start)?.strip_suffix(end)
}

#[test]
fn its_commands_print_what_it_says() {
    let works = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if !works("curl") || Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: the commands need curl and openssl");
        return;
    }
    let path = toolgate_host::wasm::workspace_root().unwrap().join(README);
    let place = Place::new().unwrap();
    let mut session = Session::default();
    check(&path, README, 20, &mut |passage| match passage {
        Passage::Section => {
            session = Session::default();
            String::new()
        }
        Passage::Command(command) => session.run(command, &place),
    });
}
