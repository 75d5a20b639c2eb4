//! Progress on a terminal; silence elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar with rate and time left on standard error. Hidden when standard error is no terminal, so logs stay readable.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over `total` units named `unit`, headed by `title`.
    #[must_use]
    pub fn new(title: &str, unit: &str, total: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::hidden();
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let colour = if std::env::var_os("NO_COLOR").is_some() { "" } else { ".cyan" };
        let template = format!("{{prefix}} {{bar:30{colour}}} {{pos}}/{{len}} {unit} · {{per_sec}} · {{eta}} left {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar }
    }

    /// No bar at all.
    #[must_use]
    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// Sets the length anew.
    pub fn total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// `done` units are done.
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// A short text behind the bar.
    pub fn message(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Prints a line above the bar, or on standard error when there is none.
    pub fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
