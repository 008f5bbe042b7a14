//! The form of a scenario file, read strictly.

use std::path::Path;
use std::time::Duration;

use toolgate_cli::policytest::backend::Upstream;
use toolgate_cli::policytest::{Moment, duration, timestamp};
use toolgate_document::{Document, Field, Object, Position, Problem, ReadError, Reader};
use toolgate_engine::json::Kind;
use toolgate_host::{Ending, Headers, Message};

use crate::expectation;

/// A configuration and the exchanges it sees.
pub struct Scenario {
    document: Document,
    config: String,
    pub steps: Vec<Step>,
}

/// One exchange.
pub struct Step {
    pub name: String,
    /// Of the step, and of its `expect` where there is one.
    start: Position,
    expect_at: Option<Position>,
    pub fresh: bool,
    pub at: Option<Moment>,
    pub store_down: bool,
    pub request: Message,
    pub upstream: Upstream,
    pub respond_at: Option<Moment>,
    /// Done before the request, to the store.
    pub before: Vec<Act>,
    /// Done while the request is held, one after the other, each followed by a look at what is held.
    pub meanwhile: Vec<Act>,
    pub expect: Option<serde_json::Value>,
}

/// What people, clients and time do.
#[derive(Clone, Debug)]
pub enum Act {
    /// The one open question is answered: yes or no, and why.
    Decide(bool, String),
    Stop(String),
    Resume,
    Revoke(String),
    After(Duration),
    Disconnect,
    /// Another configuration.
    Update(String),
}

impl Scenario {
    /// Reads a file; everything that is wrong with it, as text.
    pub fn read(path: &Path) -> Result<Scenario, String> {
        let document = Document::read(path).map_err(|error| match error {
            ReadError::Io(error) => error.to_string(),
            ReadError::Malformed { source, problem } => {
                let position = problem.position.unwrap_or(Position::START);
                let excerpt = source.excerpt(position).unwrap_or_default();
                format!("{position}: {}\n{excerpt}\n", problem.sentence())
            }
        })?;
        let mut reader = Reader::default();
        let read = read(&document, &mut reader);
        let say = |problem: &Problem| {
            let position = document.place(problem);
            let excerpt = document.source().excerpt(position).unwrap_or_default();
            format!(
                "{position}: {}: {}\n{excerpt}\n",
                problem.pointer,
                problem.sentence()
            )
        };
        match read {
            Some((config, steps)) if reader.problems.is_empty() => Ok(Scenario {
                document,
                config,
                steps,
            }),
            _ => Err(reader.problems.iter().map(say).collect()),
        }
    }

    /// The configuration as JSON.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// The file with other expectations.
    pub fn rewrite(&self, expectations: Vec<(&Step, serde_json::Value)>) -> String {
        let text = self.document.source().text();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (step, expect) in expectations.into_iter().rev() {
            let indent = step.expect_at.unwrap_or(step.start).column - 1;
            let blank =
                |line: &String| line.trim().is_empty() || line.trim_start().starts_with('#');
            let depth = |line: &String| line.len() - line.trim_start().len();
            let from = step.expect_at.map_or(step.start.line, |at| at.line - 1);
            let inside = |line: &&String| match step.expect_at {
                Some(_) => blank(line) || depth(line) > indent,
                None => blank(line) || depth(line) >= indent,
            };
            let first = from + usize::from(step.expect_at.is_some());
            let mut to = first + lines.iter().skip(first).take_while(inside).count();
            while to > first && lines.get(to - 1).is_some_and(blank) {
                to -= 1;
            }
            let from = step.expect_at.map_or(to, |_| from);
            let pad = " ".repeat(indent);
            let mut block = vec![format!("{pad}expect:")];
            let yaml = expectation::yaml(&expect);
            block.extend(yaml.lines().map(|line| format!("{pad}  {line}")));
            lines.splice(from..to, block);
        }
        lines.join("\n") + "\n"
    }
}

fn read(document: &Document, reader: &mut Reader) -> Option<(String, Vec<Step>)> {
    let mut top = reader.object(Field::root(document.root()))?;
    let about = top.need(reader, "about")?;
    reader.text(&about)?;
    let config = top.need(reader, "config")?.value.raw().to_owned();
    let steps = top.need(reader, "steps")?;
    top.finish(reader);
    let steps = reader.list(&steps);
    let steps = steps
        .into_iter()
        .filter_map(|field| step(document, reader, field))
        .collect();
    Some((config, steps))
}

fn step(document: &Document, reader: &mut Reader, field: Field<'_>) -> Option<Step> {
    let pointer = field.at.clone();
    let start = document.position(field.value);
    let mut step = reader.object(field)?;
    let name = step.need(reader, "name")?;
    let name = reader.text(&name)?;
    let fresh = step.take("fresh").and_then(|field| reader.boolean(&field));
    let mut moment = |reader: &mut Reader, key| {
        let field = step.take(key)?;
        let text = reader.text(&field)?;
        let moment = duration(&text)
            .map(Moment::After)
            .or_else(|| timestamp(&text).map(Moment::At));
        if moment.is_none() {
            reader.expected(&field, "a duration such as `+1d`, or a time");
        }
        moment
    };
    let (at, respond_at) = (moment(reader, "at"), moment(reader, "respond_at"));
    let store = step.take("store");
    let store_down = store.and_then(|field| reader.choice(&field, &[("down", true)]));
    let request = step.need(reader, "request")?;
    let request = request_of(reader, request)?;
    let upstream = step.take("upstream");
    let upstream = upstream.map_or(Some(Upstream::Nothing), |field| upstream_of(reader, field))?;
    let mut acts = |reader: &mut Reader, key| {
        let field = step.take(key)?;
        let acts = reader.list(&field);
        acts.into_iter().map(|field| act(reader, field)).collect()
    };
    let before: Option<Vec<Act>> = acts(reader, "before");
    let meanwhile: Option<Vec<Act>> = acts(reader, "meanwhile");
    let expect = step.take("expect");
    step.finish(reader);
    let expect_at = expect
        .as_ref()
        .and_then(|_| document.locate(&format!("{pointer}/expect")).key);
    Some(Step {
        name,
        start,
        expect_at,
        fresh: fresh.unwrap_or(false),
        at,
        store_down: store_down.unwrap_or(false),
        request,
        upstream,
        respond_at,
        before: before.unwrap_or_default(),
        meanwhile: meanwhile.unwrap_or_default(),
        expect: expect.and_then(|field| serde_json::from_str(field.value.raw()).ok()),
    })
}

fn act(reader: &mut Reader, field: Field<'_>) -> Option<Act> {
    if field.value.kind() == Kind::Object {
        let mut object = reader.object(field)?;
        let config = object.need(reader, "update")?;
        object.finish(reader);
        return Some(Act::Update(config.value.raw().to_owned()));
    }
    let text = reader.text(&field)?;
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let rest = rest.to_owned();
    let act = match word {
        "approve" => Act::Decide(true, rest),
        "reject" => Act::Decide(false, rest),
        "stop" => Act::Stop(rest),
        "resume" => Act::Resume,
        "revoke" => Act::Revoke(rest),
        "disconnect" => Act::Disconnect,
        _ => match duration(&text) {
            Some(nanos) => Act::After(Duration::from_nanos(nanos)),
            None => {
                reader.expected(&field, "approve, reject, stop, resume, revoke, disconnect, a duration such as `+10s`, or `{update: {…}}`");
                return None;
            }
        },
    };
    Some(act)
}

fn request_of(reader: &mut Reader, field: Field<'_>) -> Option<Message> {
    if let Some(body) = field.value.as_str() {
        return Some(Message::post("/mcp", &*body));
    }
    let mut request = reader.object(field)?;
    let mut text = |reader: &mut Reader, key| {
        let field = request.take(key)?;
        reader.text(&field)
    };
    let method = text(reader, "method").unwrap_or_else(|| "POST".to_owned());
    let path = text(reader, "path").unwrap_or_else(|| "/mcp".to_owned());
    let mut message = Message::request(&method, &path);
    let chunks = body(reader, &mut request);
    let length: usize = chunks.iter().map(Vec::len).sum();
    if method == "POST" {
        message = message.header("content-type", "application/json");
    }
    if !chunks.is_empty() {
        message = message.header("content-length", length.to_string());
    }
    message.chunks = chunks;
    finish(reader, request, message)
}

fn upstream_of(reader: &mut Reader, field: Field<'_>) -> Option<Upstream> {
    let reply = |message| Some(Upstream::Reply(Box::new(message)));
    if let Some(text) = field.value.as_str() {
        return match &*text {
            "timeout" => Some(Upstream::Timeout),
            "reset" => Some(Upstream::Reset),
            "not_sent" => Some(Upstream::NotSent),
            "nothing" => Some(Upstream::Nothing),
            body if body.starts_with(['{', '[']) => {
                reply(Message::response(200, "application/json", body))
            }
            _ => {
                reader.expected(
                    &field,
                    "`timeout`, `reset`, `not_sent`, `nothing`, or a reply",
                );
                None
            }
        };
    }
    let mut object = reader.object(field)?;
    let status = object
        .take("status")
        .map_or(Some(200), |field| reader.integer(&field, 100, 599))?;
    let events = object.take("events");
    let mut message = match &events {
        Some(field) => {
            let chunks = reader.list(field);
            let chunks: Vec<String> = chunks.iter().filter_map(|it| reader.text(it)).collect();
            Message::events(chunks)
        }
        None => {
            let chunks = body(reader, &mut object);
            let length: usize = chunks.iter().map(Vec::len).sum();
            let mut message = Message::default().header(":status", "200");
            if !chunks.is_empty() {
                message = message.header("content-type", "application/json");
            }
            message = message.header("content-length", length.to_string());
            message.chunks = chunks;
            message
        }
    };
    message.headers.set(":status", status.to_string());
    finish(reader, object, message).and_then(reply)
}

/// `body`, `body_hex` or `chunks`.
fn body(reader: &mut Reader, object: &mut Object<'_>) -> Vec<Vec<u8>> {
    let (body, hex, chunks) = (
        object.take("body"),
        object.take("body_hex"),
        object.take("chunks"),
    );
    let mut all = Vec::new();
    if let Some(field) = body {
        all.extend(reader.text(&field).map(String::into_bytes));
    }
    if let Some(field) = hex {
        let digits: String = reader.text(&field).unwrap_or_default();
        let digits: Vec<char> = digits
            .chars()
            .filter(|char| !char.is_whitespace())
            .collect();
        let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).ok();
        match digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>() {
            Some(bytes) => all.push(bytes),
            None => reader.expected(&field, "pairs of hexadecimal digits"),
        }
    }
    if let Some(field) = chunks {
        let chunks = reader.list(&field);
        let texts = chunks.iter().filter_map(|chunk| reader.text(chunk));
        all.extend(texts.map(String::into_bytes));
    }
    all.retain(|chunk| !chunk.is_empty());
    all
}

/// What requests and replies have in common.
fn finish(reader: &mut Reader, mut object: Object<'_>, mut message: Message) -> Option<Message> {
    if let Some(field) = object.take("headers") {
        for (name, field) in reader.map(&field) {
            match field.value.kind() {
                Kind::Null => message.headers.remove(&name),
                Kind::Array => {
                    message.headers.remove(&name);
                    for value in reader.list(&field) {
                        let value = reader.text(&value)?;
                        message.headers.push(&name, value);
                    }
                }
                _ => message.headers.set(&name, reader.text(&field)?),
            }
        }
    }
    if let Some(field) = object.take("trailers") {
        let mut trailers = Headers::new();
        for (name, field) in reader.map(&field) {
            trailers.push(&name, reader.text(&field)?);
        }
        message.trailers = Some(trailers);
    }
    if let Some(field) = object.take("ending") {
        let words = [("empty_data", Ending::EmptyData), ("reset", Ending::Reset)];
        message.ending = reader.choice(&field, &words)?;
    }
    object.finish(reader);
    Some(message)
}
