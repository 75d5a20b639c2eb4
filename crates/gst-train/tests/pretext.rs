//! From a pretext to a model of which adapters alone are trained.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::tiny::{adapted, pretrain, run, schedule};
use common::{Bench, DATASETS};
use gst_schedule::{ScheduleParams, Strategy};
use gst_train::trainer::Outcome;
use gst_train::{RunFolder, Trainer};
use safetensors::SafeTensors;

/// Every tensor of a file by its name, as bytes.
fn tensors(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect()
}

#[test]
fn losses_fall_and_equal_seeds_give_equal_bits() {
    let bench = Bench::new();
    let about = pretrain(&bench, "start", "--steps 80 --seed 3 --learning-rate 0.01");
    for loss in ["masked_frames", "question_text", "repeated_word"] {
        let [start, end] = ["start", "end"].map(|at| about[loss][at].as_f64().unwrap());
        assert!(end < 0.9 * start, "{loss}: {start} → {end}");
    }
    assert_eq!((&about["steps"], &about["samples"], &about["model"]["width"]), (&80.into(), &640.into(), &8.into()));

    pretrain(&bench, "other", "--steps 6 --seed 4");
    pretrain(&bench, "first", "--steps 6 --seed 3");
    std::process::Command::new(env!("CARGO_BIN_EXE_gst"))
        .args(["pretrain", "--data", "data", "--only", DATASETS, "--config", "few.toml", "--model", "tiny.toml"])
        .args(["--batch-size", "8", "--out", "again", "--steps", "6", "--seed", "3", "--workers", "3"])
        .env("RAYON_NUM_THREADS", "1")
        .current_dir(bench.path(""))
        .output()
        .unwrap();
    for name in ["model.safetensors", "tokenizer.json", "pretrained.json"] {
        let read = |folder: &str| std::fs::read(bench.path(folder).join(name)).unwrap();
        assert!(read("first") == read("again"), "{name}");
        assert!(name == "tokenizer.json" || read("first") != read("other"), "{name}");
    }
    let names = tensors(&bench.path("first/model.safetensors"));
    assert!(names.keys().all(|name| name.starts_with("encoder.") || name.starts_with("decoder.")), "{:?}", names.keys());
}

#[test]
fn adapters_and_bridge_move_and_what_is_frozen_does_not() {
    let bench = Bench::new();
    pretrain(&bench, "start", "--steps 4 --seed 2");
    let (config, setup) = adapted(&bench, "start");
    let before = setup.fresh_model(config.seed).unwrap();
    gst_model::AudioModel::save(&before, "", &bench.path("")).unwrap();
    let params = ScheduleParams { strategy: Strategy::MixAll, steps: 6, ..ScheduleParams::default() };
    let trainer =
        Trainer::new(&setup, &config, schedule(&setup, &params), RunFolder::create(&bench.path("run")).unwrap()).unwrap();
    let Outcome::Finished(result) = run(trainer, u64::MAX) else { panic!("stopped") };

    let newest = bench.path("run/checkpoints/step-6");
    let (start, fresh) = (tensors(&bench.path("start/model.safetensors")), tensors(&bench.path("model.safetensors")));
    let trained = tensors(&newest.join("model.safetensors"));
    assert_eq!(trained.keys().collect::<Vec<_>>(), fresh.keys().collect::<Vec<_>>());
    for (name, values) in &trained {
        match start.get(name) {
            Some(frozen) => assert!(values == frozen, "{name} moved"),
            None => assert!(*values != fresh[name], "{name} did not move"),
        }
    }
    let adapters: Vec<_> = trained.keys().filter(|name| name.contains("_adapter.")).collect();
    assert_eq!(adapters.len(), 2 * 2, "{adapters:?}");
    let moments = tensors(&newest.join("optimizer.safetensors"));
    assert!(moments.keys().all(|name| start.keys().all(|frozen| !name.starts_with(&format!("{frozen}.")))), "{moments:?}");

    // What is trained is what the probe looks at, and the run is used without what it began with.
    bench.ok(&format!(
        "affinity --data data --only {DATASETS} --config few.toml --model tiny.toml --start start --adapters 2 --points 1 --batches 3 \
         --batch-size 2 --out affinity.json"
    ));
    let moved = trained.iter().filter(|(name, _)| !start.contains_key(*name));
    let values: usize = moved.map(|(_, bytes)| bytes.len() / 4).sum();
    assert_eq!(bench.json("affinity.json")["probe"]["parameters"], values);
    assert_eq!(bench.json("affinity.json")["probe"]["pretrained"], true);
    assert_eq!(result.parameters, values);
    assert_eq!(bench.json("affinity.json")["made_from"]["start"], bench.json("run/result.json")["made_from"]["start"]);
    std::fs::rename(bench.path("start"), bench.path("gone")).unwrap();
    let again: serde_json::Value = serde_json::from_str(&bench.ok("evaluate run --json")).unwrap();
    assert_eq!(again["weighted"]["loss"].as_f64(), Some(result.test.weighted.loss));
    let clip = std::fs::read_dir(bench.path("data/noise_colour/audio")).unwrap().next().unwrap().unwrap().path();
    bench.ok(&format!("ask run {} What?", clip.display()));
}

#[test]
fn what_does_not_fit_is_named() {
    let bench = Bench::new();
    pretrain(&bench, "start", "--steps 1");
    pretrain(&bench, "other", "--steps 2");
    let check = |arguments: &str, parts: &[&str]| {
        let message = bench.fails(arguments);
        for part in parts {
            assert!(message.contains(part), "gst {arguments}: expected `{part}` in: {message}");
        }
    };
    let affinity =
        |rest: &str| format!("affinity --data data --only {DATASETS} --config few.toml --points 1 --out a.json {rest}");
    check(&affinity("--model tiny.toml --start data"), &["data/pretrained.json"]);
    check(&affinity("--model mini --start start"), &["start/pretrained.json", "`channels[0]` 4", "expected 32", "`mini`"]);
    check(&affinity("--model tiny.toml --adapters 2"), &["adapters", "0 without `start`", "gst pretrain"]);
    check(&affinity("--model salmonn-7b --weights data --start start"), &["`start`", "begins with its checkpoints"]);
    std::fs::write(bench.path("tokenizer.json"), bench.text("start/tokenizer.json") + " ").unwrap();
    check(&affinity("--model tiny.toml --start start --tokenizer tokenizer.json"), &["tokenizer.json", "start/tokenizer.json"]);
    let pretext = |rest: &str| format!("pretrain --data data --only {DATASETS} --config few.toml --model tiny.toml {rest}");
    check(&pretext("--steps 1 --out start"), &["start", "not empty"]);
    check(&pretext("--steps 0 --out new"), &["steps"]);
    check(&pretext("--steps 1 --start start --out new"), &["`start`", "from scratch"]);
    check(&pretext("--steps 3 --learning-rate 1e30 --out new"), &["loss", "learning_rate"]);

    // A run goes on with what it began with, wherever that lies now, and with nothing else.
    let data = format!("--data data --only {DATASETS} --config few.toml");
    bench.ok(&format!(
        "schedule --data data --only {DATASETS} --limit 24 --strategy mix-all --steps 2 --batch-size 4 --out s.json"
    ));
    let train =
        format!("train {data} --model tiny.toml --schedule s.json --start start --adapters 2 --out run --keep-best false");
    bench.ok(&train);
    std::fs::remove_file(bench.path("run/result.json")).unwrap();
    std::fs::remove_dir_all(bench.path("run/checkpoints/step-2")).unwrap();
    check("train --resume run --start other", &["start: the run has sha256:"]);
    check("train --resume run --adapters 3", &["adapters: the run has 2, given is 3"]);
    std::fs::rename(bench.path("start"), bench.path("moved")).unwrap();
    bench.ok("train --resume run --start moved");

    let weights = bench.path("moved/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    check(&affinity("--model tiny.toml --start moved"), &["moved/model.safetensors", "damaged"]);
}
