//! Which server to ask, and how: what `scan`, `pin` and `init` have in common.

use std::time::Duration;

use clap::{Args, ValueEnum};
use toolgate_cli::command::Outcome;
use toolgate_cli::command::scan::Server;
use toolgate_cli::scan::{Command, Era, Target};

/// Where the server is: an address, or a command.
#[derive(Debug, Args)]
pub struct Where {
    /// The server's MCP endpoint
    #[arg(required_unless_present = "command", conflicts_with = "command")]
    url: Option<String>,

    /// A variable for the command, from this environment (NAME) or as it is (NAME=VALUE); may be repeated. It gets these,
    /// PATH and HOME, and no others
    #[arg(long = "env", value_name = "NAME[=VALUE]", conflicts_with = "url")]
    environment: Vec<String>,

    /// A command to start instead, which speaks MCP over stdin and stdout
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct How {
    /// A header for every request, such as 'Authorization: Bearer …'; may be repeated. It is written to no file
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,

    /// The protocol to speak: `auto` asks with server/discover and falls back to initialize
    #[arg(long, value_enum, default_value_t = Protocol::Auto)]
    protocol: Protocol,

    /// Seconds the server may take for everything
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Protocol {
    Auto,
    #[value(name = "2025-11-25")]
    Sessions,
    #[value(name = "2026-07-28")]
    Stateless,
}

impl How {
    pub fn era(&self) -> Era {
        match self.protocol {
            Protocol::Auto => Era::Auto,
            Protocol::Sessions => Era::Sessions,
            Protocol::Stateless => Era::Stateless,
        }
    }

    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// The server; what is wrong with the command line is an outcome to end with.
    pub fn server(self, place: Where) -> Result<Server, Outcome> {
        let (era, patience) = (self.era(), self.patience());
        let target = match place.url {
            Some(url) => Target::Http {
                url,
                headers: self.headers,
            },
            None => {
                let environment = |name: &str| std::env::var(name).ok();
                let command = Command::new(&place.command, &place.environment, &environment);
                Target::Command(command.map_err(|error| Outcome {
                    errors: format!("error: {error}\n"),
                    code: 2,
                    ..Outcome::default()
                })?)
            }
        };
        Ok(Server {
            target,
            era,
            patience,
        })
    }
}
