//! `toolgate replay`: a recorded day against its own policy changes nothing, against another what it should.

use std::path::PathBuf;

use serde_json::{Value, json};
use toolgate_cli::command::replay::{Options, run};
use toolgate_cli::command::{Outcome, Paint};
use toolgate_cli::policytest::backend::{Backend, Meanwhile, Native, Upstream};
use toolgate_cli::replay::{read, replay};
use toolgate_document::{Document, Format};
use toolgate_engine::approvals::{self, Approver};
use toolgate_engine::time::Timestamp;
use toolgate_host::Clock;
use toolgate_host::Message;

const NOW: u64 = 1_768_473_000_000_000_000;

const POLICY: &str = r#"
version: "1"
default: deny
audit: {args: full}
tools:
  list_issues: {}
  create_refund:
    require: [{conditions: [{path: args.amount, op: gt, value: 0}]}]
    deny_if: [{conditions: [{path: args.amount, op: gt, value: 100}]}]
    limits: [{counter: refunds, max: 3, window: hour}]
"#;

fn document(yaml: &str) -> Document {
    Document::parse("policy.yaml", yaml, Format::Yaml).unwrap()
}

/// A day of calls through a gate: the records they leave.
fn day(policy: &str) -> Vec<Value> {
    let config = document(policy);
    let clock = Clock::at(NOW);
    let mut gate = Native.start(config.json(), &clock).unwrap();
    let mut records = Vec::new();
    for index in 0..40_u64 {
        clock.set(NOW + index * 300_000_000_000);
        let (tool, arguments) = match index % 5 {
            0 => ("list_issues", json!({})),
            1 => ("delete_everything", json!({})),
            2 => ("create_refund", json!({"amount": 150})),
            3 => ("create_refund", json!({"amount": 50})),
            _ => ("create_refund", json!({"amount": index})),
        };
        let body = json!({"jsonrpc": "2.0", "id": index, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
        // Some fail upstream, and are given back.
        let reply = if index % 7 == 0 {
            json!({"jsonrpc": "2.0", "id": index, "error": {"code": -32000, "message": "no"}})
        } else {
            json!({"jsonrpc": "2.0", "id": index, "result": {"content": []}})
        };
        let reply = Message::response(200, "application/json", reply.to_string());
        let request = Message::post("/mcp", body.to_string());
        let observed = gate
            .exchange(&request, &mut |_| Upstream::Reply(Box::new(reply.clone())))
            .unwrap();
        records.extend(observed.records);
    }
    records
}

#[test]
fn its_own_policy_changes_nothing() {
    let records = day(POLICY);
    assert_eq!(records.len(), 40);
    let replay = replay(&document(POLICY), records).unwrap();
    assert_eq!(replay.decisions.len(), 40);
    for replayed in &replay.decisions {
        assert!(
            !replayed.changes() && replayed.unknown.is_none(),
            "{replayed:?}"
        );
    }
    let denied = replay
        .decisions
        .iter()
        .filter(|it| it.old.word == "deny")
        .count();
    assert!(denied > 16, "{denied}");
}

/// Calls that waited for a person: both records of each, as the proxy's log has them.
fn answered(policy: &str) -> Vec<Value> {
    let config = document(policy);
    let clock = Clock::at(NOW);
    let mut gate = Native.start(config.json(), &clock).unwrap();
    let mut records = Vec::new();
    for (index, answer) in [Some(true), Some(false), None, Some(true)]
        .iter()
        .enumerate()
    {
        clock.set(NOW + index as u64 * 1_000_000_000_000);
        let body = json!({"jsonrpc": "2.0", "id": index, "method": "tools/call", "params": {"name": "create_refund", "arguments": {"amount": index}}});
        let reply = json!({"jsonrpc": "2.0", "id": index, "result": {"content": []}});
        let reply = Message::response(200, "application/json", reply.to_string());
        let request = Message::post("/mcp", body.to_string());
        let began = clock.nanos();
        let observed = gate.held_exchange(
            &request,
            &mut |_| Upstream::Reply(Box::new(reply.clone())),
            &mut |_, store| {
                let now = Timestamp::from_nanos(clock.nanos());
                for question in approvals::list(store, now).unwrap() {
                    let by = Approver {
                        id: "bob",
                        groups: &[],
                        own: &[],
                    };
                    if let Some(yes) = answer {
                        // It may have been answered before.
                        let _closed = approvals::decide(store, now, &question.id, *yes, &by, "");
                    }
                }
                Meanwhile::SECOND
            },
        );
        let last = observed.unwrap().records.remove(0);
        let mut first = last.clone();
        first["decision"] = json!("hold");
        first["time"] = json!(Timestamp::from_nanos(began).to_string());
        first["approval"]["state"] = json!("pending");
        first.as_object_mut().unwrap().remove("counters");
        records.extend([first, last]);
    }
    records
}

#[test]
fn what_a_person_answered_is_taken_for_the_answer() {
    let asks = POLICY.replace("    limits:", "    approval: {timeout: 10m}\n    limits:");
    let asks = asks.replace("op: gt, value: 0}", "op: gte, value: 0}");
    let records = answered(&asks);
    let words = |replay: &toolgate_cli::replay::Replay| -> Vec<String> {
        let decisions = replay.decisions.iter();
        decisions.map(|it| it.old.word.clone()).collect()
    };
    let same = replay(&document(&asks), records.clone()).unwrap();
    assert_eq!(words(&same), ["approve", "deny", "expire", "approve"]);
    assert!(same.decisions.iter().all(|it| !it.changes()), "{same:?}");
    // Its charges count: two were forwarded.
    let tight = asks.replace("max: 3", "max: 1");
    let tight = replay(&document(&tight), records.clone()).unwrap();
    let changed: Vec<_> = tight.decisions.iter().filter(|it| it.changes()).collect();
    let rule = changed[0].new.as_ref().unwrap().rule.as_deref();
    assert_eq!(rule, Some("/tools/create_refund/limits/refunds"));
    let nobody = asks.replace("    approval: {timeout: 10m}\n", "");
    let nobody = replay(&document(&nobody), records).unwrap();
    assert!(
        nobody
            .decisions
            .iter()
            .all(|it| it.new.as_ref().unwrap().word == "allow")
    );
}

#[test]
fn another_policy_changes_what_it_should() {
    let records = day(POLICY);
    let looser = POLICY
        .replace("value: 100}", "value: 200}")
        .replace("max: 3", "max: 1000");
    let changes = replay(&document(&looser), records.clone()).unwrap();
    for replayed in changes.decisions.iter().filter(|it| it.changes()) {
        assert_eq!(replayed.old.word, "deny");
        assert_eq!(replayed.new.as_ref().unwrap().word, "allow");
        assert_eq!(replayed.target, "create_refund");
    }
    assert!(changes.decisions.iter().any(|it| it.changes()));
    let tighter = POLICY.replace("list_issues: {}", "list_issues: {deny: true}");
    let changes = replay(&document(&tighter), records.clone()).unwrap();
    let rules: Vec<Option<&str>> = changes
        .decisions
        .iter()
        .filter(|it| it.changes())
        .map(|it| it.new.as_ref().unwrap().rule.as_deref())
        .collect();
    assert_eq!(rules, vec![Some("/tools/list_issues/deny"); 8]);
    let stopped = format!("{POLICY}\nstopped: true\n");
    let changes = replay(&document(&stopped), records).unwrap();
    assert!(
        changes
            .decisions
            .iter()
            .all(|it| it.new.as_ref().unwrap().rule.as_deref() == Some("/stopped"))
    );
}

#[test]
fn without_arguments_what_depends_on_them_is_unknown() {
    let keys = POLICY.replace("full", "keys");
    let records = day(&keys);
    let replayed = replay(&document(&keys), records).unwrap();
    for it in &replayed.decisions {
        // A limit that is used up refuses whatever the arguments were.
        let depends = it.target == "create_refund" && it.old.word != "deny";
        assert!(it.unknown.is_some() || !depends, "{it:?}");
        assert!(
            it.unknown.is_none() || it.target == "create_refund",
            "{it:?}"
        );
        assert!(!it.changes(), "{it:?}");
    }
    // A name that was not among the arguments is known to be missing, whatever the rest was.
    let needs_more = keys.replace(
        "args.amount, op: gt, value: 0",
        "args.reason, op: exists, value: true",
    );
    let replayed = replay(&document(&needs_more), day(&keys)).unwrap();
    let denied = replayed
        .decisions
        .iter()
        .filter(|it| it.target == "create_refund");
    for it in denied {
        let rule = it.new.as_ref().and_then(|new| new.rule.as_deref());
        assert_eq!(
            rule,
            Some("/tools/create_refund/require/args.reason-exists"),
            "{it:?}"
        );
    }
}

#[test]
fn a_grant_that_is_gone_is_turned_away() {
    let grant = |id: &str, policy: &str| json!({"id": id, "token_sha256": "ab".repeat(32), "policy": policy, "claims": {"team": "pay"}});
    let config = |grants: Value| {
        let config = json!({
            "version": "1",
            "policies": {
                "open": {"default": "allow"},
                "pay": {"default": "allow", "tools": {"x": {"require": [{"conditions": [{"path": "identity.team", "op": "eq", "value": "pay"}]}]}}},
            },
            "grants": grants,
        });
        Document::parse("policy.json", config.to_string(), Format::Json).unwrap()
    };
    let record = |principal: &str| json!({"time": "2026-01-15T10:30:00.000Z", "decision_id": "1", "decision": "allow", "method": "tools/call", "target": "x", "principal": principal, "source": "grant", "policy": "open"});
    let outcome = |config: &Document, principal: &str| {
        let replay = replay(config, vec![record(principal)]).unwrap();
        let new = replay.decisions[0].new.clone().unwrap();
        (new.word, new.rule)
    };
    let known = config(json!([grant("bot", "pay")]));
    assert_eq!(outcome(&known, "bot"), ("allow".to_owned(), None));
    assert_eq!(
        outcome(&known, "other"),
        ("reject".to_owned(), Some("/identity/unknown".to_owned()))
    );
    let mut expired = grant("bot", "pay");
    expired["expires"] = json!("2026-01-15T10:30:00Z");
    let expired = config(json!([expired]));
    assert_eq!(
        outcome(&expired, "bot"),
        ("reject".to_owned(), Some("/identity/expired".to_owned()))
    );
}

#[test]
fn exit_codes() {
    let directory = std::env::temp_dir().join(format!("toolgate-replay-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let lines: Vec<String> = day(POLICY)
        .iter()
        .map(|record| json!({"path": "/mcp", "toolgate": record.to_string()}).to_string())
        .collect();
    let audit = write("access.log", &lines.join("\n"));
    let same = write("same.yaml", POLICY);
    let other = write(
        "other.yaml",
        &POLICY.replace("list_issues: {}", "list_issues: {deny: true}"),
    );
    let command = |audit: &PathBuf, policy: &PathBuf, json: bool| -> Outcome {
        run(&Options {
            audit: audit.clone(),
            policy: policy.clone(),
            json,
            paint: Paint::PLAIN,
        })
    };
    let quiet = command(&audit, &same, false);
    assert_eq!(
        (quiet.code, quiet.output.as_str()),
        (0, "40 decisions: 40 stay, 0 change, 0 unknown\n")
    );
    let loud = command(&audit, &other, false);
    assert_eq!(loud.code, 1);
    assert!(
        loud.output
            .contains("list_issues: allow → deny (/tools/list_issues/deny)\n"),
        "{}",
        loud.output
    );
    assert!(
        loud.output.ends_with("(8 × allow → deny)\n"),
        "{}",
        loud.output
    );
    let report: Value = serde_json::from_str(&command(&audit, &other, true).output).unwrap();
    assert_eq!(report["changed"], 8);
    let nothing = write("nothing.log", "no records here\n");
    for (audit, policy) in [
        (&nothing, &same),
        (&audit, &nothing),
        (&directory.join("none"), &same),
    ] {
        let outcome = command(audit, policy, false);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(
            outcome.errors.starts_with("error: ") || outcome.errors.contains(": error: "),
            "{outcome:?}"
        );
    }
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(read("{\"decision\":\"allow\"}").is_ok());
}
