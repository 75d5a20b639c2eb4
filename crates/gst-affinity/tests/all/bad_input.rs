//! Bad input: a typed error or a documented result, never a panic.

use gst_affinity::{
    Affinity, AffinityError, CommutatorSample, DatasetFacts, EstimateParams, GradientSamples, LossTable, Measurements, Metric,
    Preconditioner, ProbeFacts, Split, drift,
};

use crate::synthetic::{Normal, estimate, facts, noisy};

fn params() -> EstimateParams {
    EstimateParams { resamples: 20, ..EstimateParams::default() }
}

fn good(datasets: usize) -> GradientSamples {
    let mut normal = Normal::new(1);
    let means: Vec<Vec<f64>> = (0..datasets).map(|_| normal.vector(8, 1.0)).collect();
    noisy(&means, 3, 0.1, 2)
}

fn refused(points: &[GradientSamples], datasets: Vec<DatasetFacts>, params: &EstimateParams, probe: ProbeFacts) -> AffinityError {
    Affinity::estimate(points, datasets, Metric::Cosine, params, probe).unwrap_err()
}

#[test]
fn gradients_that_do_not_fit_are_refused_when_they_come() {
    let empty: [&str; 0] = [];
    assert_eq!(GradientSamples::new(empty), Err(AffinityError::NoDatasets));
    assert_eq!(GradientSamples::new(["a", "b", "a"]), Err(AffinityError::DuplicateName { name: "a".into() }));
    let mut samples = GradientSamples::new(["a", "b"]).unwrap();
    assert!(matches!(samples.push(2, vec![1.0]), Err(AffinityError::UnknownDataset { found: 2, datasets: 2 })));
    assert!(matches!(samples.push(0, vec![]), Err(AffinityError::UnequalLength { found: 0, .. })));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = samples.push(1, vec![0.0, bad, 1.0]).unwrap_err();
        assert!(matches!(&error, AffinityError::NotFinite { index: 1, batch: 0, .. }), "{error}");
        assert!(error.to_string().contains("`b`, batch 0"), "{error}");
    }
    // A refused gradient leaves nothing behind, its length included.
    samples.push(0, vec![1.0, 2.0]).unwrap();
    let error = samples.push(1, vec![1.0, 2.0, 3.0]).unwrap_err();
    assert_eq!(error, AffinityError::UnequalLength { dataset: "b".into(), batch: 0, found: 3, expected: 2 });
    assert_eq!((samples.batches(0).len(), samples.batches(1).len(), samples.batches(9).len()), (1, 0, 0));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let probe = ProbeFacts::default;
    assert_eq!(refused(&[], facts(2), &params(), probe()), AffinityError::NoProbePoint);
    assert_eq!(refused(&[good(2)], vec![], &params(), probe()), AffinityError::NoDatasets);
    assert!(matches!(refused(&[good(2)], facts(3), &params(), probe()), AffinityError::OtherDatasets { point: 0, .. }));
    let mut twins = facts(2);
    twins[1].name = twins[0].name.clone();
    assert!(matches!(refused(&[good(2)], twins, &params(), probe()), AffinityError::DuplicateName { .. }));
    let mut few = GradientSamples::new(["set-0", "set-1"]).unwrap();
    few.push(0, vec![1.0]).unwrap();
    few.push(0, vec![2.0]).unwrap();
    let error = refused(&[good(2), few], facts(2), &params(), probe());
    assert!(matches!(error, AffinityError::TooFewBatches { point: 1, found: 2, expected: 3, .. }), "{error}");
    let sketch = ProbeFacts { sketch_size: 64, ..probe() };
    assert!(matches!(
        refused(&[good(2)], facts(2), &params(), sketch),
        AffinityError::NotTheSketch { found: 8, expected: 64, .. }
    ));
    let (gradients, preconditioned) = ([good(2), good(2)], [good(2)]);
    let measured = Measurements { gradients: &gradients, preconditioned: &preconditioned, ..Measurements::default() };
    let error = Affinity::from_measurements(&measured, facts(2), Metric::Cosine, &params(), probe()).unwrap_err();
    assert!(
        matches!(&error, AffinityError::BadParameter { field: "preconditioned", found, .. } if found == "1 of 2 points"),
        "{error}"
    );
    let points = ProbeFacts { points: vec![1, 2], ..probe() };
    assert!(matches!(refused(&[good(2)], facts(2), &params(), points), AffinityError::BadParameter { field: "points", .. }));
}

#[test]
fn weights_that_are_no_shares_are_refused() {
    for weights in [[0.0, 0.0], [0.5, 0.6], [-0.5, 1.5], [f64::NAN, 0.5], [f64::INFINITY, 0.0]] {
        let mut datasets = facts(2);
        datasets.iter_mut().zip(weights).for_each(|(dataset, weight)| dataset.weight = weight);
        let error = refused(&[good(2)], datasets, &params(), ProbeFacts::default());
        assert!(matches!(error, AffinityError::BadWeights { .. }), "{weights:?}: {error}");
    }
    let mut empty = vec![DatasetFacts::new("a", 0), DatasetFacts::new("b", 0)];
    DatasetFacts::weigh_by_size(&mut empty);
    assert_eq!((empty[0].weight, empty[1].weight), (0.5, 0.5));
    let mut bad = facts(2);
    bad[1].warmup_losses = vec![1.0, f64::NAN];
    let error = refused(&[good(2)], bad, &params(), ProbeFacts::default());
    assert!(matches!(error, AffinityError::BadFacts { field: "warmup_losses", .. }), "{error}");
}

#[test]
fn parameters_out_of_range_are_refused() {
    let default = params();
    for (field, changed) in [
        ("resamples", EstimateParams { resamples: 19, ..default.clone() }),
        ("resamples", EstimateParams { resamples: usize::MAX, ..default.clone() }),
        ("replicates", EstimateParams { replicates: 21, ..default.clone() }),
        ("level", EstimateParams { level: 0.0, ..default.clone() }),
        ("level", EstimateParams { level: 1.0, ..default.clone() }),
        ("level", EstimateParams { level: f64::NAN, ..default }),
    ] {
        let error = refused(&[good(2)], facts(2), &changed, ProbeFacts::default());
        assert!(matches!(error, AffinityError::BadParameter { field: found, .. } if found == field), "{error}");
    }
}

#[test]
fn zero_gradients_are_undetermined_and_nothing_breaks() {
    let affinity = estimate(&[noisy(&[vec![0.0; 8], vec![0.0; 8], vec![1.0; 8]], 4, 0.0, 0)]);
    let cosines = affinity.table(Metric::Cosine).unwrap();
    assert_eq!((cosines.get(0, 1), cosines.get(0, 2), cosines.get(2, 2)), (None, None, Some(1.0)));
    assert_eq!(affinity.table(Metric::GradientDistance).unwrap().get(0, 1), Some(0.0));
    assert_eq!((affinity.conflict.pairs, affinity.conflict.undetermined), (3, 3));
    assert!(affinity.distance().iter().all(|value| value.is_finite()));
    let all = estimate(&[noisy(&[vec![0.0; 8], vec![0.0; 8]], 4, 0.0, 0)]);
    assert_eq!((all.heterogeneity.zeta_squared, all.heterogeneity.ratio), (0.0, None));
    assert!(all.verdict.last().unwrap().contains("mix-all"), "{:?}", all.verdict);
}

#[test]
fn one_dataset_has_no_pairs_and_is_told_so() {
    let affinity = estimate(&[good(1)]);
    assert_eq!((affinity.conflict.pairs, affinity.distance().len()), (0, 1));
    assert!(affinity.heterogeneity.zeta_squared.abs() < 1e-12);
    assert!(affinity.verdict.iter().any(|sentence| sentence.starts_with("One dataset")), "{:?}", affinity.verdict);
}

#[test]
fn two_equal_datasets_are_at_no_distance() {
    let mean = vec![1.0, -2.0, 0.5, 3.0];
    let affinity = estimate(&[noisy(&[mean.clone(), mean], 4, 0.0, 0)]);
    assert!(affinity.table(Metric::GradientDistance).unwrap().get(0, 1).unwrap().abs() < 1e-6);
    assert!((affinity.table(Metric::Cosine).unwrap().get(0, 1).unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn the_largest_numbers_are_counted_or_refused() {
    let huge = noisy(&[vec![1e38; 4], vec![-1e38; 4]], 3, 0.0, 0);
    let affinity = estimate(&[huge]);
    assert!(affinity.gram.iter().flatten().all(|value| value.is_finite()));
    assert!((affinity.table(Metric::Cosine).unwrap().get(0, 1).unwrap() + 1.0).abs() < 1e-9);
    let tiny = noisy(&[vec![1e-38; 4], vec![-1e-38; 4]], 3, 0.0, 0);
    assert!((estimate(&[tiny]).table(Metric::Cosine).unwrap().get(0, 1).unwrap() + 1.0).abs() < 1e-9);
}

#[test]
fn a_metric_that_was_not_measured_says_what_it_needs() {
    for metric in [Metric::Lookahead, Metric::Transferability, Metric::Commutator] {
        let error = Affinity::estimate(&[good(2)], facts(2), metric, &params(), ProbeFacts::default()).unwrap_err();
        assert!(matches!(error, AffinityError::NotMeasured { metric: found, .. } if found == metric), "{error}");
    }
    let sketched = ProbeFacts { sketch_size: 8, ..ProbeFacts::default() };
    let error = Affinity::estimate(&[good(2)], facts(2), Metric::PreconditionedCosine, &params(), sketched).unwrap_err();
    assert!(error.to_string().contains("preconditioned before sketching"), "{error}");
}

#[test]
fn losses_that_cannot_be_are_refused() {
    let points = [good(2)];
    let table = |before: Vec<f64>, after: Vec<Vec<f64>>| LossTable { before, after };
    let square = || vec![vec![1.0; 2]; 2];
    for bad in [
        table(vec![1.0], square()),
        table(vec![1.0, 0.0], square()),
        table(vec![1.0, f64::NAN], square()),
        table(vec![1.0, 1.0], vec![vec![1.0; 2]]),
        table(vec![1.0, 1.0], vec![vec![1.0; 2], vec![1.0]]),
        table(vec![1.0, 1.0], vec![vec![1.0, -1.0], vec![1.0; 2]]),
        table(vec![1.0, 1.0], vec![vec![1.0, f64::INFINITY], vec![1.0; 2]]),
    ] {
        let lookahead = [table(vec![1.0; 2], square()), bad];
        let measured = Measurements { gradients: &points, lookahead: &lookahead, ..Measurements::default() };
        let error =
            Affinity::from_measurements(&measured, facts(2), Metric::Lookahead, &params(), ProbeFacts::default()).unwrap_err();
        assert!(matches!(error, AffinityError::BadMeasurement { repeat: 1, .. }), "{error}");
    }
    let vectors = |count: usize, length: usize| vec![vec![1.0_f32; length]; count];
    for (gradients, products) in
        [(vectors(1, 3), vectors(2, 3)), (vectors(2, 3), vectors(2, 4)), (vectors(2, 1), vec![vec![f32::NAN]; 2])]
    {
        let commutator = [CommutatorSample { gradients, products }];
        let measured = Measurements { gradients: &points, commutator: &commutator, ..Measurements::default() };
        let error =
            Affinity::from_measurements(&measured, facts(2), Metric::Commutator, &params(), ProbeFacts::default()).unwrap_err();
        assert!(matches!(error, AffinityError::BadMeasurement { repeat: 0, .. }), "{error}");
    }
}

#[test]
fn groups_that_are_no_partition_are_refused() {
    let affinity = estimate(&[good(3)]);
    for groups in [vec![], vec![vec![0, 1]], vec![vec![0, 1, 2], vec![2]], vec![vec![0, 1, 2, 3]], vec![vec![0, 1, 2], vec![]]] {
        assert!(matches!(affinity.split(&groups), Err(AffinityError::BadGrouping { datasets: 3, .. })), "{groups:?}");
    }
    let ragged = Split::of_gradients(&[vec![1.0], vec![1.0, 2.0]], &[0.5, 0.5], &[vec![0, 1]]);
    assert!(matches!(ragged, Err(AffinityError::BadGrouping { .. })));
    assert!(matches!(Split::of_gram(&[vec![1.0]], &[0.0], &[vec![0]]), Err(AffinityError::BadWeights { .. })));
}

#[test]
fn preconditioners_that_do_not_fit_are_refused() {
    for (moments, epsilon) in [(vec![1.0, -1.0], 1e-8), (vec![f32::NAN], 1e-8), (vec![1.0], 0.0), (vec![1.0], f32::NAN)] {
        assert!(matches!(Preconditioner::from_second_moments(&moments, epsilon), Err(AffinityError::BadParameter { .. })));
    }
    let halves = Preconditioner::from_second_moments(&[4.0, 0.0], 1e-8).unwrap();
    let mut values = [3.0, 0.0];
    halves.apply(0, &mut values).unwrap();
    assert_eq!(values, [1.5, 0.0]);
    assert!(matches!(halves.apply(1, &mut values), Err(AffinityError::OtherPreconditioner { .. })));
    assert!(matches!(halves.apply(u64::MAX, &mut values), Err(AffinityError::OtherPreconditioner { .. })));
    assert!(matches!(good(2).preconditioned(&halves), Err(AffinityError::OtherPreconditioner { found: 2, expected: 8 })));
}

#[test]
fn affinities_without_common_datasets_cannot_drift() {
    let (three, two) = (estimate(&[good(3)]), estimate(&[good(2)]));
    assert!(matches!(drift(&three, &two, Metric::Cosine), Err(AffinityError::NotComparable { shared: 2, needed: 3 })));
    assert!(matches!(drift(&three, &three, Metric::Lookahead), Err(AffinityError::NotMeasured { .. })));
    let same = drift(&three, &three, Metric::Cosine).unwrap();
    assert_eq!((same.pairs, same.same_neighbour), (3, 1.0));
    assert!((same.rank_correlation.unwrap() - 1.0).abs() < 1e-12);
}
