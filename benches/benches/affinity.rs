//! Affinity: sketching a long gradient, the debiased estimate with its bootstrap, directed tables, heterogeneity.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gst_affinity::{
    Affinity, CommutatorSample, DatasetFacts, EstimateParams, GradientSamples, LossTable, Measurements, Metric, ProbeFacts,
    SketchParams, Sketcher, Split,
};
use std::hint::black_box;

const DATASETS: usize = 14;
const SKETCH: usize = 8192;

/// Numbers between −1 and 1 that look like chance.
fn values(seed: usize, length: usize) -> Vec<f32> {
    (0..length).map(|p| ((seed * 977 + p) as f32 * 0.618_034).fract() * 2.0 - 1.0).collect()
}

fn facts(datasets: usize) -> Vec<DatasetFacts> {
    let mut facts: Vec<DatasetFacts> = (0..datasets).map(|i| DatasetFacts::new(format!("dataset {i}"), 100)).collect();
    DatasetFacts::weigh_by_size(&mut facts);
    facts
}

/// Sketched gradients of `batches` batches a dataset.
fn sketched(datasets: usize, batches: usize, length: usize) -> Option<GradientSamples> {
    let mut samples = GradientSamples::new((0..datasets).map(|i| format!("dataset {i}"))).ok()?;
    for dataset in 0..datasets {
        for batch in 0..batches {
            samples.push(dataset, values(dataset * batches + batch, length)).ok()?;
        }
    }
    Some(samples)
}

fn sketch(criterion: &mut Criterion) {
    const LENGTH: usize = 10_000_000;
    let gradient = values(1, LENGTH);
    let mut group = criterion.benchmark_group("affinity/sketch");
    group.sample_size(10).throughput(Throughput::Elements(LENGTH as u64));
    for size in [1024, SKETCH, 65_536] {
        let Ok(sketcher) = Sketcher::new(SketchParams { size, seed: 7 }) else { return };
        group.bench_function(BenchmarkId::new("10 M values", size), |bencher| {
            bencher.iter(|| sketcher.sketch(black_box(&gradient)));
        });
    }
    // As a probe does it: parameter by parameter, with the check that every value is finite.
    let Ok(sketcher) = Sketcher::new(SketchParams { size: SKETCH, seed: 7 }) else { return };
    group.bench_function("10 M values in 40 blocks/8192", |bencher| {
        bencher.iter(|| {
            let mut stream = sketcher.start();
            for (number, block) in gradient.chunks(LENGTH / 40).enumerate() {
                stream.add_block((number * LENGTH / 40) as u64, block)?;
            }
            stream.finish()
        });
    });
    group.finish();
}

fn estimate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("affinity/estimate");
    group.sample_size(10);
    for (datasets, batches, resamples) in [(DATASETS, 8, 20), (DATASETS, 8, 400), (DATASETS, 32, 400), (200, 4, 400)] {
        let Some(samples) = sketched(datasets, batches, SKETCH) else { return };
        let (points, params) = ([samples], EstimateParams { resamples, ..EstimateParams::default() });
        let name = BenchmarkId::new(format!("{datasets} datasets, {batches} batches"), format!("{resamples} resamples"));
        let probe = ProbeFacts { sketch_size: SKETCH, ..ProbeFacts::default() };
        group.bench_function(name, |bencher| {
            bencher.iter(|| Affinity::estimate(&points, facts(datasets), Metric::default(), &params, probe.clone()));
        });
    }
    group.finish();
}

/// What the directed tables add: a bare estimate stands beside them.
fn directed(criterion: &mut Criterion) {
    const REPEATS: usize = 6;
    let Some(samples) = sketched(DATASETS, 4, 64) else { return };
    let points = [samples];
    let losses: Vec<LossTable> = (0..REPEATS)
        .map(|repeat| LossTable {
            before: vec![2.0; DATASETS],
            after: (0..DATASETS)
                .map(|i| values(repeat * DATASETS + i, DATASETS).into_iter().map(|x| 2.0 + 0.1 * f64::from(x)).collect())
                .collect(),
        })
        .collect();
    let vectors = |start: usize| (0..DATASETS).map(|i| values(start + i, SKETCH)).collect::<Vec<_>>();
    let commutator: Vec<CommutatorSample> = (0..REPEATS)
        .map(|repeat| CommutatorSample { gradients: vectors(repeat * 99), products: vectors(repeat * 99 + 50) })
        .collect();
    let params = EstimateParams { resamples: 20, ..EstimateParams::default() };
    let bare = Measurements { gradients: &points, ..Measurements::default() };
    let mut group = criterion.benchmark_group("affinity/directed");
    group.sample_size(20);
    for (name, measured) in [
        ("none", bare),
        ("lookahead", Measurements { lookahead: &losses, ..bare }),
        ("transferability", Measurements { transferability: &losses, ..bare }),
        ("commutator", Measurements { commutator: &commutator, ..bare }),
    ] {
        group.bench_function(BenchmarkId::new(name, format!("{DATASETS} datasets, {REPEATS} repeats")), |bencher| {
            bencher.iter(|| {
                Affinity::from_measurements(&measured, facts(DATASETS), Metric::default(), &params, ProbeFacts::default())
            });
        });
    }
    group.finish();
}

fn heterogeneity(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("affinity/heterogeneity");
    group.sample_size(20);
    for datasets in [DATASETS, 2_000] {
        let gram: Vec<Vec<f64>> =
            (0..datasets).map(|i| (0..datasets).map(|j| if i == j { 2.0 } else { 0.5 / (1 + i + j) as f64 }).collect()).collect();
        let weights = vec![1.0; datasets];
        let groups: Vec<Vec<usize>> = (0..5).map(|group| (group..datasets).step_by(5).collect()).collect();
        group.bench_function(BenchmarkId::new("from inner products", datasets), |bencher| {
            bencher.iter(|| Split::of_gram(black_box(&gram), &weights, &groups));
        });
    }
    let gradients: Vec<Vec<f64>> = (0..DATASETS).map(|i| values(i, 1_000_000).into_iter().map(f64::from).collect()).collect();
    let groups: Vec<Vec<usize>> = (0..3).map(|group| (group..DATASETS).step_by(3).collect()).collect();
    group.sample_size(10).throughput(Throughput::Elements((DATASETS * 1_000_000) as u64));
    group.bench_function("from 14 exact gradients of 1 M values", |bencher| {
        bencher.iter(|| Split::of_gradients(black_box(&gradients), &[1.0; DATASETS], &groups));
    });
    group.finish();
}

criterion_group!(benches, sketch, estimate, directed, heterogeneity);
criterion_main!(benches);
