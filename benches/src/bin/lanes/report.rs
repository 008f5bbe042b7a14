//! What a run says: a table for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::cases::{NATIVE, ROUTER};
use super::measure::{Cell, Measured, Standing, median, quantile};

/// All of one run.
pub struct Report {
    pub machine: String,
    pub cases: Vec<Measured>,
    pub standing: Vec<Standing>,
}

/// A lane ÷ another, turn by turn: median and the middle half.
pub struct Ratio {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

/// Lane ÷ the named one in the same round.
pub fn ratio(case: &Measured, cell: &Cell, base: &str) -> Option<Ratio> {
    let base = case.cells.iter().find(|cell| cell.lane == base)?;
    let ratios: Vec<f64> = cell
        .turns
        .iter()
        .zip(&base.turns)
        .map(|(turn, base)| turn.cpu() / base.cpu())
        .collect();
    let at = |quarter| quantile(ratios.iter().copied(), quarter);
    Some(Ratio {
        median: at(2),
        low: at(1),
        high: at(3),
    })
}

impl Report {
    /// The tables, as Markdown.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.machine);
        for case in &self.cases {
            self.costs(case, &mut out);
        }
        for case in &self.cases {
            latencies(case, &mut out);
        }
        if !self.standing.is_empty() {
            let _infallible = writeln!(
                out,
                "\n| alone in an Envoy | resident, MiB | CPU s until ready |\n|---|---|---|"
            );
        }
        for lane in &self.standing {
            let mebibytes = lane.resident as f64 / f64::from(1 << 20);
            let _infallible = writeln!(
                out,
                "| {} | {mebibytes:.0} | {:.2} |",
                lane.lane, lane.start
            );
        }
        out
    }

    fn costs(&self, case: &Measured, out: &mut String) {
        let _infallible = writeln!(
            out,
            "\n| {} | Envoy, µs | other process, µs | sum, µs | ÷ router | ÷ native | middle half |\n|---|---|---|---|---|---|---|",
            case.case
        );
        for cell in &case.cells {
            let of =
                |part: fn(&super::measure::Turn) -> f64| median(cell.turns.iter().map(part)) * 1e6;
            let other = of(|turn| turn.other);
            let other = if other > 0.0 {
                format!("{other:.0}")
            } else {
                String::new()
            };
            let show = |ratio: Option<Ratio>| match ratio {
                Some(ratio) => (
                    format!("{:.2}", ratio.median),
                    format!("{:.2}–{:.2}", ratio.low, ratio.high),
                ),
                None => Default::default(),
            };
            let (router, around_router) = show(ratio(case, cell, ROUTER));
            let (native, around) = show(ratio(case, cell, NATIVE));
            let around = if around.is_empty() {
                around_router
            } else {
                around
            };
            let _infallible = writeln!(
                out,
                "| {} | {:.0} | {other} | {:.0} | {router} | {native} | {around} |",
                cell.lane,
                of(|turn| turn.envoy),
                of(|turn| turn.cpu()),
            );
        }
    }

    /// Everything, every turn of it.
    pub fn json(&self) -> Value {
        let cells = |case: &Measured| -> Vec<Value> {
            case.cells
                .iter()
                .map(|cell| {
                    let turns: Vec<Value> = cell
                        .turns
                        .iter()
                        .map(|turn| {
                            json!({
                                "envoy_cpu_us": micros(turn.envoy),
                                "other_cpu_us": micros(turn.other),
                                "wall_us": micros(turn.wall),
                            })
                        })
                        .collect();
                    let latencies: Vec<Value> = cell
                        .latencies
                        .iter()
                        .map(|latency| {
                            json!({
                                "percent_of_capacity": latency.percent,
                                "per_second": latency.per_second.round(),
                                "p50_us": micros(latency.p50),
                                "p99_us": micros(latency.p99),
                                "calls": latency.calls,
                            })
                        })
                        .collect();
                    let native = ratio(case, cell, NATIVE).map(|ratio| ratio.median);
                    let router = ratio(case, cell, ROUTER).map(|ratio| ratio.median);
                    json!({
                        "lane": cell.lane,
                        "to_native": native,
                        "to_router": router,
                        "turns": turns,
                        "latency": latencies,
                    })
                })
                .collect()
        };
        let cases: Vec<Value> = self
            .cases
            .iter()
            .map(|case| json!({"case": case.case, "lanes": cells(case)}))
            .collect();
        let standing: Vec<Value> = self
            .standing
            .iter()
            .map(|lane| json!({"lane": lane.lane, "resident_bytes": lane.resident, "start_cpu_s": lane.start}))
            .collect();
        json!({"machine": self.machine, "cases": cases, "alone": standing})
    }
}

/// Microseconds to a tenth.
fn micros(seconds: f64) -> f64 {
    (seconds * 1e7).round() / 10.0
}

fn latencies(case: &Measured, out: &mut String) {
    if case.cells.iter().all(|cell| cell.latencies.is_empty()) {
        return;
    }
    let _infallible = writeln!(
        out,
        "\n| {}: ms at a part of its own capacity | 25 %: calls/s | p50 | p99 | 50 %: calls/s | p50 | p99 | 75 %: calls/s | p50 | p99 |\n|---|---|---|---|---|---|---|---|---|---|",
        case.case
    );
    for cell in &case.cells {
        let _infallible = write!(out, "| {} |", cell.lane);
        for latency in &cell.latencies {
            let _infallible = write!(
                out,
                " {:.0} | {:.2} | {:.2} |",
                latency.per_second,
                latency.p50 * 1e3,
                latency.p99 * 1e3
            );
        }
        out.push('\n');
    }
}
