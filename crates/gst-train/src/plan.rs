//! The schedule as a run resolves it: batches from the step at hand on, and the decisions taken on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gst_affinity::Cost;
use gst_data::loader::{Ahead, Prefetch};
use gst_grouping::{GroupCount, Grouping, GroupingParams};
use gst_model::AudioModel;
use gst_schedule::{Change, Decision, Evaluation as Record, Schedule, Stage};

use crate::batches::{Batcher, StepBatch};
use crate::evaluate::Evaluation;
use crate::ledger::Event;
use crate::probe::{self, ProbeConfig};
use crate::{Setup, TrainConfig, TrainError};

/// Steps that the loader may be ahead of the loop.
const PREFETCH_STEPS: usize = 4;

/// A schedule, the evaluations that its decisions rest on, and the loader that follows it.
pub(crate) struct Plan<'a> {
    setup: &'a Setup,
    config: &'a TrainConfig,
    schedule: Schedule,
    evaluations: Vec<Record>,
    batcher: Arc<Batcher>,
    batches: Prefetch<u64, Result<StepBatch, TrainError>>,
    /// Waiting in loaders that a decision replaced.
    waited: Duration,
    /// Decisions in the log that have been told.
    told: usize,
}

impl<'a> Plan<'a> {
    /// From step `at` of `schedule` on. `evaluations` and `waited` are what a resumed run had by then; a new one has none.
    pub(crate) fn new(
        setup: &'a Setup,
        config: &'a TrainConfig,
        schedule: Schedule,
        at: u64,
        evaluations: Vec<Record>,
        waited: Duration,
    ) -> Result<Self, TrainError> {
        let (batcher, batches) = loader(setup, config, &schedule, at)?;
        let told = schedule.decisions.len();
        Ok(Self { setup, config, schedule, evaluations, batcher, batches, waited, told })
    }

    /// The evaluations so far, as decisions rest on them.
    pub(crate) fn evaluations(&self) -> &[Record] {
        &self.evaluations
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    pub(crate) fn batcher(&self) -> &Batcher {
        &self.batcher
    }

    /// Collection index of each of the schedule's datasets.
    pub(crate) fn collection(&self) -> &[usize] {
        self.batcher.collection()
    }

    /// p_i by dataset name.
    pub(crate) fn weights(&self) -> BTreeMap<String, f64> {
        self.schedule.datasets.iter().map(|facts| (facts.name.clone(), facts.weight)).collect()
    }

    /// The stage that step `at` belongs to, its number, and whether it begins there.
    pub(crate) fn stage(&self, at: u64) -> (usize, Stage, bool) {
        let number = self.schedule.stage_at(at);
        (number, self.schedule.stages[number].clone(), self.schedule.boundaries()[number] == at)
    }

    /// Whether a stage ends when `at` steps are done.
    pub(crate) fn stage_ends(&self, at: u64) -> bool {
        self.schedule.boundaries().contains(&at)
    }

    pub(crate) fn stage_event(&self, at: u64) -> Event {
        Event::stage(&self.schedule, self.schedule.stage_at(at))
    }

    /// The batch of the next step.
    pub(crate) fn next_batch(&mut self) -> Result<StepBatch, TrainError> {
        let ended = || Err(TrainError::ScheduleMismatch("the loader ended before the schedule did".into()));
        self.batches.next().unwrap_or_else(ended)
    }

    /// Time spent waiting for batches so far.
    pub(crate) fn waited(&self) -> Duration {
        self.waited + self.batches.waited()
    }

    /// Takes the decisions that the evaluation after `at` steps asks for; true if there was one.
    pub(crate) fn evaluated(&mut self, at: u64, scores: &Evaluation) -> Result<bool, TrainError> {
        let losses = scores.datasets.iter().map(|(name, scores)| (name.as_str(), scores.loss));
        let learned = scores.datasets.iter().map(|(name, scores)| (name.as_str(), scores.learned()));
        self.evaluations.push(Record::from_named(at, &self.schedule, losses).with_learned(&self.schedule, learned));
        let mut decided = false;
        while let Some(decision) = self.schedule.decide(&self.evaluations)? {
            self.schedule = self.schedule.apply(&decision)?;
            decided = true;
        }
        if decided {
            self.reload(at)?;
        }
        Ok(decided)
    }

    /// Where the schedule asks for it, measures the datasets that are not yet in at the weights of `model` and groups them
    /// anew. Returns what that cost.
    pub(crate) fn regroup(&mut self, at: u64, model: &AudioModel) -> Result<Option<Cost>, TrainError> {
        let Some(waiting) = self.schedule.to_regroup(at) else { return Ok(None) };
        let mut facts: Vec<_> = waiting.iter().map(|&dataset| self.schedule.datasets[dataset].clone()).collect();
        let total: f64 = facts.iter().map(|facts| facts.weight).sum();
        facts.iter_mut().for_each(|facts| facts.weight /= total);
        let collection: Vec<usize> = waiting.iter().map(|&dataset| self.collection()[dataset]).collect();
        let probe = ProbeConfig { points: vec![at], ..ProbeConfig::default() };
        let affinity = probe::measure_at(self.setup, self.config, &probe, model, &collection, facts)?;
        let groups = self.schedule.groups.iter().filter(|group| group.iter().any(|dataset| waiting.contains(dataset))).count();
        let params = GroupingParams { count: GroupCount::Fixed(groups), seed: self.config.seed, ..GroupingParams::default() };
        let grouping = Grouping::new(&affinity, &params)?;
        let named = grouping.group_names.iter().map(|names| names.join(" + ")).collect::<Vec<_>>().join("; ");
        let groups = grouping.groups.iter().map(|group| group.iter().map(|&index| waiting[index]).collect()).collect();
        let reason = format!("{} measured again at step {at}: {named}", affinity.metric);
        self.schedule = self.schedule.apply(&Decision { step: at, change: Change::Regroup { groups }, reason })?;
        self.reload(at)?;
        Ok(Some(affinity.probe.cost))
    }

    /// Decisions that were not told before.
    pub(crate) fn new_decisions(&self) -> &[Decision] {
        &self.schedule.decisions[self.told..]
    }

    /// Marks all decisions as told.
    pub(crate) fn tell(&mut self) {
        self.told = self.schedule.decisions.len();
    }

    /// Batches from step `at` on by the schedule as it is now.
    fn reload(&mut self, at: u64) -> Result<(), TrainError> {
        self.waited += self.batches.waited();
        (self.batcher, self.batches) = loader(self.setup, self.config, &self.schedule, at)?;
        Ok(())
    }
}

pub(crate) type Loader = (Arc<Batcher>, Prefetch<u64, Result<StepBatch, TrainError>>);

/// Batches of `schedule` from step `from` on, made ahead, and what makes them.
pub(crate) fn loader(setup: &Setup, config: &TrainConfig, schedule: &Schedule, from: u64) -> Result<Loader, TrainError> {
    let batcher = Arc::new(Batcher::new(setup, schedule, config)?);
    let worker = Arc::clone(&batcher);
    let steps = from..schedule.steps;
    let ahead = Ahead { jobs: PREFETCH_STEPS, bytes: config.ahead_mib << 20 };
    let size = |batch: &Result<StepBatch, TrainError>| batch.as_ref().map_or(0, StepBatch::bytes);
    Ok((batcher, Prefetch::within(config.workers, ahead, steps, move |step| worker.step(step), size)))
}
