//! `toolgate schema`: the configuration as a JSON Schema.

use super::Outcome;

/// Writes the schema.
pub fn run() -> Outcome {
    Outcome {
        output: format!("{:#}\n", toolgate_engine::config::keys::schema()),
        errors: String::new(),
        code: 0,
    }
}
