//! Four parts of a batch on one core, two on each of two, one on each of four: the same samples, and the same weights.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use common::Bench;
use common::tiny;
use gst_schedule::{ScheduleParams, Strategy};
use gst_train::cores::Cores;
use gst_train::{RunFolder, TrainConfig, Trainer};

const STEPS: u64 = 3;

/// The weights and the ledger's scores after a run, dropout on, whose parts ran side by side on so many cores.
fn trained(bench: &Bench, cores: usize) -> (Vec<u8>, serde_json::Value) {
    let config = TrainConfig { micro_batch: 1, ..tiny::config(bench) };
    let mut setup = tiny::setup(&config);
    setup.cores = Cores::new(cores).unwrap();
    let schedule =
        tiny::schedule(&setup, &ScheduleParams { strategy: Strategy::MixAll, steps: STEPS, ..ScheduleParams::default() });
    let run = format!("run-{cores}");
    let folder = RunFolder::create(&bench.path(&run)).unwrap();
    tiny::run(Trainer::new(&setup, &config, schedule, folder).unwrap(), u64::MAX);
    let weights = std::fs::read(bench.path(&format!("{run}/checkpoints/step-{STEPS}/model.safetensors"))).unwrap();
    (weights, bench.json(&format!("{run}/result.json"))["test"].clone())
}

#[test]
fn the_layout_changes_neither_weights_nor_scores() {
    let bench = Bench::new();
    let one = trained(&bench, 1);
    for cores in [2, 4] {
        let several = trained(&bench, cores);
        assert!(several.0 == one.0, "{cores} cores train other weights than one");
        assert_eq!(several.1, one.1, "{cores} cores");
    }
}
