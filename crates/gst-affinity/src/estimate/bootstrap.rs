//! Bootstrap over batches.

use ndarray::Array2;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::EstimateValidParams;
use super::debias::{gram, noise_variance};
use super::products::Products;
use super::quantile::{normal, student};

/// Debiased Gram matrices of resampled batches.
pub(crate) struct Resampled {
    /// Spread as the estimate itself would be over fresh batches, `[resamples][D, D]`.
    pub(crate) grams: Vec<Array2<f64>>,
    /// How much wider an interval is than that spread, `[D, D]`: few batches do not tell their variance well, which calls for Student's
    /// quantiles in place of the normal distribution's.
    pub(crate) few: Array2<f64>,
}

/// Resamples the batches of every dataset.
///
/// The plain bootstrap does not do that: with noise in both factors of a product, it counts the variance of noise times noise
/// three times (once by itself, and once in each factor, whose resampled mean holds the noise of the sample). That part is known
/// ([`noise_variance`]), so each entry's resamples are drawn towards the estimate until their variance is right, and
/// then away from it: n resampled batches vary less than n fresh ones, by (n − 1) / n. Equal for any number of threads.
pub(crate) fn resampled(products: &Products, estimate: &Array2<f64>, params: &EstimateValidParams) -> Resampled {
    let mut grams: Vec<Array2<f64>> = (0..params.resamples)
        .into_par_iter()
        .map(|resample| {
            let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
            rng.set_stream(resample as u64);
            gram(products, &resampled_weights(products, &mut rng)).debiased
        })
        .collect();
    let factors = factors(products, estimate, &grams);
    grams.par_iter_mut().for_each(|gram| *gram = stretched(gram, estimate, &factors));
    Resampled { grams, few: few(products, params.level) }
}

/// A resampled matrix with its entries' distances from the estimate's multiplied.
pub(crate) fn stretched(gram: &Array2<f64>, estimate: &Array2<f64>, factors: &Array2<f64>) -> Array2<f64> {
    let mut stretched = gram - estimate;
    stretched *= factors;
    stretched += estimate;
    stretched
}

/// Debiased Gram matrices of the two halves of every dataset's batches, dealt out by chance `splits` times; none where a dataset has fewer than
/// two batches for each half.
pub(crate) fn halved_grams(products: &Products, splits: usize, seed: u64) -> Vec<[Array2<f64>; 2]> {
    if (0..products.datasets()).any(|dataset| products.batches(dataset).len() < 4) {
        return Vec::new();
    }
    let split = |split: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::MAX - split as u64);
        let mut first = vec![0.0; products.values.nrows()];
        for dataset in 0..products.datasets() {
            let mut batches: Vec<usize> = products.batches(dataset).collect();
            batches.shuffle(&mut rng);
            batches.truncate(batches.len() / 2);
            batches.into_iter().for_each(|batch| first[batch] = 1.0);
        }
        let second: Vec<f64> = first.iter().map(|weight| 1.0 - weight).collect();
        [first, second].map(|weights| gram(products, &weights).debiased)
    };
    (0..splits).into_par_iter().map(split).collect()
}

/// How often each batch is drawn, `[N]`: as many draws as a dataset has batches, of two different ones at the least.
fn resampled_weights(products: &Products, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut weights = vec![0.0; products.values.nrows()];
    for dataset in 0..products.datasets() {
        let batches = products.batches(dataset);
        loop {
            weights[batches.clone()].fill(0.0);
            for _ in batches.clone() {
                weights[rng.random_range(batches.clone())] += 1.0;
            }
            if weights[batches.clone()].iter().filter(|weight| **weight > 0.0).count() >= 2 {
                break;
            }
        }
    }
    weights
}

/// Student's quantile over that of the normal distribution, `[D, D]`.
fn few(products: &Products, level: f64) -> Array2<f64> {
    let upper = (1.0 + level) / 2.0;
    let datasets = products.datasets();
    Array2::from_shape_fn((datasets, datasets), |(i, j)| {
        let (n, m) = (products.batches(i).len(), products.batches(j).len());
        let freedom = if i == j { n - 1 } else { n + m - 2 };
        // At levels next to 0 both quantiles are 0.
        if upper > 0.51 { student(upper, freedom) / normal(upper) } else { 1.0 }
    })
}

/// What to multiply each entry's deviations with.
fn factors(products: &Products, estimate: &Array2<f64>, grams: &[Array2<f64>]) -> Array2<f64> {
    let noise = noise_variance(products);
    let mut variance = Array2::<f64>::zeros(estimate.dim());
    for gram in grams {
        for ((sum, value), estimate) in variance.iter_mut().zip(gram).zip(estimate) {
            *sum += (value - estimate).powi(2) / grams.len() as f64;
        }
    }
    Array2::from_shape_fn(estimate.dim(), |(i, j)| {
        let (observed, noise) = (variance[[i, j]], noise[[i, j]]);
        if observed <= 0.0 {
            return 1.0;
        }
        let batches = products.batches(i).len().min(products.batches(j).len()) as f64;
        // The whole is at least the part that noise times noise makes.
        let wanted = (observed - 2.0 * noise).max(noise).min(observed);
        (wanted / observed * batches / (batches - 1.0)).sqrt()
    })
}
