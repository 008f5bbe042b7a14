//! `FAULTS.md`: what becomes of an exchange for every kind of fault in every callback. `faults.rs` fails each host call at each
//! place; here the places are the callbacks, and what comes of it is written down.
//!
//! In every cell: what is refused leaves no byte upstream, what is forwarded is whole and unchanged, a hidden tool is not
//! listed, and after a trap nothing passes. `UPDATE_EXPECT=1 cargo test -p host-tests --test fault_matrix` writes the table.

#[path = "fault_matrix/held.rs"]
mod held;
#[path = "fault_matrix/run.rs"]
mod run;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use run::{ADDRESS, PLACES, Place, Run, SUBJECTS, Subject, TOO_LARGE};
use toolgate_host::{Exchange, Faults, Module, Outcome, Status, When};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Hostcall,
    Property,
    Clock,
    Cas,
    Oversized,
    Trap,
}

const FAULTS: [(Fault, &str); 6] = [
    (Fault::Hostcall, "a host call fails"),
    (Fault::Property, "a property is missing"),
    (Fault::Clock, "the clock fails"),
    (Fault::Cas, "every compare-and-swap loses"),
    (Fault::Oversized, "the message is too large"),
    (Fault::Trap, "the filter traps"),
];

/// What became of an exchange, as the table says it; an error is a promise broken.
fn outcome(
    subject: Subject,
    (body, reply): (&str, &str),
    exchange: &Exchange,
    clean: &Exchange,
) -> Result<String, String> {
    if let Some(sent) = &exchange.upstream {
        if subject == Subject::Hidden {
            return Err("a refused call left bytes upstream".to_owned());
        }
        if sent.ended && sent.body != body.as_bytes() {
            return Err("what was forwarded is not what was judged".to_owned());
        }
    }
    let got = &exchange.downstream;
    if subject == Subject::List && got.text().contains("secret") {
        return Err(format!("a hidden tool was listed: {}", got.text()));
    }
    if got.text().contains(ADDRESS.trim()) {
        return Err("a secret was shown".to_owned());
    }
    if exchange.crashed {
        return Err("the process crashed".to_owned());
    }
    if exchange.panicked {
        return Ok(if got.reset {
            "cut, VM replaced"
        } else {
            "503, VM replaced"
        }
        .to_owned());
    }
    exchange.check()?;
    let same = |left: &Exchange, right: &Exchange| {
        left.upstream == right.upstream
            && left.downstream.status == right.downstream.status
            && (left.downstream.body() == right.downstream.body()
                || left.downstream.text() == reply)
    };
    Ok(if same(exchange, clean) {
        "as judged".to_owned()
    } else if !exchange.forwarded() && got.status == 200 {
        "denied".to_owned()
    } else if !exchange.forwarded() && got.status >= 400 {
        format!("refused ({})", got.status)
    } else if exchange.upstream.is_none() && exchange.outcome == Outcome::Hung {
        "held to the idle timeout".to_owned()
    } else if exchange.upstream.is_none() && exchange.outcome == Outcome::Reset {
        "cut".to_owned()
    } else if !exchange.forwarded() {
        return Err(format!(
            "neither forwarded nor refused: {:?}",
            exchange.outcome
        ));
    } else if got.reset {
        "reply cut".to_owned()
    } else {
        "reply withheld".to_owned()
    })
}

/// Sets a fault up.
type Injection = Box<dyn Fn(&Faults)>;

/// Every way in which a fault can show at one place: a name, and what injects it.
fn injections(fault: Fault, calls: &[String]) -> Vec<(String, Injection)> {
    let failing = |name: &str, status: Status| {
        let call = name.to_owned();
        let inject = move |faults: &Faults| {
            faults.fail(&call, When::Always, status);
        };
        (format!("{name} {status:?}"), Box::new(inject) as Injection)
    };
    let made = |name: &str| calls.iter().any(|call| call == name);
    let only = |name: &str, status| {
        if made(name) {
            vec![failing(name, status)]
        } else {
            Vec::new()
        }
    };
    match fault {
        Fault::Hostcall => {
            let mut all: Vec<_> = calls
                .iter()
                .map(|name| failing(name, Status::InternalFailure))
                .collect();
            let every = calls.to_vec();
            let inject = move |faults: &Faults| {
                for call in &every {
                    faults.fail(call, When::Always, Status::InternalFailure);
                }
            };
            all.push(("all of them".to_owned(), Box::new(inject)));
            all
        }
        Fault::Property => only("proxy_get_property", Status::NotFound),
        Fault::Clock => only(
            "proxy_get_current_time_nanoseconds",
            Status::InternalFailure,
        ),
        Fault::Cas => only("proxy_set_shared_data", Status::CasMismatch),
        Fault::Oversized => vec![("size".to_owned(), Box::new(|_: &Faults| ()))],
        Fault::Trap => {
            let trapping = |name: &String| {
                let call = name.clone();
                let inject = move |faults: &Faults| {
                    faults.trap(&call, When::Always);
                };
                (format!("{name} traps"), Box::new(inject) as Injection)
            };
            calls.iter().map(trapping).collect()
        }
    }
}

fn applies(fault: Fault, place: Place) -> bool {
    fault != Fault::Oversized || !matches!(place, Place::Tick | Place::Log)
}

/// One cell of the table.
fn cell(
    module: &Module,
    fault: Fault,
    place: Place,
    wrong: &mut Vec<String>,
    runs: &mut usize,
) -> String {
    let mut outcomes = BTreeSet::new();
    if !applies(fault, place) {
        return "–".to_owned();
    }
    for subject in SUBJECTS {
        let oversized = fault == Fault::Oversized;
        let mut clean = Run::new(module);
        let judged = clean.exchange(subject, place, false, &|_| ());
        for (name, inject) in injections(fault, &clean.calls) {
            *runs += 1;
            let mut run = Run::new(module);
            let exchange = run.exchange(subject, place, oversized, &*inject);
            let request = matches!(
                place,
                Place::RequestHeaders | Place::RequestBody | Place::RequestTrailers
            );
            let large = |here: bool, bytes| if oversized && here { bytes } else { 0 };
            let body = subject.body(large(request, TOO_LARGE.0));
            let reply = subject.reply(large(!request, TOO_LARGE.1));
            match outcome(subject, (&body, &reply), &exchange, &judged) {
                // A trap in the log callback, when the exchange itself is over.
                Ok(outcome) if run.vm.panicked() && !exchange.panicked => {
                    outcomes.insert(format!("{outcome}, VM replaced"));
                }
                Ok(outcome) => {
                    outcomes.insert(outcome);
                }
                Err(error) => wrong.push(format!(
                    "{fault:?}, {place:?}, {subject:?}, {name}: {error}"
                )),
            }
            if let Err(error) = afterwards(&mut run) {
                wrong.push(format!(
                    "{fault:?}, {place:?}, {subject:?}, {name}, afterwards: {error}"
                ));
            }
        }
    }
    match outcomes.len() {
        0 => "no such call".to_owned(),
        _ => outcomes.into_iter().collect::<Vec<_>>().join("; "),
    }
}

/// The next exchange is judged as ever, or refused by a VM that is dead.
fn afterwards(run: &mut Run) -> Result<(), String> {
    if run.vm.open_streams() != 0 && !run.vm.panicked() {
        return Err("a stream was left behind".to_owned());
    }
    let exchange = run.exchange(Subject::Hidden, Place::Tick, false, &|_| ());
    let expected = if run.vm.panicked() { 503 } else { 200 };
    if exchange.upstream.is_some() || exchange.downstream.status != expected {
        return Err(format!(
            "{} instead of {expected}",
            exchange.downstream.status
        ));
    }
    Ok(())
}

const INTRODUCTION: &str = "\
# Every fault, in every callback

Written by `UPDATE_EXPECT=1 cargo test -p host-tests --test fault_matrix`, and checked by the same test without it. Each cell
runs a charged call that is answered with an error, a call of a hidden tool, a list that holds a hidden tool, and a call whose
redacted result would be longer than the stream may hold, with every host call of that callback failing in turn; it says what
became of them.

The rows at the end are those of a call that waits for a person: what a person said before the callback, and what became of the
call by the third tick.

In every cell: a refused call leaves no byte upstream, a forwarded one is whole and unchanged, nothing runs that a person had
to approve and did not, the hidden tool is not listed, no secret is shown, nothing ends the process, nothing that could be
answered hangs, and the next request is judged as ever or, after a trap, answered 503 until the VM is replaced.

* *as judged*: the fault changes nothing for the caller. Records, metrics and the log may be lost, and a refund.
* *denied*: the caller gets a tool result that says so. *refused*: an HTTP error with a JSON-RPC error.
* *held to the idle timeout*: the host would not send the refusal. Nothing is forwarded.
* *at a later tick*: the next one did what this one could not.
* *reply cut*, *reply withheld*: the tool may have run; its answer does not pass.
* *no such call*: the filter does not ask the host for it in this callback.
* –: there is no such thing.

Where a host call fails in the answer of the webhook, the VM may be replaced: the SDK itself makes one call there.
";

fn table(module: &Module) -> (String, Vec<String>, usize) {
    let (mut wrong, mut runs) = (Vec::new(), 0);
    let mut text = format!("{INTRODUCTION}\n| callback |");
    for (_, fault) in FAULTS {
        let _ = write!(text, " {fault} |");
    }
    text.push_str("\n|---|---|---|---|---|---|---|\n");
    for (place, name) in PLACES {
        let _ = write!(text, "| {name} |");
        for (fault, _) in FAULTS {
            let _ = write!(
                text,
                " {} |",
                cell(module, fault, place, &mut wrong, &mut runs)
            );
        }
        text.push('\n');
    }
    for (place, name) in held::PLACES {
        let _ = write!(text, "| {name} |");
        for (fault, _) in FAULTS {
            let outcome = held::cell(module, fault, place, &mut wrong, &mut runs);
            let _ = write!(text, " {outcome} |");
        }
        text.push('\n');
    }
    (text, wrong, runs)
}

#[test]
fn every_cell_fails_closed_and_the_table_says_how() {
    let wasm = toolgate_host::wasm::artifact().expect("the filter builds");
    let module = Module::from_file(wasm).expect("the filter is a module");
    let (table, wrong, runs) = table(&module);
    println!("{runs} runs\n{table}");
    assert!(
        wrong.is_empty(),
        "{} of {runs} runs:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        runs > 100,
        "only {runs} runs: the clean runs make no host calls?"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("FAULTS.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &table).expect("the file can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        written, table,
        "FAULTS.md is out of date: run with UPDATE_EXPECT=1 and read the diff"
    );
}
