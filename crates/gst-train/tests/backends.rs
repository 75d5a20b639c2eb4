//! The same run on every backend that this build and this machine have: same weights at first, no dropout, no augmentation.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failure here fails the test; a skipped backend is named")]

mod common;

use common::{Bench, DATASETS};
use gst_affinity::artifact::Document;
use gst_schedule::{Schedule, ScheduleParams, Strategy};
use gst_train::augment::Augment;
use gst_train::device::Backend;
use gst_train::{RunFolder, Setup, TrainConfig, Trainer};

const STEPS: u64 = 20;

/// How far the loss of a step may be from the CPU's.
const TOLERANCE: f64 = 1e-3;

/// Losses of a run of a tiny model on `device`.
fn losses(bench: &Bench, device: &str) -> Vec<f64> {
    let config = TrainConfig {
        data: bench.path("data"),
        only: DATASETS.split(',').map(str::to_owned).collect(),
        device: device.into(),
        vocabulary: 300,
        augment: Augment::none(),
        evaluate_every: 0,
        ..TrainConfig::default()
    };
    let mut setup = Setup::open(&config).unwrap();
    let model = setup.model.mini_mut().unwrap();
    (model.dropout, model.width, model.hidden, model.channels) = (0.0, 32, 64, [8, 8]);
    let params = ScheduleParams { strategy: Strategy::MixAll, steps: STEPS, batch_size: 4, ..ScheduleParams::default() };
    let schedule = Schedule::new(&setup.facts().unwrap(), None, &params).unwrap();
    let folder = bench.path(&format!("run-{}", device.replace(':', "-")));
    let mut trainer = Trainer::new(&setup, &config, Document::new(schedule), RunFolder::create(&folder).unwrap()).unwrap();
    trainer.run(&|| false, &mut ()).unwrap();
    let lines = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events.filter(|event| event["event"] == "step").map(|event| event["loss"].as_f64().unwrap()).collect()
}

#[test]
fn every_backend_follows_the_cpu() {
    let bench = Bench::new();
    let expected = losses(&bench, "cpu");
    assert_eq!(expected.len(), 20);
    assert!(expected[19] < expected[0], "{expected:?}");
    for backend in Backend::ALL {
        let name = backend.name();
        match backend.devices() {
            Err(_) => eprintln!("skipped {name}: not in this build"),
            Ok(devices) if devices.is_empty() => eprintln!("skipped {name}: this machine has none"),
            Ok(_) => {
                let found = losses(&bench, name);
                let far = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                eprintln!("{name}: the losses of {STEPS} steps are at most {far:.1e} from the CPU's");
                assert!(far <= TOLERANCE, "{name}: {found:?}\ncpu: {expected:?}");
            }
        }
    }
}
