//! What there is to start from without a server.

/// The policy of the quickstart example.
pub const POLICY: &str = include_str!("../../../../examples/quickstart/policy.json");

/// Tests for it.
pub const TESTS: &str = include_str!("../../../../examples/quickstart/tests.yaml");
