//! The resolved schedule: everything a run follows, in one document.

use crate::adaptive::{Decision, Policy};
use crate::plan;
use crate::{MAX_BATCH_SIZE, MAX_STEPS, ScheduleError, ScheduleParams, Strategy};
use gst_affinity::{Artifact, Cost, DatasetFacts};
use gst_grouping::Grouping;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{HashMap, HashSet};

/// Largest sum of a stage's integer weights that is read. Schedules made here use at most [`crate::PERIOD`]; the limit keeps every
/// product in a draw inside 64 bits.
pub const MAX_PERIOD: u64 = 1 << 31;

/// Most weights (over all stages and ramp pieces) that a schedule may hold: 4 million keep the file under 50 MB.
pub const MAX_SCHEDULE_WEIGHTS: u64 = 4_000_000;

/// A resolved schedule: the body of `schedule.json` (format `gst-schedule`).
///
/// Every draw of a run is a pure function of this value (see [`crate::Draws`]). The fields are public for reading and for trainers that
/// write schedules of their own; [`Schedule::check`] holds for what this crate makes and reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Schedule {
    /// The strategy the stages were made by.
    pub strategy: Strategy,
    /// Seed of the order of samples inside each dataset and epoch.
    pub seed: u64,
    /// Samples in the global batch of one optimizer step.
    pub batch_size: u32,
    /// Optimizer steps of the run: the sum over the stages.
    pub steps: u64,
    /// The datasets; stages and groups refer to them by index.
    pub datasets: Vec<DatasetFacts>,
    /// The groups in order of introduction as they were given (`gst-reverse` introduces them from the last to the first); empty where
    /// none were given.
    pub groups: Vec<Vec<usize>>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// What measuring the groups cost; zero for strategies that need no groups.
    pub probe_cost: Cost,
    /// How decisions are taken on the way; `None` if nothing is left to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Decisions taken so far, oldest first; the stages already follow them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// What a reader should know: options without effect, batches larger than a stage's data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A span of steps with one set of datasets and, after its ramp, one set of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Name for people: `all datasets`, `groups 1..2`, a dataset's name, `cycle 1, group 2`.
    pub name: String,
    /// Active datasets (indices), in order of introduction, without repeats.
    pub datasets: Vec<usize>,
    /// Integer weight of each of `datasets`: the draws it gets in every `Σ weights` draws of the stage. 0 for a dataset that is only in
    /// the ramp.
    pub weights: Vec<u64>,
    /// Optimizer steps of the stage, ramp included; at least 1.
    pub steps: u64,
    /// Whether the stage starts from the model's initial weights and a new optimizer (`individual`: stage k is dataset k's own model).
    pub reset: bool,
    /// Groups (indices into the schedule's groups) that the stage is made of; empty where the strategy has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<usize>,
    /// The way from the stage before to `weights`: the first steps of the stage. Empty for a jump.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ramp: Vec<RampPiece>,
}

/// A few steps of a ramp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RampPiece {
    /// Optimizer steps, at least 1.
    pub steps: u64,
    /// Integer weight of each of the stage's datasets.
    pub weights: Vec<u64>,
}

impl Stage {
    /// A stage without ramp and groups that continues the model of the stage before.
    #[must_use]
    pub fn new(name: impl Into<String>, datasets: Vec<usize>, weights: Vec<u64>, steps: u64) -> Self {
        Self { name: name.into(), datasets, weights, steps, reset: false, groups: Vec::new(), ramp: Vec::new() }
    }

    /// The pieces of constant weights the stage is made of: `(steps, weights)`, ramp first, none of 0 steps.
    pub fn pieces(&self) -> impl Iterator<Item = (u64, &[u64])> {
        let ramp: u64 = self.ramp.iter().map(|piece| piece.steps).sum();
        let rest = (self.steps.saturating_sub(ramp), self.weights.as_slice());
        self.ramp.iter().map(|piece| (piece.steps, piece.weights.as_slice())).chain([rest]).filter(|(steps, _)| *steps > 0)
    }

    /// The share of each of `datasets` once the ramp is over (sum 1).
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let sum = self.weights.iter().sum::<u64>().max(1) as f64;
        self.weights.iter().map(|&weight| weight as f64 / sum).collect()
    }
}

/// What a verdict may cost: a larger share of the run's samples is noted.
const MOST_PROBE_SHARE: f64 = 0.03;

impl Schedule {
    /// Resolves a strategy into stages.
    ///
    /// * `datasets` — names must differ and every size be at least 1.
    /// * `groups` — a partition of the datasets' indices in order of introduction. Needed by `strict-cycle` and `gst-…`; `sequential`
    ///   and `individual` follow its order (else the order of `datasets`); `mix-…` only keeps it.
    ///
    /// `probe_cost` is zero: see [`Schedule::from_grouping`].
    ///
    /// # Errors
    /// A parameter out of its range, datasets or groups that do not fit, weights that sum to 0 in a stage, or steps that do not suffice
    /// for the stages: see [`ScheduleError`].
    ///
    /// # Example
    /// ```
    /// use gst_affinity::DatasetFacts;
    /// use gst_schedule::{Schedule, ScheduleParams, Strategy};
    ///
    /// let mut datasets = [("speech", 600), ("music", 300), ("birds", 100)].map(|(name, size)| DatasetFacts::new(name, size));
    /// DatasetFacts::weigh_by_size(&mut datasets);
    /// let params = ScheduleParams { strategy: Strategy::GstProgressive, steps: 100, ..ScheduleParams::default() };
    /// let schedule = Schedule::new(&datasets, Some(&[vec![0], vec![1, 2]]), &params)?;
    /// assert_eq!(schedule.stages[0].name, "groups 1..1");
    /// assert_eq!(schedule.stages[0].steps, 15);
    /// assert_eq!(schedule.stages[1].weights, [6, 3, 1]);
    /// # Ok::<(), gst_schedule::ScheduleError>(())
    /// ```
    pub fn new(datasets: &[DatasetFacts], groups: Option<&[Vec<usize>]>, params: &ScheduleParams) -> Result<Self, ScheduleError> {
        Self::resolve(datasets, groups, params, true)
    }

    fn resolve(
        datasets: &[DatasetFacts],
        groups: Option<&[Vec<usize>]>,
        params: &ScheduleParams,
        ordered: bool,
    ) -> Result<Self, ScheduleError> {
        params.check()?;
        check_datasets(datasets)?;
        if let Some(groups) = groups {
            check_partition(groups, datasets)?;
        }
        let plan = plan::plan(datasets, groups, params, ordered)?;
        let schedule = Self {
            strategy: params.strategy,
            seed: params.seed,
            batch_size: params.batch_size,
            steps: params.steps,
            datasets: datasets.to_vec(),
            groups: groups.map_or_else(Vec::new, <[_]>::to_vec),
            stages: plan.stages,
            probe_cost: Cost::default(),
            policy: plan.policy,
            decisions: Vec::new(),
            notes: plan.notes,
        };
        schedule.check()?;
        Ok(schedule)
    }

    /// [`Schedule::new`] with the datasets and groups of a grouping. What its probe cost is charged (`probe_cost`) where the strategy
    /// needs groups.
    ///
    /// `gst-adaptive` introduces groups in stages only where their order rests on dependence ([`OrderBy::rests_on_dependence`]: given by
    /// someone who knows, or measured). Else all datasets are in from the start and weights follow what is half learned.
    ///
    /// [`OrderBy::rests_on_dependence`]: gst_grouping::OrderBy::rests_on_dependence
    ///
    /// # Errors
    /// As [`Schedule::new`].
    pub fn from_grouping(grouping: &Grouping, params: &ScheduleParams) -> Result<Self, ScheduleError> {
        let ordered = grouping.order.rests_on_dependence();
        let mut schedule = Self::resolve(&grouping.datasets, Some(&grouping.groups), params, ordered)?;
        if params.strategy.needs_groups() {
            schedule.probe_cost = grouping.probe_cost;
            let share = grouping.probe_cost.samples as f64 / schedule.samples().max(1) as f64;
            if share > MOST_PROBE_SHARE {
                schedule.notes.push(format!(
                    "the probe took {:.1} % of the run's samples, over {:.0} %: fewer batches or a longer run would make it cheap",
                    100.0 * share,
                    100.0 * MOST_PROBE_SHARE
                ));
            }
        }
        Ok(schedule)
    }

    /// Samples drawn in the whole run.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.steps.saturating_mul(u64::from(self.batch_size))
    }

    /// The first step of each stage, and last the number of steps.
    #[must_use]
    pub fn boundaries(&self) -> Vec<u64> {
        let mut at = 0_u64;
        let mut boundaries = vec![0];
        for stage in &self.stages {
            at = at.saturating_add(stage.steps);
            boundaries.push(at);
        }
        boundaries
    }

    /// The stage that optimizer step `step` (0-based) belongs to; the last one beyond the end.
    #[must_use]
    pub fn stage_at(&self, step: u64) -> usize {
        let mut end = 0_u64;
        let found = self.stages.iter().position(|stage| {
            end = end.saturating_add(stage.steps);
            step < end
        });
        found.unwrap_or(self.stages.len().saturating_sub(1))
    }

    /// Whether the schedule is free of contradictions. Reading a file, [`crate::Draws::new`] and every change check it.
    ///
    /// # Errors
    /// [`ScheduleError::Inconsistent`] naming the field or stage, or the error of the datasets.
    pub fn check(&self) -> Result<(), ScheduleError> {
        if self.steps == 0 || self.steps > MAX_STEPS {
            return Err(ScheduleError::inconsistent("steps", self.steps, "1 to 2^40"));
        }
        if self.batch_size == 0 || self.batch_size > MAX_BATCH_SIZE {
            return Err(ScheduleError::inconsistent("batch_size", self.batch_size, "1 to 2^22"));
        }
        check_datasets(&self.datasets)?;
        if !self.groups.is_empty() {
            check_partition(&self.groups, &self.datasets)?;
        }
        if self.stages.is_empty() {
            return Err(ScheduleError::inconsistent("stages", "none", "at least one"));
        }
        let mut steps = 0_u64;
        let mut held = 0_u64;
        for stage in &self.stages {
            self.check_stage(stage)?;
            steps = steps.saturating_add(stage.steps);
            held = held.saturating_add(stage.datasets.len() as u64 * (1 + stage.ramp.len() as u64));
        }
        if steps != self.steps {
            return Err(ScheduleError::inconsistent("steps of all stages together", steps, self.steps));
        }
        if held > MAX_SCHEDULE_WEIGHTS {
            return Err(ScheduleError::TooLarge { found: held });
        }
        match &self.policy {
            Some(policy) => policy.check(self.datasets.len()),
            None => Ok(()),
        }
    }

    fn check_stage(&self, stage: &Stage) -> Result<(), ScheduleError> {
        let wrong = |field: &str, found: String, expected: String| {
            Err(ScheduleError::inconsistent(format!("stage `{}`: {field}", stage.name), found, expected))
        };
        let mut seen = HashSet::new();
        for &dataset in &stage.datasets {
            if dataset >= self.datasets.len() {
                return wrong("dataset", dataset.to_string(), format!("an index below {}", self.datasets.len()));
            }
            if !seen.insert(dataset) {
                return wrong("datasets", format!("{dataset} twice"), "each once".to_owned());
            }
        }
        if let Some(group) = stage.groups.iter().find(|group| **group >= self.groups.len()) {
            return wrong("group", group.to_string(), format!("an index below {}", self.groups.len()));
        }
        if stage.steps == 0 {
            return wrong("steps", "0".to_owned(), "at least 1".to_owned());
        }
        let mut ramp_steps = 0_u64;
        for weights in stage.ramp.iter().map(|piece| &piece.weights).chain([&stage.weights]) {
            if weights.len() != stage.datasets.len() {
                return wrong("weights", weights.len().to_string(), format!("one for each of {} datasets", stage.datasets.len()));
            }
            let period: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
            if period == 0 || period > u128::from(MAX_PERIOD) {
                return Err(ScheduleError::period(&stage.name, period));
            }
        }
        for piece in &stage.ramp {
            if piece.steps == 0 {
                return wrong("ramp: steps", "0".to_owned(), "at least 1".to_owned());
            }
            ramp_steps = ramp_steps.saturating_add(piece.steps);
        }
        if ramp_steps > stage.steps {
            return wrong("steps of the ramp", ramp_steps.to_string(), format!("at most the stage's {}", stage.steps));
        }
        Ok(())
    }
}

impl Artifact for Schedule {
    const FORMAT: &'static str = "gst-schedule";
    const VERSION: u32 = 1;
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let schedule = Self::deserialize(deserializer)?;
        schedule.check().map_err(serde::de::Error::custom)?;
        Ok(schedule)
    }
}

/// Names differ and no dataset is empty.
pub(crate) fn check_datasets(datasets: &[DatasetFacts]) -> Result<(), ScheduleError> {
    if datasets.is_empty() {
        return Err(ScheduleError::NoDatasets);
    }
    let mut names = HashMap::new();
    for (index, dataset) in datasets.iter().enumerate() {
        if dataset.size == 0 {
            return Err(ScheduleError::EmptyDataset { dataset: dataset.name.clone() });
        }
        if let Some(first) = names.insert(dataset.name.as_str(), index) {
            return Err(ScheduleError::DuplicateName { dataset: dataset.name.clone(), first, second: index });
        }
    }
    Ok(())
}

/// Every dataset is in exactly one group, and no group is empty.
pub(crate) fn check_partition(groups: &[Vec<usize>], datasets: &[DatasetFacts]) -> Result<(), ScheduleError> {
    let wrong = |reason: String| Err(ScheduleError::NotAPartition { reason, datasets: datasets.len() });
    let mut group_of = vec![None; datasets.len()];
    for (number, group) in groups.iter().enumerate() {
        if group.is_empty() {
            return wrong(format!("group {} is empty", number + 1));
        }
        for &dataset in group {
            match group_of.get_mut(dataset) {
                None => return wrong(format!("group {} holds dataset {dataset}, which does not exist", number + 1)),
                Some(Some(first)) => {
                    return wrong(format!("dataset `{}` is in groups {first} and {}", datasets[dataset].name, number + 1));
                }
                Some(free) => *free = Some(number + 1),
            }
        }
    }
    match group_of.iter().position(Option::is_none) {
        Some(dataset) => wrong(format!("dataset `{}` is in no group", datasets[dataset].name)),
        None => Ok(()),
    }
}
