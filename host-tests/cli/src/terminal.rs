//! The terminal: colours only where one is, progress only where somebody waits.

use std::io::IsTerminal as _;
use std::time::Duration;

use console::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Whether and how output is coloured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paint {
    colour: bool,
}

impl Paint {
    /// No colours.
    pub const PLAIN: Paint = Paint { colour: false };

    /// Colours if stdout is a terminal that has them and `NO_COLOR` is not set.
    pub fn detect() -> Paint {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Paint {
            colour: std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
        }
    }

    /// Something is wrong.
    pub fn bad(self, text: &str) -> String {
        self.with(Style::new().red().bold(), text)
    }

    /// Something may be wrong.
    pub fn warn(self, text: &str) -> String {
        self.with(Style::new().yellow().bold(), text)
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.with(Style::new().green(), text)
    }

    /// What matters most.
    pub fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What matters least.
    pub fn faint(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        style.force_styling(self.colour).apply_to(text).to_string()
    }
}

/// Shows on stderr that something is going on, once it has taken a second. Gone when dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Something begins.
    pub fn begin(what: impl Into<String>) -> Progress {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        bar.set_style(template.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(what.into());
        let later = bar.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            if !later.is_finished() {
                later.enable_steady_tick(Duration::from_millis(120));
            }
        });
        Progress(bar)
    }

    /// Something else goes on now.
    pub fn now(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
