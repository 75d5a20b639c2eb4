//! The result: groups of datasets in order, with everything that was measured about them.

use gst_affinity::{Affinity, Artifact, Cost, DatasetFacts, Metric};
use ndarray::Array2;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clustering::Clustering;
use crate::count::candidates;
use crate::order::Sources;
use crate::{
    CountScore, Distances, GroupCount, GroupingError, GroupingParams, MAX_EXACT_DATASETS, MAX_TESTED_DATASETS, Method, OrderBy,
    Partition, StructureTest, co_assignment, exact, silhouette, structure_test, verdict,
};

/// Datasets in groups, in the order in which the groups are introduced: the body of `grouping.json`.
///
/// Made by [`Grouping::new`] or read from a file, it has every dataset in exactly one group; both refuse anything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Grouping {
    /// The datasets, as in the affinity.
    pub datasets: Vec<DatasetFacts>,
    /// The metric that was grouped by.
    pub metric: Metric,
    /// How the groups were made.
    pub method: Method,
    /// How their number was found.
    pub count: GroupCount,
    /// How they were ordered.
    pub order: OrderBy,
    /// Seed of all that was drawn.
    pub seed: u64,
    /// Positions in `datasets`, ascending inside a group; groups in order of introduction.
    pub groups: Vec<Vec<usize>>,
    /// The same by name.
    pub group_names: Vec<Vec<String>>,
    /// The number that each group was ordered by, in order of introduction; empty if the order goes by no number.
    #[serde(default)]
    pub order_scores: Vec<f64>,
    /// Within-group part of ζ², debiased.
    pub within: f64,
    /// Between-group part of ζ²; `within + between = zeta_squared`.
    pub between: f64,
    /// Heterogeneity ζ² = Σ p_i ‖g_i − g‖², debiased.
    pub zeta_squared: f64,
    /// Mean silhouette of the groups by the distances they were made from, −1 to 1.
    pub silhouette: f64,
    /// Every K that was tried, when K was chosen automatically.
    #[serde(default)]
    pub count_scores: Vec<CountScore>,
    /// within / ζ² of as many groups as this method makes of these datasets, for K = 1 and up: 1 at K = 1, and what further groups
    /// are worth. Empty for methods that do not look at distances, where ζ² is not above 0, and where the structure test is left out.
    #[serde(default)]
    pub within_shares: Vec<CountScore>,
    /// Mean adjusted Rand index between these groups and those of each bootstrap replicate; `None` without replicates, and for
    /// groups that do not depend on distances.
    pub stability: Option<f64>,
    /// In which share of the replicates each pair of datasets is together, `[D][D]`; empty without replicates.
    #[serde(default)]
    pub co_assignment: Vec<Vec<f64>>,
    /// Whether the groups are told apart from chance; `None` where that was not or could not be tested.
    #[serde(default)]
    pub structure: Option<StructureTest>,
    /// What the numbers speak for.
    pub recommendation: Recommendation,
    /// What the affinity cost, which counts as the schedule's; nothing where neither groups nor order rest on it (the baselines by
    /// size, as given or at random).
    pub probe_cost: Cost,
    /// What it all says, in plain sentences with the numbers behind them.
    pub verdict: Vec<String>,
}

/// What a grouping's numbers speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Recommendation {
    /// Train on all datasets from the start: there is no reason to group.
    MixAll,
    /// There is structure: train with and without groups and compare.
    Compare,
}

impl Artifact for Grouping {
    const FORMAT: &'static str = "gst-grouping";
    const VERSION: u32 = 1;
}

impl Serialize for Grouping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Grouping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let grouping = Self::deserialize(deserializer)?;
        Partition::from_groups(&grouping.groups, grouping.datasets.len()).map_err(serde::de::Error::custom)?;
        Ok(grouping)
    }
}

impl Grouping {
    /// Groups and orders the datasets of an affinity.
    ///
    /// # Arguments
    /// * `affinity`: distances by its metric (or by `params.metric`), and the facts that orders need.
    /// * `params`: what to do; everything drawn by chance comes from its seed, so equal input gives an equal result.
    ///
    /// Pairs whose distance is undetermined count as the median of the others; the verdict says how many.
    ///
    /// # Errors
    /// [`GroupingError`], each variant naming what to change.
    pub fn new(affinity: &Affinity, params: &GroupingParams) -> Result<Self, GroupingError> {
        params.check(affinity.datasets.len())?;
        check_names(&affinity.datasets)?;
        let metric = params.metric.unwrap_or(affinity.metric);
        let (distances, undetermined) = measured(affinity, metric)?;
        let domains: Vec<&str> = affinity.datasets.iter().map(|d| d.domain.as_str()).collect();
        let clustering = Clustering::new(&distances, &domains, params);
        let (partition, count_scores) = clustering.run()?;
        let unordered = partition.groups();
        let ordered = Sources { affinity, distances: &distances, groups: &unordered, given: &params.given, seed: params.seed }
            .arrange(params.order)?;
        let groups: Vec<Vec<usize>> = ordered.sequence.iter().map(|&group| unordered[group].clone()).collect();
        let split = affinity
            .split(&groups)
            .map_err(|e| GroupingError::Numeric { routine: "the split of ζ²", reason: e.to_string() })?;
        let replicates = replicate_partitions(affinity, metric, &domains, params, partition.count())?;
        let structure = if params.method.uses_distances() && distances.len() <= MAX_TESTED_DATASETS {
            structure_test(&distances, params.null_samples, params.seed, |null| {
                Clustering::new(null, &domains, params).at(Some(partition.count()))
            })?
        } else {
            None
        };
        let mut grouping = Self {
            datasets: affinity.datasets.clone(),
            metric,
            method: params.method,
            count: params.count,
            order: params.order,
            seed: params.seed,
            group_names: groups.iter().map(|g| g.iter().map(|&i| affinity.datasets[i].name.clone()).collect()).collect(),
            groups,
            order_scores: ordered.scores,
            within: split.within,
            between: split.between,
            zeta_squared: split.total,
            silhouette: silhouette(&distances, &partition)?,
            count_scores,
            within_shares: within_shares(affinity, &distances, &domains, params)?,
            stability: mean_agreement(&partition, &replicates)?,
            co_assignment: if replicates.is_empty() { Vec::new() } else { rows(&co_assignment(&replicates, distances.len())) },
            structure,
            recommendation: Recommendation::MixAll,
            probe_cost: if params.uses_probe() { affinity.probe.cost } else { Cost::default() },
            verdict: Vec::new(),
        };
        let optimum = least_share(&distances, &partition, params)?;
        let evidence =
            verdict::Evidence { affinity, undetermined, order_note: &ordered.note, replicates: replicates.len(), optimum };
        (grouping.recommendation, grouping.verdict) = verdict::judge(&grouping, &evidence);
        Ok(grouping)
    }

    /// The groups as a set, without their order: equal divisions compare equal.
    ///
    /// # Errors
    /// [`GroupingError::NotAPartition`] or [`GroupingError::EmptyGroup`] when the fields were changed so that they no longer fit.
    pub fn partition(&self) -> Result<Partition, GroupingError> {
        Partition::from_groups(&self.groups, self.datasets.len())
    }

    /// within / ζ²: the share of heterogeneity that is left inside groups. `None` where ζ² is not above 0.
    pub fn within_share(&self) -> Option<f64> {
        (self.zeta_squared > 0.0).then(|| self.within / self.zeta_squared)
    }
}

fn check_names(datasets: &[DatasetFacts]) -> Result<(), GroupingError> {
    let mut seen = std::collections::HashMap::new();
    for (second, dataset) in datasets.iter().enumerate() {
        if let Some(first) = seen.insert(dataset.name.as_str(), second) {
            return Err(GroupingError::DuplicateName { name: dataset.name.clone(), first, second });
        }
    }
    Ok(())
}

/// The distances of an affinity by `metric`, and how many pairs of them are undetermined.
fn measured(affinity: &Affinity, metric: Metric) -> Result<(Distances, usize), GroupingError> {
    let (Some(values), Some(table)) = (affinity.distance_by(metric), affinity.table(metric)) else {
        let found = affinity.tables.keys().map(|m| m.name()).collect::<Vec<_>>().join(", ");
        return Err(GroupingError::MissingMetric { metric: metric.to_string(), found });
    };
    let distances = weighted(affinity, values)?;
    let unknown = |i: usize, j: usize| table.get(i, j).is_none() || table.get(j, i).is_none();
    let undetermined = (0..distances.len()).map(|i| (0..i).filter(|&j| unknown(i, j)).count()).sum();
    // For the paper's metric the within term is a part of ζ² itself, from squares that were never clamped.
    match squared_from_gram(affinity).filter(|_| metric == Metric::GradientDistance) {
        Some(squared) => Ok((distances.with_squared(squared)?, undetermined)),
        None => Ok((distances, undetermined)),
    }
}

fn weighted(affinity: &Affinity, values: Array2<f64>) -> Result<Distances, GroupingError> {
    let names = affinity.datasets.iter().map(|d| d.name.clone()).collect();
    let weights: Vec<f64> = affinity.datasets.iter().map(|d| d.weight).collect();
    Distances::named(values, names)?.with_weights(&weights)
}

fn squared_from_gram(affinity: &Affinity) -> Option<Array2<f64>> {
    let (gram, datasets) = (&affinity.gram, affinity.datasets.len());
    let fits = gram.len() == datasets && gram.iter().all(|row| row.len() == datasets);
    let finite = fits && gram.iter().flatten().all(|x| x.is_finite());
    finite.then(|| {
        Array2::from_shape_fn((datasets, datasets), |(i, j)| {
            // One formula for both triangles, or rounding would make them differ.
            let (i, j) = (i.min(j), i.max(j));
            gram[i][i] + gram[j][j] - gram[i][j] - gram[j][i]
        })
    })
}

/// Squares of a table of debiased distances, which are below 0 where the distances are; `None` where one is undetermined.
fn squared(distances: &[Vec<Option<f64>>]) -> Option<Array2<f64>> {
    let values: Option<Vec<f64>> = distances.iter().flatten().map(|value| value.map(|d| d * d.abs())).collect();
    Array2::from_shape_vec((distances.len(), distances.len()), values?).ok()
}

/// The groups that each bootstrap replicate of the affinity leads to, with as many groups as were found. Replicates belong to
/// the metric the affinity was made with; for another metric, and for groups that do not depend on distances, there are none.
fn replicate_partitions(
    affinity: &Affinity,
    metric: Metric,
    domains: &[&str],
    params: &GroupingParams,
    groups: usize,
) -> Result<Vec<Partition>, GroupingError> {
    if !params.method.uses_distances() || metric != affinity.metric {
        return Ok(Vec::new());
    }
    let one = |(values, replicate): (Array2<f64>, &Vec<Vec<Option<f64>>>)| {
        let distances = weighted(affinity, values)?;
        let distances = match squared(replicate).filter(|_| metric == Metric::GradientDistance) {
            Some(squared) => distances.with_squared(squared)?,
            None => distances,
        };
        Clustering::new(&distances, domains, params).at(Some(groups))
    };
    affinity.replicate_distances().into_iter().zip(&affinity.replicates).map(one).collect()
}

/// How ζ² falls inside groups as their number grows, where side checks are wanted.
fn within_shares(
    affinity: &Affinity,
    distances: &Distances,
    domains: &[&str],
    params: &GroupingParams,
) -> Result<Vec<CountScore>, GroupingError> {
    let zeta_squared = affinity.heterogeneity.zeta_squared;
    let wanted = params.method.uses_distances() && params.null_samples > 0 && distances.len() <= MAX_TESTED_DATASETS;
    if !wanted || zeta_squared <= 0.0 {
        return Ok(Vec::new());
    }
    // An automatic choice of K, so that what several K share is made for all of them.
    let params = GroupingParams { count: GroupCount::Elbow, ..params.clone() };
    let clustering = Clustering::new(distances, domains, &params);
    let share = |groups: usize| {
        let split = affinity
            .split(&clustering.at(Some(groups))?.groups())
            .map_err(|e| GroupingError::Numeric { routine: "the split of ζ²", reason: e.to_string() })?;
        Ok(CountScore { groups, score: split.within / zeta_squared })
    };
    (1..=*candidates(distances.len(), params.most_groups).end()).map(share).collect()
}

/// The share of the squared distances inside these groups, and the least that is possible, where that can be found out and
/// side checks are wanted.
fn least_share(
    distances: &Distances,
    partition: &Partition,
    params: &GroupingParams,
) -> Result<Option<(f64, f64)>, GroupingError> {
    let total = distances.total();
    let open = params.method.uses_distances() && (2..distances.len()).contains(&partition.count());
    if !open || params.null_samples == 0 || distances.len() > MAX_EXACT_DATASETS || total <= 0.0 {
        return Ok(None);
    }
    let least = exact(distances, partition.count())?.within;
    Ok(Some((distances.within(partition) / total, least / total)))
}

fn mean_agreement(partition: &Partition, replicates: &[Partition]) -> Result<Option<f64>, GroupingError> {
    let mut sum = 0.0;
    for replicate in replicates {
        sum += partition.adjusted_rand(replicate)?;
    }
    Ok(if replicates.is_empty() { None } else { Some(sum / replicates.len() as f64) })
}

fn rows(matrix: &Array2<f64>) -> Vec<Vec<f64>> {
    matrix.rows().into_iter().map(|row| row.to_vec()).collect()
}
