//! Why an affinity cannot be estimated.

/// Why an affinity cannot be estimated from what was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AffinityError {
    /// No dataset at all.
    #[error("no datasets: an affinity needs at least one")]
    NoDatasets,
    /// Two datasets of one name.
    #[error("two datasets are called `{name}`: names must be unique, rename one of them")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// No probe point.
    #[error("no probe point: give the gradients of at least one moment of training")]
    NoProbePoint,
    /// The names at a probe point are not those of the datasets.
    #[error("probe point {point}: its datasets are {found:?}, expected {expected:?} in this order")]
    OtherDatasets {
        /// Index of the probe point.
        point: usize,
        /// Names found.
        found: Vec<String>,
        /// Names expected.
        expected: Vec<String>,
    },
    /// A dataset index out of range.
    #[error("dataset {found} does not exist: there are {datasets} (0 to {})", datasets.saturating_sub(1))]
    UnknownDataset {
        /// The index.
        found: usize,
        /// Number of datasets.
        datasets: usize,
    },
    /// Gradients of unequal length.
    #[error(
        "dataset `{dataset}`, batch {batch}: the gradient has {found} values, those before have {expected}: probe one group \
         of parameters, with one sketch"
    )]
    UnequalLength {
        /// Dataset.
        dataset: String,
        /// Batch, counted from 0.
        batch: usize,
        /// Values found.
        found: usize,
        /// Values expected.
        expected: usize,
    },
    /// A NaN or infinite value in a gradient.
    #[error(
        "dataset `{dataset}`, batch {batch}: value {index} of the gradient is {value}: the loss of this batch is not finite, \
         look at its samples"
    )]
    NotFinite {
        /// Dataset.
        dataset: String,
        /// Batch, counted from 0.
        batch: usize,
        /// Index within the gradient.
        index: usize,
        /// The value, as text (`NaN`, `inf`).
        value: String,
    },
    /// Too few batches to tell signal from noise.
    #[error(
        "dataset `{dataset}` has {found} probe batches at point {point}, at least {expected} are needed to tell its gradient \
         from noise"
    )]
    TooFewBatches {
        /// Dataset.
        dataset: String,
        /// Index of the probe point.
        point: usize,
        /// Batches found.
        found: usize,
        /// Batches needed.
        expected: usize,
    },
    /// Weights that are no shares.
    #[error("the weights of the datasets must be finite, not negative and sum to 1: {reason}")]
    BadWeights {
        /// What is wrong.
        reason: String,
    },
    /// A parameter out of its range.
    #[error("{field} is {found}, expected {expected}")]
    BadParameter {
        /// The field.
        field: &'static str,
        /// The value found.
        found: String,
        /// The range expected.
        expected: &'static str,
    },
    /// The metric needs measurements that were not given.
    #[error("the metric {metric} needs {needs}, which was not given")]
    NotMeasured {
        /// The metric.
        metric: crate::Metric,
        /// What is needed.
        needs: &'static str,
    },
    /// A grouping that does not hold every dataset exactly once.
    #[error("not a grouping of {datasets} datasets: {reason}")]
    BadGrouping {
        /// Number of datasets.
        datasets: usize,
        /// What is wrong.
        reason: String,
    },
    /// A preconditioner of another length.
    #[error(
        "the preconditioner has {found} coordinates, the gradient {expected}: precondition exact gradients, before sketching"
    )]
    OtherPreconditioner {
        /// Coordinates of the preconditioner.
        found: usize,
        /// Values of the gradient.
        expected: usize,
    },
    /// Gradients that are not as long as the probe says its sketches are.
    #[error("probe point {point}: gradients have {found} values, the probe's sketch size is {expected}")]
    NotTheSketch {
        /// Index of the probe point.
        point: usize,
        /// Values found.
        found: usize,
        /// The probe's sketch size.
        expected: usize,
    },
    /// A number that is too large for the sums.
    #[error("{what} is not finite: the gradients are too large to be squared and summed")]
    Overflow {
        /// What came out infinite.
        what: &'static str,
    },
    /// A table of losses that does not fit the datasets or holds a value that cannot be.
    #[error("{metric}, repeat {repeat}: {reason}")]
    BadMeasurement {
        /// The metric.
        metric: crate::Metric,
        /// Index of the repeat.
        repeat: usize,
        /// What is wrong.
        reason: String,
    },
    /// Two affinities of other datasets.
    #[error("the two affinities have no {needed} datasets in common: {shared} are shared by name")]
    NotComparable {
        /// Datasets in common.
        shared: usize,
        /// Datasets needed.
        needed: usize,
    },
    /// A number among a dataset's facts that is not finite.
    #[error("dataset `{dataset}`: {field} holds {found}, finite numbers are needed (0 where unknown)")]
    BadFacts {
        /// Dataset.
        dataset: String,
        /// The field.
        field: &'static str,
        /// The value found.
        found: String,
    },
}
