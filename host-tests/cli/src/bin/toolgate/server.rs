//! Which server to ask, and how: what `scan`, `pin` and `init` have in common.

use std::time::Duration;

use clap::{Args, ValueEnum};
use toolgate_cli::command::scan::Server;
use toolgate_cli::scan::Era;

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

    pub fn server(self, url: String) -> Server {
        Server {
            url,
            era: self.era(),
            patience: self.patience(),
            headers: self.headers,
        }
    }
}
