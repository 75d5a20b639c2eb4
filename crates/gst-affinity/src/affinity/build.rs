//! From measurements to an affinity.

use std::collections::BTreeMap;

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Affinity, verdict};
use crate::agreement::rank_correlation;
use crate::directed::{along_the_run, commutators, directed, gains};
use crate::estimate::bootstrap::{halved_grams, resampled, stretched};
use crate::estimate::debias::gram;
use crate::estimate::interval::Spread;
use crate::estimate::products::Products;
use crate::estimate::tables::{Grams, cosine, sketch_variance, tabled};
use crate::estimate::{EstimateParams, EstimateValidParams};
use crate::heterogeneity::shares;
use crate::samples::check_names;
use crate::{
    AffinityError, Conflict, DatasetFacts, GradientSamples, Heterogeneity, MIN_BATCHES, Measurements, Metric, Preconditioner,
    ProbeFacts, Stability,
};

/// Ways to halve the batches that a reliability is the mean over.
const SPLITS: usize = 50;

/// How far the weights may be from summing to 1.
const WEIGHT_TOLERANCE: f64 = 1e-6;

pub(super) fn build(
    measured: &Measurements<'_>,
    datasets: Vec<DatasetFacts>,
    metric: Metric,
    params: &EstimateParams,
    mut probe: ProbeFacts,
) -> Result<Affinity, AffinityError> {
    let weights = check_datasets(&datasets)?;
    let params = params.check(datasets.len())?;
    check_points(measured.gradients, &datasets, &probe)?;
    if !measured.preconditioned.is_empty() {
        if measured.preconditioned.len() != measured.gradients.len() {
            let found = format!("{} of {} points", measured.preconditioned.len(), measured.gradients.len());
            return Err(AffinityError::BadParameter { field: "preconditioned", found, expected: "one a probe point, or none" });
        }
        check_points(measured.preconditioned, &datasets, &probe)?;
    }
    complete(&mut probe, measured.gradients)?;

    let estimated = estimated(measured.gradients, &params, probe.sketch_size, |_| Ok(None))?;
    let mut tables = BTreeMap::new();
    let mut replicates = Vec::new();
    let mut put = |which: Metric, grams: &Grams| {
        let keep = if which == metric { params.replicates } else { 0 };
        if let Some(made) = tabled(which, grams, &params, keep) {
            tables.insert(which, made.table);
            replicates.extend(made.replicates);
        }
    };
    put(Metric::GradientDistance, &estimated.raw);
    put(Metric::Dot, &estimated.raw);
    put(Metric::UnitDistance, &estimated.unit);
    put(Metric::Cosine, &estimated.unit);
    if let Some(grams) = preconditioned(measured, &params, probe.sketch_size)? {
        put(Metric::PreconditionedCosine, &grams);
    }

    let mut dependence = Vec::new();
    let points = measured.directed_points;
    for (which, repeats) in [
        (Metric::Lookahead, along_the_run(gains(Metric::Lookahead, measured.lookahead, datasets.len())?, points)?),
        (Metric::Transferability, gains(Metric::Transferability, measured.transferability, datasets.len())?),
        (Metric::Commutator, along_the_run(commutators(measured.commutator, datasets.len())?, points)?),
    ] {
        if !repeats.is_empty() {
            let made = directed(which, &repeats, params.level);
            tables.insert(which, made.table);
            dependence.push(made.dependence);
            if which == metric && repeats.len() > 1 {
                replicates = resampled_repeats(&repeats, &params);
            }
        }
    }
    if !tables.contains_key(&metric) {
        return Err(AffinityError::NotMeasured { metric, needs: needs(metric) });
    }

    let gram: Vec<Vec<f64>> = estimated.raw.estimate.rows().into_iter().map(|row| row.to_vec()).collect();
    let norms: Vec<f64> = estimated.raw.estimate.diag().to_vec();
    let halves: Vec<_> = estimated.halves.iter().map(|halves| halves.each_ref().map(cosines)).collect();
    let sketched = sketch_variance(&estimated.unit);
    let conflict = Conflict::of(&tables[&Metric::Cosine], &tables[&Metric::GradientDistance], &norms, &halves, sketched);
    let between_points = agreement(estimated.apart.windows(2).map(|pair| (pair[0].as_slice(), pair[1].as_slice())));
    let chosen = off_diagonal(&tables[&metric].values);
    let resampled: Vec<Vec<Option<f64>>> = replicates.iter().map(|rows| off_diagonal(rows)).collect();
    let stability =
        Stability { resamples: agreement(resampled.iter().map(|r| (r.as_slice(), chosen.as_slice()))), points: between_points };
    let heterogeneity = heterogeneity(&estimated.raw, &weights, params.level);
    let verdict = Vec::new();
    let mut affinity =
        Affinity { datasets, metric, tables, gram, heterogeneity, conflict, stability, dependence, replicates, probe, verdict };
    affinity.verdict = verdict::sentences(&affinity, params.level);
    Ok(affinity)
}

fn needs(metric: Metric) -> &'static str {
    match metric {
        Metric::Lookahead => "losses before and after one step on each dataset (`Measurements::lookahead`)",
        Metric::Transferability => "losses before and after fine-tuning on each dataset (`Measurements::transferability`)",
        Metric::Commutator => "Hessian-vector products of each dataset (`Measurements::commutator`)",
        _ => "exact gradients, or gradients preconditioned before sketching (`Measurements::preconditioned`)",
    }
}

/// Unique names, finite facts, weights that are shares. Gives the weights.
fn check_datasets(datasets: &[DatasetFacts]) -> Result<Vec<f64>, AffinityError> {
    let names: Vec<&str> = datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    check_names(&names)?;
    for dataset in datasets {
        let fields = [
            ("mean_tokens", dataset.mean_tokens),
            ("mean_audio_seconds", dataset.mean_audio_seconds),
            ("seconds_per_sample", dataset.seconds_per_sample),
        ];
        let losses = dataset.warmup_losses.iter().map(|loss| ("warmup_losses", *loss));
        if let Some((field, value)) = fields.into_iter().chain(losses).find(|(_, value)| !value.is_finite()) {
            return Err(AffinityError::BadFacts { dataset: dataset.name.clone(), field, found: value.to_string() });
        }
    }
    let weights: Vec<f64> = datasets.iter().map(|dataset| dataset.weight).collect();
    let sum: f64 = weights.iter().sum();
    let checked = shares(&weights)?;
    if (sum - 1.0).abs() > WEIGHT_TOLERANCE {
        return Err(AffinityError::BadWeights { reason: format!("they sum to {sum}") });
    }
    Ok(checked)
}

fn check_points(points: &[GradientSamples], datasets: &[DatasetFacts], probe: &ProbeFacts) -> Result<(), AffinityError> {
    if points.is_empty() {
        return Err(AffinityError::NoProbePoint);
    }
    for (point, samples) in points.iter().enumerate() {
        let expected: Vec<String> = datasets.iter().map(|dataset| dataset.name.clone()).collect();
        if samples.names() != expected {
            return Err(AffinityError::OtherDatasets { point, found: samples.names().to_vec(), expected });
        }
        for (index, dataset) in expected.into_iter().enumerate() {
            let found = samples.batches(index).len();
            if found < MIN_BATCHES {
                return Err(AffinityError::TooFewBatches { dataset, point, found, expected: MIN_BATCHES });
            }
        }
        if probe.sketch_size > 0 && samples.length() != probe.sketch_size {
            return Err(AffinityError::NotTheSketch { point, found: samples.length(), expected: probe.sketch_size });
        }
    }
    Ok(())
}

/// Fills in what the gradients tell and the caller left out.
fn complete(probe: &mut ProbeFacts, points: &[GradientSamples]) -> Result<(), AffinityError> {
    if probe.points.is_empty() {
        probe.points = (0..points.len() as u64).collect();
    }
    if probe.points.len() != points.len() {
        let found = format!("{} probe points in `probe.points`, gradients of {}", probe.points.len(), points.len());
        return Err(AffinityError::BadParameter { field: "points", found, expected: "as many as gradients were given of" });
    }
    let counts = points.iter().flat_map(|samples| (0..samples.names().len()).map(|d| samples.batches(d).len()));
    probe.batches = counts.min().unwrap_or(probe.batches);
    if probe.parameters == 0 && probe.sketch_size == 0 {
        probe.parameters = points.first().map_or(0, |samples| samples.length() as u64);
    }
    Ok(())
}

struct Estimated {
    /// Mean of the points' Gram matrices.
    raw: Grams,
    /// Mean of the points' Gram matrices, each divided by its mean squared norm.
    unit: Grams,
    /// Cosines of all pairs i < j at each point by itself.
    apart: Vec<Vec<Option<f64>>>,
    /// As `unit`, from each half of the batches, for some ways to halve them.
    halves: Vec<[Array2<f64>; 2]>,
}

/// Cosines of all pairs i < j.
fn cosines(gram: &Array2<f64>) -> Vec<Option<f64>> {
    (0..gram.nrows()).flat_map(|i| (i + 1..gram.nrows()).map(move |j| (i, j))).map(|(i, j)| cosine(gram, i, j)).collect()
}

/// Mean rank correlation of rows of pairs with those they are compared to, over the entries that are known in both.
fn agreement<'a>(compared: impl Iterator<Item = (&'a [Option<f64>], &'a [Option<f64>])>) -> Option<f64> {
    let correlations: Vec<f64> = compared
        .filter_map(|(a, b)| {
            let (a, b): (Vec<f64>, Vec<f64>) = a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?))).unzip();
            if a.len() < 3 { None } else { rank_correlation(&a, &b) }
        })
        .collect();
    (!correlations.is_empty()).then(|| correlations.iter().sum::<f64>() / correlations.len() as f64)
}

/// Entries of a table off the diagonal, row by row.
fn off_diagonal(rows: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
    let entries = rows.iter().enumerate().flat_map(|(i, row)| row.iter().enumerate().map(move |(j, value)| (i, j, *value)));
    entries.filter(|(i, j, _)| i != j).map(|(_, _, value)| value).collect()
}

fn estimated(
    points: &[GradientSamples],
    params: &EstimateValidParams,
    sketch: usize,
    preconditioner: impl Fn(&GradientSamples) -> Result<Option<Preconditioner>, AffinityError>,
) -> Result<Estimated, AffinityError> {
    let datasets = points.first().map_or(0, |samples| samples.names().len());
    let empty = || Grams {
        estimate: Array2::zeros((datasets, datasets)),
        resamples: vec![Array2::zeros((datasets, datasets)); params.resamples],
        wide: vec![Array2::zeros((datasets, datasets)); params.resamples],
        plain: vec![0.0; datasets],
        sketch,
    };
    let (mut raw, mut unit) = (empty(), empty());
    let mut apart = Vec::new();
    let mut halves: Vec<[Array2<f64>; 2]> = Vec::new();
    for (point, samples) in points.iter().enumerate() {
        let products = Products::of(samples, preconditioner(samples)?.as_ref());
        let whole = gram(&products, &vec![1.0; products.values.nrows()]);
        if whole.debiased.iter().chain(&whole.plain).any(|value| !value.is_finite()) {
            return Err(AffinityError::Overflow { what: "an inner product of two gradients" });
        }
        // Batches are drawn alike at every point: a probe takes the same clips at each, so their noise is not another one.
        let resampled = resampled(&products, &whole.debiased, params);
        apart.push(cosines(&whole.debiased));
        // The plain norm is above 0 unless every gradient is 0, and counts a point that is mostly noise for less.
        let size = whole.plain.iter().sum::<f64>() / datasets as f64;
        let share = 1.0 / points.len() as f64;
        let unit_share = if size > 0.0 { share / size } else { 0.0 };
        let halved = halved_grams(&products, SPLITS, params.seed);
        if point == 0 {
            halves = halved.iter().map(|_| [0, 1].map(|_| Array2::zeros((datasets, datasets)))).collect();
        }
        halves.truncate(halved.len());
        for (sum, gram) in halves.iter_mut().flatten().zip(halved.iter().flatten()) {
            sum.scaled_add(unit_share, gram);
        }
        for (sums, share) in [(&mut raw, share), (&mut unit, unit_share)] {
            sums.estimate.scaled_add(share, &whole.debiased);
            sums.resamples.iter_mut().zip(&resampled.grams).for_each(|(sum, gram)| sum.scaled_add(share, gram));
            let wide = resampled.grams.iter().map(|gram| stretched(gram, &whole.debiased, &resampled.few));
            sums.wide.iter_mut().zip(wide).for_each(|(sum, gram)| sum.scaled_add(share, &gram));
            sums.plain.iter_mut().zip(&whole.plain).for_each(|(sum, plain)| *sum += share * plain);
        }
    }
    Ok(Estimated { raw, unit, apart, halves })
}

/// Preconditioned gradients as given, or made from exact ones.
fn preconditioned(
    measured: &Measurements<'_>,
    params: &EstimateValidParams,
    sketch: usize,
) -> Result<Option<Grams>, AffinityError> {
    if !measured.preconditioned.is_empty() {
        return Ok(Some(estimated(measured.preconditioned, params, sketch, |_| Ok(None))?.unit));
    }
    if sketch > 0 {
        return Ok(None);
    }
    let own = |samples: &GradientSamples| Preconditioner::from_gradients(samples).map(Some);
    Ok(Some(estimated(measured.gradients, params, sketch, own)?.unit))
}

/// ζ² = Σ_i p_i ⟨g_i, g_i⟩ − Σ_ij p_i p_j ⟨g_i, g_j⟩, with its interval from the resamples and the sketch.
fn heterogeneity(grams: &Grams, weights: &[f64], level: f64) -> Heterogeneity {
    let parts = |gram: &Array2<f64>| {
        let mut common = 0.0;
        let mut own = 0.0;
        for (i, row) in gram.rows().into_iter().enumerate() {
            common += weights[i] * row.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f64>();
            own += weights[i] * row[i];
        }
        (own - common, common)
    };
    let (zeta_squared, global_norm_squared) = parts(&grams.estimate);
    let resamples = grams.wide.iter().map(|gram| Some(parts(gram).0)).collect();
    let sketch = if grams.sketch == 0 { 0.0 } else { zeta_sketch_error(grams, weights) };
    let bounds = (f64::NEG_INFINITY, f64::INFINITY);
    let interval = Spread { value: zeta_squared, resamples, sketch, bounds }.interval(level);
    Heterogeneity {
        zeta_squared,
        zeta_squared_low: interval.low,
        zeta_squared_high: interval.high,
        global_norm_squared,
        ratio: (global_norm_squared > 0.0).then(|| zeta_squared / global_norm_squared).filter(|ratio| ratio.is_finite()),
    }
}

/// Standard deviation of ζ²'s sketch error. ζ² = tr(M G) with M = diag(p) − p pᵀ has variance 2 tr(M C M C) / k, C the Gram
/// matrix with the noise on its diagonal.
fn zeta_sketch_error(grams: &Grams, weights: &[f64]) -> f64 {
    let mut noisy = grams.estimate.clone();
    noisy.diag_mut().assign(&ndarray::ArrayView1::from(&grams.plain));
    let mixed: ndarray::Array1<f64> = noisy.t().dot(&ndarray::ArrayView1::from(weights));
    // M C: row i is p_i (C_i − pᵀ C).
    let product = Array2::from_shape_fn(noisy.dim(), |(i, j)| weights[i] * (noisy[[i, j]] - mixed[j]));
    let trace: f64 = product.iter().zip(product.t().iter()).map(|(a, b)| a * b).sum();
    (2.0 * trace.max(0.0) / grams.sketch as f64).sqrt()
}

/// Bootstrap over the repeats of a directed measurement.
fn resampled_repeats(repeats: &[Vec<Vec<f64>>], params: &EstimateValidParams) -> Vec<Vec<Vec<Option<f64>>>> {
    let datasets = repeats.first().map_or(0, Vec::len);
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let resample = |_| {
        let drawn: Vec<usize> = repeats.iter().map(|_| rng.random_range(0..repeats.len())).collect();
        let mean = |i: usize, j: usize| drawn.iter().map(|&r| repeats[r][i][j]).sum::<f64>() / drawn.len() as f64;
        (0..datasets).map(|i| (0..datasets).map(|j| Some(mean(i, j))).collect()).collect()
    };
    (0..params.replicates).map(resample).collect()
}
