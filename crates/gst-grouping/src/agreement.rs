//! How far two groupings, or the groups of two affinities, agree: would another probe, seed or model lead to the same groups?

use gst_affinity::{Affinity, Drift, drift};
use serde::{Deserialize, Serialize};

use crate::{Grouping, GroupingError, GroupingParams, OrderBy, Partition, STABLE_FROM};

/// The fewest shared datasets whose groups say something: two are together or apart, and that is one coin.
const MIN_SHARED: usize = 3;

/// How far two groupings agree on the datasets that both know by name; the order of the groups does not count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Names of the datasets that both know, in the order of the first; three or more.
    pub shared: Vec<String>,
    /// Adjusted Rand index of the two divisions of the shared datasets: 1 the same, 0 as chance would have it, below 0 less.
    pub adjusted_rand: f64,
    /// Groups of the shared datasets in the first.
    pub groups_before: usize,
    /// Groups of the shared datasets in the second.
    pub groups_after: usize,
    /// Pairs of shared datasets that are together in the first.
    pub together_before: usize,
    /// Those of them that are together in the second too.
    pub still_together: usize,
}

impl Agreement {
    /// Compares two groupings, for example of two seeds, probe points or models.
    ///
    /// # Errors
    /// [`GroupingError::NotComparable`] with fewer than three shared datasets; [`GroupingError::NotAPartition`] or
    /// [`GroupingError::EmptyGroup`] for a grouping whose fields were changed so that they no longer fit.
    pub fn of(before: &Grouping, after: &Grouping) -> Result<Self, GroupingError> {
        let (first, second) = (before.partition()?, after.partition()?);
        let place = |name: &str| after.datasets.iter().position(|other| other.name == name);
        let named = before.datasets.iter().enumerate();
        let both: Vec<(usize, usize)> = named.filter_map(|(i, dataset)| Some((i, place(&dataset.name)?))).collect();
        if both.len() < MIN_SHARED {
            return Err(GroupingError::NotComparable { shared: both.len(), needed: MIN_SHARED });
        }
        let part = |partition: &Partition, pick: fn(&(usize, usize)) -> usize| {
            Partition::from_labels(&both.iter().map(|pair| partition.labels()[pick(pair)]).collect::<Vec<_>>())
        };
        let (first, second) = (part(&first, |pair| pair.0), part(&second, |pair| pair.1));
        let pairs = (0..both.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let together: Vec<(usize, usize)> = pairs.filter(|&(i, j)| first.labels()[i] == first.labels()[j]).collect();
        Ok(Self {
            shared: both.iter().map(|(i, _)| before.datasets[*i].name.clone()).collect(),
            adjusted_rand: first.adjusted_rand(&second)?,
            groups_before: first.count(),
            groups_after: second.count(),
            together_before: together.len(),
            still_together: together.iter().filter(|&&(i, j)| second.labels()[i] == second.labels()[j]).count(),
        })
    }

    /// What it says, with the numbers behind it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let word = match self.adjusted_rand {
            index if index >= 1.0 => "are the same",
            index if index >= STABLE_FROM => "are much the same",
            index if index >= STABLE_FROM / 2.0 => "agree in part and are not to be built on",
            _ => "agree hardly more than chance would and are not to be built on",
        };
        format!(
            "Groups: over {} shared datasets the groups ({} and {}) {word}: adjusted Rand index {:.2} (1 the same, 0 chance); {} of \
             the {} pairs that were together still are.",
            self.shared.len(),
            self.groups_before,
            self.groups_after,
            self.adjusted_rand,
            self.still_together,
            self.together_before,
        )
    }
}

/// What changed between two affinities: their entries, and the groups that follow from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The entries: rank correlation, nearest neighbours.
    pub drift: Drift,
    /// The groups that the same parameters make of each.
    pub agreement: Agreement,
    /// Both in plain sentences with the numbers behind them.
    pub verdict: Vec<String>,
}

/// Compares two affinities by name of dataset: how far the entries of a metric agree, and whether both lead to the same groups.
///
/// Both are grouped as `params` say (its metric, or that of the first affinity); their order, the structure test and the bootstrap are
/// left out. This is the test of a grouping that one probe cannot make: measure twice, with another seed or at another point.
///
/// # Errors
/// Fewer than three shared datasets, a metric that one of the two lacks, and those of [`Grouping::new`].
pub fn compare(before: &Affinity, after: &Affinity, params: &GroupingParams) -> Result<Comparison, GroupingError> {
    let metric = params.metric.unwrap_or(before.metric);
    let params =
        GroupingParams { metric: Some(metric), order: OrderBy::Size, given: Vec::new(), null_samples: 0, ..params.clone() };
    let group = |affinity: &Affinity| {
        // The replicates would be grouped for a stability that nobody asked for here.
        Grouping::new(&Affinity { replicates: Vec::new(), ..affinity.clone() }, &params)
    };
    let agreement = Agreement::of(&group(before)?, &group(after)?)?;
    let drift = drift(before, after, metric)
        .map_err(|e| GroupingError::Numeric { routine: "the comparison of the tables", reason: e.to_string() })?;
    let verdict = vec![drift.sentence(), agreement.sentence()];
    Ok(Comparison { drift, agreement, verdict })
}
