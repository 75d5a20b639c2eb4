//! From Gram matrices to the tables of the metrics.

use ndarray::Array2;
use rayon::prelude::*;

use super::EstimateValidParams;
use super::interval::{Interval, Spread};
use crate::{Metric, Table};

/// Debiased Gram matrices, averaged over the probe points, with their resamples.
pub(crate) struct Grams {
    pub(crate) estimate: Array2<f64>,
    pub(crate) resamples: Vec<Array2<f64>>,
    /// The resamples as intervals need them: further from the estimate where there are few batches.
    pub(crate) wide: Vec<Array2<f64>>,
    /// ‖mean gradient‖² with its noise, `[D]`: what the sketch's error goes by.
    pub(crate) plain: Vec<f64>,
    /// Size k of the sketch; 0 for exact gradients.
    pub(crate) sketch: usize,
}

/// A table and the resampled tables behind it, `[resamples][D][D]` in rows.
pub(crate) struct Tabled {
    pub(crate) table: Table,
    pub(crate) replicates: Vec<Vec<Vec<Option<f64>>>>,
}

/// x ↦ sign(x) √|x|: a debiased squared distance may come out negative, and stays so.
pub(crate) fn signed_root(x: f64) -> f64 {
    x.signum() * x.abs().sqrt()
}

/// ⟨g_i, g_j⟩ / √(‖g_i‖² ‖g_j‖²); undetermined where a debiased norm is not positive.
pub(crate) fn cosine(gram: &Array2<f64>, i: usize, j: usize) -> Option<f64> {
    let (own, other) = (gram[[i, i]], gram[[j, j]]);
    if own <= 0.0 || other <= 0.0 {
        return None;
    }
    let cosine = if i == j { 1.0 } else { gram[[i, j]] / (own.sqrt() * other.sqrt()) };
    cosine.is_finite().then_some(cosine)
}

/// How a metric is read from a Gram matrix: on the scale where its error is known, then brought to its own.
struct Reading {
    raw: fn(&Array2<f64>, usize, usize) -> Option<f64>,
    finish: fn(f64) -> f64,
    bounds: (f64, f64),
    sketch: fn(&Grams, usize, usize) -> f64,
}

fn reading(metric: Metric) -> Option<Reading> {
    let unbounded = (f64::NEG_INFINITY, f64::INFINITY);
    match metric {
        Metric::GradientDistance => {
            let raw = |g: &Array2<f64>, i, j| Some(squared_distance(g, i, j));
            let sketch = |g: &Grams, i: usize, j: usize| {
                let plain = g.plain[i] + g.plain[j] - 2.0 * g.estimate[[i, j]];
                if i == j { 0.0 } else { (2.0 / g.sketch as f64).sqrt() * plain.max(0.0) }
            };
            Some(Reading { raw, finish: signed_root, bounds: unbounded, sketch })
        }
        Metric::UnitDistance => {
            let raw = |g: &Array2<f64>, i, j| cosine(g, i, j).map(|cosine| 2.0 - 2.0 * cosine);
            let sketch = |g: &Grams, i, j| 2.0 * cosine_error(g, i, j);
            Some(Reading { raw, finish: signed_root, bounds: (0.0, 4.0), sketch })
        }
        Metric::Cosine | Metric::PreconditionedCosine => {
            Some(Reading { raw: cosine, finish: |x| x, bounds: (-1.0, 1.0), sketch: cosine_error })
        }
        Metric::Dot => {
            let sketch =
                |g: &Grams, i: usize, j: usize| ((g.plain[i] * g.plain[j] + g.estimate[[i, j]].powi(2)) / g.sketch as f64).sqrt();
            Some(Reading { raw: |g, i, j| Some(g[[i, j]]), finish: |x| x, bounds: unbounded, sketch })
        }
        _ => None,
    }
}

pub(crate) fn squared_distance(gram: &Array2<f64>, i: usize, j: usize) -> f64 {
    if i == j { 0.0 } else { gram[[i, i]] + gram[[j, j]] - 2.0 * gram[[i, j]] }
}

/// Standard deviation of a cosine's sketch error, to first order: the errors of the three products of two vectors x, y with
/// Cov(δ_xy, δ_zw) = (⟨x, z⟩⟨y, w⟩ + ⟨x, w⟩⟨y, z⟩) / k, where the vectors' norms hold their noise. Without noise it is (1 −
/// cos²) / √k.
fn cosine_error(grams: &Grams, i: usize, j: usize) -> f64 {
    let Some(cosine) = cosine(&grams.estimate, i, j) else {
        return 0.0;
    };
    if i == j {
        return 0.0;
    }
    let (own, other) = (grams.estimate[[i, i]], grams.estimate[[j, j]]);
    let (a, b) = (grams.plain[i] / own, grams.plain[j] / other);
    let c2 = cosine * cosine;
    let variance = a * b + c2 + c2 / 2.0 * (a * a + b * b + 2.0 * c2) - 2.0 * c2 * (a + b);
    (variance.max(0.0) / grams.sketch as f64).sqrt()
}

/// Mean variance that the sketch alone makes in the cosines of all determined pairs i < j; 0 for exact gradients.
pub(crate) fn sketch_variance(grams: &Grams) -> f64 {
    if grams.sketch == 0 {
        return 0.0;
    }
    let pairs = (0..grams.estimate.nrows()).flat_map(|j| (0..j).map(move |i| (i, j)));
    let determined = pairs.filter(|&(i, j)| cosine(&grams.estimate, i, j).is_some());
    let variances: Vec<f64> = determined.map(|(i, j)| cosine_error(grams, i, j).powi(2)).collect();
    variances.iter().sum::<f64>() / variances.len().max(1) as f64
}

/// The table of a metric that gradients alone decide; `None` for one that losses or products decide.
pub(crate) fn tabled(metric: Metric, grams: &Grams, params: &EstimateValidParams, keep: usize) -> Option<Tabled> {
    let reading = reading(metric)?;
    let datasets = grams.estimate.nrows();
    let entries: Vec<Vec<Option<(f64, Interval)>>> =
        (0..datasets).into_par_iter().map(|i| (0..=i).map(|j| entry(&reading, grams, params.level, i, j)).collect()).collect();
    let at = |i: usize, j: usize| entries[i.max(j)][i.min(j)];
    let rows = |pick: &dyn Fn(f64, Interval) -> f64| -> Vec<Vec<Option<f64>>> {
        (0..datasets).map(|i| (0..datasets).map(|j| at(i, j).map(|(value, interval)| pick(value, interval))).collect()).collect()
    };
    let table = Table {
        values: rows(&|value, _| value),
        low: rows(&|_, interval| interval.low),
        high: rows(&|_, interval| interval.high),
        sketch: rows(&|_, interval| interval.sketch),
    };
    let replicate = |gram: &Array2<f64>| -> Vec<Vec<Option<f64>>> {
        let finished = |i, j| (reading.raw)(gram, i, j).map(reading.finish);
        (0..datasets).map(|i| (0..datasets).map(|j| finished(i, j)).collect()).collect()
    };
    let replicates = grams.resamples.iter().take(keep).map(replicate).collect();
    Some(Tabled { table, replicates })
}

fn entry(reading: &Reading, grams: &Grams, level: f64, i: usize, j: usize) -> Option<(f64, Interval)> {
    let value = (reading.raw)(&grams.estimate, i, j)?;
    let resamples = grams.wide.iter().map(|gram| (reading.raw)(gram, i, j)).collect();
    let sketch = if grams.sketch == 0 { 0.0 } else { (reading.sketch)(grams, i, j) };
    let raw = Spread { value, resamples, sketch, bounds: reading.bounds }.interval(level);
    let finish = reading.finish;
    let sketch = (finish(value + raw.sketch) - finish(value - raw.sketch)) / 2.0;
    Some((finish(value), Interval { low: finish(raw.low), high: finish(raw.high), sketch }))
}
