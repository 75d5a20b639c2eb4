//! `metrics.jsonl` and `result.json`: what a run did, for people and programs.
//!
//! `metrics.jsonl` has one JSON object a line. Its `event` is `stage` (a stage begins), `step` (after every optimizer step),
//! `evaluation` or `decision` (of an adaptive schedule). Costs are sums since step 0; `wall_seconds` leaves evaluation out.

use std::collections::BTreeMap;
use std::fs::{self, File};
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
    bytes: u64,
}

impl Ledger {
    /// Starts a new file at `path`.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn create(path: &Path) -> Result<Self, TrainError> {
        let file = File::create(path).map_err(TrainError::io(path))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), bytes: 0 })
    }

    /// Goes on with the file at `path` after its first `bytes` bytes, as a checkpoint noted them. What stands behind them is lost
    /// work and is cut off: returns how many optimizer steps that is. Of a shorter file the whole lines are kept.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be read or written.
    pub fn resume(path: &Path, bytes: u64) -> Result<(Self, u64), TrainError> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(TrainError::io(path))?,
        };
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX).min(text.len());
        let kept = text[..wanted].iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let lost = text[kept..].split(|&byte| byte == b'\n').filter(|line| line.starts_with(br#"{"event":"step""#)).count();
        let file = File::options().create(true).append(true).open(path).map_err(TrainError::io(path))?;
        file.set_len(kept as u64).map_err(TrainError::io(path))?;
        Ok((Self { path: path.to_owned(), file: BufWriter::new(file), bytes: kept as u64 }, lost as u64))
    }

    /// Bytes of the file so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Waits until all of the file is on the disk.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be brought there.
    pub fn sync(&self) -> Result<(), TrainError> {
        self.file.get_ref().sync_data().map_err(TrainError::io(&self.path))
    }

    /// Adds one line.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn write(&mut self, event: &Event) -> Result<(), TrainError> {
        let mut line = serde_json::to_vec(event).map_err(std::io::Error::from).map_err(TrainError::io(&self.path))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.flush()).map_err(TrainError::io(&self.path))?;
        self.bytes += line.len() as u64;
        Ok(())
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
mod tests {
    use super::*;

    fn step(step: u64) -> Event {
        let datasets = BTreeMap::new();
        Event::Step {
            step,
            stage: 0,
            loss: 1.0,
            learning_rate: 0.1,
            gradient_norm: 1.0,
            samples: 0,
            tokens: 0,
            audio_seconds: 0.0,
            wall_seconds: 0.0,
            data_wait_seconds: 0.0,
            data_wait_share: 0.0,
            datasets,
        }
    }

    #[test]
    fn lost_work_is_cut_off_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut ledger = Ledger::create(&path).unwrap();
        ledger.write(&step(1)).unwrap();
        ledger.sync().unwrap();
        let bytes = ledger.bytes();
        let first = fs::read(&path).unwrap();
        assert_eq!(bytes, first.len() as u64);
        ledger.write(&step(2)).unwrap();
        ledger.write(&step(3)).unwrap();
        drop(ledger);
        let (mut again, lost) = Ledger::resume(&path, bytes).unwrap();
        assert_eq!((lost, fs::read(&path).unwrap()), (2, first.clone()));
        again.write(&step(2)).unwrap();
        assert_eq!(again.bytes(), 2 * bytes);

        // A file that lost its end keeps its whole lines; one that is gone begins anew.
        fs::write(&path, [first.as_slice(), b"{\"event\":\"st"].concat()).unwrap();
        let (short, lost) = Ledger::resume(&path, 10 * bytes).unwrap();
        assert_eq!((short.bytes(), lost), (bytes, 0));
        fs::remove_file(&path).unwrap();
        assert_eq!(Ledger::resume(&path, bytes).unwrap().0.bytes(), 0);
    }
}
