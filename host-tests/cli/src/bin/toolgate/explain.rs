//! `toolgate explain`

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use toolgate_cli::command::explain::{self, Options};
use toolgate_cli::command::{Outcome, Paint};
use toolgate_cli::explain::Question;
use toolgate_cli::policytest::{Ask, Caller, Protocol, What, timestamp};

/// Say step by step why a call gets its decision
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// The policy, JSON or YAML
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    #[command(flatten)]
    request: Request,

    /// Arguments of the call, a JSON object
    #[arg(long, value_name = "JSON", conflicts_with_all = ["resource", "body"])]
    args: Option<String>,

    /// The caller: the id of a grant, verified claims as a JSON object, `certificate:NAME`, `header:ID` or `anonymous`
    #[arg(long = "as", value_name = "CALLER", value_parser = caller, default_value = "anonymous")]
    caller: Caller,

    /// So many equal calls were made before
    #[arg(long, value_name = "N", default_value_t = 0)]
    calls: u64,

    /// The protocol version
    #[arg(long, value_name = "DATE", value_parser = protocol, default_value = "2025-11-25")]
    protocol: Protocol,

    /// The server that is called, where the policy has several [default: the first]
    #[arg(long, value_name = "NAME")]
    server: Option<String>,

    /// The session the call belongs to, as issued by the server
    #[arg(long, value_name = "ID")]
    session: Option<String>,

    /// The time of the call, such as 2026-01-15T10:30:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<u64>,

    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Request {
    /// The tool that is called
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,

    /// The prompt that is asked for
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,

    /// The resource that is read
    #[arg(long, value_name = "URI")]
    resource: Option<String>,

    /// A whole JSON-RPC request; `-` reads it from stdin
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

const HELP: &str = "\
Nothing is charged, and no server is asked.
Exit codes: 0 forwarded, 1 refused or held, 2 the policy or the request is wrong or cannot be read.

Examples:
  toolgate explain policy.yaml --tool create_refund --args '{\"amount\": 150}'
  toolgate explain policy.yaml --tool create_refund --args '{\"amount\": 40}' --calls 10 --as payments-bot
  toolgate explain policy.yaml --body request.json --protocol 2026-07-28 --format json";

fn caller(text: &str) -> Result<Caller, String> {
    match text {
        "anonymous" => Ok(Caller::Anonymous),
        claims if claims.trim_start().starts_with('{') => {
            match serde_json::from_str::<serde_json::Map<_, _>>(claims) {
                Ok(_) => Ok(Caller::Claims(claims.to_owned())),
                Err(error) => Err(format!("the claims are no JSON object: {error}")),
            }
        }
        other => Ok(match other.split_once(':') {
            Some(("certificate", name)) => Caller::Certificate(name.to_owned()),
            Some(("header", id)) => Caller::Header(id.to_owned()),
            Some(("grant", id)) => Caller::Grant(id.to_owned()),
            _ => Caller::Grant(other.to_owned()),
        }),
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    let found = Protocol::ALL.iter().find(|(name, _)| *name == text);
    let known: Vec<&str> = Protocol::ALL.iter().map(|(name, _)| *name).collect();
    found
        .map(|(_, protocol)| *protocol)
        .ok_or_else(|| format!("expected one of {}", known.join(", ")))
}

fn time(text: &str) -> Result<u64, String> {
    timestamp(text).ok_or_else(|| "expected a time such as 2026-01-15T10:30:00Z".to_owned())
}

pub fn run(arguments: Arguments) -> Outcome {
    let request = arguments.request;
    let what = match (request.tool, request.prompt, request.resource, request.body) {
        (Some(tool), ..) => What::Tool(tool, arguments.args),
        (_, Some(prompt), ..) => What::Prompt(prompt, arguments.args),
        (_, _, Some(uri), _) => What::Resource(uri),
        (_, _, _, Some(body)) => match read(&body) {
            Ok(body) => What::Raw(body),
            Err(error) => {
                return Outcome {
                    output: String::new(),
                    errors: format!("error: cannot read `{}`: {error}\n", body.display()),
                    code: 2,
                };
            }
        },
        (None, None, None, None) => What::Raw(String::new()),
    };
    let clock = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
    };
    explain::run(&Options {
        policy: arguments.policy,
        question: Question {
            ask: Ask {
                caller: arguments.caller,
                protocol: arguments.protocol,
                server: arguments.server,
                session: arguments.session,
            },
            what,
            earlier: arguments.calls,
            now: arguments.now.unwrap_or_else(clock),
        },
        json: matches!(arguments.format, Format::Json),
        paint: Paint::detect(),
    })
}

fn read(path: &Path) -> std::io::Result<String> {
    if path == Path::new("-") {
        let mut body = String::new();
        std::io::stdin().read_to_string(&mut body)?;
        return Ok(body);
    }
    std::fs::read_to_string(path)
}
