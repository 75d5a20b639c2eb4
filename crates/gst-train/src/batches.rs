//! The draws of one optimizer step as padded batches.

use gst_affinity::Cost;
use gst_data::mel::Features;
use gst_data::{Example, ExampleSource, Split, fbank};
use gst_model::plan::Load;
use gst_model::{Batch, Sample};
use gst_schedule::{Draws, Schedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::augment::Augment;
use crate::quarantine::SetAside;
use crate::{Setup, TrainConfig, TrainError, seed};

/// What one optimizer step trains on.
#[derive(Debug, Clone)]
pub struct StepBatch {
    /// The step, counted from 0.
    pub step: u64,
    /// Parts of like length; their gradients are summed.
    pub parts: Vec<Part>,
    /// Samples, tokens and audio seconds of the step; steps is 1.
    pub cost: Cost,
    /// Broken records that were drawn, and what took their places.
    pub set_aside: Vec<SetAside>,
}

/// One forward and backward pass.
#[derive(Debug, Clone)]
pub struct Part {
    /// The samples.
    pub batch: Batch,
    /// Schedule index of each sample's dataset.
    pub datasets: Vec<usize>,
    /// Index of each sample's record in its split.
    pub records: Vec<usize>,
    /// What training on each sample costs.
    pub costs: Vec<Cost>,
}

impl StepBatch {
    /// Tokens that carry loss in the whole step.
    #[must_use]
    pub fn answer_tokens(&self) -> usize {
        self.parts.iter().map(|part| part.batch.answer_tokens()).sum()
    }

    /// Its largest part: samples, and the longest clip, question and answer among them.
    #[must_use]
    pub fn largest_part(&self) -> Option<Load> {
        let longest = |tokens: &[Vec<u32>]| tokens.iter().map(Vec::len).max().unwrap_or(0);
        let load = |part: &Part| Load {
            batch: part.batch.frames.len(),
            seconds: part.batch.max_frames as f64 / 100.0,
            prompt: longest(&part.batch.prompts),
            answer: longest(&part.batch.answers),
        };
        self.parts.iter().map(load).max_by(|a, b| (a.batch as f64 * a.seconds).total_cmp(&(b.batch as f64 * b.seconds)))
    }

    /// Bytes of its features, by far the most of it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let banks = |batch: &Batch| batch.filter_banks.as_ref().map_or(0, |banks| size_of_val(banks.values.as_slice()));
        self.parts.iter().map(|part| size_of_val(part.batch.features.as_slice()) + banks(&part.batch)).sum()
    }
}

/// Makes the batches of a schedule from a setup's data. Pure: a step's batch depends on its number alone, so any thread may make it.
#[derive(Debug, Clone)]
pub struct Batcher {
    source: ExampleSource,
    draws: Draws,
    batch_size: u64,
    /// Collection index of each of the schedule's datasets.
    collection: Vec<usize>,
    augment: Augment,
    micro_batch: usize,
    seed: u64,
}

impl Batcher {
    /// # Errors
    /// [`TrainError::ScheduleMismatch`] when the schedule names other datasets, or other sizes, than the data has.
    pub fn new(setup: &Setup, schedule: &Schedule, config: &TrainConfig) -> Result<Self, TrainError> {
        let mut collection = Vec::with_capacity(schedule.datasets.len());
        for facts in &schedule.datasets {
            let at = setup
                .datasets()
                .iter()
                .position(|dataset| dataset.name == facts.name)
                .ok_or_else(|| TrainError::ScheduleMismatch(format!("the data has no dataset `{}`", facts.name)))?;
            let found = setup.records(at, Split::Train) as u64;
            if found != facts.size {
                return Err(TrainError::ScheduleMismatch(format!(
                    "dataset `{}` has {found} training samples, the schedule expects {}",
                    facts.name, facts.size
                )));
            }
            collection.push(at);
        }
        let draws = Draws::new(schedule)?;
        Ok(Self {
            source: setup.source.clone(),
            draws,
            batch_size: u64::from(schedule.batch_size),
            collection,
            augment: config.augment,
            micro_batch: config.micro_batch,
            seed: config.seed,
        })
    }

    /// Collection index of each of the schedule's datasets.
    #[must_use]
    pub fn collection(&self) -> &[usize] {
        &self.collection
    }

    /// The batch of optimizer step `step`. A broken record is replaced by the next of its dataset that is not.
    ///
    /// # Errors
    /// When a dataset has too many broken records in a row.
    pub fn step(&self, step: u64) -> Result<StepBatch, TrainError> {
        let (mut drawn, mut set_aside) = (Vec::new(), Vec::new());
        for (offset, draw) in self.draws.step(step).enumerate() {
            let index = usize::try_from(draw.index).unwrap_or(usize::MAX);
            let dataset = self.collection[draw.dataset];
            let (example, broken) = self.source.load_usable(Split::Train, dataset, index)?;
            for broken in &broken {
                set_aside.push(SetAside::new(&self.source, Split::Train, dataset, broken, Some(example.record))?.at(step));
            }
            drawn.push(Drawn { number: step * self.batch_size + offset as u64, dataset: draw.dataset, example });
        }
        let cost = drawn.iter().fold(Cost { steps: 1, ..Cost::default() }, |cost, drawn| cost + drawn.cost());
        // Samples of like length share a part, so that little is padding; the step's sum does not depend on their order.
        drawn.sort_by_key(|drawn| drawn.example.features.frames);
        let parts =
            drawn.chunks(part_size(drawn.len(), self.micro_batch)).map(|chunk| self.part(chunk)).collect::<Result<_, _>>()?;
        Ok(StepBatch { step, parts, cost, set_aside })
    }

    fn part(&self, drawn: &[Drawn]) -> Result<Part, TrainError> {
        let mut batch = collate(drawn.iter().map(|drawn| &drawn.example), self.source.dialogue().eos())?;
        let mels = batch.mels;
        for (row, drawn) in drawn.iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed::derive(&[self.seed, drawn.number]));
            self.augment.apply(batch.features_mut(row), mels, &mut rng);
        }
        Ok(Part {
            batch,
            datasets: drawn.iter().map(|drawn| drawn.dataset).collect(),
            records: drawn.iter().map(|drawn| drawn.example.record).collect(),
            costs: drawn.iter().map(Drawn::cost).collect(),
        })
    }
}

/// Parts that a step has at least, if it has as many samples: so many cores are busy whatever fits into one pass.
const LEAST_PARTS: usize = 2;

/// Samples of one part, at most `micro_batch`: parts are of like size, and they do not depend on the machine.
#[must_use]
pub fn part_size(samples: usize, micro_batch: usize) -> usize {
    let parts = samples.div_ceil(micro_batch.max(1)).max(LEAST_PARTS);
    samples.div_ceil(parts).max(1)
}

struct Drawn {
    number: u64,
    dataset: usize,
    example: Example,
}

impl Drawn {
    fn cost(&self) -> Cost {
        example_cost(&self.example)
    }
}

/// What training once on `example` costs, wall time aside.
#[must_use]
pub fn example_cost(example: &Example) -> Cost {
    Cost {
        steps: 0,
        samples: 1,
        tokens: (example.prompt.len() + example.answer.len()) as u64,
        audio_seconds: example.audio_seconds,
        wall_seconds: 0.0,
    }
}

/// Examples side by side, as they are.
///
/// # Errors
/// [`TrainError::Model`] when there are none.
pub fn collate<'e>(examples: impl Iterator<Item = &'e Example>, eos: u32) -> Result<Batch, TrainError> {
    let (mut samples, mut banks): (Vec<Sample<'_>>, Vec<&Features>) = (Vec::new(), Vec::new());
    for example in examples {
        samples.push(Sample { features: &example.features, prompt: &example.prompt, answer: &example.answer });
        banks.extend(example.filter_banks.as_deref());
    }
    with_filter_banks(Batch::collate(&samples, eos)?, &banks)
}

/// `batch` with the filter banks of its samples, silence behind the shorter ones; as it is where there are none.
///
/// # Errors
/// [`TrainError::Model`] when some samples have them and some do not.
pub fn with_filter_banks(batch: Batch, banks: &[&Features]) -> Result<Batch, TrainError> {
    if banks.is_empty() {
        return Ok(batch);
    }
    let used: Vec<usize> = banks.iter().map(|bank| bank.frames).collect();
    let longest = used.iter().copied().max().unwrap_or(0);
    let padded: Vec<Features> = banks.iter().map(|bank| fbank::padded(bank, longest)).collect();
    Ok(batch.with_filter_banks(&padded.iter().collect::<Vec<_>>(), &used)?)
}
