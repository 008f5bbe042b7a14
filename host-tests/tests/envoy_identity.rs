//! Who calls, on a real Envoy: grants, verified JWTs, client certificates, headers of trusted filters; which server is
//! meant; the upstream's own secret; and that no credential is ever written down. The configurations are those of
//! `envoy/identity/` and `envoy/ecds/`.

#[path = "common/readme.rs"]
mod common_readme;
#[path = "envoy_identity/grants.rs"]
mod grants;
#[path = "envoy_identity/headers.rs"]
mod headers;
#[path = "envoy_identity/injector.rs"]
mod injector;
#[path = "envoy_identity/jwt.rs"]
mod jwt;
#[path = "envoy_identity/live.rs"]
mod live;
#[path = "envoy_identity/mtls.rs"]
mod mtls;
#[path = "envoy_identity/readme.rs"]
mod readme;
#[path = "envoy_identity/rerouted.rs"]
mod rerouted;
#[path = "envoy_identity/rig.rs"]
mod rig;
#[path = "envoy_identity/secrecy.rs"]
mod secrecy;
#[path = "envoy_identity/servers.rs"]
mod servers;
