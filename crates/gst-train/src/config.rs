//! What a run is told. Every field is a key of the TOML (`--config`) and most are a flag; `RUN/config.toml` has them all.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::augment::Augment;
use crate::rate::RateShape;

/// Settings of a training run. The schedule (what to train on, for how many steps, in which batches) is a file of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Folder with one folder a dataset, or a TOML file that lists datasets.
    pub data: PathBuf,
    /// Datasets to use; all that are found when empty.
    pub only: Vec<String>,
    /// Share of each dataset's training clips held out for the learning curves, in `[0, 0.5]`.
    pub validation_share: f64,
    /// At most so many training samples a dataset (the paper's low-resource setting has 250).
    pub limit: Option<usize>,
    /// Leave out training clips that are in a test split, by the hashes and sources that `gst data check` found.
    pub exclude_overlap: bool,
    /// Folder with the `verified.jsonl` and `quarantine.jsonl` of `gst data check`; the data folder when absent.
    pub checks: Option<PathBuf>,
    /// Model preset.
    pub model: String,
    /// Tokenizer file; one is trained on the training texts when absent.
    pub tokenizer: Option<PathBuf>,
    /// Tokens of the tokenizer that is trained when none is given.
    pub vocabulary: usize,
    /// Device, as [`DeviceName`](crate::device::DeviceName) reads it.
    pub device: String,
    /// Seed of weights, dropout and augmentation. The order of the data has its own seed, in the schedule.
    pub seed: u64,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Shape of the learning rate over the run.
    pub rate: RateShape,
    /// Share of the run over which the rate climbs to its peak, in `[0, 1]`.
    pub warmup: f64,
    /// Decoupled weight decay, on matrices only.
    pub weight_decay: f64,
    /// Largest global norm of a gradient; larger ones are scaled down to it.
    pub clip_norm: f64,
    /// Largest number of samples in one forward pass; a larger batch is worked off in parts of like length.
    pub micro_batch: usize,
    /// Changes made to training features.
    pub augment: Augment,
    /// Steps between two evaluations on the validation split; 0 evaluates at stage ends only.
    pub evaluate_every: u64,
    /// Steps between two checkpoints; 0 saves at the start, at the end and when stopped only.
    pub checkpoint_every: u64,
    /// Newest checkpoints that are kept; 0 keeps all.
    pub keep_last: usize,
    /// Saves after every evaluation with the best score so far (weighted validation token accuracy), and keeps the best.
    pub keep_best: bool,
    /// Ends the run after so many evaluations in a row without a better score, in its last stage; 0 never does.
    pub stop_after: usize,
    /// Threads that decode and prepare batches ahead of the training loop.
    pub workers: usize,
    /// Memory for batches that are prepared ahead, in MiB.
    pub ahead_mib: usize,
    /// Memory for decoded features, in MiB.
    pub cache_mib: usize,
    /// Folder that keeps features between runs; none when absent. Any runs may share it, at one time too.
    pub cache_dir: Option<PathBuf>,
    /// Most that lies in that folder, in GiB.
    pub cache_dir_gib: u64,
    /// Largest share of the records that may be broken, in `[0, 1]`; each is replaced and listed in the run's `quarantine.jsonl`.
    pub max_broken_share: f64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            data: PathBuf::new(),
            only: Vec::new(),
            validation_share: 0.1,
            limit: None,
            exclude_overlap: false,
            checks: None,
            model: "mini".into(),
            tokenizer: None,
            vocabulary: 1024,
            device: "cpu".into(),
            seed: 0,
            learning_rate: 2e-3,
            rate: RateShape::Cosine,
            warmup: 0.05,
            weight_decay: 0.05,
            clip_norm: 1.0,
            micro_batch: 16,
            augment: Augment::default(),
            evaluate_every: 50,
            checkpoint_every: 500,
            keep_last: 2,
            keep_best: true,
            stop_after: 0,
            workers: 1,
            ahead_mib: 256,
            cache_mib: 512,
            cache_dir: None,
            cache_dir_gib: 20,
            max_broken_share: 0.02,
        }
    }
}

impl TrainConfig {
    /// Reads a TOML file; absent keys keep their defaults.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Config`], which names line and key.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(TrainError::io(path))?;
        toml::from_str(&text).map_err(|error| TrainError::Config { path: path.to_owned(), reason: error.to_string() })
    }

    /// The TOML that [`TrainConfig::read`] reads back.
    ///
    /// # Errors
    /// [`TrainError::Config`] when a value has no TOML form.
    pub fn to_toml(&self, path: &Path) -> Result<String, TrainError> {
        toml::to_string_pretty(self).map_err(|error| TrainError::Config { path: path.to_owned(), reason: error.to_string() })
    }

    /// # Errors
    /// [`TrainError::Setting`] for the first value out of range.
    pub fn check(&self) -> Result<(), TrainError> {
        let refuse = |field, found: f64, expected| Err(TrainError::Setting { field, found: found.to_string(), expected });
        if !(0.0..=0.5).contains(&self.validation_share) {
            return refuse("validation_share", self.validation_share, "a share in [0, 0.5]");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse("learning_rate", self.learning_rate, "a number above 0");
        }
        if !(0.0..=1.0).contains(&self.warmup) {
            return refuse("warmup", self.warmup, "a share in [0, 1]");
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return refuse("weight_decay", self.weight_decay, "a number of at least 0");
        }
        if self.clip_norm.is_nan() || self.clip_norm <= 0.0 {
            return refuse("clip_norm", self.clip_norm, "a number above 0");
        }
        if !(0.0..=1.0).contains(&self.max_broken_share) {
            return refuse("max_broken_share", self.max_broken_share, "a share in [0, 1]");
        }
        if self.micro_batch == 0 {
            return refuse("micro_batch", 0.0, "at least 1 sample");
        }
        self.augment.check()
    }
}
