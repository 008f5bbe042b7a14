//! An HTTP/2 client with prior knowledge: chosen DATA frames, empty ones included, trailers, lengths that lie.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::case::RequestCase;
use super::client1::{Answer, Outcome, PATIENCE};
use super::http1::Fields;

/// Sends a case on a connection of its own and reads the answer.
pub fn send(port: u16, case: &RequestCase) -> Result<Outcome> {
    let request = match build(case) {
        Ok(request) => request,
        Err(why) => return Ok(Outcome::NotSent(why)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match timeout(PATIENCE, exchange(port, case, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Ok(Outcome::Hung("no answer".to_owned())),
        }
    })
}

fn build(case: &RequestCase) -> Result<Request<()>, String> {
    if case.http1_only() {
        return Err("only HTTP/1.1 has these bytes".to_owned());
    }
    let authority = case.http.authority.as_deref().unwrap_or("wire.test");
    let mut request = Request::builder()
        .method(case.method())
        .uri(format!("http://{authority}{}", case.path()))
        .version(http::Version::HTTP_2)
        .body(())
        .map_err(|error| format!("not representable: {error}"))?;
    *request.headers_mut() = header_map(&case.fields())?;
    let sends_length =
        case.http.version.is_none() && case.http.framing.is_none() && !case.body().is_empty();
    if sends_length && !request.headers().contains_key("content-length") {
        request
            .headers_mut()
            .insert("content-length", HeaderValue::from(case.body().len()));
    }
    Ok(request)
}

fn header_map(fields: &[(Vec<u8>, Vec<u8>)]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name)
            .map_err(|_| "not representable: a header name".to_owned())?;
        let value = HeaderValue::from_bytes(value.trim_ascii())
            .map_err(|_| "not representable: a header value".to_owned())?;
        map.append(name, value);
    }
    Ok(map)
}

async fn exchange(port: u16, case: &RequestCase, request: Request<()>) -> Result<Outcome> {
    let socket = TcpStream::connect(("127.0.0.1", port)).await?;
    socket.set_nodelay(true)?;
    let (mut client, connection) = h2::client::handshake(socket).await?;
    let driver = tokio::spawn(connection);
    let trailers: Vec<_> = case
        .http
        .trailers
        .iter()
        .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()))
        .collect();
    let trailers = match header_map(&trailers) {
        Ok(map) => map,
        Err(why) => return Ok(Outcome::NotSent(why)),
    };
    let pieces = if case.body().is_empty() && case.http.data_frames.is_none() {
        Vec::new()
    } else {
        case.pieces()
    };
    let (response, mut body) =
        match client.send_request(request, pieces.is_empty() && trailers.is_empty()) {
            Ok(streams) => streams,
            Err(error) => return Ok(Outcome::NotSent(format!("not representable: {error}"))),
        };
    let count = pieces.len();
    let keep = case.http.abort_after.unwrap_or(usize::MAX);
    let mut sent = 0;
    for (index, piece) in pieces.into_iter().enumerate() {
        let cut = piece.len().min(keep - sent);
        sent += cut;
        let last = index + 1 == count && trailers.is_empty() && keep == usize::MAX;
        if body
            .send_data(Bytes::from(piece).slice(..cut), last)
            .is_err()
        {
            break;
        }
        if keep == sent {
            tokio::time::sleep(Duration::from_millis(30)).await;
            body.send_reset(h2::Reason::CANCEL);
            tokio::time::sleep(Duration::from_millis(30)).await;
            return Ok(Outcome::Aborted);
        }
        // Let each frame leave on its own, so that the proxy sees it on its own.
        tokio::task::yield_now().await;
    }
    if !trailers.is_empty() {
        let _ = body.send_trailers(trailers);
    }
    let outcome = read(response).await;
    driver.abort();
    Ok(outcome)
}

async fn read(response: h2::client::ResponseFuture) -> Outcome {
    let response = match response.await {
        Ok(response) => response,
        Err(error) => return Outcome::Cut(Vec::new(), format!("stream reset: {error}")),
    };
    let mut answer = Answer {
        status: response.status().as_u16(),
        headers: fields(response.headers()),
        ..Answer::default()
    };
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                let _ = body.flow_control().release_capacity(data.len());
                if !data.is_empty() {
                    answer.first.get_or_insert_with(Instant::now);
                    answer.last = Some(Instant::now());
                }
                answer.body.extend(&data);
            }
            // A proxy that answered early may reset the rest of the upload (RFC 9113, section 8.1).
            Err(error) if error.reason() == Some(h2::Reason::NO_ERROR) => break,
            Err(error) => return Outcome::Cut(vec![answer], format!("stream reset: {error}")),
        }
    }
    match body.trailers().await {
        Ok(trailers) => answer.trailers = trailers.as_ref().map(fields).unwrap_or_default(),
        Err(error) if error.reason() == Some(h2::Reason::NO_ERROR) => {}
        Err(error) => return Outcome::Cut(vec![answer], format!("stream reset: {error}")),
    }
    Outcome::Answered(vec![answer])
}

fn fields(map: &HeaderMap) -> Fields {
    map.iter()
        .map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect()
}
