//! Schedules: the time of a draw, of preparing draws, and of simulating a run.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gst_affinity::DatasetFacts;
use gst_schedule::{Draws, Schedule, ScheduleParams, Strategy, simulate};
use std::hint::black_box;

/// Datasets whose sizes fall by a constant factor from the largest to the smallest, `groups` groups, ramps between stages.
fn schedule(datasets: usize, groups: usize, steps: u64) -> Option<Schedule> {
    let size = |i: usize| (16_000.0 * 0.002_f64.powf(i as f64 / datasets as f64)) as u64;
    let mut facts: Vec<DatasetFacts> = (0..datasets).map(|i| DatasetFacts::new(format!("dataset {i}"), size(i))).collect();
    DatasetFacts::weigh_by_size(&mut facts);
    let groups: Vec<Vec<usize>> = (0..groups).map(|group| (group..datasets).step_by(groups).collect()).collect();
    let params = ScheduleParams { strategy: Strategy::GstProgressive, steps, ramp_steps: 100, ..ScheduleParams::default() };
    Schedule::new(&facts, Some(&groups), &params).ok()
}

fn draw(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule/draw");
    group.throughput(Throughput::Elements(1));
    for (datasets, groups) in [(1, 1), (14, 3), (2_000, 4)] {
        let Some(draws) = schedule(datasets, groups, 1_000_000_000).and_then(|schedule| Draws::new(&schedule).ok()) else {
            continue;
        };
        // Constant in n: the first draws, and draws near step one million and one thousand million.
        for start in [0, 32_000_000, 31_000_000_000] {
            let mut n = start;
            group.bench_function(BenchmarkId::new(format!("{datasets} datasets"), start), |bencher| {
                bencher.iter(|| {
                    n += 1;
                    draws.draw(black_box(n))
                });
            });
        }
    }
    group.finish();
}

fn prepare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule/prepare");
    group.sample_size(20);
    for (datasets, groups) in [(14, 3), (2_000, 4)] {
        let Some(schedule) = schedule(datasets, groups, 1_000_000) else { continue };
        group.bench_with_input(BenchmarkId::new("draws", datasets), &schedule, |bencher, schedule| {
            bencher.iter(|| Draws::new(schedule));
        });
        group.bench_with_input(BenchmarkId::new("simulate", datasets), &schedule, |bencher, schedule| {
            bencher.iter(|| simulate(schedule));
        });
    }
    group.finish();
}

criterion_group!(benches, draw, prepare);
criterion_main!(benches);
