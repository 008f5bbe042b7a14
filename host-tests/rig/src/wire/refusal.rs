//! The forms that a refusal may take.
//!
//! They are narrow because real clients are: any other shape makes some client hang, or ends its session.

use serde_json::Value;

use super::client1::{Answer, preview};
use super::http1;
use super::token;

/// A denial that every client takes: HTTP 200, the raw id, `isError`, one text.
pub fn tool_denial(request: &[u8], answer: &Answer) -> Result<(), String> {
    if answer.status != 200 {
        return Err("a denial must be HTTP 200".to_owned());
    }
    let kind = http1::field(&answer.headers, "content-type").unwrap_or_default();
    if kind.split(';').next().unwrap_or("").trim() != "application/json" {
        return Err(format!("a denial of type `{kind}`"));
    }
    let Some(batch) = token::elements(&answer.body) else {
        let asked = token::ids(request);
        return one_denial(&answer.body, asked.first().map(Vec::as_slice));
    };
    // A batch: every id answered, at least one of them as a denial, none as a success.
    // A client's own answers in the batch are owed none.
    let calls = token::elements(request)
        .unwrap_or_default()
        .into_iter()
        .filter(|one| token::member(one, "method").is_some());
    let mut asked: Vec<_> = calls.flat_map(token::ids).collect();
    let mut answered = token::ids(&answer.body);
    asked.sort();
    answered.sort();
    if asked != answered {
        return Err("the answer does not cover the ids of the batch".to_owned());
    }
    let mut denials = 0;
    for element in batch {
        if token::member(element, "error").is_none() {
            one_denial(element, token::member(element, "id"))?;
            denials += 1;
        }
    }
    if denials == 0 {
        Err("no call in the batch was denied".to_owned())
    } else {
        Ok(())
    }
}

fn one_denial(body: &[u8], id: Option<&[u8]>) -> Result<(), String> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| format!("a denial that is not JSON: {error}"))?;
    let given = token::member(body, "id");
    if id.is_none() || given != id {
        let text = |id: Option<&[u8]>| id.map_or("none".to_owned(), preview);
        return Err(format!(
            "the id came back as {} for {}",
            text(given),
            text(id)
        ));
    }
    let result = &value["result"];
    let texts = result["content"].as_array().map_or(0, Vec::len);
    let checks = [
        (value["jsonrpc"] == "2.0", "jsonrpc"),
        (value.get("error").is_none(), "an error beside the result"),
        (result["isError"] == true, "not isError"),
        (result["resultType"] == "complete", "resultType"),
        (
            result.get("structuredContent").is_none(),
            "structuredContent",
        ),
        (
            texts == 1 && result["content"][0]["type"] == "text",
            "not exactly one text",
        ),
        (
            result["content"][0]["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "no text",
        ),
        (
            result["_meta"]["toolgate/denial"]["rule"].is_string(),
            "no rule",
        ),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(format!("a denial with a wrong shape ({what})")),
        None => Ok(()),
    }
}

/// A refusal by HTTP status, by JSON-RPC error, or 202 for a notification that was dropped.
pub(super) fn rejection(answer: &Answer) -> Result<(), String> {
    if answer.status >= 400 || answer.status == 202 {
        return Ok(());
    }
    let messages = token::elements(&answer.body).unwrap_or_else(|| vec![&answer.body]);
    let refused = |message: &&[u8]| {
        token::member(message, "error").is_some() && token::member(message, "result").is_none()
    };
    if answer.status == 200 && !messages.is_empty() && messages.iter().all(refused) {
        return Ok(());
    }
    Err("neither an HTTP error nor a JSON-RPC error".to_owned())
}
