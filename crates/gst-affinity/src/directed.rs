//! Directed affinities: what training on i does to j, from losses or from Hessian-vector products.

use serde::{Deserialize, Serialize};

use crate::estimate::quantile::student;
use crate::{AffinityError, Metric, Table};

/// Losses of D datasets before and after training on each of them: one repeat of a lookahead or transferability measurement.
///
/// The trainer measures them (a step, or many, on a copy of the model); repeats over batches, seeds or probe points give
/// intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossTable {
    /// Loss of each dataset before, `[D]`, above 0.
    pub before: Vec<f64>,
    /// `after[i][j]`: loss of j after training on i, `[D][D]`, 0 or more.
    pub after: Vec<Vec<f64>>,
}

/// Gradients and Hessian-vector products of one repeat of a commutator measurement, all of one length: exact, or all made by
/// one [`Sketcher`](crate::Sketcher).
#[derive(Debug, Clone, PartialEq)]
pub struct CommutatorSample {
    /// g_j of each dataset, `[D][P]`, from other batches than the products.
    pub gradients: Vec<Vec<f32>>,
    /// H_i g of each dataset, `[D][P]`, with g = Σ p_i g_i: one Hessian-vector product a dataset.
    pub products: Vec<Vec<f32>>,
}

/// The directed part of a measurement: pairs where one way differs from the other beyond the interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// Which directed metric it was read from.
    pub metric: Metric,
    /// Repeats of the measurement.
    pub repeats: usize,
    /// Pairs i < j.
    pub pairs: usize,
    /// Level of the intervals.
    pub level: f64,
    /// The pairs that are directed beyond their interval, strongest first; empty with fewer than two repeats.
    pub directed: Vec<DirectedPair>,
}

/// Training on `from` helps `to` more than the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DirectedPair {
    /// The dataset that helps.
    pub from: usize,
    /// The dataset that is helped.
    pub to: usize,
    /// Entry (from, to) less entry (to, from), above 0.
    pub difference: f64,
    /// Lower end of its interval, above 0.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
}

impl Dependence {
    /// Share of the pairs that are directed beyond their interval, 0 to 1.
    pub fn share(&self) -> f64 {
        self.directed.len() as f64 / self.pairs.max(1) as f64
    }

    /// Whether more pairs are directed than chance makes: as many or more would be in at most one of twenty measurements without any direction, if
    /// each pair by itself seemed directed with a probability of 1 − level (a binomial tail; pairs that share a dataset are not quite independent).
    pub fn is_beyond_chance(&self) -> bool {
        // A hair above a twentieth, which 1 − 0.95 is in binary.
        at_least(self.directed.len(), self.pairs, 1.0 - self.level) <= 0.05 + 1e-9
    }
}

/// P(X ≥ found) of a binomial X of n tries with probability p, 0 < p < 1.
fn at_least(found: usize, n: usize, p: f64) -> f64 {
    // In logarithms: of very many pairs none being directed has a probability that is 0 in floating point.
    let mut exactly = n as f64 * (-p).ln_1p();
    let mut below = 0.0;
    for k in 0..found.min(n.saturating_add(1)) {
        below += exactly.exp();
        exactly += ((n - k) as f64 / (k + 1) as f64 * p / (1.0 - p)).ln();
    }
    1.0 - below
}

/// What repeats of a directed measurement come to.
pub(crate) struct Directed {
    pub(crate) table: Table,
    pub(crate) dependence: Dependence,
}

/// 1 − after / before for each repeat, `[repeats][D][D]`.
pub(crate) fn gains(metric: Metric, tables: &[LossTable], datasets: usize) -> Result<Vec<Vec<Vec<f64>>>, AffinityError> {
    let gain = |(repeat, table): (usize, &LossTable)| {
        let bad = |reason: String| Err(AffinityError::BadMeasurement { metric, repeat, reason });
        let rows = table.after.len();
        if table.before.len() != datasets || rows != datasets || table.after.iter().any(|row| row.len() != datasets) {
            return bad(format!(
                "{} losses before and {rows} rows after, {datasets} of each, all as long, are needed",
                table.before.len()
            ));
        }
        if let Some(j) = table.before.iter().position(|loss| !loss.is_finite() || *loss <= 0.0) {
            return bad(format!("the loss of dataset {j} before is {}, a finite number above 0 is needed", table.before[j]));
        }
        let entries =
            table.after.iter().enumerate().flat_map(|(i, row)| row.iter().enumerate().map(move |(j, loss)| (i, j, *loss)));
        if let Some((i, j, loss)) = entries.into_iter().find(|(_, _, loss)| !loss.is_finite() || *loss < 0.0) {
            return bad(format!(
                "the loss of dataset {j} after training on {i} is {loss}, a finite number of 0 or more is needed"
            ));
        }
        Ok(table
            .after
            .iter()
            .map(|row| row.iter().zip(&table.before).map(|(after, before)| 1.0 - after / before).collect())
            .collect())
    };
    tables.iter().enumerate().map(gain).collect()
}

/// ⟨H_i g, g_j⟩ − ⟨H_j g, g_i⟩ for each repeat, `[repeats][D][D]`.
///
/// One step on i and then one on j ends at w − ηg_i − ηg_j + η² H_j g_i; the other order has H_i g_j. The loss F differs by
/// η² ⟨g, H_j g_i − H_i g_j⟩, and a Hessian is symmetric, so one product H_i g a dataset gives every pair.
pub(crate) fn commutators(samples: &[CommutatorSample], datasets: usize) -> Result<Vec<Vec<Vec<f64>>>, AffinityError> {
    let bracket = |(repeat, sample): (usize, &CommutatorSample)| {
        let bad = |reason: String| Err(AffinityError::BadMeasurement { metric: Metric::Commutator, repeat, reason });
        let (gradients, products) = (&sample.gradients, &sample.products);
        if gradients.len() != datasets || products.len() != datasets {
            return bad(format!("{} gradients and {} products, {datasets} of each are needed", gradients.len(), products.len()));
        }
        let length = gradients.first().map_or(0, Vec::len);
        if gradients.iter().chain(products).any(|vector| vector.len() != length) {
            return bad(format!("not every vector has {length} values"));
        }
        if gradients.iter().chain(products).flatten().any(|value| !value.is_finite()) {
            return bad("a value is not finite".to_owned());
        }
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let one_way: Vec<Vec<f64>> = products.iter().map(|product| gradients.iter().map(|g| dot(product, g)).collect()).collect();
        Ok((0..datasets).map(|i| (0..datasets).map(|j| one_way[i][j] - one_way[j][i]).collect()).collect())
    };
    samples.iter().enumerate().map(bracket).collect()
}

/// The mean over `points` probe points of repeats that lie point by point, `[repeats][D][D]`.
pub(crate) fn along_the_run(repeats: Vec<Vec<Vec<f64>>>, points: usize) -> Result<Vec<Vec<Vec<f64>>>, AffinityError> {
    if points < 2 {
        return Ok(repeats);
    }
    if !repeats.len().is_multiple_of(points) {
        let found = format!("{points} for {} repeats", repeats.len());
        return Err(AffinityError::BadParameter { field: "directed_points", found, expected: "as many repeats at every point" });
    }
    let at_each = repeats.len() / points;
    let (datasets, share) = (repeats.first().map_or(0, Vec::len), 1.0 / points as f64);
    let mean = |repeat: usize, i: usize, j: usize| -> f64 {
        repeats[repeat..].iter().step_by(at_each).map(|table| share * table[i][j]).sum()
    };
    Ok((0..at_each).map(|repeat| (0..datasets).map(|i| (0..datasets).map(|j| mean(repeat, i, j)).collect()).collect()).collect())
}

/// The mean over repeats with Student's interval for each entry and for each difference of the two ways. One repeat gives no
/// interval.
pub(crate) fn directed(metric: Metric, repeats: &[Vec<Vec<f64>>], level: f64) -> Directed {
    let datasets = repeats.first().map_or(0, Vec::len);
    let table_of = |pick: &dyn Fn(Summary) -> Option<f64>| -> Vec<Vec<Option<f64>>> {
        let entry = |i: usize, j: usize| pick(Summary::of(repeats.iter().map(|repeat| repeat[i][j]), level));
        (0..datasets).map(|i| (0..datasets).map(|j| entry(i, j)).collect()).collect()
    };
    let table = Table {
        values: table_of(&|summary| Some(summary.mean)),
        low: table_of(&|summary| summary.half.map(|half| summary.mean - half)),
        high: table_of(&|summary| summary.half.map(|half| summary.mean + half)),
        sketch: table_of(&|_| Some(0.0)),
    };
    let mut found = Vec::new();
    for i in 0..datasets {
        for j in 0..i {
            // A commutator is its own reverse's opposite: the entry itself is the difference.
            let difference = |repeat: &Vec<Vec<f64>>| match metric {
                Metric::Commutator => repeat[i][j],
                _ => repeat[i][j] - repeat[j][i],
            };
            let summary = Summary::of(repeats.iter().map(difference), level);
            if let Some(half) = summary.half.filter(|half| summary.mean.abs() > *half) {
                let (from, to) = if summary.mean > 0.0 { (i, j) } else { (j, i) };
                let difference = summary.mean.abs();
                found.push(DirectedPair { from, to, difference, low: difference - half, high: difference + half });
            }
        }
    }
    found.sort_by(|a, b| b.difference.total_cmp(&a.difference).then((a.from, a.to).cmp(&(b.from, b.to))));
    let pairs = datasets * datasets.saturating_sub(1) / 2;
    Directed { table, dependence: Dependence { metric, repeats: repeats.len(), pairs, level, directed: found } }
}

#[derive(Clone, Copy)]
struct Summary {
    mean: f64,
    half: Option<f64>,
}

impl Summary {
    fn of(values: impl Iterator<Item = f64>, level: f64) -> Self {
        let values: Vec<f64> = values.collect();
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        if n < 2 {
            return Self { mean, half: None };
        }
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let half = student((1.0 + level) / 2.0, n - 1) * (variance / n as f64).sqrt();
        Self { mean, half: Some(half) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binomial_tail_is_that_of_the_tables() {
        for (found, pairs, expected) in [
            (0, 5, 1.0),
            (1, 3, 0.142625),
            (4, 28, 0.049074),
            (9, 91, 0.038418),
            (5, 5, 3.125e-7),
            (800, 20_000, 1.0),
            (1_250, 20_000, 0.0),
        ] {
            let tail = at_least(found, pairs, 0.05);
            assert!((tail - expected).abs() < 1e-6, "{found} of {pairs}: {tail} for {expected}");
        }
    }

    #[test]
    fn few_directed_pairs_of_few_are_chance() {
        let found = |directed: usize, pairs: usize| {
            let pair = DirectedPair { from: 0, to: 1, difference: 1.0, low: 0.5, high: 1.5 };
            let directed = vec![pair; directed];
            Dependence { metric: Metric::Lookahead, repeats: 4, pairs, level: 0.95, directed }.is_beyond_chance()
        };
        for (directed, pairs, beyond) in
            [(0, 0, false), (1, 1, true), (1, 3, false), (2, 3, true), (3, 28, false), (4, 28, true), (8, 91, false)]
        {
            assert_eq!(found(directed, pairs), beyond, "{directed} of {pairs}");
        }
    }
}
