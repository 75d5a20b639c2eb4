//! How much memory a training step takes, from sizes alone: nothing is allocated.
//!
//! A [`Plan`] is a sum of [`Part`]s. What a part keeps for the backward pass is counted tensor by tensor, as its code writes
//! them and Burn's autodiff keeps them; what is only there while an operation runs is its `working` memory, of which the
//! largest counts once. The figures are those of 32-bit floats on the CPU unless a part says otherwise; `tests/plan.rs` holds
//! them against measured steps.
//!
//! A model made of pretrained parts is the sum of theirs ([`Plan::pretrained`]): those of its encoders and bridge ([`encoders`]), and
//! of its language model with its adapters ([`language`]).

pub mod encoders;
pub mod language;
mod mini;
mod part;
mod pretrained;
mod published;

pub use part::{Activations, Number, Part};

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// What a program of ours takes before any model: code, threads, buffers of the matrix product. Measured on Linux.
pub const PROCESS: u64 = 10 << 20;

/// Tensors of a parameter's size that AdamW holds while it updates it, besides gradient, moments and old weights.
const UPDATED: u64 = 4;

/// Most samples or tokens of a load: no device holds more at once.
const MAX_COUNT: usize = 1 << 20;

/// What one forward and backward pass is given.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Samples.
    pub batch: usize,
    /// Audio of each sample in seconds.
    pub seconds: f64,
    /// Question tokens of each sample.
    pub prompt: usize,
    /// Answer tokens of each sample, end-of-sequence included.
    pub answer: usize,
}

impl Load {
    /// Log-mel frames of a sample.
    pub(crate) fn frames(&self) -> usize {
        (self.seconds * 100.0).round() as usize
    }

    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let counts = [("batch", self.batch), ("prompt", self.prompt), ("answer", self.answer)];
        crate::config_file::positive(&counts)?;
        if let Some(&(field, found)) = counts.iter().find(|(_, count)| *count > MAX_COUNT) {
            return Err(ModelError::Config { field, found: found.to_string(), expected: format!("at most {MAX_COUNT}") });
        }
        if self.seconds >= 0.01 && self.seconds <= 3600.0 {
            return Ok(());
        }
        let expected = "0.01 to 3,600 seconds of audio".into();
        Err(ModelError::Config { field: "seconds", found: self.seconds.to_string(), expected })
    }
}

/// The memory of a training step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// What the step is given.
    pub load: Load,
    /// The parts in the order of the forward pass, the loss last.
    pub parts: Vec<Part>,
}

impl Plan {
    /// A plan of `parts`, which stand in the order of the forward pass.
    ///
    /// # Errors
    /// [`ModelError::Config`] when the load is empty or endless.
    pub fn new(load: Load, parts: Vec<Part>) -> Result<Self, ModelError> {
        load.check()?;
        Ok(Self { load, parts })
    }

    /// Parameters of all parts.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.sum(|part| part.parameters)
    }

    /// Parameters that are trained.
    #[must_use]
    pub fn trainable(&self) -> u64 {
        self.sum(|part| part.trainable)
    }

    /// Sum of one field over the parts.
    pub fn sum(&self, field: impl Fn(&Part) -> u64) -> u64 {
        self.parts.iter().map(field).sum()
    }

    /// The largest memory that the step takes, in bytes, the program included: in the backward pass, or in the update.
    #[must_use]
    pub fn peak(&self) -> u64 {
        PROCESS + self.backward().max(self.update())
    }

    /// The largest moment of forward and backward: what is kept goes, part by part from the last, as gradients come.
    #[must_use]
    pub fn backward(&self) -> u64 {
        let mut kept = self.sum(|part| part.kept);
        let mut gradients = 0;
        let mut largest = 0;
        for part in self.parts.iter().rev() {
            largest = largest.max(kept + gradients + part.working);
            kept -= part.kept;
            gradients += part.gradients;
        }
        self.sum(|part| part.weights + part.optimizer) + largest.max(gradients)
    }

    /// The moment of the update: a gradient goes where its new weights come, so only what is worked on stands beside the rest.
    #[must_use]
    pub fn update(&self) -> u64 {
        let largest = self.parts.iter().map(|part| part.largest).max().unwrap_or(0);
        self.sum(|part| part.weights + part.gradients + part.optimizer) + UPDATED * largest
    }
}
