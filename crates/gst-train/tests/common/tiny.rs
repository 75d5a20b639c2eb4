//! A model so small that a step takes milliseconds, and the trainer called as a library.

use gst_affinity::artifact::Document;
use gst_schedule::{Schedule, ScheduleParams};
use gst_train::augment::Augment;
use gst_train::trainer::Outcome;
use gst_train::{RunFolder, Setup, TrainConfig, Trainer};

use super::{Bench, DATASETS};

/// Sizes of such a model in a file.
pub(crate) const SIZES: &str = r#"
preset = "tiny"
mels = 80
channels = [4, 4]
width = 8
heads = 2
hidden = 8
encoder_layers = 1
decoder_layers = 1
window = 4
queries = 2
summaries = 2
dropout = 0.1
"#;

/// Writes `tiny.toml` of [`SIZES`] and `few.toml` of what [`config`] says of data, and trains that on the pretext into `out`.
pub(crate) fn pretrain(bench: &Bench, out: &str, rest: &str) -> serde_json::Value {
    std::fs::write(bench.path("tiny.toml"), SIZES).unwrap();
    std::fs::write(bench.path("few.toml"), "vocabulary = 300\nlimit = 24\nmicro_batch = 4\n").unwrap();
    let data = format!("--data data --only {DATASETS} --config few.toml --model tiny.toml");
    serde_json::from_str(&bench.ok(&format!("pretrain {data} --batch-size 8 --out {out} --json {rest}"))).unwrap()
}

/// [`config`] of adapters on what [`pretrain`] left in `start`, and what it opens.
pub(crate) fn adapted(bench: &Bench, start: &str) -> (TrainConfig, Setup) {
    let model = bench.path("tiny.toml").display().to_string();
    let config = TrainConfig { model, start: Some(bench.path(start)), adapters: 2, ..config(bench) };
    let setup = Setup::open(&config).unwrap();
    (config, setup)
}

/// Settings for a bench's data: two parts a step of four samples.
pub(crate) fn config(bench: &Bench) -> TrainConfig {
    TrainConfig {
        data: bench.path("data"),
        only: DATASETS.split(',').map(str::to_owned).collect(),
        limit: Some(24),
        vocabulary: 300,
        micro_batch: 2,
        evaluate_every: 0,
        checkpoint_every: 0,
        keep_best: false,
        workers: 0,
        augment: Augment::none(),
        ..TrainConfig::default()
    }
}

/// The data of a bench with a model of a few thousand parameters.
pub(crate) fn setup(config: &TrainConfig) -> Setup {
    let mut setup = Setup::open(config).unwrap();
    let model = setup.model.mini_mut().unwrap();
    model.channels = [4, 4];
    (model.width, model.heads, model.hidden) = (8, 2, 8);
    (model.encoder_layers, model.decoder_layers) = (1, 1);
    setup
}

/// A schedule of batches of four; each dataset is a group.
pub(crate) fn schedule(setup: &Setup, params: &ScheduleParams) -> Document<Schedule> {
    let facts = setup.facts().unwrap();
    let groups: Vec<Vec<usize>> = (0..facts.len()).map(|dataset| vec![dataset]).collect();
    let params = ScheduleParams { batch_size: 4, ..params.clone() };
    let schedule = Schedule::new(&facts, Some(&groups), &params).unwrap();
    Document::new(schedule).from_source("data", setup.fingerprint.clone())
}

/// Trains until `stop` is asked for the `calls`-th time (from 0), or to the end.
pub(crate) fn run(mut trainer: Trainer<'_>, calls: u64) -> Outcome {
    let asked = std::cell::Cell::new(0);
    let stop = || asked.replace(asked.get() + 1) >= calls;
    trainer.run(&stop, &mut ()).unwrap()
}

/// Continues a run as [`run`] does.
pub(crate) fn resume(setup: &Setup, config: &TrainConfig, folder: &std::path::Path, calls: u64) -> Outcome {
    run(Trainer::resume(setup, config, None, RunFolder::open(folder).unwrap()).unwrap(), calls)
}
