//! A command line that starts a server, and what of it may be shown.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};

use crate::text::one_line;

/// Programs whose first argument that is no flag says what they run.
const RUNNERS: [&str; 14] = [
    "npx", "npm", "node", "bun", "bunx", "pnpm", "yarn", "deno", "uv", "uvx", "pipx", "python",
    "python3", "docker",
];

/// A server that is started as a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What is run, looked up on `PATH`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables beside `PATH` and `HOME`.
    pub environment: Vec<(String, String)>,
}

impl Command {
    /// From the words of a command line, and variables as `NAME`, taken from `environment`, or `NAME=VALUE`.
    ///
    /// # Errors
    /// Without a word, and for a variable that is not set or has no name.
    pub fn new(
        words: &[String],
        variables: &[String],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let (program, arguments) = words
            .split_first()
            .context("expected a command, such as `npx -y @modelcontextprotocol/server-memory`")?;
        let mut named = Vec::new();
        for variable in variables {
            let (name, value) = match variable.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => {
                    let shown = one_line(variable, 60);
                    let value = environment(variable).with_context(|| {
                        format!(
                            "the variable `{shown}` is not set: export it, or write `{shown}=VALUE`"
                        )
                    })?;
                    (variable.as_str(), value)
                }
            };
            ensure!(
                !name.is_empty() && !name.contains('\0') && !value.contains('\0'),
                "`{}` is no variable: expected `NAME` or `NAME=VALUE`",
                one_line(name, 60)
            );
            named.push((name.to_owned(), value));
        }
        Ok(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
            environment: named,
        })
    }

    /// The command without what may be secret, for files and terminals: what is run, and `…` for the rest.
    pub fn shown(&self) -> String {
        let program = self.program.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut shown = one_line(program, 60);
        let runner = RUNNERS.contains(&program) || program.starts_with("python3.");
        let package = self
            .arguments
            .iter()
            .position(|word| runner && !word.starts_with('-'));
        let mut told = 0;
        for (at, word) in self.arguments.iter().enumerate() {
            let flag = word == "-y" || word == "--yes" || word == "-m";
            if package.is_some_and(|package| at <= package) && (flag || Some(at) == package) {
                let _ = write!(shown, " {}", one_line(word, 80));
                told += 1;
            }
        }
        if told < self.arguments.len() {
            shown.push_str(" …");
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str], variables: &[&str]) -> Result<Command> {
        let own = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        Command::new(&own(words), &own(variables), &|name| {
            (name == "TOKEN").then(|| "s3cret".to_owned())
        })
    }

    #[test]
    fn variables_are_those_that_were_named() {
        let found = command(&["x", "y"], &["TOKEN", "A=b=c", "EMPTY="]).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            found.environment,
            [pair("TOKEN", "s3cret"), pair("A", "b=c"), pair("EMPTY", "")]
        );
        for wrong in ["MISSING", "=x", ""] {
            let error = command(&["x"], &[wrong]).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{}", wrong.trim_end_matches("=x"))),
                "{error}"
            );
        }
        assert!(command(&[], &[]).is_err());
    }

    #[test]
    fn a_command_is_shown_without_what_may_be_secret() {
        for (words, shown) in [
            (
                &[
                    "/usr/bin/npx",
                    "-y",
                    "@stripe/mcp@0.3.3",
                    "--api-key=sk_live_1",
                ][..],
                "npx -y @stripe/mcp@0.3.3 …",
            ),
            (
                &["npx", "-y", "@modelcontextprotocol/server-memory"],
                "npx -y @modelcontextprotocol/server-memory",
            ),
            (
                &["python3", "-m", "mcp_server_git"],
                "python3 -m mcp_server_git",
            ),
            (&["docker", "run", "-e", "TOKEN=x", "image"], "docker run …"),
            (
                &["mcp-server-postgres", "postgres://u:p@h/d"],
                "mcp-server-postgres …",
            ),
            (&["server\u{1b}[2J"], "server\\u{1b}[2J"),
        ] {
            assert_eq!(command(words, &[]).unwrap().shown(), shown);
        }
    }
}
