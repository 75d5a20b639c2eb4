//! The plain estimate is biased by known noise, ours is not.

use gst_affinity::Split;

use crate::synthetic::{Normal, dot, estimate, facts, noisy};

const PARAMETERS: usize = 200;
const BATCHES: usize = 4;
const REPEATS: u64 = 300;

/// Mean and its standard error.
struct Mean {
    mean: f64,
    error: f64,
}

fn mean(values: &[f64]) -> Mean {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Mean { mean, error: (variance / n).sqrt() }
}

#[test]
fn plain_squares_are_biased_by_the_noise_and_ours_are_not() {
    let mut normal = Normal::new(9);
    let means: Vec<Vec<f64>> = (0..3).map(|_| normal.vector(PARAMETERS, 0.3)).collect();
    let noise = 1.0;
    let squared = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let (mut plain, mut ours, mut zeta, mut plain_zeta) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for repeat in 0..REPEATS {
        let samples = noisy(&means, BATCHES, noise, 1000 + repeat);
        let averages: Vec<Vec<f64>> = (0..3).map(|i| samples.mean(i)).collect();
        plain.push(squared(&averages[0], &averages[1]));
        plain_zeta.push(Split::of_gradients(&averages, &[1.0; 3], &[vec![0, 1, 2]]).unwrap().total);
        let affinity = estimate(&[samples]);
        ours.push(affinity.gram[0][0] + affinity.gram[1][1] - 2.0 * affinity.gram[0][1]);
        zeta.push(affinity.heterogeneity.zeta_squared);
    }
    let truth = squared(&means[0], &means[1]);
    let bias = 2.0 * noise * noise * PARAMETERS as f64 / BATCHES as f64;
    let plain = mean(&plain);
    assert!((plain.mean - truth - bias).abs() < 4.0 * plain.error, "the bias is {}, theory says {bias}", plain.mean - truth);
    let ours = mean(&ours);
    assert!((ours.mean - truth).abs() < 4.0 * ours.error, "{} ± {} for {truth}", ours.mean, ours.error);
    assert!(4.0 * ours.error < bias / 4.0, "the test must be able to see the bias");

    let true_zeta = Split::of_gradients(&means, &[1.0; 3], &[vec![0, 1, 2]]).unwrap().total;
    let (zeta, plain_zeta) = (mean(&zeta), mean(&plain_zeta));
    assert!((zeta.mean - true_zeta).abs() < 4.0 * zeta.error, "ζ² {} ± {} for {true_zeta}", zeta.mean, zeta.error);
    let zeta_bias = noise * noise * PARAMETERS as f64 / BATCHES as f64 * (1.0 - 1.0 / 3.0);
    assert!((plain_zeta.mean - true_zeta - zeta_bias).abs() < 4.0 * plain_zeta.error);
}

#[test]
fn a_plain_cosine_shrinks_with_noise_and_ours_does_not() {
    let mut normal = Normal::new(4);
    let shared = normal.vector(PARAMETERS, 1.0);
    let means: Vec<Vec<f64>> =
        (0..2).map(|_| normal.vector(PARAMETERS, 0.5).iter().zip(&shared).map(|(own, shared)| own + shared).collect()).collect();
    let cosine = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let truth = cosine(&means[0], &means[1]);
    let (mut plain, mut ours) = (Vec::new(), Vec::new());
    for repeat in 0..REPEATS {
        let samples = noisy(&means, BATCHES, 3.0, 50 + repeat);
        plain.push(cosine(&samples.mean(0), &samples.mean(1)));
        ours.push(estimate(&[samples]).table(gst_affinity::Metric::Cosine).unwrap().get(0, 1).unwrap());
    }
    let (plain, ours) = (mean(&plain), mean(&ours));
    assert!(plain.mean < 0.5 * truth, "the plain cosine is {} for {truth}", plain.mean);
    // A ratio of unbiased numbers is not unbiased itself; what is left here is a tenth of the plain bias.
    assert!((ours.mean - truth).abs() < 0.05, "{} ± {} for {truth}", ours.mean, ours.error);
}

#[test]
fn datasets_that_share_their_batches_are_at_no_distance() {
    let mut normal = Normal::new(3);
    let samples = noisy(&[normal.vector(50, 1.0)], 5, 2.0, 8);
    let mut twice = gst_affinity::GradientSamples::new(["set-0", "set-1"]).unwrap();
    for batch in samples.batches(0) {
        twice.push(0, batch.clone()).unwrap();
        twice.push(1, batch.clone()).unwrap();
    }
    let affinity = estimate(&[twice]);
    assert!((affinity.gram[0][1] - affinity.gram[0][0]).abs() < 1e-9 * affinity.gram[0][0].abs());
    assert!((affinity.table(gst_affinity::Metric::Cosine).unwrap().get(0, 1).unwrap() - 1.0).abs() < 1e-9);
    assert!(affinity.split(&[vec![0], vec![1]]).unwrap().total.abs() < 1e-9);
    assert_eq!(facts(2).len(), affinity.datasets.len());
}
