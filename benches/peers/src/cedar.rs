//! cedar-policy: `forbid … unless` and `forbid … when` on a context.

use std::fmt::Write as _;

use benches::TOOL;
use benches::input::{REQUIRED, RULES};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet,
    Request,
};
use serde_json::Value;

pub struct Cedar {
    policies: PolicySet,
    entities: Entities,
    principal: EntityUid,
    resource: EntityUid,
    action: EntityTypeName,
}

impl Cedar {
    pub fn new() -> Self {
        Cedar {
            policies: policies(&format!("Action::\"{TOOL}\""), "context")
                .parse()
                .unwrap(),
            entities: Entities::empty(),
            principal: r#"Grant::"payments-bot""#.parse().unwrap(),
            resource: r#"Server::"tracker""#.parse().unwrap(),
            action: "Action".parse().unwrap(),
        }
    }

    /// Decides one call.
    pub fn permits(&self, call: Value) -> bool {
        self.decide(Self::parsed(call))
    }

    /// What a call is for Cedar: a name and a context.
    pub fn parsed(mut call: Value) -> (String, Context) {
        let name = call["params"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let arguments = call["params"]["arguments"].take();
        (name, Context::from_json_value(arguments, None).unwrap())
    }

    /// Decides what was read before.
    pub fn decide(&self, (name, context): (String, Context)) -> bool {
        let action = EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(name));
        let (principal, resource) = (self.principal.clone(), self.resource.clone());
        let request = Request::new(principal, action, resource, context, None).unwrap();
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &self.entities);
        answer.decision() == Decision::Allow
    }
}

/// The rules in Cedar's language, which dogwood speaks too.
pub fn policies(action: &str, context: &str) -> String {
    let mut text = format!("permit(principal, action == {action}, resource);\n");
    for (index, (key, op, value)) in RULES.into_iter().enumerate() {
        let path = format!("{context}.{key}");
        let plain = value.trim_matches('"');
        let test = match op {
            "in" => format!("{value}.contains({path})"),
            "exists" => format!("{context} has {key}"),
            "gte" => format!("{path} >= {value}"),
            "lte" => format!("{path} <= {value}"),
            "gt" => format!("{path} > {value}"),
            "eq" => format!("{path} == {value}"),
            "prefix" => format!("{path} like \"{plain}*\""),
            "suffix" => format!("{path} like \"*{plain}\""),
            "contains" => format!("{path} like \"*{plain}*\""),
            other => panic!("no Cedar for `{other}`"),
        };
        let when = if index < REQUIRED { "unless" } else { "when" };
        let _infallible = writeln!(
            text,
            "forbid(principal, action == {action}, resource) {when} {{ {test} }};"
        );
    }
    text
}
