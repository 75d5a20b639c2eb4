//! Training on a pretext before any answer is seen: what `gst pretrain` does.
//!
//! Encoder and decoder of a model that trains from scratch learn from the sounds and the questions of the training split
//! ([`gst_model::pretext`]): clips that are held out for validation are not among them, nor is any answer. What comes of it is a folder
//! that a run may start with ([`Start`]).

mod start;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;
use gst_affinity::Cost;
use gst_model::dropout;
use gst_model::pretext::{Exercise, Pretext, PretextLosses};
use gst_model::{AudioModelConfig, ModelConfig};
use gst_schedule::{Schedule, ScheduleParams, Strategy};
use serde::{Deserialize, Serialize};

use crate::augment::Augment;
use crate::batches::{Part, StepBatch};
use crate::optimizer::{adamw, clip_by_global_norm};
use crate::plan::loader;
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::{Setup, TrainConfig, TrainError, seed};

pub use start::{Pretrained, Start};

/// Steps at the start and at the end whose mean losses are reported.
const EDGE: usize = 10;

/// Lines that tell of the losses on the way.
const LINES: u64 = 10;

/// Sets the seeds of exercises apart from those of dropout.
const EXERCISE_SEED: u64 = 0x6578_6572;

/// How long to train on the pretext, beside a [`TrainConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PretextParams {
    /// Optimizer steps, at least 1.
    pub steps: u64,
    /// Samples a step, at least 1.
    pub batch_size: u32,
}

/// Mean loss over the first and the last steps (10, or half of all where these are fewer than 20), dropout included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Over the first steps.
    pub start: f64,
    /// Over the last.
    pub end: f64,
}

/// What training on the pretext came to.
pub struct Outcome {
    pretext: Pretext,
    /// The body of `pretrained.json`, but for the marks of the files beside it.
    pub pretrained: Pretrained,
}

/// Trains a fresh model on the pretext. `None` when asked to stop.
///
/// # Errors
/// [`TrainError::Setting`] for a value out of range or a model of checkpoints; [`TrainError::Pretext`] when a loss is no number; whatever
/// reading data can raise.
pub fn run(
    setup: &Setup,
    config: &TrainConfig,
    params: PretextParams,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Option<Outcome>, TrainError> {
    let model = checked(setup, config)?;
    let schedule = ScheduleParams {
        strategy: Strategy::MixAll,
        steps: params.steps,
        batch_size: params.batch_size,
        seed: config.seed,
        ..ScheduleParams::default()
    };
    let schedule = Schedule::new(&setup.facts()?, None, &schedule)?;
    // What is hidden is hidden by the pretext.
    let config = TrainConfig { augment: Augment::none(), ..config.clone() };
    let mut learner = Learner::new(setup, &config, model)?;
    let mut quarantine = Quarantine::unlisted(setup, &schedule, &config);
    let (_batcher, mut batches) = loader(setup, &config, &schedule, 0)?;
    let mut losses = Vec::new();
    let mut cost = Cost::default();
    for step in 0..params.steps {
        let ended = || Err(TrainError::ScheduleMismatch("the loader ended before the steps did".into()));
        let batch = batches.next().unwrap_or_else(ended)?;
        for broken in quarantine.add(&batch.set_aside)? {
            progress.line(&format!("set aside: {}", broken.reason));
        }
        losses.push(learner.step(&batch, config.rate().at(step, params.steps))?);
        cost += batch.cost;
        progress.set(step + 1);
        if (step + 1) * LINES / params.steps > step * LINES / params.steps {
            let [frames, text, word] = mean(&losses[losses.len().saturating_sub(EDGE)..]);
            let line = format!("step {}: masked frames {frames:.3}, question text {text:.3}, repeated word {word:.3}", step + 1);
            progress.line(&line);
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
    }
    let edge = losses.len().div_ceil(2).min(EDGE);
    let (first, last) = (mean(&losses[..edge]), mean(&losses[losses.len() - edge..]));
    let course = |which: usize| Course { start: first[which], end: last[which] };
    let pretrained = Pretrained {
        model: model.clone(),
        steps: params.steps,
        samples: cost.samples,
        audio_seconds: cost.audio_seconds,
        batch_size: params.batch_size,
        learning_rate: config.learning_rate,
        seed: config.seed,
        masked_frames: course(0),
        question_text: course(1),
        repeated_word: course(2),
        files: Default::default(),
    };
    Ok(Some(Outcome { pretext: learner.pretext, pretrained }))
}

/// The sizes of what is trained.
fn checked<'s>(setup: &'s Setup, config: &TrainConfig) -> Result<&'s ModelConfig, TrainError> {
    if let Some(start) = &config.start {
        let expected = "none: what is made here begins from scratch";
        return Err(TrainError::Setting { field: "start", found: start.display().to_string(), expected });
    }
    match &setup.model {
        AudioModelConfig::Mini(model) => Ok(model),
        AudioModelConfig::Pretrained(preset) => {
            let expected = "a model that trains from scratch: mini, small, or a TOML file of sizes";
            Err(TrainError::Setting { field: "model", found: preset.preset.clone(), expected })
        }
    }
}

/// The mean of each loss.
fn mean(losses: &[[f64; 3]]) -> [f64; 3] {
    [0, 1, 2].map(|which: usize| losses.iter().map(|losses| losses[which]).sum::<f64>() / losses.len().max(1) as f64)
}

/// The pretext in training.
struct Learner<'a> {
    setup: &'a Setup,
    config: &'a TrainConfig,
    pretext: Pretext,
    vocabulary: usize,
    optimizer: burn::optim::ModuleOptimizer,
}

impl<'a> Learner<'a> {
    fn new(setup: &'a Setup, config: &'a TrainConfig, model: &ModelConfig) -> Result<Self, TrainError> {
        let pretext = Pretext::init(model, config.seed, &setup.drawing())?.fork(&setup.device);
        let optimizer = adamw(&pretext, config)?;
        Ok(Self { setup, config, pretext, vocabulary: model.vocabulary, optimizer })
    }

    /// One optimizer step; the losses before it, as means over all that the step asks for.
    fn step(&mut self, batch: &StepBatch, rate: f64) -> Result<[f64; 3], TrainError> {
        let exercise = |(index, part): (u64, &'_ Part)| {
            let seed = seed::derive(&[self.config.seed, EXERCISE_SEED, batch.step, index]);
            Exercise::draw(&part.batch, self.vocabulary, seed)
        };
        let exercises: Vec<Exercise> = (0..).zip(&batch.parts).map(exercise).collect();
        let parts: Vec<(u64, &Part, &Exercise)> =
            (0..).zip(batch.parts.iter().zip(&exercises)).map(|(index, (part, exercise))| (index, part, exercise)).collect();
        let mut counts = [0; 3];
        for (_, part, exercise) in &parts {
            counts.iter_mut().zip(exercise.counts(&part.batch)).for_each(|(sum, count)| *sum += count);
        }
        let counts = counts.map(|count| count.max(1) as f64);
        let mut accumulator = GradientsAccumulator::new();
        let mut losses = [0.0; 3];
        for side_by_side in parts.chunks(self.setup.cores.count()) {
            let passes = self.setup.cores.map(side_by_side, |(index, part, exercise)| {
                self.pass(seed::derive(&[self.config.seed, batch.step, *index]), part, exercise, counts)
            });
            // In the order of the parts, whatever ran at one time.
            for (gradients, found) in passes {
                accumulator.accumulate(&self.pretext, gradients);
                losses.iter_mut().zip(found).for_each(|(loss, found)| *loss += found);
            }
        }
        let mut gradients = accumulator.grads();
        let norm = clip_by_global_norm(&self.pretext, &mut gradients, self.config.clip_norm);
        if !(norm.is_finite() && losses.iter().all(|loss| loss.is_finite())) {
            return Err(TrainError::Pretext { step: batch.step, losses });
        }
        self.pretext = self.optimizer.step(rate, self.pretext.clone(), gradients);
        Ok(losses)
    }

    /// Gradients of a part's share of the sum of the losses, and these shares.
    fn pass(&self, seed: u64, part: &Part, exercise: &Exercise, counts: [f64; 3]) -> (GradientsParams, [f64; 3]) {
        let pretext = self.pretext.clone().fork(&self.setup.device);
        let pass = || {
            let PretextLosses { masked_frames, question_text, repeated_word } = pretext.losses(&part.batch, exercise);
            let sums = [(masked_frames, counts[0]), (question_text, counts[1]), (repeated_word, counts[2])];
            let losses = Tensor::cat(sums.map(|(sum, count)| sum.div_scalar(count)).to_vec(), 0);
            let mut found = losses.clone().inner().into_data().iter::<f32>().map(f64::from).collect::<Vec<_>>().into_iter();
            let gradients = GradientsParams::from_grads(losses.sum().backward(), &pretext);
            (gradients, [(); 3].map(|()| found.next().unwrap_or(f64::NAN)))
        };
        if self.setup.on_cpu {
            dropout::seeded(seed, pass)
        } else {
            self.setup.device.seed(seed);
            pass()
        }
    }
}
