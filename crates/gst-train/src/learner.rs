//! The model in training and what it has cost so far.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use gst_affinity::Cost;
use gst_model::{AudioLm, MiniAudioLm, weights};
use gst_schedule::Schedule;

use crate::batches::{Batcher, StepBatch};
use crate::checkpoint::state::{RunState, Scores};
use crate::checkpoint::{Checkpoint, MOMENTS, WEIGHTS, moments};
use crate::evaluate::Evaluation;
use crate::ledger::{DatasetStep, Event};
use crate::optimizer::{adamw, all_finite, clip_by_global_norm};
use crate::rate::Rate;
use crate::{Setup, TrainConfig, TrainError, seed};

/// The model in training and what it has cost so far.
pub(crate) struct Learner<'a> {
    setup: &'a Setup,
    config: &'a TrainConfig,
    names: Vec<String>,
    pub(crate) model: MiniAudioLm,
    optimizer: ModuleOptimizer,
    pub(crate) rate: Rate,
    /// Step at which the optimizer's state began: the last reset.
    pub(crate) began: u64,
    /// What training has cost, waiting for data left out.
    pub(crate) spent: Cost,
    /// Time spent waiting for data.
    pub(crate) waited: Duration,
    loss: f64,
    /// Weighted token accuracy over the evaluations, in `[0, 1]`.
    pub(crate) scores: Scores,
}

impl<'a> Learner<'a> {
    pub(crate) fn new(setup: &'a Setup, config: &'a TrainConfig, schedule: &Schedule) -> Result<Self, TrainError> {
        let model = setup.fresh_model(config.seed)?;
        let optimizer = adamw(&model, config.weight_decay);
        let (began, rate) = rate(config, schedule, 0);
        Ok(Self {
            setup,
            config,
            names: schedule.datasets.iter().map(|facts| facts.name.clone()).collect(),
            model,
            optimizer,
            rate,
            began,
            spent: Cost::default(),
            waited: Duration::ZERO,
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
        let mut learner = Self::new(setup, config, schedule)?;
        weights::load(&mut learner.model, &checkpoint.file(WEIGHTS))?;
        learner.optimizer = moments::load(learner.optimizer, &learner.model, &checkpoint.file(MOMENTS))?;
        (learner.rate, learner.began) = (state.rate, state.began);
        (learner.spent, learner.scores) = (state.cost, state.scores);
        learner.waited = Duration::from_secs_f64(state.data_wait_seconds);
        Ok(learner)
    }

    /// Writes weights and moments into the folder of a checkpoint.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), TrainError> {
        weights::save(&self.model, &folder.join(WEIGHTS))?;
        moments::save(&self.optimizer, &self.model, &folder.join(MOMENTS))
    }

    /// Whether every weight is a number.
    pub(crate) fn is_finite(&self) -> bool {
        all_finite(&self.model)
    }

    /// Begins anew from the initial weights, for the stage of `schedule` that begins at step `at`.
    pub(crate) fn restart(&mut self, schedule: &Schedule, at: u64) -> Result<(), TrainError> {
        self.model = self.setup.fresh_model(self.config.seed)?;
        self.optimizer = adamw(&self.model, self.config.weight_decay);
        (self.began, self.rate) = rate(self.config, schedule, at);
        Ok(())
    }

    /// One optimizer step. `stop` is asked before each part of the batch: if it says so, the step is left undone and `None` comes
    /// back.
    pub(crate) fn step(
        &mut self,
        batch: &StepBatch,
        stage: usize,
        batcher: &Batcher,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Event>, TrainError> {
        let began = Instant::now();
        let tokens = batch.answer_tokens().max(1) as f64;
        let mut accumulator = GradientsAccumulator::new();
        let mut datasets: BTreeMap<usize, (u64, f64, usize)> = BTreeMap::new();
        let mut total = 0.0;
        for (index, part) in batch.parts.iter().enumerate() {
            if stop() {
                return Ok(None);
            }
            // Dropout draws from one generator for the whole process: seeding it here makes every step repeatable by itself.
            self.setup.device.seed(seed::derive(&[self.config.seed, batch.step, index as u64]));
            let answers = self.model.answer_logits(&part.batch);
            let losses = answers.token_losses();
            let gradients = losses.clone().sum().div_scalar(tokens).backward();
            accumulator.accumulate(&self.model, GradientsParams::from_grads(gradients, &self.model));
            let losses: Vec<f32> = losses.into_data().iter::<f32>().collect();
            let mut rest = losses.as_slice();
            for (&length, &dataset) in answers.lengths.iter().zip(&part.datasets) {
                let (own, behind) = rest.split_at(length);
                rest = behind;
                let sum: f64 = own.iter().map(|&loss| f64::from(loss)).sum();
                let entry = datasets.entry(dataset).or_default();
                *entry = (entry.0 + 1, entry.1 + sum, entry.2 + length);
                total += sum;
            }
        }
        self.loss = total / tokens;
        let mut gradients = accumulator.grads();
        let norm = clip_by_global_norm(&self.model, &mut gradients, self.config.clip_norm);
        if !(self.loss.is_finite() && norm.is_finite()) {
            return Err(self.not_finite(batch, batcher));
        }
        let learning_rate = self.rate.at(batch.step - self.began);
        self.model = self.optimizer.step(learning_rate, self.model.clone(), gradients);
        self.spent += batch.cost;
        self.spent.wall_seconds += began.elapsed().as_secs_f64();
        let named = |(dataset, (samples, sum, tokens)): (usize, (u64, f64, usize))| {
            (self.names[dataset].clone(), DatasetStep { samples, loss: sum / tokens.max(1) as f64 })
        };
        let cost = self.cost();
        Ok(Some(Event::Step {
            step: batch.step + 1,
            stage,
            loss: self.loss,
            learning_rate,
            gradient_norm: norm,
            samples: cost.samples,
            tokens: cost.tokens,
            audio_seconds: cost.audio_seconds,
            wall_seconds: cost.wall_seconds,
            data_wait_seconds: self.waited.as_secs_f64(),
            datasets: datasets.into_iter().map(named).collect(),
        }))
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
            format!("{}/{}", dataset.name, dataset.train[record].id)
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
        }
    }

    pub(crate) fn message(&self) -> String {
        match self.scores.last {
            Some(score) => format!("· loss {:.3} · accuracy {:.1} %", self.loss, 100.0 * score),
            None => format!("· loss {:.3}", self.loss),
        }
    }
}

/// The step that the learning rate counts from at step `at`, the last reset, and its course from there on.
pub(crate) fn rate(config: &TrainConfig, schedule: &Schedule, at: u64) -> (u64, Rate) {
    let reset = (0..=schedule.stage_at(at)).rev().find(|&stage| schedule.stages[stage].reset);
    let (began, steps) = reset.map_or((0, schedule.steps), |stage| (schedule.boundaries()[stage], schedule.stages[stage].steps));
    let warmup_steps = (config.warmup * steps as f64).round() as u64;
    (began, Rate { peak: config.learning_rate, shape: config.rate, warmup_steps, steps })
}
