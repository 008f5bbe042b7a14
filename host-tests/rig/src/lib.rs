//! What integration tests and the demo need around the filter: a real Envoy, clients and servers on the wire, identities, a
//! stage for the console.
pub mod attacks;
pub mod demo;
pub mod envoy;
pub mod identity;
pub mod stage;
pub mod upstream;
pub mod wire;
