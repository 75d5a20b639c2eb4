//! What the verdict says, and when.

use gst_affinity::{
    Affinity, EstimateParams, GradientSamples, Metric, ProbeFacts, SketchParams, Sketcher, drift, rank_correlation,
};

use crate::synthetic::{Normal, facts, noisy};

fn affinity(means: &[Vec<f64>], batches: usize, noise: f64, seed: u64) -> Affinity {
    let params = EstimateParams { resamples: 100, ..EstimateParams::default() };
    let samples = noisy(means, batches, noise, seed);
    Affinity::estimate(&[samples], facts(means.len()), Metric::GradientDistance, &params, ProbeFacts::default()).unwrap()
}

fn says(affinity: &Affinity, words: &str) -> bool {
    affinity.verdict.iter().any(|sentence| sentence.contains(words))
}

/// Two groups that pull against each other, and norms that differ.
fn opposed(seed: u64) -> Vec<Vec<f64>> {
    let mut normal = Normal::new(seed);
    let direction = normal.vector(60, 1.0);
    (0..6)
        .map(|i| {
            let (sign, size) = (if i % 2 == 0 { 1.0 } else { -1.0 }, f64::from([1, 1, 1, 8, 1, 1][i]));
            direction.iter().zip(normal.vector(60, 0.4)).map(|(d, own)| size * (sign * d + own)).collect()
        })
        .collect()
}

#[test]
fn conflict_is_counted() {
    let affinity = affinity(&opposed(3), 8, 0.5, 1);
    assert_eq!((affinity.conflict.pairs, affinity.conflict.undetermined), (15, 0));
    assert!((affinity.conflict.negative_share - 9.0 / 15.0).abs() < 1e-12, "{:?}", affinity.conflict);
    assert!((affinity.conflict.positive_share - 6.0 / 15.0).abs() < 1e-12, "{:?}", affinity.conflict);
    assert!(says(&affinity, "9 of 15 pairs (60 %)"), "{:?}", affinity.verdict);
    assert!(affinity.conflict.reliability > Some(0.95));
    assert!(says(&affinity, "is real, the rest is noise"));
    assert!(affinity.verdict.last().unwrap().starts_with("Recommendation: mix-all, unless a directed measurement"));
}

#[test]
fn distance_that_follows_norms_is_called_out() {
    let mut normal = Normal::new(8);
    let means: Vec<Vec<f64>> = (0..6).map(|i| normal.vector(200, 1.0 + f64::from(i))).collect();
    let affinity = affinity(&means, 6, 0.1, 1);
    assert!(affinity.conflict.distance_follows_norm > Some(0.9), "{:?}", affinity.conflict);
    assert!(says(&affinity, "raw gradient distance follows"), "{:?}", affinity.verdict);
}

#[test]
fn noise_is_not_taken_for_structure() {
    let mut normal = Normal::new(8);
    let common = normal.vector(100, 1.0);
    let mut structured = 0;
    for seed in 0..20 {
        let affinity = affinity(&vec![common.clone(); 8], 8, 3.0, seed);
        structured += usize::from(affinity.conflict.reliability > Some(0.5));
    }
    assert!(structured <= 1, "{structured} of 20 affinities of equal datasets are taken for structured");
    let alike = affinity(&vec![common; 8], 8, 3.0, 0);
    assert!(says(&alike, "would not come out again") && says(&alike, "more batches a dataset"), "{:?}", alike.verdict);
    assert!(alike.verdict.last().unwrap().starts_with("Recommendation: mix-all."));
}

#[test]
fn reliability_is_how_well_another_probe_agrees() {
    for (batches, noise) in [(4, 0.8), (12, 1.2)] {
        let mut normal = Normal::new(31);
        let common = normal.vector(60, 1.0);
        let mut own = |_| normal.vector(60, 0.6).iter().zip(&common).map(|(own, common)| own + common).collect();
        let means: Vec<Vec<f64>> = (0..8).map(&mut own).collect();
        let (mut said, mut agreed) = (0.0, 0.0);
        let repeats = 30;
        for seed in 0..repeats {
            let probes = [0, 1].map(|probe| affinity(&means, batches, noise, 100 + 2 * seed + probe));
            let [first, second] = probes.each_ref().map(|probe| probe.table(Metric::Cosine).unwrap().pairs());
            said += probes[0].conflict.reliability.unwrap() / repeats as f64;
            agreed += rank_correlation(&first, &second).unwrap() / repeats as f64;
        }
        assert!((0.4..0.8).contains(&agreed), "the test is about probes that agree in part: {agreed}");
        // Halves of two batches are noisier than the step to the whole supposes, so a little less is said.
        println!("{batches} batches: a reliability of {said:.2} is said, two probes correlate at {agreed:.2}");
        assert!(
            (-0.15..0.05).contains(&(said - agreed)),
            "a reliability of {said} is said where two probes correlate at {agreed}"
        );
    }
}

/// A probe takes the same clips at every point, and one sketch for all batches: both put the same errors into both halves.
#[test]
fn errors_that_halves_share_are_not_taken_for_structure() {
    let mut normal = Normal::new(8);
    let common = vec![normal.vector(100, 1.0); 8];
    let (mut twice, mut sketched) = (0.0, 0.0);
    let repeats = 20;
    for seed in 0..repeats {
        let point = noisy(&common, 8, 3.0, 50 + seed);
        let said = |affinity: Affinity| affinity.conflict.reliability.unwrap() / repeats as f64;
        twice += said(crate::synthetic::estimate(&[point.clone(), point.clone()]));
        let sketcher = Sketcher::new(SketchParams { size: 64, seed }).unwrap();
        let mut sketch = GradientSamples::new(point.names()).unwrap();
        let clear = noisy(&common, 8, 0.3, 50 + seed);
        for dataset in 0..common.len() {
            for batch in clear.batches(dataset) {
                sketch.push(dataset, sketcher.sketch(batch)).unwrap();
            }
        }
        let params = EstimateParams { resamples: 20, ..EstimateParams::default() };
        let probe = ProbeFacts { sketch_size: 64, ..ProbeFacts::default() };
        sketched += said(Affinity::estimate(&[sketch], facts(common.len()), Metric::Cosine, &params, probe).unwrap());
    }
    assert!(
        twice < 0.25 && sketched < 0.25,
        "reliability of equal datasets: {twice:.2} of two points, {sketched:.2} of a sketch"
    );
}

/// Eight probe points of one structure, each so noisy that two of them agree at less than 0.4.
#[test]
fn noisy_points_of_one_structure_do_not_change_along_the_run() {
    let mut normal = Normal::new(31);
    let common = normal.vector(60, 1.0);
    let means: Vec<Vec<f64>> =
        (0..8).map(|_| normal.vector(60, 0.6).iter().zip(&common).map(|(own, common)| own + common).collect()).collect();
    let (mut known, mut low, mut changes) = (0, 0, 0);
    for seed in 0..20 {
        let points: Vec<GradientSamples> = (0..8).map(|point| noisy(&means, 4, 1.6, 1000 + 8 * seed + point)).collect();
        let affinity = crate::synthetic::estimate(&points);
        if affinity.conflict.reliability >= Some(0.5) {
            known += 1;
            low += usize::from(affinity.stability.points < Some(0.4));
            changes += usize::from(affinity.changes_along_the_run());
        }
    }
    println!("{known} of 20 are known, {low} of them agree at less than 0.4 from point to point, {changes} are said to change");
    assert!(low >= 10 && changes <= 1, "{low} of {known} agree at less than 0.4, {changes} are said to change");
}

#[test]
fn two_datasets_are_too_few_for_structure() {
    let two = affinity(&opposed(3)[..2], 8, 0.5, 1);
    assert!(two.conflict.reliability.is_none() && says(&two, "1 of 1 pair"), "{:?}", two.verdict);
    assert!(two.verdict.last().unwrap().contains("too few determined pairs"), "{:?}", two.verdict);
}

#[test]
fn few_batches_are_called_out() {
    let few = affinity(&opposed(3), 3, 0.5, 1);
    assert!(few.conflict.reliability.is_none(), "three batches have no halves of two");
    assert!(says(&few, "fewer than 4 batches") && says(&few, "3 batches of a dataset cannot be halved"), "{:?}", few.verdict);
    assert!(!says(&affinity(&opposed(3), 4, 0.5, 1), "fewer than 4 batches"));
}

#[test]
fn drift_is_small_between_probes_of_one_model_and_large_between_two() {
    let (first, again, other) =
        (affinity(&opposed(3), 8, 0.5, 1), affinity(&opposed(3), 8, 0.5, 2), affinity(&opposed(9), 8, 8.0, 3));
    let near = drift(&first, &again, Metric::Cosine).unwrap();
    let far = drift(&first, &other, Metric::Cosine).unwrap();
    assert!(near.rank_correlation.unwrap() > 0.9, "{near:?}");
    assert!(far.rank_correlation.unwrap() < near.rank_correlation.unwrap() - 0.05, "{far:?}");
    assert_eq!((near.pairs, near.shared.len()), (15, 6));
    assert!(near.sentence().contains("much the same way") && near.sentence().contains("over 15 pairs"), "{}", near.sentence());
    assert!(!far.sentence().contains("much the same way"), "{}", far.sentence());
    let still = gst_affinity::Drift { rank_correlation: None, ..near };
    assert!(still.sentence().contains("cannot be compared"), "{}", still.sentence());
}

#[test]
fn stability_is_high_with_little_noise_and_low_with_much() {
    let (clear, noisy) = (affinity(&opposed(3), 8, 0.1, 1), affinity(&opposed(3), 8, 60.0, 1));
    assert!(clear.stability.resamples > Some(0.95) && clear.stability.points.is_none(), "{:?}", clear.stability);
    assert!(noisy.stability.resamples < Some(0.9), "{:?}", noisy.stability);
    assert!(says(&clear, "one probe point cannot show"), "{:?}", clear.verdict);
    let points = [crate::synthetic::noisy(&opposed(3), 8, 0.1, 1), crate::synthetic::noisy(&opposed(3), 8, 0.1, 2)];
    assert!(crate::synthetic::estimate(&points).stability.points > Some(0.9));
}

#[test]
fn structure_that_does_not_last_is_not_grouped_by() {
    let mut normal = Normal::new(12);
    let centres: Vec<Vec<f64>> = (0..2).map(|_| normal.vector(60, 1.0)).collect();
    let mut point = |group: fn(usize) -> usize, seed: u64| {
        let means: Vec<Vec<f64>> = (0..8)
            .map(|i| normal.vector(60, 0.6).iter().zip(&centres[group(i)]).map(|(own, centre)| own + centre).collect())
            .collect();
        noisy(&means, 8, 0.3, seed)
    };
    let (early, still, late) = (point(|i| i % 2, 1), point(|i| i % 2, 2), point(|i| i / 4, 3));
    let last = crate::synthetic::estimate(&[early.clone(), late]);
    assert!(last.conflict.reliability > Some(0.5) && last.changes_along_the_run(), "{:?}", last.stability);
    assert!(
        last.verdict.last().unwrap().contains("mix-all. What sets the pairs apart changes along the run"),
        "{:?}",
        last.verdict
    );
    let same = crate::synthetic::estimate(&[early, still]);
    assert!(!same.changes_along_the_run(), "{:?}", same.stability);
    assert!(same.verdict.last().unwrap().contains("unless a directed measurement"), "{:?}", same.verdict);
}

/// Three planted groups whose members' gradients differ in size: the default metric must see the groups, and sees them best.
#[test]
fn the_default_metric_finds_planted_groups_best() {
    let mut found = std::collections::BTreeMap::new();
    for seed in 0..20 {
        let mut normal = Normal::new(100 + seed);
        let centres: Vec<Vec<f64>> = (0..3).map(|_| normal.vector(150, 1.0)).collect();
        let means: Vec<Vec<f64>> = (0..14)
            .map(|i| {
                let size = (0.8 * normal.next()).exp();
                centres[i % 3].iter().map(|c| size * (c + 1.2 * normal.next())).collect()
            })
            .collect();
        let affinity = affinity(&means, 6, 1.0, seed);
        for metric in [Metric::GradientDistance, Metric::UnitDistance, Metric::Cosine, Metric::PreconditionedCosine, Metric::Dot]
        {
            let apart = affinity.distance_by(metric).unwrap();
            let nearest =
                |i: usize| (0..14).filter(|j| *j != i).min_by(|a, b| apart[[i, *a]].total_cmp(&apart[[i, *b]])).unwrap();
            *found.entry(metric).or_insert(0.0) += (0..14).filter(|i| nearest(*i) % 3 == i % 3).count() as f64 / 280.0;
        }
    }
    println!("share of datasets whose nearest one is of their group: {found:?}");
    let default = found[&Metric::default()];
    assert!(default > 0.95 && found.values().all(|share| *share <= default + 0.02), "{found:?}");
    assert!(found[&Metric::GradientDistance] < default - 0.1, "raw distance follows norms: {found:?}");
}
