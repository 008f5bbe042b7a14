//! A gate of two workers, its console and a raw upstream, and clients of bytes for all of them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toolgate_rig::envoy::{Config, Envoy, Options};
use toolgate_rig::identity::token_sha256;
use toolgate_rig::wire::http1::{self, Parsed};
use toolgate_rig::wire::{Mark, Upstream};

/// How long anything may take that nobody has to wait for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Tokens: of two callers, and of the person at the console.
pub const ALICE: &str = "alice-alice-alice-alice";
pub const BOB: &str = "bob-bob-bob-bob-bob-bob";
pub const OPERATOR: &str = "operator-operator-operator";

/// What a shipped configuration holds in place of a token's hash.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

pub struct Rig {
    pub envoy: Envoy,
    pub upstream: Upstream,
    pub config: Config,
    began: Mark,
}

/// A policy with these tools, two grants and whatever else.
pub fn policy(tools: Value, more: Value) -> Value {
    let grant = |id: &str, token: &str| json!({"id": id, "token_sha256": token_sha256(token)});
    let mut policy = json!({
        "version": "1",
        "default": "deny",
        "grants": [grant("alice", ALICE), grant("bob", BOB)],
        "identity": {"sources": ["grant"]},
        "tools": tools,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        policy[key] = value.clone();
    }
    policy
}

impl Rig {
    pub fn start(policy: &Value) -> Rig {
        Rig::with(policy, |config| config)
    }

    /// With a change of Envoy's configuration.
    pub fn with(policy: &Value, change: impl FnOnce(Config) -> Config) -> Rig {
        Rig::of(&toolgate_host::wasm::artifact().unwrap(), policy, change)
    }

    /// With another build of the filter.
    pub fn of(wasm: &Path, policy: &Value, change: impl FnOnce(Config) -> Config) -> Rig {
        Rig::before(None, wasm, policy, change)
    }

    /// With a server of the test's own behind it.
    pub fn before(
        server: Option<SocketAddr>,
        wasm: &Path,
        policy: &Value,
        change: impl FnOnce(Config) -> Config,
    ) -> Rig {
        let upstream = Upstream::start().unwrap();
        let raw = SocketAddr::from(([127, 0, 0, 1], upstream.port()));
        let address = server.unwrap_or(raw);
        let config = Config::approvals().unwrap();
        let config = config.wasm(wasm).unwrap();
        let config = config.upstream(address).unwrap();
        let config = config.replace(NOBODY, &token_sha256(OPERATOR)).unwrap();
        let config = change(config.policy_json(&policy.to_string()).unwrap());
        let options = Options {
            concurrency: 2,
            ..Options::default()
        };
        let envoy = Envoy::start(config.clone(), &options).unwrap();
        let began = upstream.mark();
        Rig {
            envoy,
            upstream,
            config,
            began,
        }
    }

    /// Publishes another policy, and returns when Envoy has accepted it.
    pub fn publish(&self, policy: &Value) {
        let accepted = || {
            let stats = self.envoy.stats("extension_config_discovery.").unwrap();
            stats["extension_config_discovery.http_filter.toolgate.update_success"]
        };
        let before = accepted();
        let config = self.config.clone();
        let config = config.policy_json(&policy.to_string()).unwrap();
        self.envoy.publish(config.filter().unwrap()).unwrap();
        self.wait(|| accepted() > before);
    }

    /// Sends a call and leaves it open.
    pub fn call(&self, token: &str, tool: &str, arguments: &Value) -> Call {
        self.post(token, &body(1, tool, arguments), &[])
    }

    /// Sends a message and leaves its request open.
    pub fn post(&self, token: &str, body: &str, headers: &[(&str, &str)]) -> Call {
        let mut head = format!(
            "POST /mcp HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let address = self.envoy.listener("mcp").unwrap();
        Call::send(address, &format!("{head}\r\n{body}"))
    }

    /// Asks the console.
    pub fn console(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.console_as(OPERATOR, method, path, body)
    }

    pub fn console_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let body = body.map(Value::to_string);
        let framing = match &body {
            Some(body) => format!(
                "content-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            ),
            None => String::new(),
        };
        let body = body.unwrap_or_default();
        let address = self.envoy.listener("console").unwrap();
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nhost: console\r\nauthorization: Bearer {token}\r\n{framing}\r\n{body}"
        );
        Call::send(address, &request).answer(PATIENCE)
    }

    /// What the console says at a path.
    pub fn look(&self, path: &str) -> Value {
        let answer = self.console("GET", path, None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Questions in a state, oldest first, once there are `count` of them.
    pub fn questions(&self, state: &str, count: usize) -> Vec<Value> {
        let list = || {
            let seen = self.look(&format!("approvals?state={state}"));
            seen["approvals"].as_array().unwrap().clone()
        };
        self.wait(|| list().len() == count.min(100));
        list()
    }

    /// The id of the only question that waits.
    pub fn pending(&self) -> String {
        id(&self.questions("pending", 1)[0])
    }

    pub fn approve(&self, id: &str) {
        let path = format!("approvals/{id}/approve");
        let answer = self.console("POST", &path, Some(&json!({"reason": "fine"})));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    pub fn reject(&self, id: &str, reason: &str) {
        let path = format!("approvals/{id}/reject");
        let answer = self.console("POST", &path, Some(&json!({"reason": reason})));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Bodies that reached the upstream, in order of their connections.
    pub fn upstream_bodies(&self) -> Vec<String> {
        let seen = self.upstream.seen(self.began, None);
        assert!(
            seen.loose.is_empty(),
            "half a request: {}",
            String::from_utf8_lossy(&seen.loose)
        );
        let bodies = seen.requests.into_iter();
        bodies
            .map(|request| String::from_utf8(request.body).unwrap())
            .collect()
    }

    /// Not one byte reached the upstream.
    #[track_caller]
    pub fn upstream_saw_nothing(&self) {
        assert_eq!(self.upstream.seen(self.began, None).bytes, 0);
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn wait(&self, condition: impl Fn() -> bool) {
        self.wait_for(PATIENCE, condition);
    }

    /// The same, as long as retries may take.
    #[track_caller]
    pub fn wait_long(&self, condition: impl Fn() -> bool) {
        self.wait_for(Duration::from_secs(90), condition);
    }

    #[track_caller]
    fn wait_for(&self, patience: Duration, condition: impl Fn() -> bool) {
        let began = Instant::now();
        while !condition() {
            assert!(began.elapsed() < patience, "{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What the filter logged last.
    fn said(&self) -> String {
        let log = self.envoy.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("[wasm]")).collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Calls that are held now, as the heartbeats of all workers say.
    pub fn held(&self) -> u64 {
        let workers = self.look("state")["workers"].as_array().unwrap().clone();
        workers
            .iter()
            .filter_map(|worker| worker["held"].as_u64())
            .sum()
    }

    /// Records of the gate's listener with this decision.
    pub fn records(&self, decision: &str) -> Vec<Value> {
        let lines = self.envoy.access_records(0, Duration::ZERO);
        let texts = lines.iter().filter_map(|line| line["toolgate"].as_str());
        let records = texts.filter_map(|text| serde_json::from_str::<Value>(text).ok());
        records
            .filter(|record| record["decision"] == decision)
            .collect()
    }
}

/// The text of a call.
pub fn body(id: usize, tool: &str, arguments: &Value) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    )
}

pub fn id(question: &Value) -> String {
    question["id"].as_str().unwrap().to_owned()
}

/// A request under way. Dropping it hangs up.
pub struct Call {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Call {
    pub fn send(address: SocketAddr, request: &str) -> Call {
        Call::send_over(TcpStream::connect(address).unwrap(), request)
    }

    /// Sends over a connection that is there.
    pub fn send_over(mut stream: TcpStream, request: &str) -> Call {
        stream.write_all(request.as_bytes()).unwrap();
        Call::over(stream)
    }

    /// A request that was sent on this connection, or will be.
    pub fn over(stream: TcpStream) -> Call {
        Call {
            stream,
            bytes: Vec::new(),
        }
    }

    /// The answer, which has to come within this time.
    #[track_caller]
    pub fn answer(mut self, patience: Duration) -> Answer {
        let answer = self.poll(patience);
        answer.unwrap_or_else(|| panic!("no answer within {patience:?}"))
    }

    /// A header of the answer, once that is there.
    pub fn header(&self, name: &str) -> Option<String> {
        match http1::response(&self.bytes, false, false) {
            Parsed::Whole(reply, _) => http1::field(&reply.headers, name),
            _ => None,
        }
    }

    /// The answer, if it comes within this time.
    #[track_caller]
    pub fn poll(&mut self, patience: Duration) -> Option<Answer> {
        let deadline = Instant::now() + patience;
        loop {
            if let Parsed::Whole(reply, _) = http1::response(&self.bytes, false, false) {
                return Some(Answer {
                    status: reply.status(),
                    body: String::from_utf8(reply.body).unwrap(),
                });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut piece = [0; 16 << 10];
            match self.stream.read(&mut piece) {
                Ok(0) => panic!("cut: {}", String::from_utf8_lossy(&self.bytes)),
                Ok(read) => self.bytes.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Whether the upstream answered the call.
    pub fn ran(&self) -> bool {
        self.status == 200 && self.json()["result"]["content"][0]["text"] == "done"
    }

    /// The rule of a denial.
    pub fn rule(&self) -> String {
        self.denial()["rule"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// What a denial says of its approval.
    pub fn denial(&self) -> Value {
        let json = self.json();
        assert_eq!(json["result"]["isError"], true, "{}", self.body);
        json["result"]["_meta"]["toolgate/denial"].clone()
    }

    /// The text of a denial.
    pub fn text(&self) -> String {
        let json = self.json();
        json["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}
