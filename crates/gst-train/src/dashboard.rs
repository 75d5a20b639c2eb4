//! What a person sees of a run: a live table on a terminal, plain lines elsewhere.
//!
//! The table is drawn in place, below what was printed before. The terminal stays in its ordinary mode, with its cursor: Ctrl-C does
//! what it always does, and nothing has to be put back after a panic.

mod view;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use console::{Term, measure_text_width};
use gst_schedule::Schedule;

use crate::ledger::{Event, Watch};
use view::View;

/// Shortest time between two drawings.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows the events of a run on standard error as they come.
pub struct Dashboard {
    view: View,
    /// The terminal that is drawn on; `None` for plain lines.
    screen: Option<Screen>,
    began: Instant,
}

impl Dashboard {
    /// For a run by `schedule`, or for what is left of it. Lines instead of a table where `plain` is set, where standard error is no
    /// terminal, or where the terminal says that it cannot move its cursor (`TERM=dumb`). `NO_COLOR` is respected.
    #[must_use]
    pub fn new(schedule: &Schedule, plain: bool) -> Self {
        let plain = plain || !std::io::stderr().is_terminal() || console::is_dumb();
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let screen = (!plain).then(|| Screen { term: Term::buffered_stderr(), colour, drawn: Vec::new(), at: None });
        Self { view: View::new(schedule), screen, began: Instant::now() }
    }

    /// Whether it is a table on a terminal.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.screen.is_some()
    }

    /// Takes the table off the screen.
    pub fn finish(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.clear();
        }
    }
}

impl Watch for Dashboard {
    fn see(&mut self, event: &Event) {
        self.view.see(event, self.began.elapsed().as_secs_f64());
        match (&mut self.screen, self.view.line(event)) {
            (None, Some(line)) => eprintln!("{line}"),
            (None, None) => {}
            // A decision stays on the screen, above the table.
            (Some(screen), line) => screen.show(&self.view, line.filter(|_| matches!(event, Event::Decision(_))).as_deref()),
        }
    }

    fn note(&mut self, text: &str) {
        match &mut self.screen {
            None => eprintln!("{text}"),
            Some(screen) => screen.show(&self.view, Some(text)),
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        // A panic has printed its message under the table by now: it must stay.
        if !std::thread::panicking() {
            self.finish();
        }
    }
}

struct Screen {
    term: Term,
    colour: bool,
    /// Widths of the lines that are on the screen.
    drawn: Vec<usize>,
    at: Option<Instant>,
}

impl Screen {
    /// Draws the table if the last drawing is old enough, or if there is a `note`: a line that stays above it.
    fn show(&mut self, view: &View, note: Option<&str>) {
        if note.is_none() && self.at.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        let (rows, columns) = self.term.size_checked().unwrap_or((24, 80));
        let lines = view.table(usize::from(columns).saturating_sub(1).max(1), usize::from(rows).saturating_sub(1), self.colour);
        self.erase(usize::from(columns));
        let note = note.map(|note| format!("{note}\n")).unwrap_or_default();
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        self.drawn = lines.iter().map(|line| measure_text_width(line)).collect();
        self.at = Some(Instant::now());
        // A terminal that has gone away is no reason to end a run.
        let _ = self.term.write_str(&format!("{note}{text}")).and_then(|()| self.term.flush());
    }

    fn clear(&mut self) {
        let (_, columns) = self.term.size_checked().unwrap_or((24, 80));
        self.erase(usize::from(columns));
        let _ = self.term.flush();
    }

    /// Erases from the first line of the table to the end of the screen. A terminal that became narrower has broken its lines.
    fn erase(&mut self, columns: usize) {
        let rows: usize = self.drawn.drain(..).map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        let _ = self.term.write_str("\r").and_then(|()| match rows {
            0 => Ok(()),
            rows => self.term.move_cursor_up(rows).and_then(|()| self.term.clear_to_end_of_screen()),
        });
    }
}

/// Latest figures of one dataset.
#[derive(Debug, Clone, Default)]
struct Row {
    /// Share of the stage's samples; 0 for a dataset that is not in it.
    share: f64,
    gradient_share: Option<f64>,
    loss: Option<f64>,
    validation: Option<Validation>,
}

#[derive(Debug, Clone, Copy)]
struct Validation {
    loss: f64,
    token_accuracy: f64,
    exact_match: f64,
    forgetting: Option<f64>,
}

type Rows = BTreeMap<String, Row>;
