//! Gradients of every dataset after a warm-up: what `gst affinity` measures.
//!
//! The paper does not say at which point of training, on how many batches or over which parameters gradients are taken. Here: a
//! short mix-all warm-up with the training settings (its rate held at the peak), then, at each probe point, batches of different
//! clips from every dataset, without dropout or augmentation, over all trainable parameters. What this costs is charged to
//! whoever uses the result.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::{Flag, Module, ModuleMapper, Param};
use gst_affinity::{
    Affinity, Cost, DatasetFacts, EstimateParams, GradientProbe, GradientSamples, Metric, ProbeFacts, SketchParams, Sketcher,
};
use gst_data::{Example, Split};
use gst_model::{AudioLm, MiniAudioLm};
use gst_schedule::{Schedule, ScheduleParams, Strategy};
use serde::{Deserialize, Serialize};

use crate::batches::{Batcher, collate, example_cost};
use crate::learner::Learner;
use crate::ledger::Event;
use crate::progress::Progress;
use crate::rate::RateShape;
use crate::{Setup, TrainConfig, TrainError, seed};

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
    /// Batches a dataset and point; at least 2, since estimates use products of different batches only.
    pub batches: usize,
    /// Samples a batch; fewer where a dataset has not enough clips.
    pub batch_size: usize,
    /// Samples a warm-up step.
    pub warmup_batch_size: u32,
    /// Values of the gradient sketch; 0 keeps gradients exact. Unless given, gradients of up to a million parameters are exact.
    pub sketch_size: Option<usize>,
    /// The metric that grouping will follow.
    pub metric: Metric,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            points: vec![50, 100],
            batches: 4,
            batch_size: 8,
            warmup_batch_size: 32,
            sketch_size: None,
            metric: Metric::GradientDistance,
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
        if self.batches < 2 {
            return refuse("batches", self.batches.to_string(), "at least 2 batches a dataset");
        }
        if self.batch_size == 0 {
            return refuse("batch_size", "0".into(), "at least 1 sample");
        }
        Ok(())
    }
}

/// Warms a fresh model up, takes gradients of every dataset, and estimates their affinity. `None` when asked to stop.
///
/// # Errors
/// [`TrainError::Setting`] for a value out of range; whatever reading data or training can raise.
pub fn measure(
    setup: &Setup,
    config: &TrainConfig,
    probe: &ProbeConfig,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Option<Affinity>, TrainError> {
    probe.check()?;
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
    progress.total(steps + (facts.len() * probe.batches * probe.points.len()) as u64);

    let mut losses = WarmupLosses::new(steps);
    let mut done = 0;
    let mut samples = Vec::with_capacity(probe.points.len());
    let mut used: Vec<Cost> = vec![Cost::default(); facts.len()];
    let mut parameters = 0;
    let began = Instant::now();
    for (index, &point) in probe.points.iter().enumerate() {
        let from = if index == 0 { 0 } else { probe.points[index - 1] };
        for step in from..point {
            let Some(event) = learner.step(&batcher.step(step)?, &schedule, &batcher, &|| stop.load(Ordering::Relaxed))? else {
                return Ok(None);
            };
            losses.add(&event);
            done += 1;
            progress.set(done);
        }
        let gradients = Gradients::new(setup, &learner.model, probe, config.seed)?;
        parameters = gradients.parameters;
        let found = gradients.of_all(&all, &facts, &mut used, || {
            done += 1;
            progress.set(done);
            !stop.load(Ordering::Relaxed)
        })?;
        let Some(found) = found else { return Ok(None) };
        samples.push(found);
    }
    for (facts, used) in facts.iter_mut().zip(&used) {
        facts.seconds_per_sample = used.wall_seconds / used.samples.max(1) as f64;
        facts.warmup_losses = losses.of(&facts.name);
    }
    let mut cost = probe_cost(&used, probe) + learner.cost();
    cost.wall_seconds = began.elapsed().as_secs_f64();
    Ok(Some(estimate(&samples, facts, probe, &config, parameters, cost)?))
}

/// Affinity of some datasets at the weights that `model` has now: no warm-up. `datasets` are collection indices, `facts` theirs.
///
/// # Errors
/// As [`measure`].
pub fn measure_at(
    setup: &Setup,
    config: &TrainConfig,
    probe: &ProbeConfig,
    model: &MiniAudioLm,
    datasets: &[usize],
    facts: Vec<DatasetFacts>,
) -> Result<Affinity, TrainError> {
    probe.check()?;
    let began = Instant::now();
    let gradients = Gradients::new(setup, model, probe, config.seed)?;
    let mut used: Vec<Cost> = vec![Cost::default(); facts.len()];
    let samples: Vec<GradientSamples> = gradients.of_all(datasets, &facts, &mut used, || true)?.into_iter().collect();
    let mut cost = probe_cost(&used, probe);
    cost.wall_seconds = began.elapsed().as_secs_f64();
    estimate(&samples, facts, probe, config, gradients.parameters, cost)
}

/// What probe batches cost. Each is a forward and a backward pass: as many samples make one step as in training.
fn probe_cost(used: &[Cost], probe: &ProbeConfig) -> Cost {
    let mut cost = used.iter().fold(Cost::default(), |sum, &used| sum + used);
    cost.steps = cost.samples.div_ceil(u64::from(probe.warmup_batch_size));
    cost
}

fn estimate(
    samples: &[GradientSamples],
    facts: Vec<DatasetFacts>,
    probe: &ProbeConfig,
    config: &TrainConfig,
    parameters: u64,
    cost: Cost,
) -> Result<Affinity, TrainError> {
    let probe_facts = ProbeFacts {
        model: config.model.clone(),
        parameters,
        sketch_size: probe.sketch_size(parameters),
        points: probe.points.clone(),
        batches: probe.batches,
        batch_size: probe.batch_size,
        seed: config.seed,
        cost,
    };
    let params = EstimateParams { seed: config.seed, ..EstimateParams::default() };
    Ok(Affinity::estimate(samples, facts, probe.metric, &params, probe_facts)?)
}

/// Turns dropout off and leaves gradients on.
struct Still;

impl ModuleMapper for Still {
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        flag.with_value(false)
    }
}

/// Record indices of each probe batch of a dataset. No clip is in two batches.
fn split_by_clip(setup: &Setup, dataset: usize, probe: &ProbeConfig, run_seed: u64) -> Vec<Vec<usize>> {
    let mut clips: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, record) in setup.records(dataset, Split::Train).iter().enumerate() {
        let name: Vec<u64> = record.audio.bytes().map(u64::from).collect();
        clips.entry(seed::derive(&[run_seed, dataset as u64, seed::derive(&name)])).or_default().push(index);
    }
    let clips: Vec<Vec<usize>> = clips.into_values().collect();
    let size = probe.batch_size.min(clips.len() / probe.batches).max(1);
    clips.chunks(size).take(probe.batches).map(|chunk| chunk.iter().map(|records| records[0]).collect()).collect()
}

struct Gradients<'a> {
    setup: &'a Setup,
    config: &'a ProbeConfig,
    seed: u64,
    model: MiniAudioLm,
    probe: GradientProbe,
    parameters: u64,
    sketcher: Sketcher,
}

impl<'a> Gradients<'a> {
    fn new(setup: &'a Setup, model: &MiniAudioLm, config: &'a ProbeConfig, seed: u64) -> Result<Self, TrainError> {
        let model = model.clone().map(&mut Still);
        let probe = GradientProbe::all();
        let parameters = probe.parameters(&model)?;
        let sketcher = Sketcher::new(SketchParams { size: config.sketch_size(parameters), seed })?;
        Ok(Self { setup, config, seed, model, probe, parameters, sketcher })
    }

    /// Gradients of every probe batch of `datasets` (collection indices), adding up what each costs. `None` when `go_on`, which
    /// is asked after every batch, says so.
    fn of_all(
        &self,
        datasets: &[usize],
        facts: &[DatasetFacts],
        used: &mut [Cost],
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Option<GradientSamples>, TrainError> {
        let mut found = GradientSamples::new(facts.iter().map(|facts| facts.name.clone()))?;
        for (index, &dataset) in datasets.iter().enumerate() {
            for records in split_by_clip(self.setup, dataset, self.config, self.seed) {
                let (gradient, cost) = self.of(dataset, &records)?;
                found.push(index, gradient)?;
                used[index] += cost;
                if !go_on() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(found))
    }

    fn of(&self, dataset: usize, records: &[usize]) -> Result<(Vec<f32>, Cost), TrainError> {
        let source = &self.setup.source;
        let examples =
            records.iter().map(|&record| source.load(Split::Train, dataset, record)).collect::<Result<Vec<Example>, _>>()?;
        let mut cost = examples.iter().fold(Cost::default(), |cost, example| cost + example_cost(example));
        let began = Instant::now();
        let batch = collate(examples.iter(), source.tokenizer().eos_id())?;
        let loss = self.model.answer_logits(&batch).token_losses().mean();
        let gradient = self.probe.sketch(&self.model, loss, &self.sketcher)?;
        cost.wall_seconds = began.elapsed().as_secs_f64();
        Ok((gradient, cost))
    }
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
