//! The chart of the README: CPU of a call in each lane, with what another process spends in another shade.

use std::fmt::Write as _;

use super::measure::{Measured, median};

/// Cases in the chart, by name.
const CASES: [&str; 2] = ["call of 300 B", "call of 64 KiB"];
const WIDTH: f64 = 760.0;
const LABELS: f64 = 250.0;
const ROW: f64 = 26.0;
const BAR: f64 = 16.0;

/// The picture. Colours hold on white and on black.
pub fn svg(cases: &[Measured], machine: &str) -> String {
    let shown: Vec<&Measured> = CASES
        .iter()
        .filter_map(|name| cases.iter().find(|case| case.case == *name))
        .collect();
    let mut body = String::new();
    let mut y = 24.0;
    for case in shown {
        y = chart(case, y, &mut body);
    }
    let _infallible = writeln!(
        body,
        r##"<text x="0" y="{:.0}" font-size="11">{}</text>"##,
        y + 4.0,
        escape(machine)
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH:.0}\" height=\"{:.0}\" viewBox=\"0 0 {WIDTH:.0} {:.0}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#808890\" role=\"img\" \
         aria-label=\"CPU time of one call for each way to check it\">\n{body}</svg>\n",
        y + 14.0,
        y + 14.0
    )
}

fn chart(case: &Measured, top: f64, out: &mut String) -> f64 {
    let costs: Vec<(&str, f64, f64)> = case
        .cells
        .iter()
        .map(|cell| {
            let of =
                |part: fn(&super::measure::Turn) -> f64| median(cell.turns.iter().map(part)) * 1e6;
            (
                cell.lane.as_str(),
                of(|turn| turn.envoy),
                of(|turn| turn.other),
            )
        })
        .collect();
    let longest = costs.iter().map(|(_, envoy, other)| envoy + other);
    let longest = longest.fold(1.0, f64::max);
    let scale = (WIDTH - LABELS - 60.0) / longest;
    let _infallible = writeln!(
        out,
        r##"<text x="0" y="{top:.0}" font-weight="bold">{}: CPU of Envoy, and of the process it asks, µs</text>"##,
        escape(&case.case)
    );
    let mut y = top + 12.0;
    for (lane, envoy, other) in costs {
        let ours = lane.starts_with("gate");
        let colour = if ours { "#2f81f7" } else { "#8b949e" };
        let (first, second) = (envoy * scale, other * scale);
        let text = y + BAR - 3.0;
        let _infallible = writeln!(
            out,
            "<text x=\"{:.0}\" y=\"{text:.0}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABELS:.0}\" y=\"{y:.0}\" width=\"{first:.1}\" height=\"{BAR:.0}\" fill=\"{colour}\"/>\
             <rect x=\"{:.1}\" y=\"{y:.0}\" width=\"{second:.1}\" height=\"{BAR:.0}\" fill=\"#d29922\"/>\
             <text x=\"{:.1}\" y=\"{text:.0}\">{:.0}</text>",
            LABELS - 8.0,
            escape(lane),
            LABELS + first,
            LABELS + first + second + 6.0,
            envoy + other
        );
        y += ROW;
    }
    y + 22.0
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
