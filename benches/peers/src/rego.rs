//! regorus, interpreted and as bytecode: one rule body and a few partial rules, without regular expressions.

use std::sync::Arc;

use benches::TOOL;
use benches::input::{REQUIRED, RULES};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{CompiledPolicy, Engine, Value};

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

    /// Reads a call.
    pub fn parsed(body: &[u8]) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    /// Decides one call in the interpreter.
    pub fn permits(&mut self, call: Value) -> bool {
        let answer = self.policy.eval_with_input(call).unwrap();
        answer == Value::from(true)
    }

    /// Decides one call on regorus' virtual machine.
    pub fn permits_bytecode(&mut self, call: Value) -> bool {
        self.machine.set_input(call);
        self.machine.execute().unwrap() == Value::from(true)
    }
}
