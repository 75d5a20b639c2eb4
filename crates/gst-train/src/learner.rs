//! The model in training and what it has cost so far.

mod share;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use gst_affinity::Cost;
use gst_data::Split;
use gst_model::{AudioLm, AudioModel, dropout};
use gst_schedule::Schedule;

use crate::batches::{Batcher, Part, StepBatch};
use crate::checkpoint::state::{RunState, Scores};
use crate::checkpoint::{self, Checkpoint, MOMENTS, moments};
use crate::evaluate::Evaluation;
use crate::ledger::{DatasetStep, Event};
use crate::optimizer::ema;
use crate::optimizer::{adamw, all_finite, clip_by_global_norm};
use crate::rate::RateHorizon;
use crate::{Setup, TrainConfig, TrainError, seed};
use share::SampleShare;

/// The model in training and what it has cost so far.
pub(crate) struct Learner<'a> {
    setup: &'a Setup,
    config: &'a TrainConfig,
    names: Vec<String>,
    pub(crate) model: AudioModel,
    /// Moving average of the weights, without autodiff, where the settings ask for it.
    average: Option<AudioModel>,
    optimizer: ModuleOptimizer,
    /// What training has cost, waiting for data left out.
    pub(crate) spent: Cost,
    /// Time spent waiting for data.
    pub(crate) waited: Duration,
    /// The same before the last step.
    waited_before: Duration,
    loss: f64,
    /// Weighted token accuracy over the evaluations, in `[0, 1]`.
    pub(crate) scores: Scores,
}

impl<'a> Learner<'a> {
    pub(crate) fn new(setup: &'a Setup, config: &'a TrainConfig, schedule: &Schedule) -> Result<Self, TrainError> {
        let model = setup.fresh_model(config.seed)?;
        setup.check(&model)?;
        Self::of(setup, config, schedule, model)
    }

    /// In training from the weights of `model` on.
    pub(crate) fn of(
        setup: &'a Setup,
        config: &'a TrainConfig,
        schedule: &Schedule,
        model: AudioModel,
    ) -> Result<Self, TrainError> {
        let optimizer = adamw(&model, config)?;
        Ok(Self {
            setup,
            config,
            names: schedule.datasets.iter().map(|facts| facts.name.clone()).collect(),
            average: config.ema.map(|_| model.valid()),
            model,
            optimizer,
            spent: Cost::default(),
            waited: Duration::ZERO,
            waited_before: Duration::ZERO,
            loss: f64::NAN,
            scores: Scores::default(),
        })
    }

    /// As it was when `checkpoint` was saved.
    pub(crate) fn resume(
        setup: &'a Setup,
        config: &'a TrainConfig,
        schedule: &Schedule,
        checkpoint: &Checkpoint,
        state: &RunState,
    ) -> Result<Self, TrainError> {
        let model = checkpoint::load_model(setup.fresh_model(config.seed)?, checkpoint)?;
        setup.check(&model)?;
        let mut learner = Self::of(setup, config, schedule, model)?;
        learner.optimizer = moments::load(learner.optimizer, &learner.model, &checkpoint.file(MOMENTS))?;
        // A fork may ask for an average that the run before it did not keep: it begins with the weights.
        learner.average = learner.average.map(|average| checkpoint::load_average(average, checkpoint)).transpose()?;
        (learner.spent, learner.scores) = (state.cost, state.scores);
        learner.waited = Duration::from_secs_f64(state.data_wait_seconds);
        learner.waited_before = learner.waited;
        Ok(learner)
    }

    /// Writes weights, their average and moments into the folder of a checkpoint.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), TrainError> {
        let base = self.setup.base();
        checkpoint::save_model(&self.model, &base, folder)?;
        if let Some(average) = &self.average {
            checkpoint::save_average(average, &base, folder)?;
        }
        moments::save(&self.optimizer, &self.model, &folder.join(MOMENTS))
    }

    /// Whether every weight is a number.
    pub(crate) fn is_finite(&self) -> bool {
        all_finite(&self.model)
    }

    /// Begins anew from the initial weights.
    pub(crate) fn restart(&mut self) -> Result<(), TrainError> {
        self.model = self.setup.fresh_model(self.config.seed)?;
        self.average = self.config.ema.map(|_| self.model.valid());
        self.optimizer = adamw(&self.model, self.config)?;
        Ok(())
    }

    /// The weights to evaluate: their moving average where there is one.
    pub(crate) fn evaluated(&self) -> &AudioModel {
        self.average.as_ref().unwrap_or(&self.model)
    }

    /// One optimizer step by `schedule` as it is now. `stop` is asked once a part, before those that run at one time: if it says so, the step is left undone and `None` comes
    /// back.
    pub(crate) fn step(
        &mut self,
        batch: &StepBatch,
        schedule: &Schedule,
        batcher: &Batcher,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Event>, TrainError> {
        let began = Instant::now();
        let tokens = batch.answer_tokens().max(1) as f64;
        let mut accumulator = GradientsAccumulator::new();
        let mut parts = Parts::default();
        let numbered: Vec<(usize, &Part)> = batch.parts.iter().enumerate().collect();
        for side_by_side in numbered.chunks(self.setup.cores.count()) {
            if side_by_side.iter().any(|_| stop()) {
                return Ok(None);
            }
            let passes = self.setup.cores.map(side_by_side, |&(index, part)| self.pass(batch.step, index, part, tokens));
            // In the order of the parts, so that the sum does not depend on how many ran at one time.
            for (&(_, part), (gradients, samples)) in side_by_side.iter().zip(passes) {
                accumulator.accumulate(&self.model, gradients);
                parts.add(part, &samples);
            }
        }
        self.loss = parts.loss / tokens;
        let mut gradients = accumulator.grads();
        let norm = clip_by_global_norm(&self.model, &mut gradients, self.config.clip_norm);
        if !(self.loss.is_finite() && norm.is_finite()) {
            return Err(self.not_finite(batch, batcher));
        }
        let (first, steps) = self.config.rate_horizon.span(schedule, batch.step);
        let learning_rate = self.config.rate().at(batch.step - first, steps);
        self.model = self.optimizer.step(learning_rate, self.model.clone(), gradients);
        if let (Some(decay), Some(average)) = (self.config.ema, self.average.take()) {
            let (first, _) = RateHorizon::Run.span(schedule, batch.step);
            self.average = Some(ema::follow(average, &self.model, decay, batch.step - first));
        }
        self.spent += batch.cost;
        let worked = began.elapsed().as_secs_f64();
        self.spent.wall_seconds += worked;
        let waited = self.waited.saturating_sub(self.waited_before).as_secs_f64();
        self.waited_before = self.waited;
        let cost = self.cost();
        Ok(Some(Event::Step {
            step: batch.step + 1,
            stage: schedule.stage_at(batch.step),
            loss: self.loss,
            learning_rate,
            gradient_norm: norm,
            samples: cost.samples,
            tokens: cost.tokens,
            audio_seconds: cost.audio_seconds,
            wall_seconds: cost.wall_seconds,
            data_wait_seconds: self.waited.as_secs_f64(),
            data_wait_share: waited / (waited + worked).max(f64::MIN_POSITIVE),
            datasets: parts.by_name(&self.names),
        }))
    }

    /// The gradients of one part's summed loss over `tokens`, and what its samples make of them.
    fn pass(&self, step: u64, index: usize, part: &Part, tokens: f64) -> (GradientsParams, Vec<SampleShare>) {
        let model = self.model.clone().fork(&self.setup.device);
        // Masks follow from the step and the part alone, so that every step is repeatable by itself.
        let seed = seed::derive(&[self.config.seed, step, index as u64]);
        let pass = || model.gradients(&part.batch, tokens);
        let (answers, gradients) = if self.setup.on_cpu {
            dropout::seeded(seed, pass)
        } else {
            self.setup.device.seed(seed);
            pass()
        };
        (gradients, share::per_sample(&answers))
    }

    /// What training has cost so far, waiting for data included.
    pub(crate) fn cost(&self) -> Cost {
        Cost { wall_seconds: self.spent.wall_seconds + self.waited.as_secs_f64(), ..self.spent }
    }

    /// Adds what something beside the steps has cost.
    pub(crate) fn charge(&mut self, cost: Cost) {
        self.spent += cost;
    }

    fn not_finite(&self, batch: &StepBatch, batcher: &Batcher) -> TrainError {
        let name = |dataset: usize, record: usize| {
            let dataset = &self.setup.datasets()[batcher.collection()[dataset]];
            let id = dataset.record(Split::Train, record).map_or_else(|_| format!("record {record}"), |record| record.id);
            format!("{}/{id}", dataset.name)
        };
        let samples = batch.parts.iter().flat_map(|part| part.datasets.iter().zip(&part.records));
        TrainError::NotFinite {
            step: batch.step,
            loss: self.loss,
            samples: samples.map(|(&dataset, &record)| name(dataset, record)).collect(),
        }
    }

    pub(crate) fn evaluation(&self, split: &str, step: u64, stage: usize, scores: Evaluation) -> Event {
        let cost = self.cost();
        Event::Evaluation {
            split: split.to_owned(),
            step,
            stage,
            samples: cost.samples,
            tokens: cost.tokens,
            audio_seconds: cost.audio_seconds,
            wall_seconds: cost.wall_seconds,
            scores,
            forgetting: BTreeMap::new(),
        }
    }
}

/// What a step's parts say of each dataset.
#[derive(Default)]
struct Parts {
    loss: f64,
    datasets: BTreeMap<usize, (Cost, SampleShare)>,
}

impl Parts {
    fn add(&mut self, part: &Part, samples: &[SampleShare]) {
        for ((sample, &dataset), &cost) in samples.iter().zip(&part.datasets).zip(&part.costs) {
            self.loss += sample.loss;
            let (costs, sum) = self.datasets.entry(dataset).or_default();
            *costs += cost;
            sum.tokens += sample.tokens;
            sum.loss += sample.loss;
            sum.squared_norm += sample.squared_norm;
        }
    }

    fn by_name(self, names: &[String]) -> BTreeMap<String, DatasetStep> {
        let norm: f64 = self.datasets.values().map(|(_, sum)| sum.squared_norm).sum();
        let named = |(dataset, (cost, sum)): (usize, (Cost, SampleShare))| {
            let part = DatasetStep {
                samples: cost.samples,
                tokens: cost.tokens,
                audio_seconds: cost.audio_seconds,
                loss: sum.loss / sum.tokens.max(1) as f64,
                gradient_share: if norm > 0.0 { sum.squared_norm / norm } else { 0.0 },
            };
            (names[dataset].clone(), part)
        };
        self.datasets.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests;
