//! Whether two probes lead to the same groups, and what is said about it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like the tests themselves")]

use gst_affinity::{Affinity, DatasetFacts, EstimateParams, GradientSamples, Metric, ProbeFacts};
use gst_grouping::{Agreement, GroupCount, Grouping, GroupingError, GroupingParams, Method, compare};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Gradients of `names`: dataset n follows direction `groups[n]` of three, with noise of the batches; `seed` draws the noise.
fn affinity(names: &[&str], groups: &[usize], noise: f32, seed: u64) -> Affinity {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut samples = GradientSamples::new(names.iter().copied()).unwrap();
    for (dataset, group) in groups.iter().enumerate() {
        for _ in 0..4 {
            let direction = |p: usize| if p % 3 == *group { 1.0 } else { 0.0 };
            let gradient = (0..60).map(|p| direction(p) + noise * rng.random_range(-1.0..1.0_f32)).collect();
            samples.push(dataset, gradient).unwrap();
        }
    }
    let mut facts: Vec<DatasetFacts> = names.iter().map(|name| DatasetFacts::new(*name, 10)).collect();
    DatasetFacts::weigh_by_size(&mut facts);
    let params = EstimateParams { resamples: 20, ..EstimateParams::default() };
    Affinity::estimate(&[samples], facts, Metric::Cosine, &params, ProbeFacts::default()).unwrap()
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn params() -> GroupingParams {
    GroupingParams { count: GroupCount::Fixed(3), ..GroupingParams::default() }
}

#[test]
fn two_probes_of_the_same_gradients_agree() {
    let (first, second) = (affinity(&NAMES, &[0, 1, 2, 0, 1, 2], 0.3, 1), affinity(&NAMES, &[0, 1, 2, 0, 1, 2], 0.3, 2));
    let found = compare(&first, &second, &params()).unwrap();
    assert_eq!((found.agreement.adjusted_rand, found.agreement.still_together, found.agreement.together_before), (1.0, 3, 3));
    assert_eq!((found.drift.metric, found.drift.same_neighbour), (Metric::Cosine, 1.0));
    assert!(found.verdict[1].contains("are the same: adjusted Rand index 1.00"), "{:?}", found.verdict);
}

#[test]
fn other_groups_are_called_out_in_numbers() {
    // The second probe knows the datasets in another order, one of them is new, and nobody stays with whom it was.
    let first = affinity(&NAMES, &[0, 0, 1, 1, 2, 2], 0.1, 1);
    let second = affinity(&["new", "f", "e", "d", "c", "b", "a"], &[0, 0, 1, 2, 0, 1, 2], 0.1, 2);
    let found = compare(&first, &second, &params()).unwrap();
    assert_eq!(found.agreement.shared, NAMES);
    assert_eq!((found.agreement.together_before, found.agreement.still_together), (3, 0));
    assert!(found.agreement.adjusted_rand < 0.0 && found.drift.rank_correlation < Some(0.3), "{found:?}");
    assert!(found.verdict[0].contains("do not order the pairs the same way"), "{:?}", found.verdict);
    assert!(
        found.verdict[1].contains("hardly more than chance") && found.verdict[1].contains("0 of the 3 pairs"),
        "{:?}",
        found.verdict
    );
}

#[test]
fn groupings_compare_whatever_made_them() {
    let affinity = affinity(&NAMES, &[0, 1, 2, 0, 1, 2], 0.1, 1);
    let by = |method| Grouping::new(&affinity, &GroupingParams { method, ..params() }).unwrap();
    let found = Agreement::of(&by(Method::Spectral), &by(Method::Single)).unwrap();
    assert_eq!((found.groups_before, found.groups_after, found.still_together), (3, 1, 3));
    assert_eq!(found.adjusted_rand, 0.0);
    let same = Agreement::of(&by(Method::Exact), &by(Method::Agglomerative)).unwrap();
    assert_eq!(same.adjusted_rand, 1.0);
}

#[test]
fn what_has_little_in_common_is_refused() {
    let (first, other) = (affinity(&NAMES, &[0, 1, 2, 0, 1, 2], 0.1, 1), affinity(&["a", "b", "x", "y"], &[0, 1, 2, 0], 0.1, 1));
    assert_eq!(compare(&first, &other, &params()).unwrap_err(), GroupingError::NotComparable { shared: 2, needed: 3 });
    let missing = GroupingParams { metric: Some(Metric::Lookahead), ..params() };
    assert!(matches!(compare(&first, &first, &missing), Err(GroupingError::MissingMetric { .. })));
}
