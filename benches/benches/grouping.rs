//! Grouping and ordering: the 14 datasets of the paper, and how the cost grows to 2,000.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gst_grouping::{Distances, Kernel, Linkage, agglomerative, community, exact, shortest_path, spectral, structure_test};
use ndarray::Array2;

/// Distances of points in five clumps on a line, with a jitter that repeats nowhere.
fn clumps(datasets: usize) -> Option<Distances> {
    let at = |n: usize| (n % 5) as f64 * 10.0 + (n as f64 * 0.618_033_988).fract();
    Distances::new(Array2::from_shape_fn((datasets, datasets), |(i, j)| (at(i) - at(j)).abs())).ok()
}

fn fourteen(bench: &mut Criterion) {
    let Some(distances) = clumps(14) else { return };
    let mut group = bench.benchmark_group("group_14");
    let kernel = Kernel::SelfTuning;
    group.bench_function("spectral", |bench| bench.iter(|| spectral(&distances, 3, kernel, 0)));
    group.bench_function("agglomerative", |bench| bench.iter(|| agglomerative(&distances, 3, Linkage::Ward)));
    group.bench_function("exact", |bench| bench.iter(|| exact(&distances, 3)));
    group.bench_function("community", |bench| bench.iter(|| community(&distances, None, kernel)));
    group.sample_size(10);
    group.bench_function("structure_test_99", |bench| {
        bench.iter(|| structure_test(&distances, 99, 0, |null| spectral(null, 3, kernel, 0)));
    });
    group.finish();
}

fn growth(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("group_growth");
    group.sample_size(10);
    for datasets in [100, 500, 2000] {
        let Some(distances) = clumps(datasets) else { return };
        group.bench_with_input(BenchmarkId::new("spectral", datasets), &distances, |bench, distances| {
            bench.iter(|| spectral(distances, 5, Kernel::SelfTuning, 0));
        });
        group.bench_with_input(BenchmarkId::new("agglomerative", datasets), &distances, |bench, distances| {
            bench.iter(|| agglomerative(distances, 5, Linkage::Average));
        });
        group.bench_with_input(BenchmarkId::new("community", datasets), &distances, |bench, distances| {
            bench.iter(|| community(distances, None, Kernel::SelfTuning));
        });
    }
    group.finish();
}

fn orders(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("order");
    for groups in [3, 12, 40] {
        let at = |n: usize| ((n * 7 % groups) as f64, (n as f64 * 0.618_033_988).fract());
        let between = Array2::from_shape_fn((groups, groups), |(i, j)| (at(i).0 - at(j).0).hypot(at(i).1 - at(j).1));
        group
            .bench_with_input(BenchmarkId::new("path", groups), &between, |bench, between| bench.iter(|| shortest_path(between)));
    }
    group.finish();
}

criterion_group!(benches, fourteen, growth, orders);
criterion_main!(benches);
