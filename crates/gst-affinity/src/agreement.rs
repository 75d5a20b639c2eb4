//! How far two affinities, or two groupings, agree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Affinity, AffinityError, Metric};

/// The fewest shared datasets that can be ranked: three pairs.
const MIN_SHARED: usize = 3;

/// Rank correlation from which two tables are said to be much the same; half of it is "in part".
const MUCH_THE_SAME: f64 = 0.8;

/// What changed between two affinities, over the datasets that both know by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The metric compared.
    pub metric: Metric,
    /// Names of the datasets that both know, in the order of the first.
    pub shared: Vec<String>,
    /// Pairs that are determined in both.
    pub pairs: usize,
    /// Spearman's rank correlation of the pairs' entries, −1 to 1; `None` where one side has no two different entries.
    pub rank_correlation: Option<f64>,
    /// Share of the shared datasets whose nearest other one (or the one that it helps most) is the same, 0 to 1.
    pub same_neighbour: f64,
}

impl Drift {
    /// What it says, with the numbers behind it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (datasets, metric) = (self.shared.len(), self.metric);
        let Some(correlation) = self.rank_correlation else {
            return format!(
                "Drift: over {datasets} shared datasets the tables of {metric} cannot be compared, one has no two different entries."
            );
        };
        let word = match correlation {
            found if found >= MUCH_THE_SAME => "order the pairs much the same way",
            found if found >= MUCH_THE_SAME / 2.0 => "agree in part on the order of the pairs",
            _ => "do not order the pairs the same way, so they measure noise or another moment of training",
        };
        let neighbours = (self.same_neighbour * datasets as f64).round();
        format!(
            "Drift: over {datasets} shared datasets the two tables of {metric} {word}: rank correlation {correlation:.2} (1 the same, \
             0 chance) over {} pairs; {neighbours:.0} of {datasets} datasets have the same nearest one.",
            self.pairs
        )
    }
}

/// How far an affinity comes out again, as mean rank correlations, −1 to 1. `None` where there is nothing to compare.
///
/// Resampling the batches of one checkpoint overstates it: another seed or another probe point is the harder test, and the one
/// that counts ([`drift`]).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Stability {
    /// Of the chosen metric's bootstrap replicates with its table.
    pub resamples: Option<f64>,
    /// Of the cosines at each probe point with those at the next.
    pub points: Option<f64>,
}

impl Affinity {
    /// Whether what sets the pairs apart is another thing from one probe point to the next: the points' cosines agree at less than 0.4 of the rank
    /// correlation that they would have if nothing but their noise were different. With the reliability R of the mean of P points that is R / (P −
    /// (P − 1) R), the reliability of one (Spearman–Brown the other way); 1 where R is not known. False where there was one point only.
    pub fn changes_along_the_run(&self) -> bool {
        let (reliability, points) = (self.conflict.reliability.unwrap_or(1.0), self.probe.points.len().max(1) as f64);
        let of_one = reliability / (points - (points - 1.0) * reliability);
        self.stability.points.is_some_and(|found| found < MUCH_THE_SAME / 2.0 * of_one)
    }
}

/// Compares the tables of a metric in two affinities, for example of two probe points, seeds or models.
///
/// Directed tables are compared entry by entry, both ways. How far two *groupings* agree is [`adjusted_rand_index`].
///
/// # Errors
/// [`AffinityError::NotMeasured`] where one has no such table, [`AffinityError::NotComparable`] with fewer than three shared
/// datasets.
pub fn drift(before: &Affinity, after: &Affinity, metric: Metric) -> Result<Drift, AffinityError> {
    let missing = AffinityError::NotMeasured { metric, needs: "a table in both affinities" };
    let (Some(first), Some(second)) = (before.table(metric), after.table(metric)) else {
        return Err(missing);
    };
    let places: BTreeMap<&str, usize> = after.datasets.iter().enumerate().map(|(j, d)| (d.name.as_str(), j)).collect();
    let named = before.datasets.iter().enumerate();
    let both: Vec<(usize, usize)> = named.filter_map(|(i, d)| Some((i, *places.get(d.name.as_str())?))).collect();
    if both.len() < MIN_SHARED {
        return Err(AffinityError::NotComparable { shared: both.len(), needed: MIN_SHARED });
    }
    let entry = |a: (usize, usize), b: (usize, usize)| Some((first.get(a.0, b.0)?, second.get(a.1, b.1)?));
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut same = 0;
    for (place, &a) in both.iter().enumerate() {
        let others = both.iter().enumerate().filter(|(other, _)| *other != place);
        let row: Vec<(usize, f64, f64)> = others.filter_map(|(other, &b)| entry(a, b).map(|(x, y)| (other, x, y))).collect();
        let sign = if metric.is_distance() { 1.0 } else { -1.0 };
        let nearest = |pick: fn(&(usize, f64, f64)) -> f64| {
            row.iter().min_by(|a, b| (sign * pick(a)).total_cmp(&(sign * pick(b)))).map(|found| found.0)
        };
        same += usize::from(!row.is_empty() && nearest(|r| r.1) == nearest(|r| r.2));
        for (other, x, y) in row {
            if metric.is_directed() || other > place {
                left.push(x);
                right.push(y);
            }
        }
    }
    Ok(Drift {
        metric,
        shared: both.iter().map(|(i, _)| before.datasets[*i].name.clone()).collect(),
        pairs: left.len(),
        rank_correlation: rank_correlation(&left, &right),
        same_neighbour: f64::from(u32::try_from(same).unwrap_or(u32::MAX)) / both.len() as f64,
    })
}

/// Spearman's rank correlation, equal values sharing their mean rank. `None` where the lengths differ, a value is not finite, or
/// one side has no two different values.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.iter().chain(b).any(|value| !value.is_finite()) {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let moment = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let spread = (moment(&a, &a) * moment(&b, &b)).sqrt();
    (spread > 0.0).then(|| moment(&a, &b) / spread)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let tied = order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count().max(1);
        for &i in &order[start..start + tied] {
            ranks[i] = start as f64 + (tied as f64 - 1.0) / 2.0;
        }
        start += tied;
    }
    ranks
}

/// The adjusted Rand index of two groupings given as labels (Hubert and Arabie, 1985): 1 for equal partitions whatever the
/// labels' names, 0 on average for random ones, below 0 for less than that. `None` where the lengths differ or are 0.
///
/// Two partitions that leave nothing to agree on by chance (both one group, or both all single) give 1.
pub fn adjusted_rand_index(a: &[usize], b: &[usize]) -> Option<f64> {
    if a.len() != b.len() || a.is_empty() {
        return None;
    }
    let pairs = |n: usize| n as f64 * (n as f64 - 1.0) / 2.0;
    let mut cells: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let (mut rows, mut columns): (BTreeMap<usize, usize>, BTreeMap<usize, usize>) = Default::default();
    for (&x, &y) in a.iter().zip(b) {
        *cells.entry((x, y)).or_default() += 1;
        *rows.entry(x).or_default() += 1;
        *columns.entry(y).or_default() += 1;
    }
    let together: f64 = cells.values().map(|n| pairs(*n)).sum();
    let (left, right): (f64, f64) = (rows.values().map(|n| pairs(*n)).sum(), columns.values().map(|n| pairs(*n)).sum());
    let all = pairs(a.len());
    let expected = if all > 0.0 { left * right / all } else { 0.0 };
    let most = (left + right) / 2.0;
    if most == expected { Some(1.0) } else { Some((together - expected) / (most - expected)) }
}
