//! The one error type of this crate: a variant for each thing a caller can put right.

/// Why a grouping or an order could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupingError {
    /// There is nothing to group.
    #[error("no datasets: a grouping needs at least one; measure the affinity of one dataset or more")]
    NoDatasets,
    /// A matrix does not have one row and one column for each dataset.
    #[error("{what} has {rows} rows and {columns} columns, expected {expected} of both: one row and one column for each dataset")]
    Shape {
        /// The matrix that was given.
        what: &'static str,
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
        /// Rows and columns expected.
        expected: usize,
    },
    /// An entry is NaN or infinite.
    #[error(
        "{what} between \"{first}\" and \"{second}\" is {value}, expected a finite number; measure it again with more probe batches or leave one of the two out"
    )]
    NotFinite {
        /// The matrix that was given.
        what: &'static str,
        /// Dataset of the row.
        first: String,
        /// Dataset of the column.
        second: String,
        /// What was found.
        value: f64,
    },
    /// A distance is below zero.
    #[error(
        "the distance between \"{first}\" and \"{second}\" is {value}, expected 0 or more; clamp debiased estimates at 0 before they are used as distances"
    )]
    Negative {
        /// Dataset of the row.
        first: String,
        /// Dataset of the column.
        second: String,
        /// What was found.
        value: f64,
    },
    /// A distance is so large that sums of its square would not be finite.
    #[error(
        "{what} between \"{first}\" and \"{second}\" is {value}, expected at most {limit}; measure distances in a larger unit"
    )]
    TooLarge {
        /// The matrix that was given.
        what: &'static str,
        /// Dataset of the row.
        first: String,
        /// Dataset of the column.
        second: String,
        /// What was found.
        value: f64,
        /// The most that is taken.
        limit: f64,
    },
    /// The two directions of a distance differ.
    #[error(
        "the distance from \"{first}\" to \"{second}\" is {forward} but {backward} the other way; symmetrize a directed table before grouping by it"
    )]
    NotSymmetric {
        /// Dataset of the row.
        first: String,
        /// Dataset of the column.
        second: String,
        /// Entry (row, column).
        forward: f64,
        /// Entry (column, row).
        backward: f64,
    },
    /// A dataset is at a distance from itself.
    #[error("the distance of \"{name}\" to itself is {value}, expected 0")]
    Diagonal {
        /// The dataset.
        name: String,
        /// What was found.
        value: f64,
    },
    /// The number of weights or names differs from the number of datasets.
    #[error("{found} {what} for {expected} datasets, expected one for each")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many datasets there are.
        expected: usize,
    },
    /// A dataset weight is negative, NaN or infinite.
    #[error("the weight of \"{name}\" is {value}, expected a finite number of 0 or more")]
    Weight {
        /// The dataset.
        name: String,
        /// What was found.
        value: f64,
    },
    /// All weights are zero.
    #[error("the weights of all {datasets} datasets are 0; give at least one of them a weight above 0")]
    ZeroWeights {
        /// How many datasets there are.
        datasets: usize,
    },
    /// Two datasets have the same name.
    #[error("datasets {first} and {second} are both called \"{name}\"; rename one of them, groups are told apart by name")]
    DuplicateName {
        /// The name that occurs twice.
        name: String,
        /// Position of the first, from 0.
        first: usize,
        /// Position of the second, from 0.
        second: usize,
    },
    /// More groups were asked for than there are datasets.
    #[error(
        "{groups} groups were asked for but there are only {datasets} datasets; ask for {datasets} groups or fewer, or for `eigengap`"
    )]
    TooManyGroups {
        /// The K asked for.
        groups: usize,
        /// The D there is.
        datasets: usize,
    },
    /// Zero groups were asked for.
    #[error("0 groups were asked for; ask for 1 to {datasets}, or for `eigengap`, `silhouette` or `elbow`")]
    ZeroGroups {
        /// How many datasets there are.
        datasets: usize,
    },
    /// Too many datasets for the exact optimum.
    #[error(
        "`exact` tries every grouping and takes at most {limit} datasets, found {datasets}; use `spectral` or `agglomerative`"
    )]
    TooManyForExact {
        /// How many datasets there are.
        datasets: usize,
        /// How many it takes.
        limit: usize,
    },
    /// A parameter is outside its range.
    #[error("{field} is {found}, expected {expected}")]
    Parameter {
        /// The parameter.
        field: &'static str,
        /// What was given.
        found: String,
        /// Its range.
        expected: &'static str,
    },
    /// A method, order, count or the like is not known by that name.
    #[error("unknown {what} \"{found}\"; did you mean \"{nearest}\"? Known: {known}")]
    UnknownName {
        /// What kind of name it should have been.
        what: &'static str,
        /// What was given.
        found: String,
        /// The known name nearest to it.
        nearest: String,
        /// All known names.
        known: String,
    },
    /// An order needs a fact about a dataset that was not measured.
    #[error("order `{order}` needs {field} of every dataset, and \"{dataset}\" has none; {remedy}")]
    MissingFact {
        /// The order asked for.
        order: &'static str,
        /// The field of the dataset that is missing.
        field: &'static str,
        /// The dataset.
        dataset: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An order needs a table that is not there.
    #[error("order `{order}` needs {needed}, found {found}; {remedy}")]
    MissingTable {
        /// The order asked for.
        order: &'static str,
        /// The table it needs.
        needed: &'static str,
        /// The tables there are.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The affinity file has no table for the metric asked for.
    #[error("no table of metric `{metric}` was measured, found: {found}; run the probe with that metric or leave it out")]
    MissingMetric {
        /// The metric asked for.
        metric: String,
        /// The metrics there are.
        found: String,
    },
    /// A commutator table is not antisymmetric.
    #[error(
        "the commutator of \"{first}\" and \"{second}\" is {forward} one way and {backward} the other, expected the same number with opposite signs"
    )]
    NotAntisymmetric {
        /// Dataset of the row.
        first: String,
        /// Dataset of the column.
        second: String,
        /// Entry (row, column).
        forward: f64,
        /// Entry (column, row).
        backward: f64,
    },
    /// A given order, or given groups, name a dataset that is not there.
    #[error("what was given names \"{name}\", which is not a dataset here; known: {known}")]
    GivenUnknown {
        /// The name that was given.
        name: String,
        /// The names of the datasets.
        known: String,
    },
    /// A given order leaves a group without a place.
    #[error("the given order names no dataset of the group {{{group}}}; name at least one dataset of every group")]
    GivenIncomplete {
        /// The names in that group.
        group: String,
    },
    /// Groups that were given by name do not hold every dataset exactly once.
    #[error("the groups that were given hold \"{name}\" {found} times; every dataset belongs in exactly one: {known}")]
    GivenUneven {
        /// Name of the dataset.
        name: String,
        /// In how many places it was found.
        found: usize,
        /// The names of the datasets.
        known: String,
    },
    /// A list of groups does not hold every dataset exactly once.
    #[error("dataset {dataset} is in {found} groups, expected exactly 1 (datasets are counted 0 to {datasets} exclusive)")]
    NotAPartition {
        /// Position of the dataset.
        dataset: usize,
        /// In how many groups it was found.
        found: usize,
        /// How many datasets there are.
        datasets: usize,
    },
    /// A list of groups names a position that no dataset has.
    #[error("group {group} holds dataset {dataset}, but there are {datasets} (counted from 0)")]
    NoSuchDataset {
        /// The position.
        dataset: usize,
        /// The group that holds it, counted from 0.
        group: usize,
        /// How many datasets there are.
        datasets: usize,
    },
    /// A list of groups has one without datasets.
    #[error("group {group} (counted from 0) is empty; leave it out")]
    EmptyGroup {
        /// Position of the group.
        group: usize,
    },
    /// Names were given for an order that does not look at them.
    #[error("`given` names {found}, but the order is `{order}`; leave `given` empty or ask for order `given`")]
    GivenUnused {
        /// The names.
        found: String,
        /// The order asked for.
        order: &'static str,
    },
    /// Two groupings have too few datasets in common.
    #[error("the two groupings share {shared} datasets by name, {needed} are needed to compare them")]
    NotComparable {
        /// Datasets in common.
        shared: usize,
        /// Datasets needed.
        needed: usize,
    },
    /// A numerical routine did not finish.
    #[error("{routine} failed: {reason}; check the matrix for entries many orders of magnitude apart")]
    Numeric {
        /// The routine.
        routine: &'static str,
        /// What it reported.
        reason: String,
    },
}
