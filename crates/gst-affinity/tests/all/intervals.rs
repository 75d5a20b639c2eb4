//! Intervals hold the truth as often as they say, and as many batches as they ask for are enough.

use gst_affinity::{Affinity, EstimateParams, GradientSamples, Metric, MoreBatches, ProbeFacts, SketchParams, Sketcher};

use crate::synthetic::{Normal, dot, facts, noisy};

const REPEATS: u64 = 150;

fn estimated(samples: GradientSamples, sketch_size: usize, seed: u64) -> Affinity {
    let datasets = facts(samples.names().len());
    let params = EstimateParams { resamples: 300, seed, ..EstimateParams::default() };
    let probe = ProbeFacts { sketch_size, ..ProbeFacts::default() };
    Affinity::estimate(&[samples], datasets, Metric::GradientDistance, &params, probe).unwrap()
}

/// Share of the 95 % intervals that hold the truth, over repeats and pairs: (products of pairs, distances, cosines, ζ²).
fn coverage(signal: f64, noise: f64, batches: usize) -> [f64; 4] {
    let parameters = 100;
    let mut normal = Normal::new(77);
    let common = normal.vector(parameters, signal);
    let own = |normal: &mut Normal| normal.vector(parameters, signal).iter().zip(&common).map(|(a, b)| a + b).collect();
    let means: Vec<Vec<f64>> = (0..4).map(|_| own(&mut normal)).collect();
    let gram = |i: usize, j: usize| dot(&means[i], &means[j]);
    let zeta = gst_affinity::Split::of_gradients(&means, &[1.0; 4], &[vec![0, 1, 2, 3]]).unwrap().total;
    let mut hits = [0.0; 4];
    let mut tried = [0.0; 4];
    for repeat in 0..REPEATS {
        let affinity = estimated(noisy(&means, batches, noise, 5000 + repeat), 0, repeat);
        let mut count = |which: usize, interval: Option<(f64, f64)>, truth: f64| {
            if let Some((low, high)) = interval {
                tried[which] += 1.0;
                hits[which] += f64::from(u8::from(low <= truth && truth <= high));
            }
        };
        for i in 0..4 {
            for j in 0..i {
                let distance = (gram(i, i) + gram(j, j) - 2.0 * gram(i, j)).sqrt();
                count(0, affinity.table(Metric::Dot).unwrap().interval(i, j), gram(i, j));
                count(1, affinity.table(Metric::GradientDistance).unwrap().interval(i, j), distance);
                count(2, affinity.table(Metric::Cosine).unwrap().interval(i, j), gram(i, j) / (gram(i, i) * gram(j, j)).sqrt());
            }
        }
        let h = affinity.heterogeneity;
        count(3, Some((h.zeta_squared_low, h.zeta_squared_high)), zeta);
    }
    std::array::from_fn(|which| hits[which] / tried[which])
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    for (name, signal, noise, batches) in [
        ("signal", 1.0, 1.0, 12),
        ("both", 0.3, 1.0, 12),
        ("noise", 0.05, 1.0, 12),
        ("few batches", 0.3, 1.0, 6),
        ("four batches of signal", 1.0, 1.0, 4),
        ("four batches of both", 0.3, 1.0, 4),
    ] {
        let coverage = coverage(signal, noise, batches);
        println!("{name}: products, distances, cosines, ζ² = {coverage:.3?}");
        for (which, share) in coverage.into_iter().enumerate() {
            // Where noise hides the norms a cosine's interval is all there can be, and with few batches that of ζ² is too wide, with four
            // that of a distance too: they may always hold the truth.
            let most = if which >= 2 || batches < 6 { 1.0 } else { 0.99 };
            assert!((0.90..=most).contains(&share), "{name}: {coverage:?}");
        }
    }
}

#[test]
fn as_many_batches_as_are_asked_for_are_enough() {
    let mut normal = Normal::new(5);
    let means: Vec<Vec<f64>> = (0..2).map(|_| normal.vector(300, 0.5)).collect();
    let width = |batches: usize| -> f64 {
        let widths: Vec<f64> = (0..30)
            .map(|repeat| {
                let affinity = estimated(noisy(&means, batches, 1.0, 900 + repeat), 0, repeat);
                let (low, high) = affinity.table(Metric::Cosine).unwrap().interval(0, 1).unwrap();
                high - low
            })
            .collect();
        widths.iter().sum::<f64>() / widths.len() as f64
    };
    let now = width(8);
    let wanted = now / 2.0;
    let affinity = estimated(noisy(&means, 8, 1.0, 901), 0, 1);
    let table = affinity.table(Metric::Cosine).unwrap();
    let Some(MoreBatches::More(more)) = table.more_batches(0, 1, wanted, 8) else {
        panic!("half the width needs more batches");
    };
    assert!((10..=60).contains(&more), "{more} more for half the width");
    let then = width(8 + more as usize);
    assert!((0.6..=1.25).contains(&(then / wanted)), "{then} for {wanted} with {more} more");
    assert_eq!(table.more_batches(0, 1, 10.0, 8), Some(MoreBatches::Enough));
    assert_eq!(table.more_batches(0, 1, f64::NAN, 8), None);
    assert_eq!(affinity.more_batches(Metric::Cosine, 10.0), Some(MoreBatches::Enough));
    assert_eq!(affinity.more_batches(Metric::Lookahead, 1.0), None);
}

#[test]
fn the_sketch_is_part_of_every_interval() {
    let mut normal = Normal::new(6);
    let means: Vec<Vec<f64>> = (0..3).map(|_| normal.vector(2000, 1.0)).collect();
    let exact = noisy(&means, 6, 0.05, 1);
    let truth = estimated(exact.clone(), 0, 0);
    let (mut held, mut tried) = (0, 0);
    for seed in 0..40 {
        let sketcher = Sketcher::new(SketchParams { size: 64, seed }).unwrap();
        let mut samples = GradientSamples::new(exact.names()).unwrap();
        for dataset in 0..3 {
            for batch in exact.batches(dataset) {
                samples.push(dataset, sketcher.sketch(batch)).unwrap();
            }
        }
        let sketched = estimated(samples, 64, seed);
        for metric in [Metric::GradientDistance, Metric::UnitDistance, Metric::Cosine, Metric::Dot] {
            let (wide, narrow) = (sketched.table(metric).unwrap(), truth.table(metric).unwrap());
            for (i, j) in [(0, 1), (0, 2), (1, 2)] {
                let (low, high) = wide.interval(i, j).unwrap();
                let (exact_low, exact_high) = narrow.interval(i, j).unwrap();
                assert!(high - low > 3.0 * (exact_high - exact_low), "{metric}: the sketch of 64 values makes most of the width");
                tried += 1;
                held += usize::from((low..=high).contains(&narrow.get(i, j).unwrap()));
            }
        }
        let h = sketched.heterogeneity;
        tried += 1;
        held += usize::from((h.zeta_squared_low..=h.zeta_squared_high).contains(&truth.heterogeneity.zeta_squared));
        let floor = sketched.table(Metric::Cosine).unwrap().more_batches(0, 1, 0.01, 6);
        assert!(matches!(floor, Some(MoreBatches::Never { floor }) if floor > 0.3), "{floor:?}");
    }
    let share = f64::from(held as u32) / f64::from(tried as u32);
    assert!((0.90..=0.99).contains(&share), "{share} of the intervals hold the exact number");
}
