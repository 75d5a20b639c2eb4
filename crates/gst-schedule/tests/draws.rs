//! The laws of draws: purity, counts, coverage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper that fails is the test failing")]

use gst_affinity::DatasetFacts;
use gst_schedule::{Draw, Draws, Schedule, ScheduleParams, Weighting};
use proptest::prelude::*;
use std::collections::HashMap;

fn datasets(sizes: &[u64]) -> Vec<DatasetFacts> {
    let mut datasets: Vec<DatasetFacts> =
        sizes.iter().enumerate().map(|(i, &size)| DatasetFacts::new(format!("d{i}"), size)).collect();
    DatasetFacts::weigh_by_size(&mut datasets);
    datasets
}

/// A schedule of any strategy over datasets of any (small) size.
fn schedules() -> impl Strategy<Value = Schedule> {
    let sizes = prop::collection::vec(1_u64..60, 1..9);
    let options = (0_usize..8, 1_u32..40, any::<u64>(), 0_u64..12, 0.0_f64..0.9, 0_usize..3, 1_usize..5);
    (sizes, options).prop_map(|(sizes, (strategy, batch_size, seed, ramp_steps, replay_floor, weighting, stride))| {
        let groups: Vec<Vec<usize>> = (0..sizes.len().min(stride)).map(|k| (k..sizes.len()).step_by(stride).collect()).collect();
        let weighting = [Weighting::Proportional, Weighting::Uniform, Weighting::Temperature(3.0)][weighting].clone();
        // Long enough for every ramp of every stage.
        let steps = 14 * sizes.iter().sum::<u64>() * 8;
        let params = ScheduleParams {
            strategy: gst_schedule::Strategy::ALL[strategy],
            steps,
            batch_size,
            seed,
            ramp_steps: if strategy == 3 || strategy == 4 { 0 } else { ramp_steps },
            replay_floor,
            weighting,
            ..ScheduleParams::default()
        };
        Schedule::new(&datasets(&sizes), Some(&groups), &params).expect("a possible schedule")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any order, any thread, any number of times: the same draws; and `step` is a slice of them.
    #[test]
    fn draws_are_pure(schedule in schedules(), start in 0_u64..1000) {
        let draws = Draws::new(&schedule).unwrap();
        let forward: Vec<Draw> = (start..start + 200).map(|n| draws.draw(n)).collect();
        let mut backward: Vec<Draw> = (start..start + 200).rev().map(|n| draws.draw(n)).collect();
        backward.reverse();
        prop_assert_eq!(&forward, &backward);
        let again = Draws::new(&schedule).unwrap();
        let batch = draws.batch_size();
        let steps: Vec<Draw> = (start / batch..=(start + 200) / batch).flat_map(|step| again.step(step)).collect();
        let skipped = usize::try_from(start % batch).unwrap();
        prop_assert_eq!(&forward[..], &steps[skipped..skipped + 200]);
        for step in (0..schedule.steps).step_by(7) {
            prop_assert_eq!(draws.stage_at(step), schedule.stage_at(step));
            let active = &schedule.stages[draws.stage_at(step)].datasets;
            prop_assert!(draws.step(step).all(|draw| active.contains(&draw.dataset)));
        }
    }

    /// Every sample of a dataset comes once an epoch, over the whole run and all its stages, and epochs come one after another.
    #[test]
    fn every_epoch_covers_every_sample_once(schedule in schedules()) {
        let draws = Draws::new(&schedule).unwrap();
        let mut seen: HashMap<usize, Vec<u64>> = HashMap::new();
        for n in 0..schedule.samples().min(20_000) {
            let draw = draws.draw(n);
            let size = schedule.datasets[draw.dataset].size;
            let drawn = seen.entry(draw.dataset).or_default();
            prop_assert_eq!(draw.epoch, drawn.len() as u64 / size);
            prop_assert!(draw.index < size);
            drawn.push(draw.index);
        }
        for (dataset, drawn) in seen {
            let size = usize::try_from(schedule.datasets[dataset].size).unwrap();
            for epoch in drawn.chunks(size) {
                let mut epoch = epoch.to_vec();
                epoch.sort_unstable();
                epoch.dedup();
                prop_assert_eq!(epoch.len(), drawn.len().min(size).min(epoch.len()), "a sample came twice in an epoch");
                prop_assert!(epoch.len() == size || drawn.len() % size != 0);
            }
            let complete = drawn.chunks_exact(size).all(|epoch| epoch.iter().collect::<std::collections::HashSet<_>>().len() == size);
            prop_assert!(complete, "dataset {} missed a sample", dataset);
        }
    }

    /// Counts in closed form are the counts of draws, and stay near the shares of the run so far, ramps and stages included.
    #[test]
    fn counts_follow_the_shares(schedule in schedules()) {
        let draws = Draws::new(&schedule).unwrap();
        let mut counts = vec![0_u64; schedule.datasets.len()];
        let mut expected = vec![0.0_f64; schedule.datasets.len()];
        let mut n = 0;
        for stage in &schedule.stages {
            for (steps, weights) in stage.pieces() {
                let sum: u64 = weights.iter().sum();
                for _ in 0..steps * draws.batch_size() {
                    if n > 20_000 {
                        return Ok(());
                    }
                    if n % 97 == 0 {
                        prop_assert_eq!(&draws.counts(n), &counts);
                    }
                    counts[draws.draw(n).dataset] += 1;
                    n += 1;
                    for (&dataset, &weight) in stage.datasets.iter().zip(weights) {
                        expected[dataset] += weight as f64 / sum as f64;
                    }
                    for (count, expected) in counts.iter().zip(&expected) {
                        prop_assert!((*count as f64 - expected).abs() < 3.0, "{} draws, {} expected at {}", count, expected, n);
                    }
                }
            }
        }
    }
}

/// 14 datasets, one of them with a share of 6e-5: over any 10⁶ draws each is within 1 of its exact share.
#[test]
fn a_million_draws_with_a_tiny_share() {
    let mut data = datasets(&[3000, 2800, 2500, 2400, 2200, 2000, 1800, 1500, 1200, 900, 700, 500, 300, 20]);
    let rest: f64 = data[..13].iter().map(|dataset| dataset.weight).sum();
    for dataset in &mut data[..13] {
        dataset.weight *= (1.0 - 6e-5) / rest;
    }
    data[13].weight = 6e-5;
    let params = ScheduleParams { steps: 100_000, ..ScheduleParams::default() };
    let schedule = Schedule::new(&data, None, &params).unwrap();
    let draws = Draws::new(&schedule).unwrap();
    for start in [0, 1, 777_777, 1_500_000] {
        let mut counts = [0_u64; 14];
        for n in start..start + 1_000_000 {
            counts[draws.draw(n).dataset] += 1;
        }
        for (count, dataset) in counts.iter().zip(&data) {
            let share = dataset.weight * 1e6;
            assert!((*count as f64 - share).abs() <= 1.0, "{}: {count} draws from {start}, {share} expected", dataset.name);
        }
        assert_eq!(counts[13], 60);
    }
}

/// The same with groups coming in over ramps: the share of every stage and ramp is paid to within 2 draws over 10⁶.
#[test]
fn a_million_draws_over_ramps_with_a_tiny_share() {
    let mut data = datasets(&[4000, 3000, 2000, 1000, 50]);
    for (dataset, weight) in data.iter_mut().zip([0.4, 0.3, 0.2, 0.1 - 6e-5, 6e-5]) {
        dataset.weight = weight;
    }
    let params = ScheduleParams {
        strategy: gst_schedule::Strategy::GstProgressive,
        steps: 31_250,
        ramp_steps: 2_000,
        replay_floor: 0.5,
        ..ScheduleParams::default()
    };
    let schedule = Schedule::new(&data, Some(&[vec![0, 4], vec![1], vec![2, 3]]), &params).unwrap();
    assert_eq!(schedule.samples(), 1_000_000);
    let draws = Draws::new(&schedule).unwrap();
    let mut counts = [0_u64; 5];
    for n in 0..1_000_000 {
        counts[draws.draw(n).dataset] += 1;
    }
    let mut expected = [0.0_f64; 5];
    for stage in &schedule.stages {
        for (steps, weights) in stage.pieces() {
            let sum: u64 = weights.iter().sum();
            for (&dataset, &weight) in stage.datasets.iter().zip(weights) {
                expected[dataset] += (steps * 32) as f64 * weight as f64 / sum as f64;
            }
        }
    }
    for (count, expected) in counts.iter().zip(expected) {
        assert!((*count as f64 - expected).abs() < 2.0, "{count} draws, {expected} expected");
    }
    assert!(counts[4] > 60 && expected[4] > 60.0, "{counts:?}");
}

#[test]
fn epochs_differ_in_order() {
    let schedule = Schedule::new(&datasets(&[500]), None, &ScheduleParams::default()).unwrap();
    let draws = Draws::new(&schedule).unwrap();
    let epoch = |epoch: u64| -> Vec<u64> { (epoch * 500..(epoch + 1) * 500).map(|n| draws.draw(n).index).collect() };
    let same = epoch(0).iter().zip(epoch(1)).filter(|(a, b)| **a == *b).count();
    // Two random orders of 500 agree in one place on average.
    assert!(same < 10, "{same} of 500 samples stand where they stood");
}

/// Adding a dataset or another seed: what must and what must not change.
#[test]
fn the_order_of_a_dataset_is_its_own() {
    let order = |sizes: &[u64], seed: u64| -> Vec<u64> {
        let params = ScheduleParams { seed, ..ScheduleParams::default() };
        let draws = Draws::new(&Schedule::new(&datasets(sizes), None, &params).unwrap()).unwrap();
        (0..2000).map(|n| draws.draw(n)).filter(|draw| draw.dataset == 0).map(|draw| draw.index).take(100).collect()
    };
    assert_eq!(order(&[100], 1), order(&[100, 50], 1));
    assert_ne!(order(&[100], 1), order(&[100], 2));
}

/// Batches hold their share: no dataset waits while another takes many draws in a row.
#[test]
fn batches_are_even() {
    let schedule = Schedule::new(&datasets(&[400, 300, 200, 100]), None, &ScheduleParams::default()).unwrap();
    let draws = Draws::new(&schedule).unwrap();
    for step in 0..500 {
        let mut counts = [0_i32; 4];
        for draw in draws.step(step) {
            counts[draw.dataset] += 1;
        }
        for (count, share) in counts.iter().zip([0.4, 0.3, 0.2, 0.1]) {
            assert!((f64::from(*count) - 32.0 * share).abs() <= 2.0, "step {step}: {counts:?}");
        }
    }
}

/// Beyond the end the last stage goes on, and no number overflows.
#[test]
fn draws_beyond_the_end_are_defined() {
    let groups = [vec![0], vec![1]];
    let params = ScheduleParams { strategy: gst_schedule::Strategy::GstProgressive, steps: 10, ..ScheduleParams::default() };
    let draws = Draws::new(&Schedule::new(&datasets(&[3, 5]), Some(&groups), &params).unwrap()).unwrap();
    for n in [319, 320, 321, u64::MAX / 2, u64::MAX] {
        assert!(draws.draw(n).index < 5);
    }
    assert_eq!(draws.stage_at(u64::MAX), 1);
    assert_eq!(draws.step(u64::MAX).len(), 32);
    assert_eq!(draws.counts(320).iter().sum::<u64>(), 320);
}

#[test]
fn many_threads_draw_what_one_draws() {
    let draws = &Draws::new(&Schedule::new(&datasets(&[40, 30, 7]), None, &ScheduleParams::default()).unwrap()).unwrap();
    let alone: Vec<Draw> = (0..10_000).map(|n| draws.draw(n)).collect();
    for threads in [1_usize, 4, 8] {
        let mut together = vec![None; 10_000];
        std::thread::scope(|scope| {
            let parts: Vec<_> = (0..threads)
                .map(|thread| {
                    scope.spawn(move || (thread..10_000).step_by(threads).map(|n| (n, draws.draw(n as u64))).collect::<Vec<_>>())
                })
                .collect();
            for (n, draw) in parts.into_iter().flat_map(|part| part.join().unwrap()) {
                together[n] = Some(draw);
            }
        });
        assert!(together.iter().zip(&alone).all(|(a, b)| a.as_ref() == Some(b)), "{threads} threads");
    }
}

/// Devices share the draws of a step: however many there are, and whichever part each takes, the global batch is the same.
#[test]
fn any_number_of_devices_makes_the_same_global_batch() {
    let groups = [vec![0], vec![1, 2]];
    let params = ScheduleParams {
        strategy: gst_schedule::Strategy::GstProgressive,
        ramp_steps: 9,
        batch_size: 30,
        ..ScheduleParams::default()
    };
    let schedule = Schedule::new(&datasets(&[40, 30, 7]), Some(&groups), &params).unwrap();
    let batch: Vec<Draw> = Draws::new(&schedule).unwrap().step(301).collect();
    for devices in [1_usize, 2, 3, 4, 7, 30] {
        // Each device has draws of its own, made from the file alone, and takes every so-many-th sample of the step.
        let parts: Vec<Vec<Draw>> = (0..devices)
            .map(|device| {
                let own = Draws::new(&schedule).unwrap();
                (device as u64..30).step_by(devices).map(|i| own.draw(301 * 30 + i)).collect()
            })
            .collect();
        let together: Vec<Draw> = (0..30).map(|i| parts[i % devices][i / devices]).collect();
        assert_eq!(together, batch, "{devices} devices");
    }
}
