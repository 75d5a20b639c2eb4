//! Laws that hold for any gradients: symmetry, scale, permutation, identity.

use gst_affinity::{Affinity, GradientSamples, Metric, Split, Symmetrize, Table, adjusted_rand_index, rank_correlation};
use proptest::prelude::*;

use crate::synthetic::{Normal, dot, estimate, noisy};

const SYMMETRIC: [Metric; 5] =
    [Metric::GradientDistance, Metric::UnitDistance, Metric::Cosine, Metric::PreconditionedCosine, Metric::Dot];

fn means(datasets: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut normal = Normal::new(seed);
    (0..datasets).map(|_| normal.vector(12, 1.0)).collect()
}

fn changed(samples: &GradientSamples, order: &[usize], batches: impl Fn(usize) -> usize, scale: f32) -> GradientSamples {
    let mut made = GradientSamples::new(samples.names()).unwrap();
    for (place, &dataset) in order.iter().enumerate() {
        let own = samples.batches(dataset);
        for batch in 0..own.len() {
            made.push(place, own[batches(batch)].iter().map(|value| scale * value).collect()).unwrap();
        }
    }
    made
}

fn near(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * (1.0 + a.abs()),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// A partition of 0..n from arbitrary labels.
fn groups(labels: &[usize]) -> Vec<Vec<usize>> {
    let most = labels.iter().max().copied().unwrap_or(0);
    let members = |label: usize| (0..labels.len()).filter(|i| labels[*i] == label).collect::<Vec<_>>();
    (0..=most).map(members).filter(|group| !group.is_empty()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tables_are_symmetric_with_an_exact_diagonal(
        datasets in 1_usize..6, batches in 3_usize..6, seed in any::<u64>(), noise in 0.0..2.0,
    ) {
        let affinity = estimate(&[noisy(&means(datasets, seed), batches, noise, seed)]);
        for metric in SYMMETRIC {
            let table = affinity.table(metric).unwrap();
            for i in 0..datasets {
                for j in 0..datasets {
                    prop_assert_eq!(table.get(i, j), table.get(j, i));
                    prop_assert_eq!(table.interval(i, j), table.interval(j, i));
                    if let (Some(value), Some((low, high))) = (table.get(i, j), table.interval(i, j)) {
                        prop_assert!(low <= value && value <= high, "{} {} {} {}", metric, low, value, high);
                    }
                }
                let own = if metric.is_distance() { 0.0 } else { 1.0 };
                prop_assert!(metric == Metric::Dot || table.get(i, i).is_none_or(|value| value == own));
            }
        }
        let distance = affinity.distance();
        prop_assert!(distance.iter().all(|value| value.is_finite() && *value >= 0.0));
        prop_assert!(distance.diag().iter().all(|value| *value == 0.0));
        prop_assert_eq!(&distance, &distance.t());
        prop_assert_eq!(affinity.replicate_distances().len(), affinity.replicates.len());
    }

    #[test]
    fn scaling_all_gradients_scales_distances_and_leaves_cosines(
        datasets in 2_usize..6, seed in any::<u64>(), power in -8_i32..8,
    ) {
        // A power of two, so that 32-bit values scale exactly.
        let scale = 2.0_f32.powi(power);
        let samples = noisy(&means(datasets, seed), 4, 0.5, seed);
        let scaled = changed(&samples, &(0..datasets).collect::<Vec<_>>(), |b| b, scale);
        let (before, after) = (estimate(&[samples]), estimate(&[scaled]));
        let factor = f64::from(scale);
        for i in 0..datasets {
            for j in 0..datasets {
                let pair = |metric: Metric| (before.table(metric).unwrap().get(i, j), after.table(metric).unwrap().get(i, j));
                let (a, b) = pair(Metric::GradientDistance);
                prop_assert!(near(a.map(|a| a * factor), b, 1e-9));
                for metric in [Metric::Cosine, Metric::UnitDistance, Metric::PreconditionedCosine] {
                    let (a, b) = pair(metric);
                    prop_assert!(near(a, b, 1e-5), "{} {:?} {:?}", metric, a, b);
                }
            }
        }
    }

    #[test]
    fn the_order_of_datasets_and_batches_changes_nothing(seed in any::<u64>(), turn in 1_usize..4) {
        let datasets = 4;
        let samples = noisy(&means(datasets, seed), 5, 0.7, seed);
        let order: Vec<usize> = (0..datasets).map(|i| (i + turn) % datasets).collect();
        let before = estimate(std::slice::from_ref(&samples));
        let after = estimate(&[changed(&samples, &order, |b| (b + 2) % 5, 1.0)]);
        for metric in SYMMETRIC {
            for i in 0..datasets {
                for j in 0..datasets {
                    let (a, b) = (before.table(metric).unwrap().get(order[i], order[j]), after.table(metric).unwrap().get(i, j));
                    prop_assert!(near(a, b, 1e-5), "{} {:?} {:?}", metric, a, b);
                }
            }
        }
        prop_assert!((before.heterogeneity.zeta_squared - after.heterogeneity.zeta_squared).abs() < 1e-9);
    }

    #[test]
    fn within_and_between_make_the_whole(
        labels in proptest::collection::vec(0_usize..4, 1..9),
        weights in proptest::collection::vec(0.01_f64..5.0, 9), seed in any::<u64>(),
    ) {
        let gradients = means(labels.len(), seed);
        let weights = &weights[..labels.len()];
        let gram: Vec<Vec<f64>> = gradients.iter().map(|a| gradients.iter().map(|b| dot(a, b)).collect()).collect();
        let groups = groups(&labels);
        let by_gram = Split::of_gram(&gram, weights, &groups).unwrap();
        let by_definition = Split::of_gradients(&gradients, weights, &groups).unwrap();
        let scale = 1.0 + by_definition.total;
        for split in [by_gram, by_definition] {
            prop_assert!((split.within + split.between - split.total).abs() <= 1e-9 * scale, "{:?}", split);
        }
        prop_assert!((by_gram.within - by_definition.within).abs() <= 1e-9 * scale);
        prop_assert!((by_gram.total - by_definition.total).abs() <= 1e-9 * scale);
        let singletons: Vec<Vec<usize>> = (0..labels.len()).map(|i| vec![i]).collect();
        prop_assert!(Split::of_gram(&gram, weights, &singletons).unwrap().within.abs() <= 1e-9 * scale);
        let one = vec![(0..labels.len()).collect::<Vec<_>>()];
        prop_assert!(Split::of_gram(&gram, weights, &one).unwrap().between.abs() <= 1e-9 * scale);
    }

    #[test]
    fn the_identity_holds_for_noisy_estimates(seed in any::<u64>(), labels in proptest::collection::vec(0_usize..3, 5)) {
        let affinity = estimate(&[noisy(&means(5, seed), 3, 2.0, seed), noisy(&means(5, seed ^ 1), 4, 2.0, seed)]);
        let split = affinity.split(&groups(&labels)).unwrap();
        let size = affinity.gram.iter().flatten().fold(1.0_f64, |most, value| most.max(value.abs()));
        prop_assert!((split.within + split.between - split.total).abs() <= 1e-9 * size);
        prop_assert!((split.total - affinity.heterogeneity.zeta_squared).abs() <= 1e-9 * size);
    }

    #[test]
    fn agreement_ignores_the_names_of_labels(labels in proptest::collection::vec(0_usize..4, 2..20), shift in 1_usize..9) {
        let renamed: Vec<usize> = labels.iter().map(|label| 18 - (label * shift) % 19).collect();
        prop_assume!(groups(&renamed).len() == groups(&labels).len());
        prop_assert!(near(adjusted_rand_index(&labels, &renamed), Some(1.0), 1e-12));
    }

    #[test]
    fn rank_correlation_sees_order_only(values in proptest::collection::vec(-50.0_f64..50.0, 3..20)) {
        prop_assume!(values.iter().any(|v| *v != values[0]));
        let curved: Vec<f64> = values.iter().map(|v| v.powi(3)).collect();
        let flipped: Vec<f64> = values.iter().map(|v| -v).collect();
        prop_assert!(near(rank_correlation(&values, &curved), Some(1.0), 1e-12));
        prop_assert!(near(rank_correlation(&values, &flipped), Some(-1.0), 1e-12));
    }
}

#[test]
fn known_agreements() {
    // 6 objects, one moved: by hand, pairs together 3 of 6 and 7, expected 6·7/15.
    let index = adjusted_rand_index(&[0, 0, 0, 1, 1, 1], &[0, 0, 1, 1, 1, 1]).unwrap();
    assert!((index - (4.0 - 6.0 * 7.0 / 15.0) / (6.5 - 6.0 * 7.0 / 15.0)).abs() < 1e-12, "{index}");
    assert_eq!(adjusted_rand_index(&[0, 0], &[1, 1]), Some(1.0));
    assert_eq!(adjusted_rand_index(&[0], &[1]), Some(1.0));
    assert_eq!(adjusted_rand_index(&[], &[]), None);
    assert_eq!(adjusted_rand_index(&[0, 1], &[0]), None);
    assert_eq!(rank_correlation(&[1.0, 2.0], &[1.0, f64::NAN]), None);
    assert_eq!(rank_correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
    // Ties share their mean rank: [0, 1.5, 1.5, 3] against [0, 1, 2, 3].
    let tied = rank_correlation(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert!((tied - 4.5 / (4.5_f64 * 5.0).sqrt()).abs() < 1e-12, "{tied}");
}

#[test]
fn equal_seeds_give_equal_bits_whatever_the_number_of_threads() {
    let with = |threads: usize| -> Affinity {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| estimate(&[noisy(&means(6, 4), 9, 1.0, 4)]))
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn symmetrize_is_explicit_and_keeps_what_is_undetermined() {
    let rows = |value: Option<f64>| vec![vec![Some(0.0), Some(0.2)], vec![value, Some(0.0)]];
    let table = |value| Table { values: rows(value), low: rows(value), high: rows(value), sketch: rows(value) };
    for (how, expected) in [(Symmetrize::Mean, 0.4), (Symmetrize::Min, 0.2), (Symmetrize::Max, 0.6)] {
        let made = table(Some(0.6)).symmetrize(how);
        assert!(near(made.get(0, 1), Some(expected), 1e-12) && made.get(0, 1) == made.get(1, 0));
    }
    let made = table(None).symmetrize(Symmetrize::Max);
    assert_eq!((made.get(0, 1), made.get(1, 0)), (None, None));
}
