//! Making the charges of a request, and with them its permit.

use std::sync::Arc;

use super::Permit;
use super::decision::Planned;
use crate::counters::{Charge, Counters, Receipt, ReserveError, Store};
use crate::policy::Limit;
use crate::refusal::{Denial, Own};
use crate::time::Timestamp;

/// Said where not even the limit is known that could not be counted.
pub const COUNTERS_LOST: &str = "The counters cannot be read, so the call was not made.";

/// A charge that was made.
#[derive(Clone, Debug)]
pub struct Charged {
    /// Name of the counter.
    pub counter: Box<str>,
    /// Most it may reach, in 10^-9.
    pub max: i128,
    /// Give back when the tool reports an error.
    pub refund_on_tool_error: bool,
    /// Give back when it is unknown whether the tool ran.
    pub refund_on_unknown: bool,
    /// What to give back.
    pub receipt: Receipt,
}

/// A request whose charges are made.
#[derive(Debug)]
pub struct Settled {
    /// Leave to forward it.
    pub permit: Permit,
    /// For each call, in order: its charges, and what a limit in shadow would have refused.
    pub calls: Vec<(Vec<Charged>, Option<Denial>)>,
}

/// Makes the charges of all calls of a request, or none.
///
/// # Errors
/// The index of the call that is refused, and why.
pub fn settle(
    counters: &Counters,
    store: &mut dyn Store,
    now: Timestamp,
    calls: &[(Vec<Planned<'_>>, bool)],
) -> Result<Settled, (usize, Denial)> {
    let enforced = |planned: &&Planned<'_>| !planned.shadow;
    let all: Vec<(usize, &Planned<'_>)> = calls
        .iter()
        .enumerate()
        .flat_map(|(call, (planned, _))| {
            planned
                .iter()
                .filter(enforced)
                .map(move |planned| (call, planned))
        })
        .collect();
    let charges: Vec<Charge> = all.iter().map(|(_, planned)| planned.charge).collect();
    let receipts = match counters.table.reserve(store, now, &charges) {
        Ok(receipts) => receipts,
        Err(ReserveError::Lost) if counters.allow_on_store_error => Vec::new(),
        Err(error) => {
            let index = match error {
                ReserveError::Exceeded { index, .. } | ReserveError::Full { index, .. } => index,
                ReserveError::Lost => 0,
            };
            let Some((call, planned)) = all.get(index) else {
                return Err((0, Denial::own(Own::Counters, COUNTERS_LOST)));
            };
            return Err((*call, denial(planned.limit, error)));
        }
    };
    let mut settled: Vec<(Vec<Charged>, Option<Denial>)> =
        calls.iter().map(|_| (Vec::new(), None)).collect();
    for ((call, planned), receipt) in all.iter().zip(receipts) {
        if let Some((charged, _)) = settled.get_mut(*call) {
            charged.push(charged_to(planned, receipt));
        }
    }
    // What is only observed is charged when nothing would have refused, and never stands in the way.
    for ((planned, refused_in_shadow), (charged, shadow)) in calls.iter().zip(&mut settled) {
        let observed: Vec<&Planned<'_>> = planned.iter().filter(|planned| planned.shadow).collect();
        if *refused_in_shadow || observed.is_empty() {
            continue;
        }
        let charges: Vec<Charge> = observed.iter().map(|planned| planned.charge).collect();
        match counters.table.reserve(store, now, &charges) {
            Ok(receipts) => {
                charged.extend(
                    observed
                        .iter()
                        .zip(receipts)
                        .map(|(planned, receipt)| charged_to(planned, receipt)),
                );
            }
            Err(
                error @ (ReserveError::Exceeded { index, .. } | ReserveError::Full { index, .. }),
            ) => {
                *shadow = observed
                    .get(index)
                    .map(|planned| denial(planned.limit, error));
            }
            Err(ReserveError::Lost) => {}
        }
    }
    Ok(Settled {
        permit: Permit(()),
        calls: settled,
    })
}

/// Whether the charges of a call would fit, without making them.
///
/// # Errors
/// The first refusal.
pub fn peek(
    counters: &Counters,
    store: &mut dyn Store,
    now: Timestamp,
    planned: &[Planned<'_>],
) -> Result<(), Denial> {
    let enforced: Vec<&Planned<'_>> = planned.iter().filter(|planned| !planned.shadow).collect();
    let charges: Vec<Charge> = enforced.iter().map(|planned| planned.charge).collect();
    let error = match counters.table.peek(store, now, &charges) {
        Ok(()) => return Ok(()),
        Err(ReserveError::Lost) if counters.allow_on_store_error => return Ok(()),
        Err(error) => error,
    };
    let index = match error {
        ReserveError::Exceeded { index, .. } | ReserveError::Full { index, .. } => index,
        ReserveError::Lost => 0,
    };
    Err(enforced.get(index).map_or_else(
        || Denial::own(Own::Counters, COUNTERS_LOST),
        |planned| denial(planned.limit, error),
    ))
}

/// Leave to forward what no policy speaks of: MCP's housekeeping, streams, answers to servers. For the exchange alone.
pub(crate) fn permit_protocol() -> Permit {
    Permit(())
}

fn charged_to(planned: &Planned<'_>, receipt: Receipt) -> Charged {
    Charged {
        counter: planned.limit.counter.name.clone(),
        max: planned.charge.max,
        refund_on_tool_error: planned.limit.refund_on_tool_error,
        refund_on_unknown: planned.limit.refund_on_unknown,
        receipt,
    }
}

fn denial(limit: &Limit, error: ReserveError) -> Denial {
    let rule = Arc::clone(&limit.rule.pointer);
    match error {
        ReserveError::Exceeded { retry_after, .. } => {
            let reason = match (limit.authored, retry_after) {
                (true, _) => (*limit.rule.reason).to_owned(),
                (false, Some(seconds)) => {
                    format!("{} Try again in {seconds} seconds.", limit.rule.reason)
                }
                (false, None) => format!(
                    "{} This call asks for more than that at once.",
                    limit.rule.reason
                ),
            };
            Denial {
                rule,
                reason,
                retry_after,
                approval: None,
            }
        }
        ReserveError::Full { retry_after, .. } => {
            let reason = format!(
                "The gate has no room for another counter (rule {rule}). Try again in {retry_after} seconds."
            );
            Denial {
                rule,
                reason,
                retry_after: Some(retry_after),
                approval: None,
            }
        }
        ReserveError::Lost => {
            let reason =
                format!("The counters cannot be read, so the call was not made (rule {rule}).");
            Denial {
                rule,
                reason,
                retry_after: None,
                approval: None,
            }
        }
    }
}
