//! Scenarios: requests and replies as they are on the wire, and everything that must come of them, as data.
//!
//! Every exchange runs natively and in wasm, whole and byte by byte, and the four must agree before anything is compared.
//! `UPDATE_EXPECT=1 cargo test -p host-tests --test scenarios` writes what comes out into the files: read the diff.
//! `scenarios/README.md` explains the form.

#[path = "scenarios/expectation.rs"]
mod expectation;
#[path = "scenarios/form.rs"]
mod form;

use std::fs;
use std::path::{Path, PathBuf};

use form::{Act, Scenario};
use toolgate_cli::policytest::backend::Meanwhile;
use toolgate_cli::policytest::{Agreeing, Backend};
use toolgate_engine::approvals::{self, Approver, Question, State};
use toolgate_engine::control;
use toolgate_engine::counters::Store;
use toolgate_engine::pep::Rejection;
use toolgate_engine::time::Timestamp;
use toolgate_host::{Clock, Module};

#[test]
fn all_come_out_as_written() {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    let backend = Agreeing::new(Module::from_file(wasm).expect("the filter is a module"));
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = String::new();
    for path in files() {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match Scenario::read(&path) {
            Ok(scenario) => {
                for complaint in run(&scenario, &path, &backend, update) {
                    wrong.push_str(&format!("{name}: {complaint}\n"));
                }
            }
            Err(error) => wrong.push_str(&format!("{name}:\n{error}")),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .expect("scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    files
}

/// Every word of `/protocol/<word>` stands in some scenario. `host` needs a host that fails: `faults.rs`; `body-timeout`
/// one that never delivers the body: `body_timeout.rs`; `early-reply` a server that does not wait: `early_replies.rs`; `route`
/// a host that matches routes: `envoy_identity/rerouted.rs`; `crowded` many requests at once: `crowded.rs`.
#[test]
fn every_rejection_is_shown() {
    let mut shown = String::new();
    for path in files() {
        shown.push_str(&fs::read_to_string(path).expect("a scenario"));
    }
    for &rejection in Rejection::ALL {
        let rule = format!("rule: /protocol/{}\n", rejection.word());
        let elsewhere = matches!(
            rejection,
            Rejection::Host
                | Rejection::BodyTimeout
                | Rejection::EarlyReply
                | Rejection::Route
                | Rejection::Crowded
        );
        assert!(
            elsewhere || shown.contains(&rule),
            "no scenario shows {rejection:?}"
        );
    }
}

/// What an operator does.
fn act(store: &mut dyn Store, clock: &Clock, act: &Act) {
    let now = Timestamp::from_nanos(clock.nanos());
    let done = match act {
        Act::Decide(yes, reason) => {
            let all = approvals::list(store, now).expect("the store works");
            let open = |question: &&Question| question.state == State::Pending;
            let question = all.iter().find(open).expect("a question is open");
            let by = Approver {
                id: "bob",
                groups: &question.approvers,
                own: &[],
            };
            let decided = approvals::decide(store, now, &question.id, *yes, &by, reason);
            decided.is_ok()
        }
        Act::Stop(reason) => control::stop(store, now, "bob", reason).is_ok(),
        Act::Resume => control::resume(store).is_ok(),
        Act::Revoke(grant) => control::revoke(store, now, grant, "bob", "") == Ok(true),
        Act::After(_) | Act::Disconnect | Act::Update(_) => false,
    };
    assert!(done, "{act:?} cannot be done here");
}

/// Runs a scenario; what is wrong with each step, or nothing when the file was rewritten.
fn run(scenario: &Scenario, path: &Path, backend: &dyn Backend, update: bool) -> Vec<String> {
    let clock = Clock::new();
    let start = || backend.start(scenario.config(), &clock);
    let mut gate = match start() {
        Ok(gate) => gate,
        Err(error) => return vec![format!("{error:#}")],
    };
    let mut wrong = Vec::new();
    let mut rewritten = Vec::new();
    for step in &scenario.steps {
        if step.fresh {
            clock.set(Clock::new().nanos());
            gate = start().expect("it started before");
        }
        clock.set(
            step.at
                .map_or(clock.nanos(), |moment| moment.from(clock.nanos())),
        );
        gate.set_store_down(step.store_down);
        for done in &step.before {
            gate.with_store(&mut |store| act(store, &clock, done));
        }
        let observed = gate.held_exchange(
            &step.request,
            &mut |_| {
                if let Some(moment) = step.respond_at {
                    clock.set(moment.from(clock.nanos()));
                }
                step.upstream.clone()
            },
            &mut |index, store| match step.meanwhile.get(index) {
                None => Meanwhile::SECOND,
                Some(Act::After(time)) => Meanwhile::After(*time),
                Some(Act::Disconnect) => Meanwhile::Disconnect,
                Some(Act::Update(config)) => Meanwhile::Update(config.clone()),
                Some(done) => {
                    act(store, &clock, done);
                    Meanwhile::SECOND
                }
            },
        );
        let observed = match observed {
            Ok(observed) => observed,
            Err(error) => {
                wrong.push(format!("{}: {error:#}", step.name));
                continue;
            }
        };
        let got = expectation::of(&step.request, &step.upstream, &observed);
        if step.expect.as_ref() != Some(&got) {
            let expected = step.expect.as_ref().map(expectation::yaml);
            wrong.push(format!(
                "{}: expected\n{}got\n{}",
                step.name,
                expected.unwrap_or_else(|| "nothing yet\n".to_owned()),
                expectation::yaml(&got)
            ));
            rewritten.push((step, got));
        }
    }
    if update && !rewritten.is_empty() && rewritten.len() == wrong.len() {
        let text = scenario.rewrite(rewritten);
        fs::write(path, text).expect("the scenario can be written");
        return Vec::new();
    }
    wrong
}
