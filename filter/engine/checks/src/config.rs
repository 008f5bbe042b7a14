//! Configurations: refused with reasons, or the same gate in every spelling.

use toolgate_engine::config::{Gate, canonical, struct_to_json};
use toolgate_engine::json::{Document, Limits};

use super::gate::judge;

/// Any bytes as a configuration.
pub fn configuration(data: &[u8]) {
    // Both forms in which hosts hand it over.
    let _text = struct_to_json(data);
    match Gate::from_bytes(data) {
        Err(errors) => assert!(!errors.0.is_empty(), "refused without a reason"),
        Ok(gate) => {
            // It judges whatever comes without falling over.
            for tool in ["echo", "pay", "*"] {
                let body = format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"amount":1e2,"a":[{{"b":null}}]}}}}}}"#
                );
                judge(&gate, &[], body.as_bytes(), body.len());
            }
            let Ok(document) = Document::parse(data, &Limits::CONFIG) else {
                return;
            };
            let spelled = canonical(document.root());
            let other =
                Document::parse(spelled.as_bytes(), &Limits::CONFIG).expect("canonical JSON");
            assert!(
                document.root().equals(&other.root()),
                "canonical JSON means something else"
            );
            assert_eq!(
                canonical(other.root()),
                spelled,
                "canonical JSON has two spellings"
            );
            match Gate::from_json(spelled.as_bytes(), false) {
                Ok(again) => assert_eq!(again.digest, gate.digest, "two digests for one policy"),
                Err(errors) => panic!("its canonical form is refused: {errors}\n{spelled}"),
            }
        }
    }
}
