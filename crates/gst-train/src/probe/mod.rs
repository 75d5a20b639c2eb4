//! Gradients of every dataset after a warm-up: what `gst affinity` measures.
//!
//! The paper does not say at which point of training, on how many batches or over which parameters gradients are taken. Here: a
//! short mix-all warm-up with the training settings (its rate held at the peak), then, at each probe point, batches of different
//! clips from every dataset, without dropout or augmentation, over all trainable parameters. What this costs is charged to
//! whoever uses the result.

mod directed;
mod gradients;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gst_affinity::source::SavedSketches;
use gst_affinity::{
    Affinity, Cost, DatasetFacts, EstimateParams, GradientSamples, MIN_BATCHES, Measurements, Metric, ProbeFacts, SketchParams,
};
use gst_model::AudioModel;
use gst_schedule::{Schedule, ScheduleParams, Strategy};
use serde::{Deserialize, Serialize};

use self::directed::{Context, Directed};
use self::gradients::Gradients;
use crate::batches::Batcher;
use crate::device::memory;
use crate::learner::Learner;
use crate::ledger::Event;
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::rate::RateShape;
use crate::{Setup, TrainConfig, TrainError};

/// Moments of the warm-up at which losses are averaged, for orders by learning progress.
const LOSS_MOMENTS: u64 = 4;

/// Models of at most so many parameters keep their gradients exact unless told otherwise: 4 MB a batch.
const EXACT_PARAMETERS: u64 = 1_000_000;

/// Size of the sketch of larger models: the inner products' error is about 1 % of the norms'.
const SKETCH_SIZE: usize = 8192;

/// How gradients are measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// Optimizer steps at which gradients are taken, each at least 1, rising.
    pub points: Vec<u64>,
    /// Batches a dataset and point; at least [`MIN_BATCHES`], since estimates use products of different batches only, and intervals resample them.
    pub batches: usize,
    /// Samples a batch; fewer where a dataset has not enough clips.
    pub batch_size: usize,
    /// Samples a warm-up step.
    pub warmup_batch_size: u32,
    /// Values of the gradient sketch; 0 keeps gradients exact. Unless given, gradients of up to a million parameters are exact.
    pub sketch_size: Option<usize>,
    /// The metric that grouping will follow.
    pub metric: Metric,
    /// Directed metrics to measure beside it, of lookahead, commutator and transferability; `metric` itself need not be named.
    /// They show which datasets others depend on.
    pub directed: Vec<Metric>,
    /// Steps on one dataset alone for each transferability.
    pub transfer_steps: u64,
    /// Repeats of the transferability, each with a seed of its own; fewer than 2 give no interval.
    pub transfer_repeats: usize,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            points: vec![50, 100],
            batches: 4,
            batch_size: 8,
            warmup_batch_size: 32,
            sketch_size: None,
            metric: Metric::default(),
            directed: Vec::new(),
            transfer_steps: 20,
            transfer_repeats: 2,
        }
    }
}

impl ProbeConfig {
    /// Size of the sketch of a gradient of `parameters` values; 0 for none.
    fn sketch_size(&self, parameters: u64) -> usize {
        self.sketch_size.unwrap_or(if parameters <= EXACT_PARAMETERS { 0 } else { SKETCH_SIZE })
    }

    fn check(&self) -> Result<(), TrainError> {
        let refuse = |field, found: String, expected| Err(TrainError::Setting { field, found, expected });
        let rising = self.points.windows(2).all(|pair| pair[0] < pair[1]);
        if self.points.first().is_none_or(|&first| first == 0) || !rising {
            return refuse("points", format!("{:?}", self.points), "one or more rising steps of at least 1");
        }
        if self.batches < MIN_BATCHES {
            return refuse("batches", self.batches.to_string(), "at least 3 batches a dataset");
        }
        if self.batch_size == 0 {
            return refuse("batch_size", "0".into(), "at least 1 sample");
        }
        if let Some(metric) = self.directed.iter().find(|metric| !metric.is_directed()) {
            return refuse("directed", metric.to_string(), "lookahead, commutator or transferability");
        }
        if self.directed.contains(&Metric::Transferability) && (self.transfer_steps == 0 || self.transfer_repeats == 0) {
            return refuse("transfer_steps", "0 steps or repeats".into(), "at least 1 of both for transferability");
        }
        Ok(())
    }

    /// The same, checked, with a directed `metric` among those to measure, each once.
    fn complete(&self) -> Result<Self, TrainError> {
        let mut complete = self.clone();
        complete.directed.extend(self.metric.is_directed().then_some(self.metric));
        complete.directed.sort();
        complete.directed.dedup();
        complete.check()?;
        Ok(complete)
    }
}

/// What a probe leaves.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The affinity, with every table that was asked for.
    pub affinity: Affinity,
    /// The gradients it was estimated from.
    pub sketches: SavedSketches,
}

/// Warms a fresh model up, takes gradients of every dataset, and estimates their affinity. `None` when asked to stop.
///
/// # Errors
/// [`TrainError::Setting`] for a value out of range; [`TrainError::OutOfMemory`] when the device has no memory left; whatever reading
/// data or training can raise.
pub fn measure(
    setup: &Setup,
    config: &TrainConfig,
    probe: &ProbeConfig,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Option<Measured>, TrainError> {
    memory::guard(setup, config, &Cell::new(None), || warm_up_and_measure(setup, config, probe, stop, progress))
}

fn warm_up_and_measure(
    setup: &Setup,
    config: &TrainConfig,
    probe: &ProbeConfig,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Option<Measured>, TrainError> {
    let probe = &probe.complete()?;
    let mut facts = setup.facts()?;
    let steps = probe.points.last().copied().unwrap_or_default();
    let params = ScheduleParams {
        strategy: Strategy::MixAll,
        steps,
        batch_size: probe.warmup_batch_size,
        seed: config.seed,
        ..ScheduleParams::default()
    };
    let schedule = Schedule::new(&facts, None, &params)?;
    let config = TrainConfig { rate: RateShape::Constant, ema: None, ..config.clone() };
    let batcher = Batcher::new(setup, &schedule, &config)?;
    let mut learner = Learner::new(setup, &config, &schedule)?;
    let all: Vec<usize> = (0..facts.len()).collect();
    let batches = (facts.len() * probe.batches * probe.points.len()) as u64;
    progress.total(steps + batches + Directed::units(probe, facts.len()));

    let mut quarantine = Quarantine::unlisted(setup, &schedule, &config);
    let mut losses = WarmupLosses::new(steps);
    let mut done = 0;
    let mut go_on = || {
        done += 1;
        progress.set(done);
        !stop.load(Ordering::Relaxed)
    };
    let mut samples = Vec::with_capacity(probe.points.len());
    let mut directed = Directed::default();
    let mut used: Vec<Cost> = vec![Cost::default(); facts.len()];
    let mut parameters = 0;
    let began = Instant::now();
    for (index, &point) in probe.points.iter().enumerate() {
        let from = if index == 0 { 0 } else { probe.points[index - 1] };
        for step in from..point {
            let stopped = || stop.load(Ordering::Relaxed);
            let batch = batcher.step(step)?;
            for broken in quarantine.add(&batch.set_aside)? {
                progress.line(&format!("set aside: {}", broken.reason));
            }
            let Some(event) = learner.step(&batch, &schedule, &batcher, &stopped)? else { return Ok(None) };
            losses.add(&event);
            if !go_on() {
                return Ok(None);
            }
        }
        let gradients = Gradients::new(setup, &learner.model, probe, &all, config.seed)?;
        parameters = gradients.parameters;
        let Some(found) = gradients.of_all(&facts, &mut used, &mut go_on)? else { return Ok(None) };
        let is_last = index + 1 == probe.points.len();
        let context = Context { setup, config: &config, probe, facts: &facts, model: &learner.model, is_last };
        if !directed.at(&gradients, &found, &context, &mut go_on)? {
            return Ok(None);
        }
        samples.push(found.samples);
    }
    for (facts, used) in facts.iter_mut().zip(&used) {
        facts.seconds_per_sample = used.wall_seconds / used.samples.max(1) as f64;
        facts.warmup_losses = losses.of(&facts.name);
    }
    let mut cost = probe_cost(used.iter().copied().chain([directed.cost()]), probe) + learner.cost();
    cost.wall_seconds = began.elapsed().as_secs_f64();
    let found = estimate(&samples, &directed, facts, probe, &config, parameters, cost)?;
    let params = SketchParams { size: probe.sketch_size(parameters), seed: config.seed };
    let sketches = SavedSketches { params, datasets: found.datasets.clone(), probe: found.probe.clone(), points: samples };
    Ok(Some(Measured { affinity: found, sketches }))
}

/// Affinity of some datasets at the weights that `model` has now: no warm-up. `datasets` are collection indices, `facts` theirs.
///
/// # Errors
/// As [`measure`].
pub fn measure_at(
    setup: &Setup,
    config: &TrainConfig,
    probe: &ProbeConfig,
    model: &AudioModel,
    datasets: &[usize],
    facts: Vec<DatasetFacts>,
) -> Result<Affinity, TrainError> {
    let probe = &probe.complete()?;
    let began = Instant::now();
    let gradients = Gradients::new(setup, model, probe, datasets, config.seed)?;
    let mut used: Vec<Cost> = vec![Cost::default(); facts.len()];
    let mut directed = Directed::default();
    let mut samples = Vec::new();
    if let Some(found) = gradients.of_all(&facts, &mut used, || true)? {
        let context = Context { setup, config, probe, facts: &facts, model, is_last: true };
        directed.at(&gradients, &found, &context, || true)?;
        samples.push(found.samples);
    }
    let mut cost = probe_cost(used.into_iter().chain([directed.cost()]), probe);
    cost.wall_seconds = began.elapsed().as_secs_f64();
    estimate(&samples, &directed, facts, probe, config, gradients.parameters, cost)
}

/// What probe batches cost. Each is a forward and a backward pass: as many samples make one step as in training.
fn probe_cost(used: impl Iterator<Item = Cost>, probe: &ProbeConfig) -> Cost {
    let mut cost = used.fold(Cost::default(), |sum, used| sum + used);
    let beside = cost.steps;
    cost.steps =
        beside + (cost.samples - beside * u64::from(probe.warmup_batch_size)).div_ceil(u64::from(probe.warmup_batch_size));
    cost
}

fn estimate(
    samples: &[GradientSamples],
    directed: &Directed,
    facts: Vec<DatasetFacts>,
    probe: &ProbeConfig,
    config: &TrainConfig,
    parameters: u64,
    cost: Cost,
) -> Result<Affinity, TrainError> {
    let probe_facts = ProbeFacts {
        model: config.model.clone(),
        pretrained: config.is_pretrained(),
        parameters,
        sketch_size: probe.sketch_size(parameters),
        points: probe.points.clone(),
        batches: probe.batches,
        batch_size: probe.batch_size,
        seed: config.seed,
        cost,
    };
    let params = EstimateParams { seed: config.seed, ..EstimateParams::default() };
    let measured = Measurements {
        gradients: samples,
        preconditioned: &[],
        lookahead: &directed.lookahead,
        transferability: &directed.transferability,
        commutator: &directed.commutator,
        directed_points: samples.len(),
    };
    Ok(Affinity::from_measurements(&measured, facts, probe.metric, &params, probe_facts)?)
}

/// Mean training loss of each dataset in each part of the warm-up.
struct WarmupLosses {
    steps: u64,
    sums: BTreeMap<String, Vec<(f64, u64)>>,
}

impl WarmupLosses {
    fn new(steps: u64) -> Self {
        Self { steps, sums: BTreeMap::new() }
    }

    fn add(&mut self, event: &Event) {
        let Event::Step { step, datasets, .. } = event else { return };
        let moment = ((step - 1) * LOSS_MOMENTS / self.steps.max(1)) as usize;
        for (name, part) in datasets {
            let sums = self.sums.entry(name.clone()).or_insert_with(|| vec![(0.0, 0); LOSS_MOMENTS as usize]);
            sums[moment].0 += part.loss * part.samples as f64;
            sums[moment].1 += part.samples;
        }
    }

    fn of(&self, name: &str) -> Vec<f64> {
        let sums = self.sums.get(name).map_or(&[][..], Vec::as_slice);
        sums.iter().filter(|(_, samples)| *samples > 0).map(|(sum, samples)| sum / *samples as f64).collect()
    }
}
