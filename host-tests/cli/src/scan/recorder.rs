//! rmcp's HTTP client, with a copy of each list of tools as it came over the wire.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue, header};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Error as SseError, Sse, SseStream};

use super::lists::Messages;

/// Largest JSON reply that is read.
const MAX_REPLY: usize = 64 << 20;

type Error = StreamableHttpError<reqwest::Error>;
type Headers = HashMap<HeaderName, HeaderValue>;

/// A client that keeps the replies to `tools/list`.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    client: reqwest::Client,
    pub(super) lists: Messages,
}

impl Recorder {
    pub(super) fn new(client: reqwest::Client) -> Self {
        Self {
            client,
            lists: Messages::default(),
        }
    }

    async fn list(
        &self,
        uri: &str,
        message: &ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let mut request = self
            .client
            .post(uri)
            .header(header::ACCEPT, "text/event-stream, application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(session) = session {
            request = request.header("mcp-session-id", &*session);
        }
        let body = serde_json::to_vec(message)
            .map_err(|error| unexpected(format!("the request is not JSON: {error}")))?;
        let mut response = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await?;
        let status = response.status();
        if !status.is_success() {
            return Err(unexpected(format!("HTTP {status}")));
        }
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.map_or(&b""[..], HeaderValue::as_bytes).to_vec();
        if kind.starts_with(b"text/event-stream") {
            let recorder = self.clone();
            let events = SseStream::from_bytes_stream(response.bytes_stream());
            let events = events.inspect(move |event| {
                if let Ok(Sse {
                    data: Some(data), ..
                }) = event
                {
                    recorder.lists.keep(data);
                }
            });
            return Ok(StreamableHttpPostResponse::Sse(events.boxed(), None));
        }
        if !kind.starts_with(b"application/json") {
            let kind = String::from_utf8_lossy(&kind).into_owned();
            return Err(StreamableHttpError::UnexpectedContentType(Some(kind)));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_REPLY {
                return Err(unexpected(format!(
                    "a reply of more than {MAX_REPLY} bytes"
                )));
            }
        }
        let message = serde_json::from_slice(&body)
            .map_err(|error| unexpected(format!("the reply is not JSON-RPC: {error}")))?;
        self.lists.keep(&String::from_utf8_lossy(&body));
        Ok(StreamableHttpPostResponse::Json(message, None))
    }
}

fn unexpected(text: String) -> Error {
    StreamableHttpError::UnexpectedServerResponse(text.into())
}

fn lists_tools(message: &ClientJsonRpcMessage) -> bool {
    matches!(message, JsonRpcMessage::Request(request)
        if matches!(request.request, ClientRequest::ListToolsRequest(_)))
}

impl StreamableHttpClient for Recorder {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Error> {
        if lists_tools(&message) {
            return self.list(&uri, &message, session, headers).await;
        }
        self.client
            .post_message(uri, message, session, token, headers)
            .await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<(), Error> {
        self.client
            .delete_session(uri, session, token, headers)
            .await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Error> {
        self.client
            .get_stream(uri, session, last_event, token, headers)
            .await
    }
}
