//! What is known of the datasets, of the probe and of its cost.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// What later steps need to know of a dataset beside its gradients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetFacts {
    /// Name, unique among the datasets.
    pub name: String,
    /// Domain (`speech`, `music`, `sound`, …), for the grouping by domain; empty if unknown.
    #[serde(default)]
    pub domain: String,
    /// Training samples.
    pub size: u64,
    /// p_i: the dataset's share in the objective. The weights of all datasets sum to 1.
    pub weight: f64,
    /// Mean tokens of a sample (prompt and answer), 0 if unknown.
    #[serde(default)]
    pub mean_tokens: f64,
    /// Mean seconds of audio of a sample, 0 if unknown.
    #[serde(default)]
    pub mean_audio_seconds: f64,
    /// Mean loss on this dataset at moments of the probe's warm-up, oldest first; empty if unknown.
    #[serde(default)]
    pub warmup_losses: Vec<f64>,
    /// Seconds that training on one sample takes, 0 if unknown.
    #[serde(default)]
    pub seconds_per_sample: f64,
}

impl DatasetFacts {
    /// Facts of a dataset of which only name and size are known. The weight is 0: see [`weigh_by_size`](Self::weigh_by_size).
    pub fn new(name: impl Into<String>, size: u64) -> Self {
        Self {
            name: name.into(),
            domain: String::new(),
            size,
            weight: 0.0,
            mean_tokens: 0.0,
            mean_audio_seconds: 0.0,
            warmup_losses: Vec::new(),
            seconds_per_sample: 0.0,
        }
    }

    /// Sets every weight to the dataset's share of all samples; equal weights where no dataset has a sample.
    pub fn weigh_by_size(datasets: &mut [Self]) {
        let total: f64 = datasets.iter().map(|d| d.size as f64).sum();
        let equal = 1.0 / datasets.len().max(1) as f64;
        for dataset in datasets {
            dataset.weight = if total > 0.0 { dataset.size as f64 / total } else { equal };
        }
    }
}

/// What a run or a probe has cost. All five always stand together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Optimizer steps.
    pub steps: u64,
    /// Samples.
    pub samples: u64,
    /// Tokens.
    pub tokens: u64,
    /// Seconds of audio.
    pub audio_seconds: f64,
    /// Seconds of wall time.
    pub wall_seconds: f64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            samples: self.samples.saturating_add(other.samples),
            tokens: self.tokens.saturating_add(other.tokens),
            audio_seconds: self.audio_seconds + other.audio_seconds,
            wall_seconds: self.wall_seconds + other.wall_seconds,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// How the gradients of an affinity were measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ProbeFacts {
    /// Name of the model, for people.
    pub model: String,
    /// Whether the model had trained weights before the probe's warm-up.
    #[serde(default)]
    pub pretrained: bool,
    /// Parameters that were probed.
    pub parameters: u64,
    /// Size k of the sketch; 0 if the gradients are exact.
    pub sketch_size: usize,
    /// The optimizer steps at which gradients were taken, one for each [`GradientSamples`](crate::GradientSamples).
    pub points: Vec<u64>,
    /// Batches a dataset and point.
    pub batches: usize,
    /// Samples a batch.
    pub batch_size: usize,
    /// Seed of the probe.
    pub seed: u64,
    /// What probing cost, warm-up included where it was thrown away.
    pub cost: Cost,
}
