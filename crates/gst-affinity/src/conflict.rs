//! How much the datasets pull against each other, and how much of their differences is real.

use serde::{Deserialize, Serialize};

use crate::Table;
use crate::agreement::rank_correlation;
use crate::estimate::quantile::quantile;

/// Conflict between datasets, read from the debiased cosines of all pairs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Conflict {
    /// Share of the determined pairs whose cosine is negative beyond its interval, 0 to 1. Without any conflict about half of
    /// 1 − level is expected by chance.
    pub negative_share: f64,
    /// Share of the determined pairs whose cosine is positive beyond its interval, 0 to 1.
    #[serde(default)]
    pub positive_share: f64,
    /// Pairs i < j.
    pub pairs: usize,
    /// Pairs whose cosine is undetermined: a gradient that cannot be told from noise.
    pub undetermined: usize,
    /// Median of the determined cosines; `None` if there is none.
    #[serde(default)]
    pub median_cosine: Option<f64>,
    /// Share of the differences between the pairs' cosines that is neither noise nor the sketch's error, 0 to 1, from halves of the batches, where
    /// a pair that a half leaves undetermined counts as one that does not agree; `None` with fewer than three determined pairs, or where a
    /// dataset has fewer than four batches.
    #[serde(default)]
    pub reliability: Option<f64>,
    /// Rank correlation of raw gradient distance with the larger norm of each pair: near 1, the distance tells norms, not
    /// directions. `None` with fewer than three determined pairs.
    #[serde(default)]
    pub distance_follows_norm: Option<f64>,
}

impl Conflict {
    /// From the tables of cosines and of raw distances, the debiased squared norms, the cosines of all pairs i < j in both halves of the batches,
    /// for some ways to halve them, and the variance that the sketch makes in a cosine.
    pub(crate) fn of(
        cosines: &Table,
        distances: &Table,
        squared_norms: &[f64],
        halves: &[[Vec<Option<f64>>; 2]],
        sketched: f64,
    ) -> Self {
        let pairs: Vec<(usize, usize)> = (0..cosines.len()).flat_map(|i| (i + 1..cosines.len()).map(move |j| (i, j))).collect();
        let intervals: Vec<(f64, f64)> = pairs.iter().filter_map(|&(i, j)| cosines.interval(i, j)).collect();
        let share =
            |which: fn(&&(f64, f64)) -> bool| intervals.iter().filter(which).count() as f64 / intervals.len().max(1) as f64;
        let mut values = cosines.pairs();
        let undetermined = pairs.len() - values.len();
        let reliability = if values.len() < 3 { None } else { reliability(halves) };
        // Both halves share one sketch, whose errors therefore agree.
        let reliability = reliability.map(|share| (share - sketched / variance(&values)).max(0.0));
        values.sort_by(f64::total_cmp);
        let larger = |&(i, j): &(usize, usize)| Some((distances.get(i, j)?, squared_norms[i].max(squared_norms[j])));
        let (apart, norms): (Vec<f64>, Vec<f64>) = pairs.iter().filter_map(larger).unzip();
        Self {
            negative_share: share(|(_, high)| *high < 0.0),
            positive_share: share(|(low, _)| *low > 0.0),
            pairs: pairs.len(),
            undetermined,
            median_cosine: (!values.is_empty()).then(|| quantile(&values, 0.5)),
            reliability,
            distance_follows_norm: if apart.len() < 3 { None } else { rank_correlation(&apart, &norms) },
        }
    }
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}

/// How well another probe of as many batches would agree: the rank correlation r of the cosines of two halves of the batches, mean over ways to
/// halve them, stepped up to the length of both by 2r / (1 + r) (Spearman 1910, Brown 1910). Ranks, since the cosines of half as many batches have
/// outliers. A pair that is undetermined in one half agrees with nothing.
fn reliability(halves: &[[Vec<Option<f64>>; 2]]) -> Option<f64> {
    let agreement = |[first, second]: &[Vec<Option<f64>>; 2]| {
        let (first, second): (Vec<f64>, Vec<f64>) = first.iter().zip(second).filter_map(|(a, b)| Some(((*a)?, (*b)?))).unzip();
        (first.len() as f64, rank_correlation(&first, &second).filter(|_| first.len() > 2).unwrap_or(0.0))
    };
    let pairs = halves.first()?[0].len() as f64;
    let mean = halves.iter().map(agreement).map(|(known, r)| r * known / pairs).sum::<f64>() / halves.len() as f64;
    Some(2.0 * mean.max(0.0) / (1.0 + mean.max(0.0)))
}
