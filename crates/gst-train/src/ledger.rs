//! `metrics.jsonl` and `result.json`: what a run did, for people and programs.
//!
//! `metrics.jsonl` has one JSON object a line. Its `event` is `stage` (a stage begins), `step` (after every optimizer step),
//! `evaluation` or `decision` (of an adaptive schedule). Costs are sums since step 0; `wall_seconds` leaves evaluation out.
//!
//! Everything a run tells goes through [`Ledger::write`]: to this file, to TensorBoard where that is on, and to whoever watches.

pub mod forgetting;
mod tail;
pub mod tensorboard;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use gst_affinity::Cost;
use gst_affinity::artifact::Artifact;
use gst_schedule::Schedule;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::evaluate::Evaluation;
use forgetting::{BestScores, Forgetting};
use tail::Tail;
use tensorboard::{TensorBoard, scalars};

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A stage begins.
    Stage {
        /// Its first optimizer step.
        step: u64,
        /// Its number.
        stage: usize,
        /// Its name.
        name: String,
        /// Its datasets.
        datasets: Vec<String>,
        /// Share of the samples that each of them gets.
        shares: Vec<f64>,
    },
    /// The schedule changed; also in the log of the run's `schedule.json`.
    Decision(gst_schedule::Decision),
    /// An optimizer step is done.
    Step {
        /// Steps done.
        step: u64,
        /// The stage.
        stage: usize,
        /// Mean cross-entropy of the step's answer tokens, in nats.
        loss: f64,
        /// Learning rate of the step.
        learning_rate: f64,
        /// Global norm of the gradient before clipping.
        gradient_norm: f64,
        /// Samples so far.
        samples: u64,
        /// Question and answer tokens so far.
        tokens: u64,
        /// Seconds of audio so far.
        audio_seconds: f64,
        /// Seconds of training so far.
        wall_seconds: f64,
        /// Of these, seconds spent waiting for data.
        data_wait_seconds: f64,
        /// Share of this step's time spent waiting for data, in `[0, 1]`.
        #[serde(default)]
        data_wait_share: f64,
        /// What each dataset in the batch contributed.
        datasets: BTreeMap<String, DatasetStep>,
    },
    /// The model was evaluated.
    Evaluation {
        /// Which records: `validation` or `test`.
        split: String,
        /// Steps done.
        step: u64,
        /// The stage.
        stage: usize,
        /// Samples so far.
        samples: u64,
        /// Tokens so far.
        tokens: u64,
        /// Seconds of audio so far.
        audio_seconds: f64,
        /// Seconds of training so far.
        wall_seconds: f64,
        /// The scores.
        #[serde(flatten)]
        scores: Evaluation,
        /// By dataset: the best on this split since it came in against now. Filled by the ledger, for `validation` only.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        forgetting: BTreeMap<String, Forgetting>,
    },
}

impl Event {
    /// Stage `number` of `schedule` begins.
    #[must_use]
    pub fn stage(schedule: &Schedule, number: usize) -> Self {
        let stage = &schedule.stages[number];
        Self::Stage {
            step: schedule.boundaries()[number],
            stage: number,
            name: stage.name.clone(),
            datasets: stage.datasets.iter().map(|&dataset| schedule.datasets[dataset].name.clone()).collect(),
            shares: stage.shares(),
        }
    }
}

/// A dataset's part in one step. Costs are those of this step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetStep {
    /// Its samples in the batch.
    pub samples: u64,
    /// Its question and answer tokens.
    pub tokens: u64,
    /// Its seconds of audio.
    pub audio_seconds: f64,
    /// Mean cross-entropy of its answer tokens, in nats.
    pub loss: f64,
    /// Its share of the squared norm of the loss's gradient with respect to the logits: in `[0, 1]`, and 1 over all datasets. Costs no
    /// backward pass, and says less than the norm of its own gradient over all parameters would.
    pub gradient_share: f64,
}

/// Is told what a run does while it does it.
pub trait Watch {
    /// An event was written to `metrics.jsonl`.
    fn see(&mut self, event: &Event);

    /// Something for people that is no event.
    fn note(&mut self, text: &str);
}

/// Nobody.
impl Watch for () {
    fn see(&mut self, _event: &Event) {}

    fn note(&mut self, _text: &str) {}
}

/// What a ledger has to know to go on where a checkpoint was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LedgerState {
    /// Length of `metrics.jsonl`.
    pub metrics_bytes: u64,
    /// Length of the TensorBoard event file; 0 where there is none.
    #[serde(default)]
    pub tensorboard_bytes: u64,
    /// Best scores of every dataset.
    #[serde(default)]
    pub best: BestScores,
}

/// Appends events to `metrics.jsonl` and, where asked, to an event file for TensorBoard.
pub struct Ledger<'w> {
    path: PathBuf,
    file: File,
    tensorboard: Option<TensorBoard>,
    state: LedgerState,
    watch: &'w mut dyn Watch,
}

impl<'w> Ledger<'w> {
    /// Starts a new file at `path`, and an event file in the folder `tensorboard` if there is one. `watch` sees every event.
    ///
    /// # Errors
    /// [`TrainError::Io`] when a file cannot be written.
    pub fn create(path: &Path, tensorboard: Option<&Path>, watch: &'w mut dyn Watch) -> Result<Self, TrainError> {
        Ok(Self::resume(path, tensorboard, LedgerState::default(), watch)?.0)
    }

    /// Goes on after `state`. What stands behind it in the files is lost work and is cut off: returns how many optimizer steps that
    /// is. Of a shorter `metrics.jsonl` the whole lines are kept; an event file that is shorter is begun anew.
    ///
    /// # Errors
    /// [`TrainError::Io`] when a file cannot be read or written.
    pub fn resume(
        path: &Path,
        tensorboard: Option<&Path>,
        state: LedgerState,
        watch: &'w mut dyn Watch,
    ) -> Result<(Self, u64), TrainError> {
        let Tail { kept, steps } = Tail::of(path, state.metrics_bytes).map_err(TrainError::io(path))?;
        let file = File::options().create(true).append(true).open(path).map_err(TrainError::io(path))?;
        file.set_len(kept).map_err(TrainError::io(path))?;
        let tensorboard = tensorboard.map(|folder| TensorBoard::resume(folder, state.tensorboard_bytes, now())).transpose()?;
        let state = LedgerState { metrics_bytes: kept, ..state };
        Ok((Self { path: path.to_owned(), file, tensorboard, state, watch }, steps))
    }

    /// Waits until all of it is on the disk.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be brought there.
    pub fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_data().map_err(TrainError::io(&self.path))?;
        self.tensorboard.as_ref().map_or(Ok(()), TensorBoard::sync)
    }

    /// What a checkpoint made now has to keep.
    #[must_use]
    pub fn state(&self) -> LedgerState {
        let tensorboard_bytes = self.tensorboard.as_ref().map_or(0, TensorBoard::bytes);
        LedgerState { tensorboard_bytes, ..self.state.clone() }
    }

    /// Adds one event. To an evaluation of the validation split it adds what was forgotten.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn write(&mut self, mut event: Event) -> Result<(), TrainError> {
        match &mut event {
            Event::Stage { step, datasets, shares, .. } => {
                let drawn = datasets.iter().zip(shares).filter(|(_, share)| **share > 0.0);
                self.state.best.stage(*step, drawn.map(|(name, _)| name.as_str()));
            }
            Event::Evaluation { split, scores, forgetting, .. } if split == "validation" => {
                *forgetting = self.state.best.evaluated(scores);
            }
            _ => {}
        }
        let mut line = serde_json::to_vec(&event).map_err(std::io::Error::from).map_err(TrainError::io(&self.path))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(TrainError::io(&self.path))?;
        self.state.metrics_bytes += line.len() as u64;
        if let (Some(board), Some((step, scalars))) = (&mut self.tensorboard, scalars(&event)) {
            board.write(step, now(), &scalars)?;
        }
        self.watch.see(&event);
        Ok(())
    }

    /// Tells whoever watches; nothing is written.
    pub fn note(&mut self, text: &str) {
        self.watch.note(text);
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// `result.json`: a finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The schedule's strategy.
    pub strategy: String,
    /// Seed of weights, dropout and augmentation.
    pub seed: u64,
    /// Model preset.
    pub model: String,
    /// Device.
    pub device: String,
    /// Trainable parameters.
    pub parameters: usize,
    /// What training cost.
    pub cost: Cost,
    /// What measuring affinity cost before it; zero when the schedule needed none.
    pub probe_cost: Cost,
    /// Broken records that were replaced or left out; `quarantine.jsonl` lists them.
    #[serde(default)]
    pub set_aside: usize,
    /// Seconds spent on evaluation.
    pub evaluation_seconds: f64,
    /// Highest resident memory of the process in bytes, 0 where the system does not say.
    pub peak_memory_bytes: u64,
    /// Steps done when evaluations had stopped improving (`stop_after`); absent when the schedule was followed to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_early: Option<u64>,
    /// Final scores on the held-out part of the training files.
    pub validation: Evaluation,
    /// Final scores on the test files, which nothing before this looked at.
    pub test: Evaluation,
}

impl Artifact for RunResult {
    const FORMAT: &'static str = "gst-result";
    const VERSION: u32 = 1;
}

/// Highest resident memory of this process in bytes, or 0 where the system does not say.
#[must_use]
pub fn peak_memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests;
