//! Three groups planted among 14 datasets: at which noise they are found, and at which they are not.
//!
//! A gradient is its group's direction (a random unit vector of 1,024 dimensions) plus a random vector of length `noise` of the
//! dataset's own; two datasets of one group then have a cosine of 1 / (1 + noise²).

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like the tests themselves")]

use gst_grouping::{Distances, Kernel, Linkage, Partition, agglomerative, community, exact, spectral, structure_test};
use ndarray::Array2;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DATASETS: usize = 14;
const DIMENSIONS: usize = 1024;
const SEEDS: u64 = 100;

fn unit(rng: &mut ChaCha8Rng) -> Vec<f64> {
    // Sums of uniform numbers: near enough to a rotation-free direction in so many dimensions.
    let vector: Vec<f64> = (0..DIMENSIONS).map(|_| (0..4).map(|_| rng.random::<f64>() - 0.5).sum()).collect();
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.into_iter().map(|x| x / length).collect()
}

fn distances_of(points: &[Vec<f64>]) -> Distances {
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
    Distances::new(Array2::from_shape_fn((points.len(), points.len()), |(i, j)| apart(&points[i], &points[j]))).unwrap()
}

fn planted(seed: u64, noise: f64) -> (Distances, Partition) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let centres: Vec<Vec<f64>> = (0..3).map(|_| unit(&mut rng)).collect();
    let mut labels: Vec<usize> = (0..DATASETS).map(|n| n % 3).collect();
    labels.shuffle(&mut rng);
    let point = |group: &usize| centres[*group].iter().zip(unit(&mut rng)).map(|(c, x)| c + noise * x).collect();
    let points: Vec<Vec<f64>> = labels.iter().map(point).collect();
    (distances_of(&points), Partition::from_labels(&labels))
}

/// Gradients without groups whose norms differ by factors: exp of a number between −`spread` and `spread`.
fn unrelated(seed: u64, spread: f64) -> Distances {
    let mut rng = ChaCha8Rng::seed_from_u64(10_000 + seed);
    let points: Vec<Vec<f64>> = (0..DATASETS)
        .map(|_| {
            let norm = (spread * rng.random_range(-1.0..1.0_f64)).exp();
            unit(&mut rng).into_iter().map(|x| norm * x).collect()
        })
        .collect();
    distances_of(&points)
}

/// In how many of the seeds each method finds the planted groups exactly.
fn found(noise: f64) -> Vec<(&'static str, usize)> {
    let mut hits = vec![("spectral", 0), ("average", 0), ("ward", 0), ("exact", 0), ("community", 0)];
    for seed in 0..SEEDS {
        let (distances, truth) = planted(seed, noise);
        let kernel = Kernel::SelfTuning;
        let groups = [
            spectral(&distances, 3, kernel, seed).unwrap(),
            agglomerative(&distances, 3, Linkage::Average).unwrap(),
            agglomerative(&distances, 3, Linkage::Ward).unwrap(),
            exact(&distances, 3).unwrap().partition,
            community(&distances, None, kernel).unwrap(),
        ];
        for ((_, hit), partition) in hits.iter_mut().zip(groups) {
            *hit += usize::from(partition == truth);
        }
    }
    hits
}

#[test]
fn every_method_finds_them_in_every_seed_up_to_noise_2_5() {
    for noise in [0.5, 2.0, 2.5] {
        for (method, hits) in found(noise) {
            assert_eq!(hits as u64, SEEDS, "{method} at noise {noise}");
        }
    }
}

#[test]
fn at_noise_5_they_are_lost() {
    for (method, hits) in found(5.0) {
        assert!((hits as u64) < SEEDS / 2, "{method} found them {hits} times: the documentation says it does not");
    }
}

#[test]
fn structure_is_told_from_norms() {
    let test = |distances: &Distances| {
        structure_test(distances, 99, 0, |d| spectral(d, 3, Kernel::SelfTuning, 0)).unwrap().is_some_and(|test| test.found())
    };
    let seen = (0..20).filter(|seed| test(&planted(*seed, 2.5).0)).count();
    assert_eq!(seen, 20, "planted groups that were told from chance");
    for spread in [0.0, 1.5] {
        let imagined = (0..30).filter(|seed| test(&unrelated(*seed, spread))).count();
        assert!(imagined <= 5, "{imagined} of 30 matrices without groups (norms spread by {spread}) pass for structured");
    }
}
