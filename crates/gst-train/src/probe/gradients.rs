//! Batch gradients of the datasets at one moment of training.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::module::{Flag, Module, ModuleMapper, Param};
use gst_affinity::{
    AffinityError, Cost, DatasetFacts, GradientProbe, GradientSamples, MIN_BATCHES, Metric, Preconditioner, SketchParams,
    Sketcher,
};
use gst_data::{Example, Split};
use gst_model::{AudioLm, AudioModel, Batch};

use super::ProbeConfig;
use crate::batches::{collate, example_cost};
use crate::{Setup, TrainError, seed};

/// ε of the preconditioner, Adam's.
const EPSILON: f32 = 1e-8;

/// Turns dropout off and leaves gradients on.
struct Still;

impl ModuleMapper for Still {
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        flag.with_value(false)
    }
}

/// Takes gradients of probe batches at the weights of one model.
pub(super) struct Gradients<'a> {
    setup: &'a Setup,
    /// Collection index of each dataset.
    datasets: &'a [usize],
    /// Record indices of each probe batch of each dataset. No clip is in two batches.
    batches: Vec<Vec<Vec<usize>>>,
    pub(super) model: AudioModel,
    pub(super) probe: GradientProbe,
    pub(super) parameters: u64,
    pub(super) sketcher: Sketcher,
    /// Whether sums over whole gradients are needed: the mixtures by commutators, the squares by lookahead.
    mixes: bool,
    squares: bool,
}

/// What was found at one probe point.
pub(super) struct Found {
    /// Every batch's gradient, sketched where the sketcher does so.
    pub(super) samples: GradientSamples,
    /// What needs whole coordinates and is added up on the way.
    pub(super) whole: Whole,
}

/// Sums over whole gradients, kept where these are not.
pub(super) struct Whole {
    /// Σ p_i g_i from the batches of each index, `[batches][P]`; empty where no commutator is asked for.
    pub(super) mixture: Vec<Vec<f32>>,
    /// Mean square of each coordinate over all batches, every dataset counting alike, `[P]`; empty where no lookahead is asked for.
    squares: Vec<f32>,
}

impl Whole {
    /// What stands in for Adam's second moments.
    pub(super) fn preconditioner(&self) -> Result<Preconditioner, TrainError> {
        Ok(Preconditioner::from_second_moments(&self.squares, EPSILON)?)
    }
}

impl<'a> Gradients<'a> {
    pub(super) fn new(
        setup: &'a Setup,
        model: &AudioModel,
        config: &ProbeConfig,
        datasets: &'a [usize],
        run_seed: u64,
    ) -> Result<Self, TrainError> {
        let model = model.clone().map(&mut Still);
        let probe = GradientProbe::all();
        let parameters = probe.parameters(&model)?;
        let sketcher = Sketcher::new(SketchParams { size: config.sketch_size(parameters), seed: run_seed })?;
        let batches: Vec<_> = datasets.iter().map(|&dataset| split_by_clip(setup, dataset, config, run_seed)).collect();
        if let Some(few) = batches.iter().position(|batches| batches.len() < MIN_BATCHES) {
            let dataset = setup.datasets()[datasets[few]].name.clone();
            let found = batches[few].len();
            return Err(AffinityError::TooFewBatches { dataset, point: 0, found, expected: MIN_BATCHES }.into());
        }
        let (mixes, squares) = (config.directed.contains(&Metric::Commutator), config.directed.contains(&Metric::Lookahead));
        Ok(Self { setup, datasets, batches, model, probe, parameters, sketcher, mixes, squares })
    }

    /// Batches that every dataset has.
    pub(super) fn common_batches(&self) -> usize {
        self.batches.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Gradients of every probe batch, adding up what each costs. `None` when `go_on`, which is asked after every batch, says
    /// so.
    pub(super) fn of_all(
        &self,
        facts: &[DatasetFacts],
        used: &mut [Cost],
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Option<Found>, TrainError> {
        let mut samples = GradientSamples::new(facts.iter().map(|facts| facts.name.clone()))?;
        let values = usize::try_from(self.parameters).unwrap_or(usize::MAX);
        let mixtures = if self.mixes { self.common_batches() } else { 0 };
        let mut whole =
            Whole { mixture: vec![vec![0.0; values]; mixtures], squares: vec![0.0; if self.squares { values } else { 0 }] };
        let all =
            self.batches.iter().enumerate().flat_map(|(dataset, batches)| (0..batches.len()).map(move |index| (dataset, index)));
        for side_by_side in all.collect::<Vec<_>>().chunks(self.setup.cores.count()) {
            let began = Instant::now();
            let taken = self.setup.cores.map(side_by_side, |&(dataset, index)| {
                let (gradient, cost) = self.of(dataset, index)?;
                let sketch = (!self.sketcher.is_exact()).then(|| self.sketcher.sketch(&gradient));
                Ok::<_, TrainError>((gradient, sketch, cost))
            });
            // What ran side by side shares the time that passed.
            let seconds = began.elapsed().as_secs_f64() / side_by_side.len() as f64;
            for (&(dataset, index), taken) in side_by_side.iter().zip(taken) {
                let (gradient, sketch, mut cost) = taken?;
                cost.wall_seconds = seconds;
                let share = 1.0 / (self.batches[dataset].len() * self.datasets.len()) as f32;
                whole.squares.iter_mut().zip(&gradient).for_each(|(sum, value)| *sum += share * value * value);
                if let Some(mixture) = whole.mixture.get_mut(index) {
                    let weight = facts[dataset].weight as f32;
                    mixture.iter_mut().zip(&gradient).for_each(|(sum, value)| *sum += weight * value);
                }
                samples.push(dataset, sketch.unwrap_or(gradient))?;
                used[dataset] += cost;
                if !go_on() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(Found { samples, whole }))
    }

    /// The whole gradient of the mean loss of one probe batch, and what it costs.
    pub(super) fn of(&self, dataset: usize, index: usize) -> Result<(Vec<f32>, Cost), TrainError> {
        let (batch, cost) = self.batch(dataset, index)?;
        let model = self.model.clone().fork(&self.setup.device);
        let loss = model.answers(&batch).token_losses().mean();
        Ok((self.probe.gradient(&model, loss)?, cost))
    }

    /// A probe batch, and what training on it costs.
    pub(super) fn batch(&self, dataset: usize, index: usize) -> Result<(Batch, Cost), TrainError> {
        let source = &self.setup.source;
        let load = |&record: &usize| source.load(Split::Train, self.datasets[dataset], record);
        let examples = self.batches[dataset][index].iter().map(load).collect::<Result<Vec<Example>, _>>()?;
        let cost = examples.iter().fold(Cost::default(), |cost, example| cost + example_cost(example));
        Ok((collate(examples.iter(), source.dialogue().eos())?, cost))
    }
}

/// Record indices of each probe batch of a dataset. No clip is in two batches; broken clips are in none.
fn split_by_clip(setup: &Setup, dataset: usize, probe: &ProbeConfig, run_seed: u64) -> Vec<Vec<usize>> {
    let mut clips: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for index in 0..setup.records(dataset, Split::Train) {
        let audio = setup.datasets()[dataset].audio(Split::Train, index).unwrap_or_default();
        let name: Vec<u64> = audio.bytes().map(u64::from).collect();
        clips.entry(seed::derive(&[run_seed, dataset as u64, seed::derive(&name)])).or_default().push(index);
    }
    let clips: Vec<Vec<usize>> = clips.into_values().collect();
    let usable = |records: &Vec<usize>| setup.source.load(Split::Train, dataset, records[0]).is_ok();
    let most = probe.batch_size * probe.batches;
    let mut records: Vec<usize> = clips.iter().filter(|records| usable(records)).take(most).map(|records| records[0]).collect();
    let size = (records.len() / probe.batches).max(1);
    records.truncate(size * probe.batches);
    records.chunks(size).map(<[usize]>::to_vec).collect()
}
