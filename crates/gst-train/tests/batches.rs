//! The batch of a step: the samples that the schedule draws, in parts of like length.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod common;

use common::{Bench, DATASETS};
use gst_schedule::{Draws, Schedule, ScheduleParams, Strategy};
use gst_train::batches::Batcher;
use gst_train::{Setup, TrainConfig};

const MICRO_BATCH: usize = 5;

#[test]
fn parts_of_like_length_hold_the_samples_of_the_step() {
    let bench = Bench::new();
    let only = DATASETS.split(',').map(str::to_owned).collect();
    let config = TrainConfig { data: bench.path("data"), only, micro_batch: MICRO_BATCH, ..TrainConfig::default() };
    let setup = Setup::open(&config).unwrap();
    let params = ScheduleParams { strategy: Strategy::MixAll, steps: 12, batch_size: 32, ..ScheduleParams::default() };
    let schedule = Schedule::new(&setup.facts().unwrap(), None, &params).unwrap();
    let batcher = Batcher::new(&setup, &schedule, &config).unwrap();
    let draws = Draws::new(&schedule).unwrap();
    let (mut padded, mut unsorted) = (0, 0);
    for step in 0..schedule.steps {
        let batch = batcher.step(step).unwrap();
        let drawn: Vec<(usize, usize)> = draws.step(step).map(|draw| (draw.dataset, draw.index as usize)).collect();
        let mut expected = drawn.clone();
        let mut found: Vec<(usize, usize)> =
            batch.parts.iter().flat_map(|part| part.datasets.iter().copied().zip(part.records.iter().copied())).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "step {step} trains on what it draws");
        assert_eq!(batch.cost.samples, 32);

        let sizes: Vec<usize> = batch.parts.iter().map(|part| part.batch.len()).collect();
        assert_eq!(sizes, [5, 5, 5, 5, 5, 5, 2]);
        let ends: Vec<(usize, usize)> = batch
            .parts
            .iter()
            .map(|part| (*part.batch.frames.iter().min().unwrap(), *part.batch.frames.iter().max().unwrap()))
            .collect();
        assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ends:?}");
        assert_eq!(
            batch.bytes(),
            batch.parts.iter().map(|part| 4 * part.batch.len() * part.batch.max_frames * part.batch.mels).sum::<usize>()
        );

        // Frames with padding, as they are and in the order of the draws.
        padded += batch.parts.iter().map(|part| part.batch.len() * part.batch.max_frames).sum::<usize>();
        let frames = |&(dataset, record): &(usize, usize)| {
            let dataset = batcher.collection()[dataset];
            setup.source.load(gst_data::Split::Train, dataset, record).unwrap().features.frames
        };
        let in_order: Vec<usize> = drawn.iter().map(frames).collect();
        unsorted += in_order.chunks(MICRO_BATCH).map(|part| part.len() * part.iter().max().unwrap()).sum::<usize>();
    }
    assert!(padded < unsorted, "{padded} {unsorted}");
}
