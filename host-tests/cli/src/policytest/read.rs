//! Test files, strictly: a field nobody knows would be a check nobody makes.

use std::path::{Path, PathBuf};

use toolgate_engine::config::Gate;
use toolgate_engine::json::Kind as JsonKind;

use super::case::{
    Ask, Caller, Case, Given, Kind, ListCase, ListKind, Moment, Protocol, Step, TestFile,
    UpstreamKind, Wanted, What,
};
use super::clock::{duration, timestamp};
use super::identity::Credentials;
use super::mcp;
use super::verdict::Verdict;
use toolgate_document::{Document, Field, Object, Problem, ReadError, Reader, Source, nearest};
use toolgate_host::{Message, START_NANOS};

/// Why a test file cannot be run.
#[derive(Debug)]
pub enum LoadError {
    /// A file cannot be read.
    Io(PathBuf, std::io::Error),
    /// A file is not what it should be.
    Wrong {
        /// The file, for excerpts.
        source: Source,
        /// What is wrong; every problem has its position.
        problems: Vec<Problem>,
    },
}

const UPSTREAM: [(&str, UpstreamKind); 8] = [
    ("ok", UpstreamKind::Ok),
    ("rpc_error", UpstreamKind::RpcError),
    ("tool_error", UpstreamKind::ToolError),
    ("http_5xx", UpstreamKind::Http5xx),
    ("timeout", UpstreamKind::Timeout),
    ("reset", UpstreamKind::Reset),
    ("not_sent", UpstreamKind::NotSent),
    ("none", UpstreamKind::None),
];

const LISTS: [(&str, ListKind); 4] = [
    ("tools", ListKind::Tools),
    ("prompts", ListKind::Prompts),
    ("resources", ListKind::Resources),
    ("templates", ListKind::Templates),
];

impl TestFile {
    /// Reads a test file and the configuration it names.
    ///
    /// # Errors
    /// When either cannot be read or is not what it should be; all problems of a file at once.
    pub fn read(path: &Path) -> Result<TestFile, LoadError> {
        let document = load(path)?;
        let mut reader = Reader::default();
        let credentials = configuration(&document, path, &mut reader)?;
        let file = Loader {
            document: &document,
            credentials: credentials.as_ref(),
        }
        .file(&mut reader);
        let (Some(cases), Some(credentials), true) =
            (file, credentials, reader.problems.is_empty())
        else {
            return Err(wrong(&document, reader.problems));
        };
        Ok(TestFile {
            path: path.to_owned(),
            credentials,
            cases,
        })
    }
}

/// Reads the configuration a test file names, if it names one.
fn configuration(
    document: &Document,
    path: &Path,
    reader: &mut Reader,
) -> Result<Option<Credentials>, LoadError> {
    let named = document.root().get("config");
    let Some(name) = named.as_ref().and_then(|config| config.as_str()) else {
        if let Some(value) = named {
            let field = Field {
                value,
                at: "/config".to_owned(),
            };
            reader.expected(&field, "the path of a policy, from this file's directory");
        }
        return Ok(None);
    };
    let config = load(&path.parent().unwrap_or(Path::new("")).join(&*name))?;
    match Gate::from_json(config.json().as_bytes(), false) {
        Ok(_) => Ok(Some(Credentials::of(&config))),
        Err(errors) => {
            let problems = errors.0.into_iter().map(Problem::from).collect();
            Err(wrong(&config, problems))
        }
    }
}

/// Reads a document, errors in the form of this module.
pub(super) fn load(path: &Path) -> Result<Document, LoadError> {
    Document::read(path).map_err(|error| match error {
        ReadError::Io(error) => LoadError::Io(path.to_owned(), error),
        ReadError::Malformed { source, problem } => LoadError::Wrong {
            source,
            problems: vec![problem],
        },
    })
}

/// Problems with their positions.
pub(super) fn wrong(document: &Document, problems: Vec<Problem>) -> LoadError {
    let placed = |mut problem: Problem| {
        problem.position = Some(document.place(&problem));
        problem
    };
    let mut problems: Vec<Problem> = problems.into_iter().map(placed).collect();
    problems.sort_by_key(|problem| problem.position);
    LoadError::Wrong {
        source: document.source().clone(),
        problems,
    }
}

struct Loader<'d> {
    document: &'d Document,
    credentials: Option<&'d Credentials>,
}

impl<'d> Loader<'d> {
    fn file(&self, reader: &mut Reader) -> Option<Vec<Case>> {
        let mut top = reader.object(Field::root(self.document.root()))?;
        top.need(reader, "config");
        let now = top.take("now").and_then(|field| time(reader, &field));
        let listed = top.need(reader, "cases");
        let cases = listed
            .as_ref()
            .map(|field| reader.list(field))
            .unwrap_or_default();
        if let Some(field) =
            listed.filter(|field| field.value.kind() == JsonKind::Array && cases.is_empty())
        {
            reader.error(&field, "`cases` is empty: nothing would be tested");
        }
        top.finish(reader);
        let cases: Vec<Case> = cases
            .into_iter()
            .filter_map(|field| self.case(reader, field, now.unwrap_or(START_NANOS)))
            .collect();
        Some(cases)
    }

    fn case(&self, reader: &mut Reader, field: Field<'d>, now: u64) -> Option<Case> {
        let position = self.document.position(field.value);
        let mut case = reader.object(field)?;
        let name = case
            .need(reader, "name")
            .and_then(|field| reader.text(&field));
        let now = case
            .take("now")
            .and_then(|field| time(reader, &field))
            .unwrap_or(now);
        let ask = self.ask(reader, &mut case, &Ask::default());
        let kind = match (case.take("steps"), case.take("list")) {
            (Some(steps), None) => {
                let steps = reader.list(&steps);
                let steps = steps
                    .into_iter()
                    .filter_map(|step| self.step(reader, step, &ask));
                Some(Kind::Steps(steps.collect()))
            }
            (steps, Some(list)) => {
                let list = list_case(reader, &mut case, &list, ask.clone());
                let steps = steps.map(|steps| reader.list(&steps)).unwrap_or_default();
                let steps = steps
                    .into_iter()
                    .filter_map(|step| self.step(reader, step, &ask))
                    .collect();
                list.map(|list| Kind::List(Box::new(list), steps))
            }
            (None, None) => {
                let field = case.field.clone();
                reader.error(
                    &field,
                    "a case needs `steps`, or `list` with `given` and `expect`",
                );
                None
            }
        };
        case.finish(reader);
        Some(Case {
            name: name?,
            position,
            now,
            kind: kind?,
        })
    }

    fn step(&self, reader: &mut Reader, field: Field<'d>, ask_before: &Ask) -> Option<Step> {
        let position = self.document.position(field.value);
        let mut step = reader.object(field)?;
        let at = step.take("at").and_then(|field| moment(reader, &field));
        let ask = self.ask(reader, &mut step, ask_before);
        let what = match (step.take("call"), step.take("raw")) {
            (Some(call), None) => call_of(reader, call),
            (None, Some(raw)) => reader.text(&raw).map(What::Raw),
            (Some(_), Some(raw)) => {
                reader.error(&raw, "a step has either `call` or `raw`");
                None
            }
            (None, None) => {
                let field = step.field.clone();
                reader.error(&field, "a step needs `call`, or `raw` with a body as text");
                None
            }
        };
        let repeat = step
            .take("repeat")
            .map_or(Some(1), |field| reader.integer(&field, 1, 1_000_000));
        let upstream = step
            .take("upstream")
            .map_or(Some(UpstreamKind::Ok), |field| {
                reader.choice(&field, &UPSTREAM)
            });
        let respond_at = step
            .take("respond_at")
            .and_then(|field| moment(reader, &field));
        let approve = step
            .take("approve")
            .and_then(|field| match field.value.as_bool() {
                Some(yes) => Some(yes),
                None => reader.choice(&field, &[("yes", true), ("no", false)]),
            });
        let store_down = match step.take("store") {
            Some(field) => reader.choice(&field, &[("up", false), ("down", true)]),
            None => Some(false),
        };
        let expect = step
            .need(reader, "expect")
            .and_then(|field| reader.choice(&field, &Verdict::ALL));
        let mut text = |key| step.take(key).and_then(|field| reader.text(&field));
        let (rule, reason, shadow) = (text("rule"), text("reason"), text("shadow"));
        let result = step.take("result").and_then(|field| given(reader, &field));
        let expect_result =
            step.take("expect_result")
                .and_then(|field| match field.value.as_str() {
                    Some(word) if word == "withheld" => Some(Wanted::Withheld),
                    _ => given(reader, &field).map(Wanted::Shown),
                });
        step.finish(reader);
        Some(Step {
            position,
            at,
            ask,
            what: what?,
            repeat: repeat?,
            upstream: upstream?,
            result,
            respond_at,
            store_down: store_down?,
            approve,
            expect: expect?,
            rule,
            reason,
            shadow,
            expect_result,
        })
    }

    /// `as`, `server`, `protocol` and `session`, over what holds around.
    fn ask(&self, reader: &mut Reader, object: &mut Object<'_>, around: &Ask) -> Ask {
        let who = object.take("as");
        let caller = who.clone().and_then(|field| caller(reader, field));
        let to = object.take("server");
        let server = to.as_ref().and_then(|field| reader.text(field));
        let protocol = object
            .take("protocol")
            .and_then(|field| reader.choice(&field, &Protocol::ALL));
        let session = object.take("session").and_then(|field| reader.text(&field));
        let ask = Ask {
            caller: caller.unwrap_or_else(|| around.caller.clone()),
            server: server.or_else(|| around.server.clone()),
            protocol: protocol.unwrap_or(around.protocol),
            session: session.or_else(|| around.session.clone()),
        };
        // What was said here must be possible here.
        if let (Some(credentials), Some(field)) = (self.credentials, who.or(to))
            && let Err(error) = credentials.present(&ask, Message::default())
        {
            reader.error(&field, format!("{error:#}"));
            let meant = match &ask.caller {
                Caller::Grant(id) => nearest(id, credentials.grants.iter().map(String::as_str)),
                _ => None,
            };
            if let Some(problem) = reader.problems.last_mut() {
                problem.suggestion = meant.map(str::to_owned);
            }
        }
        ask
    }
}

/// A result: the whole of it, or its text.
fn given(reader: &mut Reader, field: &Field<'_>) -> Option<Given> {
    if field.value.kind() == JsonKind::Object {
        return Some(Given::Json(field.value.raw().to_owned()));
    }
    let text = field.value.as_str();
    if text.is_none() {
        reader.expected(field, "a result, or the text in it");
    }
    text.map(|text| Given::Text(text.into_owned()))
}

fn caller(reader: &mut Reader, field: Field<'_>) -> Option<Caller> {
    const FORMS: &str = "one of `{grant: id}`, `{claims: {...}}`, `{certificate: name}`, `{header: id}` or `{anonymous: true}`";
    let whole = field.clone();
    let mut object = reader.object(field)?;
    let grant = object.take("grant");
    let claims = object.take("claims");
    let certificate = object.take("certificate");
    let header = object.take("header");
    let anonymous = object.take("anonymous");
    object.finish(reader);
    match (grant, claims, certificate, header, anonymous) {
        (Some(grant), None, None, None, None) => reader.text(&grant).map(Caller::Grant),
        (None, Some(claims), None, None, None) => {
            reader.object(claims.clone())?;
            Some(Caller::Claims(claims.value.raw().to_owned()))
        }
        (None, None, Some(name), None, None) => reader.text(&name).map(Caller::Certificate),
        (None, None, None, Some(id), None) => reader.text(&id).map(Caller::Header),
        (None, None, None, None, Some(flag)) => match reader.boolean(&flag)? {
            true => Some(Caller::Anonymous),
            false => {
                reader.expected(&flag, "`true`");
                None
            }
        },
        _ => {
            reader.expected(&whole, FORMS);
            None
        }
    }
}

fn call_of(reader: &mut Reader, field: Field<'_>) -> Option<What> {
    let whole = field.clone();
    let mut call = reader.object(field)?;
    let tool = call.take("tool").and_then(|field| reader.text(&field));
    let prompt = call.take("prompt").and_then(|field| reader.text(&field));
    let resource = call.take("resource").and_then(|field| reader.text(&field));
    let arguments = call.take("arguments");
    call.finish(reader);
    // Whatever they are: a policy must cope with arguments that are no object.
    let json = arguments.as_ref().map(|field| field.value.raw().to_owned());
    match (tool, prompt, resource) {
        (Some(tool), None, None) => Some(What::Tool(tool, json)),
        (None, Some(prompt), None) => Some(What::Prompt(prompt, json)),
        (None, None, Some(uri)) => {
            if let Some(arguments) = arguments {
                reader.error(&arguments, "a resource takes no arguments");
            }
            Some(What::Resource(uri))
        }
        _ => {
            reader.expected(&whole, "one of `tool`, `prompt` or `resource`");
            None
        }
    }
}

fn list_case(
    reader: &mut Reader,
    case: &mut Object<'_>,
    list: &Field<'_>,
    ask: Ask,
) -> Option<ListCase> {
    let list = reader.choice(list, &LISTS);
    let given = case.need(reader, "given");
    let expect = case.need(reader, "expect");
    let list = list?;
    let given = reader.list(&given?);
    let entry = |field: &Field<'_>| match (field.value.kind(), field.value.as_str()) {
        (JsonKind::Object, _) => Some(field.value.raw().to_owned()),
        (_, Some(name)) => Some(mcp::list_entry(list, &name)),
        _ => None,
    };
    let mut entries = Vec::new();
    for field in given {
        match entry(&field) {
            Some(entry) => entries.push(entry),
            None => reader.expected(&field, "a name, or an entry as the server lists it"),
        }
    }
    let expect = reader.list(&expect?);
    let expect = expect.iter().filter_map(|field| reader.text(field));
    Some(ListCase {
        list,
        ask,
        given: entries,
        expect: expect.collect(),
    })
}

fn time(reader: &mut Reader, field: &Field<'_>) -> Option<u64> {
    let time = field.value.as_str().and_then(|text| timestamp(&text));
    if time.is_none() {
        reader.expected(field, "a time in UTC such as `2026-01-15T10:30:00Z`");
    }
    time
}

fn moment(reader: &mut Reader, field: &Field<'_>) -> Option<Moment> {
    let text = field.value.as_str().unwrap_or_default();
    let moment = match duration(&text) {
        Some(nanos) => Some(Moment::After(nanos)),
        None => timestamp(&text).map(Moment::At),
    };
    if moment.is_none() {
        let forms = "a duration such as `+1d` or `+90m`, or a time such as `2026-01-15T10:30:00Z`";
        reader.expected(field, forms);
    }
    moment
}
