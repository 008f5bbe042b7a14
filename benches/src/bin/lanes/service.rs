//! The processes that `ext_authz` and `ext_proc` ask: this program again, each with a port of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// A running service. Dropping it ends it.
pub struct Service {
    child: Child,
    pub port: u16,
}

impl Service {
    /// Starts one; `directory` holds its policy and its records.
    pub fn start(name: &str, policy: &str, directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = |kind: &str| directory.join(format!("{name}.{kind}"));
        std::fs::write(path("json"), policy)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .arg(path("json"))
            .arg("--records")
            .arg(path("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let out = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let port = line.trim().parse();
        let port = port.with_context(|| format!("{name} said `{line}` in place of a port"))?;
        Ok(Self { child, port })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
