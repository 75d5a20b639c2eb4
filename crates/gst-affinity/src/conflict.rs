//! How much the datasets pull against each other, and how much of their differences is real.

use serde::{Deserialize, Serialize};

use crate::agreement::rank_correlation;
use crate::estimate::quantile::{normal, quantile};
use crate::{Metric, Table};

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
    /// Share of the differences between the pairs' cosines that is not noise, 0 to 1; `None` with fewer than three determined
    /// pairs.
    #[serde(default)]
    pub reliability: Option<f64>,
    /// Rank correlation of raw gradient distance with the larger norm of each pair: near 1, the distance tells norms, not
    /// directions. `None` with fewer than three determined pairs.
    #[serde(default)]
    pub distance_follows_norm: Option<f64>,
}

impl Conflict {
    /// From the tables of cosines and of raw distances, at the level of their intervals, and the debiased squared norms.
    pub(crate) fn of(cosines: &Table, distances: &Table, squared_norms: &[f64], level: f64) -> Self {
        let pairs: Vec<(usize, usize)> = (0..cosines.len()).flat_map(|i| (i + 1..cosines.len()).map(move |j| (i, j))).collect();
        let intervals: Vec<(f64, f64)> = pairs.iter().filter_map(|&(i, j)| cosines.interval(i, j)).collect();
        let share =
            |which: fn(&&(f64, f64)) -> bool| intervals.iter().filter(which).count() as f64 / intervals.len().max(1) as f64;
        let mut values = cosines.pairs();
        let undetermined = pairs.len() - values.len();
        let reliability = reliability(&values, &intervals, level);
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

    /// The metric whose table the numbers come from.
    pub const METRIC: Metric = Metric::Cosine;
}

/// 1 − (mean error variance) / (variance of the entries), as in an intraclass correlation; error variances from the intervals.
fn reliability(values: &[f64], intervals: &[(f64, f64)], level: f64) -> Option<f64> {
    if values.len() < 3 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let width = 2.0 * normal((1.0 + level) / 2.0);
    let error = intervals.iter().map(|(low, high)| ((high - low) / width).powi(2)).sum::<f64>() / n;
    Some(if variance > 0.0 { (1.0 - error / variance).clamp(0.0, 1.0) } else { 0.0 })
}
