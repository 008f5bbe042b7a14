//! The peers: the same twenty rules for cedar-policy and regorus, compiled beforehand, on the same bytes.
//!
//! Each gets what it is best at: Cedar `forbid … unless` policies on a context, Rego one rule body and a few partial
//! ones, without regular expressions. Neither counts anything, reads headers, or leaves a record; ours does.

use std::fmt::Write as _;
use std::sync::Arc;

use benches::input::{self, REQUIRED, RULES};
use benches::{Memory, TOOL, exchange, gate, headers};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet,
    Request,
};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{CompiledPolicy, Engine, Value};

/// Makes sure that all decide alike, before anybody measures what it costs.
pub fn agree() {
    let gate = gate(&input::policy(20, 20));
    let (cedar, mut regorus) = (Cedar::new(), Regorus::new());
    let calls = [input::call(300), input::call(65_536), input::refused_call()];
    for (body, expected) in calls.iter().zip([true, true, false]) {
        let ours = exchange(&gate, &mut Memory::default(), &headers(body.len()), body);
        let theirs = [
            cedar.permits(body),
            regorus.permits(body),
            regorus.permits_bytecode(body),
        ];
        assert_eq!((ours, theirs), (expected, [expected; 3]));
    }
}

/// cedar-policy.
pub struct Cedar {
    policies: PolicySet,
    entities: Entities,
    principal: EntityUid,
    resource: EntityUid,
    action: EntityTypeName,
}

impl Cedar {
    pub fn new() -> Self {
        let action = format!("action == Action::\"{TOOL}\"");
        let mut text = format!("permit(principal, {action}, resource);\n");
        for (index, (key, op, value)) in RULES.into_iter().enumerate() {
            let path = format!("context.{key}");
            let test = match op {
                "in" => format!("{value}.contains({path})"),
                "exists" => format!("context has {key}"),
                "gte" => format!("{path} >= {value}"),
                "lte" => format!("{path} <= {value}"),
                "gt" => format!("{path} > {value}"),
                "eq" => format!("{path} == {value}"),
                "prefix" => format!(
                    "{path} like {}",
                    value.replacen('"', "*\"", 2).replacen("*\"", "\"", 1)
                ),
                "suffix" => format!("{path} like {}", value.replacen('"', "\"*", 1)),
                "contains" => format!("{path} like \"*{}*\"", value.trim_matches('"')),
                other => panic!("no Cedar for `{other}`"),
            };
            let when = if index < REQUIRED { "unless" } else { "when" };
            let _infallible = writeln!(
                text,
                "forbid(principal, {action}, resource) {when} {{ {test} }};"
            );
        }
        Cedar {
            policies: text.parse().unwrap(),
            entities: Entities::empty(),
            principal: r#"Grant::"payments-bot""#.parse().unwrap(),
            resource: r#"Server::"tracker""#.parse().unwrap(),
            action: "Action".parse().unwrap(),
        }
    }

    /// Reads and decides one call.
    pub fn permits(&self, body: &[u8]) -> bool {
        let mut call: serde_json::Value = serde_json::from_slice(body).unwrap();
        let name = call["params"]["name"].as_str().unwrap_or_default();
        let action = EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(name));
        let arguments = call["params"]["arguments"].take();
        let context = Context::from_json_value(arguments, None).unwrap();
        let (principal, resource) = (self.principal.clone(), self.resource.clone());
        let request = Request::new(principal, action, resource, context, None).unwrap();
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &self.entities);
        answer.decision() == Decision::Allow
    }
}

/// regorus, interpreted and as bytecode.
pub struct Regorus {
    policy: CompiledPolicy,
    machine: RegoVM,
}

impl Regorus {
    pub fn new() -> Self {
        const ENTRY: &str = "data.toolgate.allow";
        let mut text = format!(
            "package toolgate\nimport rego.v1\n\ndefault allow := false\n\nallow if {{\n\tinput.params.name == \"{TOOL}\"\n\targs := input.params.arguments\n"
        );
        let test = |key: &str, op: &str, value: &str| {
            let path = format!("args.{key}");
            match op {
                "in" => format!("{path} in {}", value.replace('[', "{").replace(']', "}")),
                "exists" => path,
                "gte" => format!("{path} >= {value}"),
                "lte" => format!("{path} <= {value}"),
                "gt" => format!("{path} > {value}"),
                "eq" => format!("{path} == {value}"),
                "prefix" => format!("startswith({path}, {value})"),
                "suffix" => format!("endswith({path}, {value})"),
                "contains" => format!("contains({path}, {value})"),
                other => panic!("no Rego for `{other}`"),
            }
        };
        let (required, refused) = RULES.split_at(REQUIRED);
        for (key, op, value) in required {
            text.push_str(&format!("\t{}\n", test(key, op, value)));
        }
        text.push_str("\tnot deny\n}\n");
        for (key, op, value) in refused {
            let test = test(key, op, value);
            text.push_str(&format!(
                "\ndeny if {{\n\targs := input.params.arguments\n\t{test}\n}}\n"
            ));
        }
        let mut engine = Engine::new();
        engine.add_policy("toolgate.rego".to_owned(), text).unwrap();
        let policy = engine.compile_with_entrypoint(&ENTRY.into()).unwrap();
        let program = Compiler::compile_from_policy(&policy, &[ENTRY]).unwrap();
        let mut machine = RegoVM::new();
        machine.load_program(Arc::clone(&program));
        Regorus { policy, machine }
    }

    fn input(body: &[u8]) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    /// Reads and decides one call in the interpreter.
    pub fn permits(&mut self, body: &[u8]) -> bool {
        let answer = self.policy.eval_with_input(Self::input(body)).unwrap();
        answer == Value::from(true)
    }

    /// Reads and decides one call on regorus' virtual machine.
    pub fn permits_bytecode(&mut self, body: &[u8]) -> bool {
        self.machine.set_input(Self::input(body));
        self.machine.execute().unwrap() == Value::from(true)
    }
}
