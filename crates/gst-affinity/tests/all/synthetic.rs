//! Gradients with known means and known noise.

use gst_affinity::{Affinity, DatasetFacts, EstimateParams, GradientSamples, Metric, ProbeFacts};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Normal numbers, by Box and Muller.
pub(crate) struct Normal(ChaCha8Rng);

impl Normal {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn next(&mut self) -> f64 {
        let (u, v): (f64, f64) = (self.0.random_range(f64::MIN_POSITIVE..1.0), self.0.random_range(0.0..1.0));
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    pub(crate) fn vector(&mut self, length: usize, scale: f64) -> Vec<f64> {
        (0..length).map(|_| scale * self.next()).collect()
    }
}

/// `batches` gradients of each mean, with noise of standard deviation `noise` in every coordinate.
pub(crate) fn noisy(means: &[Vec<f64>], batches: usize, noise: f64, seed: u64) -> GradientSamples {
    let mut normal = Normal::new(seed);
    let mut samples = GradientSamples::new(names(means.len())).unwrap();
    for (dataset, mean) in means.iter().enumerate() {
        for _ in 0..batches {
            samples.push(dataset, mean.iter().map(|m| (m + noise * normal.next()) as f32).collect()).unwrap();
        }
    }
    samples
}

pub(crate) fn names(datasets: usize) -> Vec<String> {
    (0..datasets).map(|i| format!("set-{i}")).collect()
}

pub(crate) fn facts(datasets: usize) -> Vec<DatasetFacts> {
    let mut facts: Vec<DatasetFacts> = names(datasets).into_iter().map(|name| DatasetFacts::new(name, 100)).collect();
    DatasetFacts::weigh_by_size(&mut facts);
    facts
}

/// An affinity with the fewest resamples: for tests that look at estimates only.
pub(crate) fn estimate(points: &[GradientSamples]) -> Affinity {
    let params = EstimateParams { resamples: 20, ..EstimateParams::default() };
    Affinity::estimate(points, facts(points[0].names().len()), Metric::Cosine, &params, ProbeFacts::default()).unwrap()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
