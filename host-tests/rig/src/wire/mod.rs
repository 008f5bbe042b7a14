//! Hostile requests and replies on a real wire: raw clients, a real Envoy with the gate, a recording upstream.
//!
//! ```text
//! corpus  →  client1 | client2  →  rig (Envoy + gate)  →  upstream | upstream2
//!    case, reply        outcome                                seen
//!                          └────────────→  judge  ←──────────────┘
//! ```
//! Cases are data under `corpus/`; [`corpus`] loads them, [`run`] replays them, [`judge`] decides. Other hosts of the gate can
//! replay the same cases through [`RequestCase::to_exchange`] and [`tool_denial`].

mod case;
mod client1;
mod client2;
pub mod corpus;
pub mod http1;
mod judge;
mod judge_reply;
mod refusal;
mod reply;
mod report;
mod rig;
pub mod run;
pub mod token;
mod upstream;
mod upstream2;

pub use case::{Exchange, Expect, Http, RequestCase, ordinary_headers};
pub use client1::{Answer, Outcome, Session, send as send_http1};
pub use client2::send as send_http2;
pub use judge::{Observed, Verdict, judge};
pub use judge_reply::judge_reply;
pub use refusal::tool_denial;
pub use reply::{ReplyCase, ReplyExpect};
pub use report::{Report, Row};
pub use rig::{DEFAULT_POLICY, Lane, Rig};
pub use upstream::{Framing, Mark, Reply, SENTINEL, Seen, Upstream};
pub use upstream2::Upstream2;
