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
use gst_model::pretext::{Masks, Pretext, question_tokens};
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

/// Sets the seeds of masks apart from those of dropout.
const MASK_SEED: u64 = 0x6d61_736b;

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
            let [frames, text] = mean(&losses[losses.len().saturating_sub(EDGE)..]);
            progress.line(&format!("step {}: masked frames {frames:.3}, question text {text:.3}", step + 1));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
    }
    let edge = losses.len().div_ceil(2).min(EDGE);
    let ([frames, text], [frames_end, text_end]) = (mean(&losses[..edge]), mean(&losses[losses.len() - edge..]));
    let pretrained = Pretrained {
        model: model.clone(),
        steps: params.steps,
        samples: cost.samples,
        audio_seconds: cost.audio_seconds,
        batch_size: params.batch_size,
        learning_rate: config.learning_rate,
        seed: config.seed,
        masked_frames: Course { start: frames, end: frames_end },
        question_text: Course { start: text, end: text_end },
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

/// Means of both losses.
fn mean(losses: &[[f64; 2]]) -> [f64; 2] {
    let mean = |which: usize| losses.iter().map(|losses| losses[which]).sum::<f64>() / losses.len().max(1) as f64;
    [mean(0), mean(1)]
}

/// The pretext in training.
struct Learner<'a> {
    setup: &'a Setup,
    config: &'a TrainConfig,
    pretext: Pretext,
    optimizer: burn::optim::ModuleOptimizer,
}

impl<'a> Learner<'a> {
    fn new(setup: &'a Setup, config: &'a TrainConfig, model: &ModelConfig) -> Result<Self, TrainError> {
        let pretext = Pretext::init(model, config.seed, &setup.drawing())?.fork(&setup.device);
        let optimizer = adamw(&pretext, config)?;
        Ok(Self { setup, config, pretext, optimizer })
    }

    /// One optimizer step; both losses before it, as means over all hidden values and all question tokens of the step.
    fn step(&mut self, batch: &StepBatch, rate: f64) -> Result<[f64; 2], TrainError> {
        let parts: Vec<(u64, &Part, Masks)> = (0..)
            .zip(&batch.parts)
            .map(|(index, part)| {
                (index, part, Masks::draw(&part.batch, seed::derive(&[self.config.seed, MASK_SEED, batch.step, index])))
            })
            .collect();
        let values: usize = parts.iter().map(|(_, part, masks)| masks.values(&part.batch)).sum();
        let tokens: usize = parts.iter().map(|(_, part, _)| question_tokens(&part.batch)).sum();
        let counts = [values, tokens].map(|count| count.max(1) as f64);
        let mut accumulator = GradientsAccumulator::new();
        let mut losses = [0.0; 2];
        for side_by_side in parts.chunks(self.setup.cores.count()) {
            let passes = self.setup.cores.map(side_by_side, |(index, part, masks)| {
                self.pass(seed::derive(&[self.config.seed, batch.step, *index]), part, masks, counts)
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

    /// Gradients of a part's share of the summed losses, and these shares.
    fn pass(&self, seed: u64, part: &Part, masks: &Masks, counts: [f64; 2]) -> (GradientsParams, [f64; 2]) {
        let pretext = self.pretext.clone().fork(&self.setup.device);
        let pass = || {
            let losses = pretext.losses(&part.batch, masks);
            let [frames, text] = [losses.masked_frames.div_scalar(counts[0]), losses.question_text.div_scalar(counts[1])];
            let both = Tensor::cat(vec![frames.clone().inner(), text.clone().inner()], 0).into_data();
            let mut found = both.iter::<f32>().map(f64::from);
            let gradients = (frames + text).backward();
            (GradientsParams::from_grads(gradients, &pretext), [(); 2].map(|()| found.next().unwrap_or(f64::NAN)))
        };
        if self.setup.on_cpu {
            dropout::seeded(seed, pass)
        } else {
            self.setup.device.seed(seed);
            pass()
        }
    }
}
