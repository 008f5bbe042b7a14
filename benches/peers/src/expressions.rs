//! The same rules without a policy engine: one CEL expression, and Rust's `if` on what serde_json read.

use benches::TOOL;
use benches::input::{REQUIRED, RULES};
use cel::{Context, Program};
use serde_json::Value;

/// CEL: all rules in one expression, the tool's name first.
pub struct Cel(Program);

impl Cel {
    pub fn new() -> Self {
        let mut tests = vec![format!("call.params.name == '{TOOL}'")];
        for (index, (key, op, value)) in RULES.into_iter().enumerate() {
            let path = format!("call.params.arguments.{key}");
            let test = match op {
                "in" => format!("{path} in {value}"),
                "exists" => format!("has({path})"),
                "gte" => format!("{path} >= {value}"),
                "lte" => format!("{path} <= {value}"),
                "gt" => format!("{path} > {value}"),
                "eq" => format!("{path} == {value}"),
                "prefix" => format!("{path}.startsWith({value})"),
                "suffix" => format!("{path}.endsWith({value})"),
                "contains" => format!("{path}.contains({value})"),
                other => panic!("no CEL for `{other}`"),
            };
            tests.push(if index < REQUIRED {
                test
            } else {
                format!("!({test})")
            });
        }
        Cel(Program::compile(&tests.join(" && ")).unwrap())
    }

    /// What a call is for CEL.
    pub fn parsed(call: &Value) -> cel::Value {
        cel::to_value(call).unwrap()
    }

    pub fn permits(&self, call: cel::Value) -> bool {
        let mut context = Context::default();
        context.add_variable_from_value("call", call);
        self.0.execute(&context).unwrap() == cel::Value::Bool(true)
    }
}

/// What somebody would write by hand: no policy, so nothing to interpret.
pub fn by_hand(call: &Value) -> bool {
    let params = &call["params"];
    if params["name"] != TOOL {
        return false;
    }
    let arguments = &params["arguments"];
    let text = |key: &str| arguments[key].as_str().unwrap_or_default();
    let number = |key: &str| arguments[key].as_f64().unwrap_or(f64::NAN);
    ["acme", "acme-labs"].contains(&text("owner"))
        && ["widgets", "gadgets", "gizmos"].contains(&text("repo"))
        && !arguments["title"].is_null()
        && number("priority") >= 1.0
        && number("priority") <= 5.0
        && number("estimate") >= 0.0
        && number("estimate") <= 40.0
        && text("team") == "platform"
        && text("assignee").starts_with("eng-")
        && text("due").starts_with("2026-")
        && arguments["draft"] == false
        && ["q1", "q2", "q3", "q4"].contains(&text("milestone"))
        && text("owner") != "evil-corp"
        && !text("repo").starts_with("secret-")
        && !text("title").contains("password")
        && text("team") != "finance"
        && !text("assignee").ends_with("-bot")
        && number("priority") != 0.0
        && number("estimate") <= 100.0
        && text("milestone") != "frozen"
}
