//! What can be wrong with a schedule, one variant for each thing a caller can do about it.

use crate::Strategy;
use crate::schedule::{MAX_PERIOD, MAX_SCHEDULE_WEIGHTS};

/// Why a schedule cannot be made, read or changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// No strategy of that name.
    #[error("unknown strategy `{found}`: did you mean `{nearest}`? Known are {known}")]
    UnknownStrategy {
        /// What was given.
        found: String,
        /// All names.
        known: String,
        /// The name nearest to what was given.
        nearest: String,
    },
    /// Text that names no weighting, stage end or budget.
    #[error("`{found}` is no {what}: expected {expected}")]
    Unreadable {
        /// What it should have been.
        what: &'static str,
        /// What was given.
        found: String,
        /// The forms that are read.
        expected: &'static str,
    },
    /// A list of no datasets.
    #[error("no datasets: a schedule needs at least one")]
    NoDatasets,
    /// A dataset without training samples.
    #[error("dataset `{dataset}` has no training samples: expected at least 1; leave it out or check its training records")]
    EmptyDataset {
        /// Its name.
        dataset: String,
    },
    /// Two datasets of one name.
    #[error("datasets {first} and {second} are both named `{dataset}`: names key the order of samples, give each its own")]
    DuplicateName {
        /// The name.
        dataset: String,
        /// Index of the first.
        first: usize,
        /// Index of the second.
        second: usize,
    },
    /// A weight that is negative, infinite or not a number.
    #[error("dataset `{dataset}` has weight {found}: expected a finite number of 0 or more")]
    BadWeight {
        /// Name of the dataset.
        dataset: String,
        /// Its weight.
        found: f64,
    },
    /// Fixed weights that are more or fewer than the datasets.
    #[error("{found} fixed weights for {expected} datasets: give one for each, in the order of the datasets")]
    WeightCount {
        /// Weights given.
        found: usize,
        /// Datasets.
        expected: usize,
    },
    /// A stage in which no dataset would be drawn.
    #[error(
        "{stage}: the weights of its datasets sum to 0, so nothing could be drawn; give them weights (by size: DatasetFacts::weigh_by_size) \
         or choose the weighting `uniform`"
    )]
    WithoutWeight {
        /// Name of the stage.
        stage: String,
    },
    /// A parameter outside its range.
    #[error("{field} is {found}: expected {expected}")]
    BadParameter {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A strategy of groups without groups.
    #[error(
        "{strategy} introduces groups, and none were given: group the datasets first (`gst group`), or choose mix-all or sequential"
    )]
    GroupsMissing {
        /// The strategy.
        strategy: Strategy,
    },
    /// Groups that do not hold every dataset exactly once.
    #[error("groups: {reason}; every one of the {datasets} datasets must be in exactly one group")]
    NotAPartition {
        /// What is wrong, with the dataset or group.
        reason: String,
        /// Number of datasets.
        datasets: usize,
    },
    /// Fewer steps than stages.
    #[error("{steps} steps for {stages} stages: each needs at least one step; give more steps or fewer groups")]
    TooFewSteps {
        /// Steps of the run.
        steps: u64,
        /// Stages of the strategy.
        stages: usize,
    },
    /// Early stages that leave nothing for the last.
    #[error(
        "the {early} stages before the last take {needed} of {steps} steps and leave none for the last stage: \
         lower early_share (or the stage end), or give more steps or fewer groups"
    )]
    StagesDoNotFit {
        /// Stages before the last.
        early: usize,
        /// Steps they take.
        needed: u64,
        /// Steps of the run.
        steps: u64,
    },
    /// A ramp longer than a stage.
    #[error("stage `{stage}` has {steps} steps, fewer than its ramp of {ramp_steps}: shorten the ramp or lengthen the stage")]
    RampTooLong {
        /// Name of the stage.
        stage: String,
        /// Its steps.
        steps: u64,
        /// Steps of the ramp.
        ramp_steps: u64,
    },
    /// A schedule with too many weights to keep: stages × ramp pieces × datasets.
    #[error("the schedule would hold {found} weights, more than {MAX_SCHEDULE_WEIGHTS}: use fewer groups or a shorter ramp")]
    TooLarge {
        /// Weights it would hold.
        found: u64,
    },
    /// A budget that pays for no schedule.
    #[error("a budget of {budget} pays for no step of this schedule: {reason}")]
    BudgetTooSmall {
        /// The budget.
        budget: String,
        /// What the smallest schedule costs, or needs.
        reason: String,
    },
    /// A fact that a budget needs and that is not known.
    #[error(
        "dataset `{dataset}` has {field} 0 (unknown), and a budget in that unit was asked for: measure it, or give the budget in steps or samples"
    )]
    FactMissing {
        /// Name of the dataset.
        dataset: String,
        /// The field.
        field: &'static str,
    },
    /// A schedule, mostly one edited by hand, that contradicts itself.
    #[error("schedule: {place}: found {found}, expected {expected}; make the file again with `gst schedule`")]
    Inconsistent {
        /// The field, stage or dataset.
        place: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// A decision that cannot be applied to this schedule.
    #[error("decision {change} at step {step} does not fit: {reason}; it belongs to another schedule or is out of order")]
    BadDecision {
        /// Kind of change.
        change: &'static str,
        /// Step at which it was to hold.
        step: u64,
        /// Why it does not fit.
        reason: String,
    },
    /// Recorded evaluations that do not belong to the schedule.
    #[error("evaluations: {place}: found {found}, expected {expected}")]
    BadEvaluation {
        /// Which evaluation.
        place: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// A row that could not be written.
    #[error("cannot write the weights table: {reason}")]
    Unwritable {
        /// What the writer says.
        reason: String,
    },
}

impl ScheduleError {
    pub(crate) fn inconsistent(place: impl Into<String>, found: impl ToString, expected: impl ToString) -> Self {
        Self::Inconsistent { place: place.into(), found: found.to_string(), expected: expected.to_string() }
    }

    pub(crate) fn period(stage: &str, found: u128) -> Self {
        Self::inconsistent(format!("stage `{stage}`: sum of weights"), found, format!("1 to {MAX_PERIOD}"))
    }
}
