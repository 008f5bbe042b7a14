//! Policy tests for a starting policy: each kind of decision once, with the server's own tools.

use std::fmt::Write as _;

use super::naming::can_be_named;
use super::risk::{Risk, assess};
use super::{Scan, ToolDefinition};
use crate::text::{json, yaml};

/// The tests as YAML, beside `policy.yaml`.
pub fn tests(scan: &Scan) -> String {
    let assessed = scan.tools.iter().map(|tool| (tool, assess(tool)));
    let assessed: Vec<_> = assessed
        .filter(|(tool, _)| can_be_named(&tool.name))
        .collect();
    let first = |wanted: &dyn Fn(Risk, bool) -> bool| {
        let found = assessed
            .iter()
            .find(|(_, verdict)| wanted(verdict.risk, verdict.caution.is_some()));
        found.map(|(tool, _)| *tool)
    };
    let allowed = first(&|risk, caution| risk == Risk::Read && !caution);
    let hidden = first(&|risk, _| risk == Risk::Destructive);
    let undecided =
        first(&|risk, caution| risk != Risk::Destructive && (risk != Risk::Read || caution));
    let unlisted = ["no_such_tool".to_owned()]
        .into_iter()
        .chain((2..).map(|number| format!("no_such_tool_{number}")))
        .find(|name| scan.tools.iter().all(|tool| tool.name != *name))
        .unwrap_or_default();

    let mut out = "# What policy.yaml must decide. Run by `toolgate test` in this directory; add a case for each rule you write.\n\
                   config: policy.yaml\ncases:\n"
        .to_owned();
    let mut case = |name: &str, tool: &str, expect: &str| {
        let _ = write!(
            out,
            "  - name: {name}\n    steps:\n      - {{call: {{tool: {}}}, expect: {expect}}}\n",
            yaml(tool)
        );
    };
    if let Some(tool) = allowed {
        case("what only reads is allowed", &tool.name, "allow");
    }
    if let Some(tool) = hidden {
        case("what destroys is denied", &tool.name, "deny, rule: /hide");
    }
    if let Some(tool) = undecided {
        case(
            "what nobody has decided on is denied",
            &tool.name,
            "deny, rule: /default",
        );
    }
    case(
        "a tool that is not in the policy is denied",
        &unlisted,
        "deny, rule: /default",
    );
    let names = |tools: &[&ToolDefinition]| {
        let names: Vec<_> = tools.iter().map(|tool| json(&tool.name)).collect();
        format!("[{}]", names.join(", "))
    };
    let all: Vec<_> = scan.tools.iter().collect();
    let visible: Vec<_> = assessed
        .iter()
        .filter(|(_, verdict)| verdict.risk == Risk::Read && verdict.caution.is_none())
        .map(|(tool, _)| *tool)
        .collect();
    let _ = write!(
        out,
        "  - name: an agent is shown what it may call, and nothing else\n    list: tools\n    given: {}\n    expect: {}\n",
        names(&all),
        names(&visible)
    );
    out
}
