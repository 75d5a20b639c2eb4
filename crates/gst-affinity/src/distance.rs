//! A symmetric dissimilarity for clustering, from any metric's entries.

use ndarray::Array2;

use crate::Metric;
use crate::table::at;

/// `[D, D]`, symmetric, finite, not negative, 0 on the diagonal.
///
/// | metric | dissimilarity |
/// |---|---|
/// | distances | the entry, 0 where it came out negative |
/// | cosines | 1 − cosine, 0 where the cosine came out above 1 |
/// | dot, lookahead, transferability | largest entry off the diagonal less the entry (mean of both ways) |
/// | commutator | mean size of both ways: 0 where the order of the two does not matter |
///
/// An undetermined pair takes the median of the determined ones, which draws it to no side; 1 where none is determined.
pub(crate) fn dissimilarity(metric: Metric, values: &[Vec<Option<f64>>]) -> Array2<f64> {
    let datasets = values.len();
    let entry = |i: usize, j: usize| at(values, i, j);
    let both = |i: usize, j: usize| match (entry(i, j), entry(j, i)) {
        (Some(a), Some(b)) if metric == Metric::Commutator => Some((a.abs() + b.abs()) / 2.0),
        (Some(a), Some(b)) => Some((a + b) / 2.0),
        _ => None,
    };
    let pairs: Vec<(usize, usize)> = (0..datasets).flat_map(|i| (i + 1..datasets).map(move |j| (i, j))).collect();
    let most = pairs.iter().filter_map(|&(i, j)| both(i, j)).fold(f64::NEG_INFINITY, f64::max);
    let apart = |value: f64| match metric {
        Metric::GradientDistance | Metric::UnitDistance | Metric::Commutator => value.max(0.0),
        Metric::Cosine | Metric::PreconditionedCosine => (1.0 - value).max(0.0),
        Metric::Dot | Metric::Lookahead | Metric::Transferability => (most - value).max(0.0),
    };
    let mut known: Vec<f64> = pairs.iter().filter_map(|&(i, j)| both(i, j)).map(apart).collect();
    known.sort_by(f64::total_cmp);
    let middle = known.get(known.len() / 2).copied().unwrap_or(1.0);
    let mut distance = Array2::zeros((datasets, datasets));
    for (i, j) in pairs {
        let value = both(i, j).map_or(middle, apart);
        distance[[i, j]] = value;
        distance[[j, i]] = value;
    }
    distance
}
