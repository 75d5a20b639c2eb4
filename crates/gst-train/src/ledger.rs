//! `metrics.jsonl` and `result.json`: what a run did, for people and programs.
//!
//! `metrics.jsonl` has one JSON object a line. Its `event` is `stage` (a stage begins), `step` (after every optimizer step),
//! `evaluation` or `decision` (of an adaptive schedule). Costs are sums since step 0; `wall_seconds` leaves evaluation out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use gst_affinity::Cost;
use gst_affinity::artifact::Artifact;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::evaluate::Evaluation;

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
    },
}

/// A dataset's part in one step.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct DatasetStep {
    /// Its samples in the batch.
    pub samples: u64,
    /// Mean cross-entropy of its answer tokens, in nats.
    pub loss: f64,
}

/// Appends events to `metrics.jsonl`.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Ledger {
    /// Starts a new file at `path`.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn create(path: &Path) -> Result<Self, TrainError> {
        let file = File::create(path).map_err(TrainError::io(path))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Adds one line.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn write(&mut self, event: &Event) -> Result<(), TrainError> {
        let write = |file: &mut BufWriter<File>| {
            serde_json::to_writer(&mut *file, event)?;
            file.write_all(b"\n")?;
            file.flush()
        };
        write(&mut self.file).map_err(TrainError::io(&self.path))
    }
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
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}
