//! What training on one dataset does to another: lookahead, commutator and transferability.
//!
//! | metric | one repeat | passes |
//! |---|---|---|
//! | lookahead | a tenth of a step along the preconditioned gradient of i; losses of every j on other clips | D backward, D(D + 1) forward |
//! | commutator | H_i g for the gradient g of the mixture on other clips, against g_j on other clips | 2D backward |
//! | transferability | `transfer_steps` steps on i alone, on a copy of the model; losses of every j | D × steps, D(D + 1) forward |
//!
//! Repeats go over the probe batches (lookahead, commutator) and over seeds (transferability), so that each entry gets an
//! interval. No gradient meets a loss or a gradient of its own clips.

use burn::module::Module;
use gst_affinity::{CommutatorSample, Cost, DatasetFacts, LossTable, Metric};
use gst_model::{AudioLm, AudioModel};
use gst_schedule::{Schedule, ScheduleParams, Strategy};

use super::ProbeConfig;
use super::gradients::{Found, Gradients};
use crate::batches::Batcher;
use crate::learner::Learner;
use crate::{Setup, TrainConfig, TrainError, seed};

/// A forward pass as a share of a training pass: the backward pass costs twice the forward one.
const FORWARD_SHARE: f64 = 1.0 / 3.0;

/// What one gradient adds to the optimizer step it is taken in, as a share of the learning rate: AdamW's 1 − β₁. A whole step
/// along the gradient of one small batch, without the mean that momentum takes, overshoots.
const STEP_SHARE: f64 = 0.1;

/// Directed measurements, one entry a repeat.
#[derive(Default)]
pub(super) struct Directed {
    pub(super) lookahead: Vec<LossTable>,
    pub(super) commutator: Vec<CommutatorSample>,
    pub(super) transferability: Vec<LossTable>,
    /// What training passes cost, wall time aside.
    trained: Cost,
    /// The same of forward passes, each as if it were a training pass.
    forward: Cost,
}

impl Directed {
    /// What the measurements cost so far, wall time aside. Forward passes count as the share of a training pass that they are.
    pub(super) fn cost(&self) -> Cost {
        let part = |count: u64| (count as f64 * FORWARD_SHARE).ceil() as u64;
        let Cost { samples, tokens, audio_seconds, .. } = self.forward;
        let forward = Cost {
            samples: part(samples),
            tokens: part(tokens),
            audio_seconds: audio_seconds * FORWARD_SHARE,
            ..Cost::default()
        };
        self.trained + forward
    }

    /// Units of work that [`Directed::at`] reports: one a dataset, repeat and metric.
    pub(super) fn units(probe: &ProbeConfig, datasets: usize) -> u64 {
        let at_points = probe.directed.iter().filter(|&&metric| metric != Metric::Transferability).count() * probe.points.len();
        let at_end = probe.directed.len() - at_points / probe.points.len().max(1);
        ((at_points * probe.batches + at_end * probe.transfer_repeats) * datasets) as u64
    }

    /// Measures what `probe` asks for at one point. False when `go_on`, asked after every unit, says so.
    pub(super) fn at(
        &mut self,
        gradients: &Gradients<'_>,
        found: &Found,
        context: &Context<'_>,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<bool, TrainError> {
        let wants = |metric| context.probe.directed.contains(&metric);
        let repeats = gradients.common_batches();
        for repeat in 0..repeats {
            if wants(Metric::Lookahead) && !self.look_ahead(repeat, gradients, found, context, &mut go_on)? {
                return Ok(false);
            }
            if wants(Metric::Commutator) && !self.commute(repeat, gradients, found, context, &mut go_on)? {
                return Ok(false);
            }
        }
        if wants(Metric::Transferability) && context.is_last {
            for repeat in 0..context.probe.transfer_repeats {
                if !self.transfer(repeat, gradients, context, &mut go_on)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Losses after one step on each dataset, along its gradient as an adaptive optimizer would take it.
    fn look_ahead(
        &mut self,
        repeat: usize,
        gradients: &Gradients<'_>,
        found: &Found,
        context: &Context<'_>,
        go_on: &mut impl FnMut() -> bool,
    ) -> Result<bool, TrainError> {
        let preconditioner = found.whole.preconditioner()?;
        let other = (repeat + 1) % gradients.common_batches();
        let before = self.losses(&gradients.model, gradients, other..other + 1, context)?;
        let mut after = Vec::with_capacity(before.len());
        for dataset in 0..before.len() {
            let mut step = match gradients.sketcher.is_exact() {
                true => found.samples.batches(dataset)[repeat].clone(),
                false => {
                    let (gradient, cost) = gradients.of(dataset, repeat)?;
                    self.trained += cost;
                    gradient
                }
            };
            preconditioner.apply(0, &mut step)?;
            let moved = gradients.probe.moved(&gradients.model, &step, -STEP_SHARE * context.config.learning_rate)?;
            after.push(self.losses(&moved, gradients, other..other + 1, context)?);
            if !go_on() {
                return Ok(false);
            }
        }
        self.lookahead.push(LossTable { before, after });
        Ok(true)
    }

    /// Hessian-vector products of every dataset with the mixture's gradient.
    fn commute(
        &mut self,
        repeat: usize,
        gradients: &Gradients<'_>,
        found: &Found,
        context: &Context<'_>,
        go_on: &mut impl FnMut() -> bool,
    ) -> Result<bool, TrainError> {
        // Each of the three parts comes from other clips than the two others, and from others again in the next repeat.
        let repeats = gradients.common_batches();
        // Three different ones: no dataset has fewer than `MIN_BATCHES`.
        let (other, third) = ((repeat + 1) % repeats, (repeat + 2) % repeats);
        let mixture = &found.whole.mixture[third];
        let mut sample = CommutatorSample { gradients: Vec::new(), products: Vec::new() };
        for dataset in 0..context.facts.len() {
            let (batch, cost) = gradients.batch(dataset, repeat)?;
            self.trained += cost + cost;
            let loss = |model: &AudioModel| model.answers(&batch).token_losses().mean();
            let product = gradients.probe.hessian_vector(&gradients.model, mixture, loss)?;
            sample.products.push(if gradients.sketcher.is_exact() { product } else { gradients.sketcher.sketch(&product) });
            sample.gradients.push(found.samples.batches(dataset)[other].clone());
            if !go_on() {
                return Ok(false);
            }
        }
        self.commutator.push(sample);
        Ok(true)
    }

    /// Losses after fine-tuning a copy of the model on each dataset alone.
    fn transfer(
        &mut self,
        repeat: usize,
        gradients: &Gradients<'_>,
        context: &Context<'_>,
        go_on: &mut impl FnMut() -> bool,
    ) -> Result<bool, TrainError> {
        let all = 0..gradients.common_batches();
        let before = self.losses(&gradients.model, gradients, all.clone(), context)?;
        let mut after = Vec::with_capacity(before.len());
        for facts in context.facts {
            let mut alone = facts.clone();
            alone.weight = 1.0;
            let seed = seed::derive(&[context.config.seed, repeat as u64]);
            let params = ScheduleParams {
                strategy: Strategy::MixAll,
                steps: context.probe.transfer_steps,
                batch_size: context.probe.warmup_batch_size,
                seed,
                ..ScheduleParams::default()
            };
            let schedule = Schedule::new(&[alone], None, &params)?;
            let config = TrainConfig { seed, ..context.config.clone() };
            let batcher = Batcher::new(context.setup, &schedule, &config)?;
            let mut learner = Learner::of(context.setup, &config, &schedule, context.model.clone())?;
            for step in 0..schedule.steps {
                learner.step(&batcher.step(step)?, &schedule, &batcher, &|| false)?;
            }
            self.trained += Cost { wall_seconds: 0.0, ..learner.cost() };
            after.push(self.losses(&learner.model, gradients, all.clone(), context)?);
            if !go_on() {
                return Ok(false);
            }
        }
        self.transferability.push(LossTable { before, after });
        Ok(true)
    }

    /// Mean loss of every dataset on its probe batches `batches`.
    fn losses(
        &mut self,
        model: &AudioModel,
        gradients: &Gradients<'_>,
        batches: std::ops::Range<usize>,
        context: &Context<'_>,
    ) -> Result<Vec<f64>, TrainError> {
        let model = model.valid();
        let loss = |dataset: usize| {
            let (mut sum, mut tokens) = (0.0, 0);
            for index in batches.clone() {
                let (batch, cost) = gradients.batch(dataset, index)?;
                let scores = model.answers(&batch).scores();
                sum += scores.iter().map(|scores| scores.loss).sum::<f64>();
                tokens += scores.iter().map(|scores| scores.tokens).sum::<usize>();
                self.forward += cost;
            }
            Ok(sum / tokens.max(1) as f64)
        };
        (0..context.facts.len()).map(loss).collect()
    }
}

/// What a directed measurement stands on.
pub(super) struct Context<'a> {
    pub(super) setup: &'a Setup,
    pub(super) config: &'a TrainConfig,
    pub(super) probe: &'a ProbeConfig,
    pub(super) facts: &'a [DatasetFacts],
    /// The model in training, dropout on.
    pub(super) model: &'a AudioModel,
    /// Whether this is the last probe point, where what is too costly for all of them is measured.
    pub(super) is_last: bool,
}
