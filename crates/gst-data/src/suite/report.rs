//! What was generated, for people and for `--json`.

use serde::{Deserialize, Serialize};

use super::task::Task;
use super::tasks::TASKS;
use super::world::{WorldDataset, WorldParams};

/// The suite that now lies in the folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteReport {
    /// Seed it was made from.
    pub seed: u64,
    /// Scale it was made with.
    pub scale: f64,
    /// True if the folder held this very suite already and nothing was written.
    pub reused: bool,
    /// Hash of every clip and every line, `sha256:…`; equal hashes, equal suites.
    pub fingerprint: String,
    /// Number of clips in all datasets and halves.
    pub clips: usize,
    /// Bytes of audio on the disk.
    pub bytes: u64,
    /// Seconds of audio.
    pub audio_seconds: f64,
    /// The datasets by name.
    pub datasets: Vec<DatasetReport>,
    /// What is true of a world; nothing for the suite of fourteen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<World>,
}

/// The knobs of a world, and what is true of its datasets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// The knobs.
    pub knobs: WorldParams,
    /// The datasets by name, in the order of [`SuiteReport::datasets`].
    pub datasets: Vec<WorldDataset>,
}

/// One generated dataset: a row of `datasets.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetReport {
    /// Folder name.
    pub name: String,
    /// `speech`, `music` or `environment`.
    pub domain: String,
    /// The skill it asks for, in a few words.
    pub task: String,
    /// Clips in `train.jsonl`.
    pub train: usize,
    /// Clips in `test.jsonl`.
    pub test: usize,
    /// Clips in both.
    pub clips: usize,
    /// Number of possible answers.
    pub classes: usize,
    /// Sample rate of the files in Hz.
    pub sample_rate: u32,
    /// Channels of the files.
    pub channels: u16,
    /// Extra fields whose values in the test half never occur in training.
    pub held_out: Vec<String>,
    /// Where the clips come from.
    pub source: String,
    /// Bytes of audio on the disk; 0 before generation.
    pub bytes: u64,
    /// Seconds of audio; 0 before generation.
    pub audio_seconds: f64,
    /// Shortest clip in seconds; 0 before generation.
    pub shortest_seconds: f64,
    /// Longest clip in seconds; 0 before generation.
    pub longest_seconds: f64,
}

/// What the suite of this scale holds, without generating it; measured fields are 0.
pub fn catalogue(scale: f64) -> Vec<DatasetReport> {
    TASKS.iter().map(|task| planned(task, scale)).collect()
}

/// The row of a dataset before its clips are there.
pub(super) fn planned(task: &Task, scale: f64) -> DatasetReport {
    let [train, test] = task.sizes(scale);
    DatasetReport {
        name: task.name.to_owned(),
        domain: task.domain.to_owned(),
        task: task.skill.to_owned(),
        train,
        test,
        clips: train + test,
        classes: task.choices.len(),
        sample_rate: task.rate,
        channels: task.channels(),
        held_out: task.held_out.iter().map(|&field| field.to_owned()).collect(),
        source: format!("generated, recipe {}", super::RECIPE_VERSION),
        bytes: 0,
        audio_seconds: 0.0,
        shortest_seconds: 0.0,
        longest_seconds: 0.0,
    }
}
