//! What a run is told. Every field is a key of the TOML (`--config`) and most are a flag; `RUN/config.toml` has them all.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::augment::Augment;
use crate::optimizer::parameter_groups::ParameterGroup;
use crate::rate::{Rate, RateHorizon, RateShape};

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
    /// Model preset, or a TOML file of one.
    pub model: String,
    /// Folder of the checkpoints that the model is put together from; none for one that trains from scratch.
    pub weights: Option<PathBuf>,
    /// Folder of `gst pretrain` whose encoder, decoder and tokenizer a model that trains from scratch begins with.
    pub start: Option<PathBuf>,
    /// Rank of the adapters that are trained, with bridge and clip statistics, while encoder and decoder stay as `start` has them; 0 to
    /// train everything.
    pub adapters: usize,
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
    /// Shape of the learning rate over its horizon.
    pub rate: RateShape,
    /// What the learning rate's shape stretches over.
    pub rate_horizon: RateHorizon,
    /// Share of the peak that a falling rate ends at, in `[0, 1]`.
    pub rate_floor: f64,
    /// Share of the horizon over which the shape `wsd` falls, in `[0, 1]`.
    pub rate_decay: f64,
    /// Share of the horizon over which the rate climbs to its peak, in `[0, 1]`.
    pub warmup: f64,
    /// Decoupled weight decay, on matrices only.
    pub weight_decay: f64,
    /// AdamW's β₁ and β₂, each in `[0, 1)`.
    pub betas: [f64; 2],
    /// AdamW's ε.
    pub epsilon: f64,
    /// Parameters with a learning rate and a weight decay of their own.
    pub parameter_groups: Vec<ParameterGroup>,
    /// Decay of the moving average of the weights that is evaluated and saved beside them, in `(0, 1)`; none when absent.
    pub ema: Option<f64>,
    /// Largest global norm of a gradient; larger ones are scaled down to it.
    pub clip_norm: f64,
    /// Largest number of samples in one forward pass; a larger batch is worked off in parts of like length.
    pub micro_batch: usize,
    /// Computes activations again in the backward pass where that only costs memory traffic, instead of keeping them.
    pub gradient_checkpointing: bool,
    /// Changes made to training features.
    pub augment: Augment,
    /// Steps between two evaluations on the validation split; 0 evaluates at stage ends only.
    pub evaluate_every: u64,
    /// Seconds of audio between two evaluations, beside [`TrainConfig::evaluate_every`]; 0 for none.
    pub evaluate_every_seconds: f64,
    /// Whether the run folder gets a TensorBoard event file.
    pub tensorboard: bool,
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
            weights: None,
            start: None,
            adapters: 0,
            tokenizer: None,
            vocabulary: 1024,
            device: "cpu".into(),
            seed: 0,
            learning_rate: 2e-3,
            rate: RateShape::Cosine,
            rate_horizon: RateHorizon::Run,
            rate_floor: 0.01,
            rate_decay: 0.2,
            warmup: 0.05,
            weight_decay: 0.05,
            betas: [0.9, 0.98],
            epsilon: 1e-8,
            parameter_groups: Vec::new(),
            ema: None,
            clip_norm: 1.0,
            micro_batch: 16,
            gradient_checkpointing: false,
            augment: Augment::default(),
            evaluate_every: 50,
            evaluate_every_seconds: 0.0,
            tensorboard: false,
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

    /// The learning rate of a span of steps.
    #[must_use]
    pub fn rate(&self) -> Rate {
        Rate { peak: self.learning_rate, shape: self.rate, floor: self.rate_floor, warmup: self.warmup, decay: self.rate_decay }
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
        for (field, share) in [("warmup", self.warmup), ("rate_floor", self.rate_floor), ("rate_decay", self.rate_decay)] {
            if !(0.0..=1.0).contains(&share) {
                return refuse(field, share, "a share in [0, 1]");
            }
        }
        if let Some(beta) = self.betas.into_iter().find(|beta| !(0.0..1.0).contains(beta)) {
            return refuse("betas", beta, "two numbers in [0, 1)");
        }
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return refuse("epsilon", self.epsilon, "a number above 0");
        }
        if let Some(decay) = self.ema.filter(|&decay| !(decay > 0.0 && decay < 1.0)) {
            return refuse("ema", decay, "a decay between 0 and 1, such as 0.999");
        }
        if !(self.evaluate_every_seconds >= 0.0 && self.evaluate_every_seconds.is_finite()) {
            return refuse("evaluate_every_seconds", self.evaluate_every_seconds, "a number of seconds, 0 for none");
        }
        self.parameter_groups.iter().try_for_each(ParameterGroup::check)?;
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
        if self.adapters > 0 && self.start.is_none() {
            let expected = "0 without `start`: adapters are trained beside frozen parts, which must have learnt something before \
                            (--start FOLDER, of `gst pretrain`)";
            return Err(TrainError::Setting { field: "adapters", found: self.adapters.to_string(), expected });
        }
        self.augment.check()
    }

    /// Whether the model begins with trained weights: checkpoints, or what `gst pretrain` left.
    #[must_use]
    pub const fn is_pretrained(&self) -> bool {
        self.weights.is_some() || self.start.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_survives_its_toml_and_groups_are_tables() {
        let config = TrainConfig {
            rate: RateShape::Wsd,
            rate_horizon: RateHorizon::Stage,
            parameter_groups: vec![ParameterGroup {
                pattern: r"^encoder\.".into(),
                learning_rate_factor: 0.1,
                weight_decay: Some(0.0),
            }],
            ema: Some(0.99),
            ..TrainConfig::default()
        };
        let text = config.to_toml("config.toml".as_ref()).unwrap();
        assert!(text.contains("[[parameter_groups]]") && text.contains("rate_horizon = \"stage\""), "{text}");
        assert_eq!(toml::from_str::<TrainConfig>(&text).unwrap(), config);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = TrainConfig::default;
        for (field, config) in [
            ("rate_floor", TrainConfig { rate_floor: 1.5, ..config() }),
            ("rate_decay", TrainConfig { rate_decay: -0.1, ..config() }),
            ("betas", TrainConfig { betas: [0.9, 1.0], ..config() }),
            ("epsilon", TrainConfig { epsilon: 0.0, ..config() }),
            ("ema", TrainConfig { ema: Some(1.0), ..config() }),
            ("evaluate_every_seconds", TrainConfig { evaluate_every_seconds: f64::NAN, ..config() }),
            ("adapters", TrainConfig { adapters: 8, ..config() }),
        ] {
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(&format!("`{field}`")), "{message}");
        }
    }
}
