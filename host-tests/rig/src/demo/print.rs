//! What the demo prints.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use console::{Alignment, Term, measure_text_width, pad_str, style};

use super::judge::Fault;
use super::outcome::Row;
use super::script::Step;
use super::setup::{Policy, Setup};

/// What is running.
pub(super) fn heading(setup: &Setup, policy: &Policy) {
    println!("{}  policy {}", style("Toolgate demo").bold(), policy.name);
    println!(
        "MCP client -> Envoy with toolgate.wasm on {} -> MCP server on {}",
        setup.envoy.address(),
        setup.upstream.address()
    );
}

/// The table, printed row by row.
pub(super) struct Table {
    rows: Vec<(Step, Row)>,
    protocol: &'static str,
    calls: usize,
    /// The terminal's width; elsewhere a line may be of any length.
    width: Option<usize>,
}

const DECISION: usize = 8;
const RULE: usize = 46;

impl Table {
    pub(super) fn new(steps: &[Step]) -> Self {
        let calls = steps
            .iter()
            .map(|step| measure_text_width(&step.call))
            .max();
        let terminal = Term::stdout();
        Self {
            rows: Vec::new(),
            protocol: "",
            calls: calls.unwrap_or_default(),
            width: terminal.is_term().then(|| usize::from(terminal.size().1)),
        }
    }

    pub(super) fn row(&mut self, step: Step, row: Row) {
        let protocol = step.act.protocol();
        if protocol != self.protocol {
            let columns = self.columns("call", "decision", "rule");
            let group = match protocol {
                "2025-11-25" => "MCP 2025-11-25: a session, replies in SSE",
                "2026-07-28" => "MCP 2026-07-28: no session, replies in JSON",
                _ => "Bodies that no MCP client sends",
            };
            println!("\n{}", style(group).bold());
            println!(
                "{}",
                style(format!("  {columns}what the agent was told")).dim()
            );
            self.protocol = protocol;
        }
        let decision = match row.decision {
            "allow" | "filter" | "redact" | "approve" => style(row.decision).green(),
            _ => style(row.decision).yellow(),
        };
        let mark = match row.fault {
            None => style("✓").green(),
            Some(_) => style("✗").red().bold(),
        };
        let mut line = format!(
            "{mark} {}",
            self.columns(&step.call, &decision.to_string(), &row.rule)
        );
        let mut told = row.told.clone();
        if !step.note.is_empty() {
            told += &style(format!("  ({})", step.note)).dim().to_string();
        }
        if self
            .width
            .is_some_and(|width| measure_text_width(&line) + measure_text_width(&told) > width)
        {
            line += "\n      ";
        }
        println!("{line}{told}");
        if let Some(fault) = &row.fault {
            println!("      {}", style(explain(fault)).red());
        }
        self.rows.push((step, row));
    }

    fn columns(&self, call: &str, decision: &str, rule: &str) -> String {
        [(call, self.calls), (decision, DECISION), (rule, RULE)]
            .map(|(text, width)| pad_str(text, width + 2, Alignment::Left, None).into_owned())
            .concat()
    }

    /// Prints the last lines. True: every row is as it has to be.
    pub(super) fn verdict(&self, policy: &Policy) -> bool {
        let faults = self
            .rows
            .iter()
            .filter_map(|(step, row)| Some((step, row.fault.as_ref()?)));
        let faults: Vec<_> = faults.collect();
        let rows = self.rows.len();
        println!();
        if faults.is_empty() {
            println!(
                "{} {rows} of {rows} calls came out as they have to",
                style("✓").green()
            );
            return true;
        }
        println!(
            "{} {} of {rows} calls did not come out as they have to under {}:",
            style("✗").red().bold(),
            faults.len(),
            policy.name
        );
        for (step, fault) in faults {
            println!(
                "  [{}] {}: {}",
                step.act.protocol(),
                step.call,
                explain(fault)
            );
        }
        false
    }
}

fn explain(fault: &Fault) -> String {
    match fault {
        Fault::NotEnforced(text) => format!("not enforced: {text}"),
        Fault::Unexpected(text) => format!("not as expected: {text}"),
    }
}

/// The audit trail: how many records there are, and what one looks like.
pub(super) fn audit(setup: &Setup) {
    const SHOWN: [&str; 4] = ["allow", "deny", "approve", "reject"];
    let path = setup.envoy.access_log();
    let records = setup
        .envoy
        .access_records(usize::MAX, Duration::from_millis(300));
    let audits: Vec<serde_json::Value> = records
        .iter()
        .filter_map(|record| serde_json::from_str(record["toolgate"].as_str()?).ok())
        // A batch has one record for each of its messages.
        .flat_map(|audit| match audit {
            serde_json::Value::Array(audits) => audits,
            audit => vec![audit],
        })
        .collect();
    println!("\n{}", style("Audit").bold());
    println!(
        "  {} requests, {} decisions, in {}",
        records.len(),
        audits.len(),
        path.display()
    );
    for decision in SHOWN {
        if let Some(audit) = audits.iter().rfind(|audit| audit["decision"] == decision) {
            println!("  {audit}");
        }
    }
    println!(
        "  all of them: jq -c '.toolgate | fromjson? | (arrays | .[]), objects' {}",
        path.display()
    );
}

/// The gate's statistics.
pub(super) fn stats(setup: &Setup) -> Result<()> {
    println!("\n{}", style("Statistics").bold());
    println!("  /stats?filter=toolgate on Envoy's admin port");
    for line in setup
        .envoy
        .admin("/stats?filter=toolgate&usedonly")?
        .lines()
    {
        println!("  {line}");
    }
    Ok(())
}

/// What `--serve` is serving.
pub(super) fn serving(setup: &Setup, policy: &Policy) {
    let url = setup.url();
    println!("{}  policy {}", style("Toolgate is up").bold(), policy.name);
    println!("  gate      {url}");
    println!("  server    {} (not for clients)", setup.upstream.url());
    if let Ok(console) = setup.console() {
        println!("  console   {console}  token {}", setup.token);
    }
    println!(
        "  admin     http://{}/stats?filter=toolgate",
        setup.envoy.admin_address()
    );
    println!("  audit     {}", setup.envoy.access_log().display());
    println!("\n{}", style("For your MCP client").bold());
    println!(
        "{{\n  \"mcpServers\": {{\n    \"toolgate-demo\": {{ \"type\": \"http\", \"url\": \"{url}\" }}\n  }}\n}}"
    );
    println!("\nCtrl-C stops everything.");
}

/// How to try it with curl.
pub(super) fn by_hand(setup: &Setup, gate: Option<SocketAddr>) {
    println!("\n{}", style("By hand").bold());
    if gate.is_none() {
        println!(
            "  cargo demo -- --serve        keeps the gate up for your own client; then, for example:"
        );
    }
    let gate = gate.unwrap_or(SocketAddr::from(([127, 0, 0, 1], super::SERVE_PORT)));
    println!(
        "{}",
        curl(
            gate,
            "delete_repository",
            r#"{"owner":"acme","repo":"website"}"#
        )
    );
    println!("{}", curl(gate, "get_balance", "{}"));
    let directory = setup.envoy.directory().display();
    println!(
        "  {directory}/envoy.yaml is the whole configuration, {directory}/envoy.log Envoy's log"
    );
    println!(
        "  envoy/README.md puts the filter into your own Envoy, examples/demo explains the policy"
    );
}

fn curl(gate: SocketAddr, tool: &str, arguments: &str) -> String {
    let version = "2026-07-28";
    let prefix = "io.modelcontextprotocol";
    format!(
        "  curl -s http://{gate}/mcp -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \\\n    \
         -H 'mcp-protocol-version: {version}' -H 'mcp-method: tools/call' -H 'mcp-name: {tool}' \\\n    \
         -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments},\"_meta\":{{\"{prefix}/protocolVersion\":\"{version}\",\"{prefix}/clientCapabilities\":{{}}}}}}}}'"
    )
}
