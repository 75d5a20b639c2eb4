//! What a person sees while an experiment runs: bars on a terminal, a plain line a job elsewhere.

use std::fmt::Write;
use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use serde::Deserialize;

/// All bars of one experiment.
pub(crate) struct Board {
    bars: Option<(MultiProgress, ProgressBar)>,
    quiet: bool,
    begun: Instant,
    total: AtomicUsize,
    done: AtomicUsize,
    /// Of those done, the jobs that took no time since they were done before.
    skipped: AtomicUsize,
}

impl Board {
    /// A board for `total` jobs. `NO_COLOR` is honoured by the bars themselves.
    pub(crate) fn new(total: usize) -> Self {
        let bars = std::io::stderr().is_terminal().then(|| {
            let bars = MultiProgress::new();
            let style = style("{prefix:>24} {bar:32.green} {pos}/{len} jobs  {elapsed_precise}  left {left}  {msg}");
            let overall = bars.add(ProgressBar::new(total as u64).with_style(style).with_prefix("experiment"));
            overall.enable_steady_tick(Duration::from_millis(250));
            (bars, overall)
        });
        Self { bars, ..Self::quiet() }.expecting(total)
    }

    /// A board that shows nothing.
    pub(crate) fn quiet() -> Self {
        let none = || AtomicUsize::new(0);
        Self { bars: None, quiet: true, begun: Instant::now(), total: none(), done: none(), skipped: none() }
    }

    fn expecting(self, total: usize) -> Self {
        self.total.store(total, Ordering::Relaxed);
        Self { quiet: false, ..self }
    }

    /// More jobs come, unless at least as many were announced and are not done yet.
    pub(crate) fn expect(&self, jobs: usize) {
        let open = self.total.load(Ordering::Relaxed).saturating_sub(self.done.load(Ordering::Relaxed));
        let more = jobs.saturating_sub(open);
        let total = self.total.fetch_add(more, Ordering::Relaxed) + more;
        if let Some((_, overall)) = &self.bars {
            overall.set_length(total as u64);
        }
    }

    /// Jobs that were announced.
    pub(crate) fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Begins a job; with a number of steps its row shows rate and time left.
    pub(crate) fn begin(&self, label: &str, steps: Option<u64>) -> Row {
        let bar = self.bars.as_ref().map(|(bars, overall)| {
            let bar = match steps {
                Some(steps) => ProgressBar::new(steps)
                    .with_style(style("{prefix:>24} {bar:32.cyan} {pos}/{len} steps  {rate}  left {left}  {msg}")),
                None => ProgressBar::new_spinner().with_style(style("{prefix:>24} {spinner} {elapsed_precise}  {msg}")),
            };
            let bar = bars.insert_before(overall, bar.with_prefix(label.to_string()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Row { bar }
    }

    /// Ends a job that was done before.
    pub(crate) fn skip(&self, row: Row, line: &str) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        self.end(row, line);
    }

    /// `, 12 min left`, once the jobs done say something about those to come.
    fn time_left(&self, done: usize, total: usize) -> String {
        let worked = done.saturating_sub(self.skipped.load(Ordering::Relaxed));
        if worked < 2 || done >= total {
            return String::new();
        }
        let minutes = self.begun.elapsed().as_secs_f64() / worked as f64 * (total - done) as f64 / 60.0;
        if minutes < 90.0 { format!(", {minutes:.0} min left") } else { format!(", {:.1} h left", minutes / 60.0) }
    }

    /// Ends a job with one line about it.
    pub(crate) fn end(&self, row: Row, line: &str) {
        if let Some(bar) = row.bar {
            bar.finish_and_clear();
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let total = self.total.load(Ordering::Relaxed);
        let width = total.to_string().len();
        self.say(&format!("[{done:>width$}/{total}{}] {line}", self.time_left(done, total)));
        if let Some((_, overall)) = &self.bars {
            overall.inc(1);
        }
    }

    /// A line above the bars.
    pub(crate) fn say(&self, line: &str) {
        match &self.bars {
            // The terminal may have gone away; the experiment goes on.
            Some((bars, _)) => drop(bars.println(line)),
            None if self.quiet => {}
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bars away.
    pub(crate) fn close(self) {
        if let Some((_, overall)) = self.bars {
            overall.finish_and_clear();
        }
    }
}

/// The row of one job.
pub(crate) struct Row {
    bar: Option<ProgressBar>,
}

impl Row {
    /// Shows what the run's metrics say.
    pub(crate) fn show(&self, seen: &Seen) {
        if let Some(bar) = &self.bar {
            bar.set_position(seen.step);
            let loss = seen.loss.map_or_else(String::new, |loss| format!("loss {loss:.3}  "));
            let accuracy = seen.accuracy.map_or_else(String::new, |accuracy| format!("validation {accuracy:.3}"));
            bar.set_message(format!("{loss}{accuracy}"));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸─").with_key("left", left).with_key("rate", rate)
}

/// Time left; nothing is known of it before the first unit is done.
fn left(state: &ProgressState, out: &mut dyn Write) {
    let seconds = state.eta().as_secs();
    // A terminal that does not take the text is not this bar's to report.
    let _ = match state.pos() {
        0 => write!(out, "–"),
        _ if seconds >= 3600 => write!(out, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        _ => write!(out, "{}:{:02}", seconds / 60, seconds % 60),
    };
}

fn rate(state: &ProgressState, out: &mut dyn Write) {
    let _ = if state.pos() == 0 { write!(out, "–/s") } else { write!(out, "{:.1}/s", state.per_sec()) };
}

/// Reads what a training run appends to `metrics.jsonl`.
pub(crate) struct MetricsTail {
    path: PathBuf,
    offset: u64,
    rest: String,
    seen: Seen,
}

/// The latest figures of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Optimizer steps done.
    pub(crate) step: u64,
    /// Training loss of the last step.
    pub(crate) loss: Option<f64>,
    /// Weighted validation token accuracy of the last evaluation.
    pub(crate) accuracy: Option<f64>,
}

#[derive(Deserialize)]
struct Line {
    event: String,
    step: Option<u64>,
    loss: Option<f64>,
    split: Option<String>,
    weighted: Option<Weighted>,
}

#[derive(Deserialize)]
struct Weighted {
    token_accuracy: Option<f64>,
}

impl MetricsTail {
    /// Bytes read at one look: a resumed run may have a long file behind it.
    const MAX_READ: u64 = 8 << 20;

    /// Follows the metrics of a run folder, which need not exist yet.
    pub(crate) fn new(run: &Path) -> Self {
        Self { path: run.join("metrics.jsonl"), offset: 0, rest: String::new(), seen: Seen::default() }
    }

    /// What is new since the last look, if anything. Trouble with the file is not this reader's to report.
    pub(crate) fn look(&mut self) -> Option<Seen> {
        let mut file = File::open(&self.path).ok()?;
        if file.metadata().ok()?.len() < self.offset {
            (self.offset, self.rest) = (0, String::new());
        }
        file.seek(SeekFrom::Start(self.offset)).ok()?;
        let mut bytes = Vec::new();
        file.take(Self::MAX_READ).read_to_end(&mut bytes).ok()?;
        if bytes.is_empty() {
            return None;
        }
        self.offset += bytes.len() as u64;
        self.rest.push_str(&String::from_utf8_lossy(&bytes));
        let end = self.rest.rfind('\n')? + 1;
        for line in self.rest.drain(..end).as_str().lines() {
            if let Ok(line) = serde_json::from_str::<Line>(line) {
                self.seen.take(line);
            }
        }
        Some(self.seen)
    }
}

impl Seen {
    fn take(&mut self, line: Line) {
        match line.event.as_str() {
            "step" => {
                self.step = line.step.unwrap_or(self.step);
                self.loss = line.loss;
            }
            "evaluation" if line.split.as_deref() == Some("validation") => {
                self.accuracy = line.weighted.and_then(|weighted| weighted.token_accuracy);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_written_lines_wait_for_their_other_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut tail = MetricsTail::new(folder.path());
        assert_eq!(tail.look(), None, "no file yet");
        let evaluation = r#"{"event":"evaluation","split":"validation","step":4,"weighted":{"token_accuracy":0.5}}"#;
        std::fs::write(&path, format!("{}\n{evaluation}\n{{\"event\":\"step\",\"st", r#"{"event":"step","step":3,"loss":1.5}"#))
            .unwrap();
        let expected = Seen { step: 3, loss: Some(1.5), accuracy: Some(0.5) };
        assert_eq!(tail.look(), Some(expected));
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("ep\":4,\"loss\":1.25}\n");
        std::fs::write(&path, text).unwrap();
        assert_eq!(tail.look(), Some(Seen { step: 4, loss: Some(1.25), ..expected }));
        assert_eq!(tail.look(), None);
    }
}
