//! HTTP and gRPC calls the module makes to other clusters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::headers::Headers;

/// A call the module made and that has not been answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// The token the module got for it.
    pub token: u32,
    /// The root context the answer goes to.
    pub(crate) root: u32,
    /// The cluster it went to.
    pub cluster: String,
    /// What was sent.
    pub kind: CalloutKind,
    /// The timeout the module asked for; 0 means none for HTTP.
    pub timeout_millis: u32,
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalloutKind {
    /// `dispatch_http_call`
    Http {
        /// Request headers.
        headers: Headers,
        /// Request body.
        body: Vec<u8>,
        /// Request trailers.
        trailers: Headers,
    },
    /// `dispatch_grpc_call`
    Grpc {
        /// The service, such as `envoy.service.ratelimit.v3.RateLimitService`.
        service: String,
        /// The method.
        method: String,
        /// Initial metadata.
        metadata: Headers,
        /// The message, still protobuf.
        message: Vec<u8>,
    },
}

/// How a callout ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP response. `:status` belongs to the headers.
    Http {
        /// Response headers.
        headers: Headers,
        /// Response body.
        body: Vec<u8>,
        /// Response trailers.
        trailers: Headers,
    },
    /// A gRPC response message with status OK.
    Grpc(Vec<u8>),
    /// A gRPC error: status code and message.
    GrpcError(u32, String),
    /// The HTTP call failed (timeout, reset, no host): Envoy calls the module back with no headers at all.
    Failed,
}

/// Answers callouts while a VM runs; `None` leaves one open. It must not call the VM.
pub type Responder = Arc<dyn Fn(&Callout) -> Option<Answer> + Send + Sync>;

/// All callouts of one VM.
#[derive(Default)]
pub(crate) struct Callouts {
    pub next_token: u32,
    pub open: BTreeMap<u32, Callout>,
    /// The HTTP response the running callback may read.
    pub http: Option<(Headers, Vec<u8>, Headers)>,
    /// The gRPC message the running callback may read.
    pub grpc: Option<Vec<u8>>,
    /// What `get_status` says.
    pub status: (u32, String),
}

impl Callouts {
    pub fn open(
        &mut self,
        root: u32,
        cluster: String,
        kind: CalloutKind,
        timeout_millis: u32,
    ) -> u32 {
        self.next_token = self.next_token.wrapping_add(1);
        let token = self.next_token;
        let callout = Callout {
            token,
            root,
            cluster,
            kind,
            timeout_millis,
        };
        self.open.insert(token, callout);
        token
    }
}
