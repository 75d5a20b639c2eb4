//! Laws that hold for any distances.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like the tests themselves")]

use gst_grouping::{
    Distances, Kernel, Linkage, Partition, agglomerative, community, exact, prerequisite_order, silhouette, spectral,
    structure_test,
};
use ndarray::Array2;
use proptest::prelude::*;

/// Every clustering by distances, by name.
fn clusterings(distances: &Distances, groups: usize) -> Vec<(&'static str, Partition)> {
    vec![
        ("spectral", spectral(distances, groups, Kernel::SelfTuning, 3).unwrap()),
        ("sharp", spectral(distances, groups, Kernel::Median(0.3), 3).unwrap()),
        ("average", agglomerative(distances, groups, Linkage::Average).unwrap()),
        ("ward", agglomerative(distances, groups, Linkage::Ward).unwrap()),
        ("exact", exact(distances, groups).unwrap().partition),
        ("community", community(distances, Some(groups), Kernel::SelfTuning).unwrap()),
    ]
}

fn matrix(datasets: usize, upper: &[f64]) -> Array2<f64> {
    let mut values = Array2::zeros((datasets, datasets));
    let pairs = (0..datasets).flat_map(|i| (i + 1..datasets).map(move |j| (i, j)));
    for ((i, j), value) in pairs.zip(upper) {
        values[(i, j)] = *value;
        values[(j, i)] = *value;
    }
    values
}

/// 2 to 9 datasets at distances of many magnitudes, with weights, a number of groups, and a permutation.
fn inputs() -> impl Strategy<Value = (Array2<f64>, Vec<f64>, usize, Vec<usize>)> {
    (2_usize..10).prop_flat_map(|n| {
        let distance = prop_oneof![8 => 0.01..2.0, 1 => 1e-6..1e6, 1 => Just(0.0)];
        let upper = prop::collection::vec(distance, n * (n - 1) / 2).prop_map(move |upper| matrix(n, &upper));
        let weights = prop::collection::vec(0.001..10.0, n);
        (upper, weights, 1..=n, Just((0..n).collect::<Vec<_>>()).prop_shuffle())
    })
}

/// The same with distances that all differ, so that nothing but the order of arrival could break a tie.
fn untied() -> impl Strategy<Value = (Array2<f64>, Vec<f64>, usize, Vec<usize>)> {
    (2_usize..10).prop_flat_map(|n| {
        // The golden ratio keeps apart what proptest makes equal when it simplifies a case.
        let apart = |(n, d): (usize, f64)| d + 0.01 * (n as f64 * 0.618_033_988_749_895).fract();
        let upper = prop::collection::vec(0.01..2.0, n * (n - 1) / 2)
            .prop_map(move |upper| matrix(n, &upper.into_iter().enumerate().map(apart).collect::<Vec<_>>()));
        let weights = prop::collection::vec(0.001..10.0, n);
        (upper, weights, 1..=n, Just((0..n).collect::<Vec<_>>()).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_dataset_is_in_exactly_one_of_k_groups((values, weights, groups, _) in inputs()) {
        let distances = Distances::new(values).unwrap().with_weights(&weights).unwrap();
        for (name, partition) in clusterings(&distances, groups) {
            prop_assert_eq!(partition.count(), groups, "{}", name);
            let mut members: Vec<usize> = partition.groups().concat();
            members.sort_unstable();
            prop_assert_eq!(members, (0..distances.len()).collect::<Vec<_>>(), "{}", name);
            prop_assert_eq!(Partition::from_groups(&partition.groups(), distances.len()).unwrap(), partition);
        }
    }

    #[test]
    fn listing_datasets_in_another_order_changes_nothing((values, weights, groups, order) in untied()) {
        let shuffled = Array2::from_shape_fn(values.dim(), |(i, j)| values[(order[i], order[j])]);
        let shuffled_weights: Vec<f64> = order.iter().map(|&i| weights[i]).collect();
        let here = Distances::new(values).unwrap().with_weights(&weights).unwrap();
        let there = Distances::new(shuffled).unwrap().with_weights(&shuffled_weights).unwrap();
        for ((name, a), (_, b)) in clusterings(&here, groups).into_iter().zip(clusterings(&there, groups)) {
            let a = Partition::from_labels(&order.iter().map(|&i| a.labels()[i]).collect::<Vec<_>>());
            prop_assert_eq!(a, b, "{}", name);
        }
    }

    #[test]
    fn the_unit_of_distance_changes_nothing((values, weights, groups, _) in untied(), power in -20..20) {
        // A power of two, so that scaling is exact.
        let scaled = values.mapv(|d| d * 2.0_f64.powi(power));
        let here = Distances::new(values).unwrap().with_weights(&weights).unwrap();
        let there = Distances::new(scaled).unwrap().with_weights(&weights).unwrap();
        for ((name, a), (_, b)) in clusterings(&here, groups).into_iter().zip(clusterings(&there, groups)) {
            prop_assert_eq!(a, b, "{}", name);
        }
    }

    #[test]
    fn any_numbers_are_grouped_or_refused(
        upper in prop::collection::vec(prop_oneof![any::<f64>(), (-330.0..120.0_f64).prop_map(|p| 10.0_f64.powf(p))], 15),
        weights in prop::collection::vec(prop_oneof![any::<f64>(), 1e-300..1e300_f64], 6),
        absolute in any::<bool>(),
        width in prop_oneof![any::<f64>(), 1e-3..1e3_f64],
    ) {
        let upper: Vec<f64> = upper.into_iter().map(|d| if absolute { d.abs().min(1e100) } else { d }).collect();
        let Ok(distances) = Distances::new(matrix(6, &upper)) else { return Ok(()) };
        let distances = distances.clone().with_weights(&weights).unwrap_or(distances);
        for groups in 1..=6 {
            for (name, partition) in clusterings(&distances, groups) {
                prop_assert_eq!(partition.count(), groups, "{}", name);
            }
            if let Ok(partition) = spectral(&distances, groups, Kernel::Fixed(width), 0) {
                prop_assert_eq!(partition.count(), groups, "fixed width {}", width);
            }
        }
        let test = structure_test(&distances, 5, 0, |d| agglomerative(d, 3, Linkage::Average)).unwrap();
        prop_assert!(test.is_none_or(|t| t.contrast.is_finite() && t.null_deviation.is_finite()), "{:?}", test);
    }

    #[test]
    fn the_optimum_is_beaten_by_nobody_and_falls_with_k((values, weights, groups, _) in inputs()) {
        let distances = Distances::new(values).unwrap().with_weights(&weights).unwrap();
        let least = exact(&distances, groups).unwrap().within;
        let slack = 1e-9 * distances.total() + 1e-12;
        for (name, partition) in clusterings(&distances, groups) {
            prop_assert!(least <= distances.within(&partition) + slack, "{}", name);
        }
        if groups > 1 {
            prop_assert!(least <= exact(&distances, groups - 1).unwrap().within + slack);
        }
    }

    #[test]
    fn agreement_is_symmetric_and_one_for_equals(a in prop::collection::vec(0_usize..4, 1..20), shift in 1_usize..5) {
        let other = Partition::from_labels(&a.iter().enumerate().map(|(n, x)| (x + n / shift) % 4).collect::<Vec<_>>());
        let partition = Partition::from_labels(&a);
        let (forward, backward) = (partition.adjusted_rand(&other).unwrap(), other.adjusted_rand(&partition).unwrap());
        prop_assert!((forward - backward).abs() < 1e-12 && forward <= 1.0 + 1e-12);
        let renamed = Partition::from_labels(&a.iter().map(|x| (x * 7 + 3) % 11).collect::<Vec<_>>());
        prop_assert_eq!(renamed.adjusted_rand(&partition).unwrap(), 1.0);
    }

    #[test]
    fn silhouettes_stay_in_their_range((values, _, groups, _) in inputs()) {
        let distances = Distances::new(values).unwrap();
        let found = silhouette(&distances, &agglomerative(&distances, groups, Linkage::Average).unwrap()).unwrap();
        prop_assert!((-1.0..=1.0).contains(&found), "{}", found);
    }

    #[test]
    fn prerequisites_that_are_kept_are_followed(gains in prop::collection::vec(-1.0..1.0_f64, 36), margin in 0.0..0.8_f64) {
        let gains = Array2::from_shape_fn((6, 6), |(i, j)| gains[i * 6 + j]);
        let order = prerequisite_order(&gains, &Array2::from_elem((6, 6), margin)).unwrap();
        let place = |group: usize| order.sequence.iter().position(|g| *g == group).unwrap();
        for edge in &order.kept {
            prop_assert!(edge.excess > margin && place(edge.before) < place(edge.after), "{:?}", order);
        }
        let beyond = (0..6).flat_map(|a| (0..a).map(move |b| (a, b))).filter(|&(a, b)| (gains[(a, b)] - gains[(b, a)]).abs() > margin);
        prop_assert_eq!(order.kept.len() + order.dropped.len(), beyond.count());
    }
}
