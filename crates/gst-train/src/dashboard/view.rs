//! The table as text: made from events alone, so that a test can look at it.

use std::collections::VecDeque;

use console::{Alignment, pad_str, truncate_str};
use gst_schedule::Schedule;

use super::{Row, Rows, Validation};
use crate::ledger::Event;

/// Steps that the rate is the mean of.
const RATE_STEPS: usize = 100;
/// Weight of a new loss in the moving mean that is shown.
const NEW: f64 = 0.1;
/// Loss of token accuracy that is shown in colour.
const NOTABLE: f64 = 0.02;
/// Lines above the datasets.
const HEAD: usize = 5;

const BOLD: &str = "1";
const DIM: &str = "2";
const CYAN: &str = "36";
const YELLOW: &str = "33";

/// What is known of a run from its events.
pub(super) struct View {
    schedule: Schedule,
    stages: usize,
    step: u64,
    stage: usize,
    stage_name: String,
    loss: Option<f64>,
    learning_rate: f64,
    gradient_norm: f64,
    /// Share of the training time spent waiting for data.
    data_wait: f64,
    /// Resident memory of this process in bytes at the last event, where the system says.
    memory: Option<u64>,
    /// Seconds since the view was made, and steps done then.
    times: VecDeque<(f64, u64)>,
    rows: Rows,
}

impl View {
    pub(super) fn new(schedule: &Schedule) -> Self {
        Self {
            schedule: schedule.clone(),
            stages: schedule.stages.len(),
            step: 0,
            stage: 0,
            stage_name: String::new(),
            loss: None,
            learning_rate: 0.0,
            gradient_norm: 0.0,
            data_wait: 0.0,
            memory: None,
            times: VecDeque::new(),
            rows: schedule.datasets.iter().map(|facts| (facts.name.clone(), Row::default())).collect(),
        }
    }

    /// Takes an event in, `now` seconds after the view was made.
    pub(super) fn see(&mut self, event: &Event, now: f64) {
        self.memory = memory_bytes();
        match event {
            Event::Stage { step, .. } => {
                self.step = *step;
                self.enter(event);
                self.mark(now);
            }
            Event::Step {
                step, stage, loss, learning_rate, gradient_norm, wall_seconds, data_wait_seconds, datasets, ..
            } => {
                if self.stage_name.is_empty() && *stage < self.schedule.stages.len() {
                    // A run that goes on within a stage is not told of it again.
                    self.enter(&Event::stage(&self.schedule, *stage));
                }
                self.step = *step;
                self.loss = Some(mean(self.loss, *loss));
                (self.learning_rate, self.gradient_norm) = (*learning_rate, *gradient_norm);
                self.data_wait = if *wall_seconds > 0.0 { data_wait_seconds / wall_seconds } else { 0.0 };
                for (name, part) in datasets {
                    let row = self.rows.entry(name.clone()).or_default();
                    row.loss = Some(mean(row.loss, part.loss));
                    row.gradient_share = Some(mean(row.gradient_share, part.gradient_share));
                }
                self.mark(now);
            }
            Event::Evaluation { scores, forgetting, .. } => {
                for (name, scores) in &scores.datasets {
                    self.rows.entry(name.clone()).or_default().validation = Some(Validation {
                        loss: scores.loss,
                        token_accuracy: scores.token_accuracy,
                        exact_match: scores.exact_match,
                        forgetting: forgetting.get(name).map(|lost| lost.token_accuracy),
                    });
                }
            }
            Event::Decision(_) => {}
        }
    }

    fn enter(&mut self, event: &Event) {
        if let Event::Stage { stage, name, datasets, shares, .. } = event {
            self.stage = *stage;
            self.stages = self.stages.max(stage + 1);
            self.stage_name.clone_from(name);
            self.rows.values_mut().for_each(|row| (row.share, row.gradient_share) = (0.0, None));
            for (name, &share) in datasets.iter().zip(shares) {
                self.rows.entry(name.clone()).or_default().share = share;
            }
        }
    }

    fn mark(&mut self, now: f64) {
        self.times.push_back((now, self.step));
        if self.times.len() > RATE_STEPS + 1 {
            self.times.pop_front();
        }
    }

    /// Steps a second over the last steps, evaluations among them.
    fn rate(&self) -> Option<f64> {
        let (&(since, first), &(now, last)) = (self.times.front()?, self.times.back()?);
        (last > first && now > since).then(|| (last - first) as f64 / (now - since))
    }

    fn progress(&self) -> String {
        let rate = self.rate().map_or_else(|| "–".into(), |rate| format!("{rate:.2}"));
        let left =
            self.rate().map_or_else(|| "–".into(), |rate| clock(self.schedule.steps.saturating_sub(self.step) as f64 / rate));
        format!("{rate} steps/s · {left} left")
    }

    /// What a log gets of an event: nothing of an ordinary step.
    pub(super) fn line(&self, event: &Event) -> Option<String> {
        match event {
            Event::Step { .. } => None,
            Event::Stage { step, stage, name, datasets, .. } => {
                Some(format!("step {step}: stage {} of {}, {name}: {}", stage + 1, self.stages, datasets.join(", ")))
            }
            Event::Decision(decision) => {
                Some(format!("step {}: {} ({})", decision.step, decision.change.name(), decision.reason))
            }
            Event::Evaluation { split, step, scores, forgetting, .. } => {
                let mean = &scores.weighted;
                let loss = self.loss.map_or_else(|| "–".into(), |loss| format!("{loss:.3}"));
                let worst = forgetting.iter().max_by(|a, b| a.1.token_accuracy.total_cmp(&b.1.token_accuracy));
                let worst = worst.filter(|(_, lost)| lost.token_accuracy > 0.0);
                let worst = worst.map(|(name, lost)| format!(" · forgotten {} of {name}", percent(lost.token_accuracy)));
                Some(format!(
                    "step {step}/{}: loss {loss} · {split} loss {:.3}, token accuracy {}, exact match {}{} · {}",
                    self.schedule.steps,
                    mean.loss,
                    percent(mean.token_accuracy),
                    percent(mean.exact_match),
                    worst.unwrap_or_default(),
                    self.progress(),
                ))
            }
        }
    }

    /// The table, at most `width` columns and `height` lines.
    pub(super) fn table(&self, width: usize, height: usize, colour: bool) -> Vec<String> {
        let paint = |code: &str, text: String| {
            let text = truncate_str(&text, width, "…").into_owned();
            if colour && !code.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
        };
        let done = if self.schedule.steps > 0 { self.step as f64 / self.schedule.steps as f64 } else { 1.0 };
        let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.3}"));
        let memory = self.memory.map_or_else(|| "–".into(), |bytes| format!("{} MiB", bytes >> 20));
        let mut lines = vec![
            paint(
                BOLD,
                format!(
                    "{} · step {}/{} · {} · {}",
                    self.schedule.strategy,
                    self.step,
                    self.schedule.steps,
                    percent(done),
                    self.progress()
                ),
            ),
            paint(CYAN, bar(done, width)),
            paint("", format!("stage {} of {}, {} · loss {}", self.stage + 1, self.stages, self.stage_name, number(self.loss))),
            paint(
                "",
                format!(
                    "learning rate {:.2e} · gradient norm {:.2} · memory {memory} · data wait {}",
                    self.learning_rate,
                    self.gradient_norm,
                    percent(self.data_wait)
                ),
            ),
        ];
        let name_width = self.rows.keys().map(|name| console::measure_text_width(name)).max().unwrap_or(0).clamp(7, 32);
        let cells = |name: &str, cells: [String; 7]| {
            let name = pad_str(name, name_width, Alignment::Left, Some("…")).into_owned();
            cells.iter().zip(COLUMNS).fold(name, |line, (cell, title)| {
                format!("{line}  {}", pad_str(cell, title.chars().count(), Alignment::Right, None))
            })
        };
        lines.push(paint(DIM, cells("dataset", COLUMNS.map(String::from))));
        let room = height.saturating_sub(HEAD);
        let shown = if self.rows.len() > room { room.saturating_sub(1) } else { room };
        for (name, row) in self.rows.iter().take(shown) {
            let share = |value: Option<f64>| value.map_or_else(|| "–".into(), percent);
            let validation = row.validation;
            let forgetting = validation.and_then(|scores| scores.forgetting);
            let code = match forgetting {
                Some(lost) if lost >= NOTABLE => YELLOW,
                _ if row.share == 0.0 => DIM,
                _ => "",
            };
            let columns = [
                share((row.share > 0.0).then_some(row.share)),
                share(row.gradient_share),
                number(row.loss),
                number(validation.map(|scores| scores.loss)),
                share(validation.map(|scores| scores.token_accuracy)),
                share(validation.map(|scores| scores.exact_match)),
                share(forgetting),
            ];
            lines.push(paint(code, cells(name, columns)));
        }
        if self.rows.len() > shown {
            lines.push(paint(DIM, format!("… and {} more", self.rows.len() - shown)));
        }
        lines.truncate(height);
        lines
    }
}

const COLUMNS: [&str; 7] = ["samples", "gradient", " loss", "validation", "accuracy", " exact", "forgotten"];

fn mean(before: Option<f64>, value: f64) -> f64 {
    before.map_or(value, |before| before + NEW * (value - before))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn bar(done: f64, width: usize) -> String {
    let filled = ((done * width as f64) as usize).min(width);
    format!("{}{}", "━".repeat(filled), "─".repeat(width - filled))
}

fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// Resident memory of this process, where the system says.
fn memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests;
