//! A pretrained combination goes the whole path: affinity, groups, schedule, training of bridge and adapters alone, resume, fork,
//! evaluation, export and questions. The checkpoints are tiny, random, and written here.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::{ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use common::{Bench, DATASETS, checkpoints, tiny};
use gst_data::{Collection, OpenParams, training_texts};
use gst_model::{AudioLm, AudioModel, PretrainedAudioLm};
use gst_schedule::{ScheduleParams, Strategy};
use gst_train::trainer::Outcome;
use gst_train::{RunFolder, Setup, TrainConfig, Trainer};
use safetensors::SafeTensors;
use serde_json::Value;

/// A bench with checkpoints in `weights` and the preset `tiny.toml` of them.
fn bench() -> Bench {
    let bench = Bench::new();
    let params = OpenParams { only: Some(DATASETS.split(',').map(str::to_owned).collect()), ..OpenParams::default() };
    let texts =
        training_texts(&Collection::open(&bench.path("data"), &params).unwrap(), 4).collect::<Result<Vec<_>, _>>().unwrap();
    checkpoints::write(&bench.path("weights"), 7, &texts);
    std::fs::write(bench.path("tiny.toml"), checkpoints::PRESET).unwrap();
    // The same, with the activations of one layer at a time.
    let again = checkpoints::PRESET.replace("path = \"llama\"", "path = \"llama\"\nrecompute = true");
    std::fs::write(bench.path("again.toml"), again).unwrap();
    bench
}

/// Every file under `folder` by its path, and its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for path in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn names(bytes: &[u8]) -> Vec<String> {
    SafeTensors::deserialize(bytes).unwrap().names().into_iter().map(str::to_owned).collect()
}

const USE: &str = "--model tiny.toml --weights weights";

#[test]
fn from_checkpoints_to_an_answer() {
    let bench = bench();
    let json = |arguments: &str| -> Value { serde_json::from_str(&bench.ok(&format!("{arguments} --json"))).unwrap() };
    let before = files(&bench.path("weights"));

    // Gradients are of what is trained alone.
    bench
        .ok(&format!("affinity --data data --only {DATASETS} {USE} --points 1,2 --batches 3 --batch-size 2 --out affinity.json"));
    let affinity = bench.json("affinity.json");
    assert_eq!(affinity["probe"]["parameters"], checkpoints::TRAINED);
    assert_eq!(affinity["probe"]["pretrained"], true);
    let weights = affinity["made_from"]["weights"].clone();
    assert!(weights.as_str().unwrap().starts_with("sha256:"), "{weights}");
    bench.ok("group affinity.json --groups 2 --out grouping.json");
    bench.ok("schedule grouping.json --strategy gst-progressive --steps 8 --batch-size 4 --out schedule.json");

    let train = format!("train --data data --only {DATASETS} {USE} --schedule schedule.json --plain --learning-rate 0.01");
    bench.ok(&format!("{train} --evaluate-every 4 --checkpoint-every 2 --keep-last 0 --out run"));
    let result = bench.json("run/result.json");
    assert_eq!((&result["cost"]["steps"], &result["made_from"]["weights"]), (&Value::from(8), &weights));

    // What is saved is what is trained, and it moved; the checkpoints are as they were.
    let saved = files(&bench.path("run/checkpoints/step-8"));
    let trained = ["adapter/adapter_config.json", "adapter/adapter_model.safetensors", "bridge.safetensors"];
    let rest = ["checkpoint.json", "optimizer.safetensors", "schedule.json", "state.json"];
    assert_eq!(saved.keys().map(String::as_str).collect::<Vec<_>>(), [&trained[..], &rest[..]].concat());
    let first = files(&bench.path("run/checkpoints/step-0"));
    assert!(trained[1..].iter().all(|name| saved[*name] != first[*name]));
    let bridge = names(&saved["bridge.safetensors"]);
    assert!(bridge.iter().all(|name| name.starts_with("hearing.ln_") || name.starts_with("bridge.")), "{bridge:?}");
    let adapters = names(&saved["adapter/adapter_model.safetensors"]);
    assert!(adapters.iter().all(|name| name.contains(".lora_A.") || name.contains(".lora_B.")), "{adapters:?}");
    let count = |bytes: &[u8]| -> u64 {
        let file = SafeTensors::deserialize(bytes).unwrap();
        file.tensors().iter().map(|(_, tensor)| tensor.shape().iter().product::<usize>() as u64).sum()
    };
    assert_eq!(count(&saved["bridge.safetensors"]) + count(&saved["adapter/adapter_model.safetensors"]), checkpoints::TRAINED);
    let moments = names(&saved["optimizer.safetensors"]);
    assert!(moments.iter().all(|name| PretrainedAudioLm::is_trained(name)), "{moments:?}");
    assert_eq!(files(&bench.path("weights")), before);

    // Scores of the model in memory after training are those of what was saved beside the checkpoints.
    let scores = json("evaluate run --split test");
    assert_eq!(scores, result["test"]);

    // Stopped in the middle and continued: the same bytes.
    copy(&bench.path("run"), &bench.path("again"));
    for name in ["result.json", "checkpoints/step-8/checkpoint.json", "checkpoints/step-6/checkpoint.json"] {
        std::fs::remove_file(bench.path("again").join(name)).unwrap();
    }
    bench.ok("train --resume again --plain");
    let again = files(&bench.path("again/checkpoints/step-8"));
    for name in trained.iter().chain(&["optimizer.safetensors"]) {
        assert!(again[*name] == saved[*name], "{name}");
    }
    assert_eq!(bench.json("again/result.json")["test"], result["test"]);
    bench.ok("train --resume run --step 4 --learning-rate 0.02 --plain --fork fork");
    assert_ne!(files(&bench.path("fork/checkpoints/step-8"))["bridge.safetensors"], saved["bridge.safetensors"]);

    // Other checkpoints are refused, and named; the same ones elsewhere are not.
    copy(&bench.path("weights"), &bench.path("moved"));
    assert_eq!(json("evaluate run --weights moved"), scores);
    std::fs::remove_dir_all(bench.path("weights")).unwrap();
    let texts: Vec<String> = vec!["other".into()];
    checkpoints::write(&bench.path("other"), 8, &texts);
    std::fs::remove_file(bench.path("again/result.json")).unwrap();
    for command in ["evaluate run --weights other", "train --resume again --weights other"] {
        let message = bench.fails(command);
        assert!(message.contains("model-00001-of-00002.safetensors") && message.contains("--weights"), "{message}");
    }
    assert!(bench.fails("evaluate run").contains("weights"), "the folder is gone");

    // Adapters as PEFT has them.
    bench.ok("model export run --out exported");
    let exported = files(&bench.path("exported"));
    assert!(trained.iter().all(|name| exported[*name] == saved[*name]));
    let config = bench.json("exported/adapter/adapter_config.json");
    assert_eq!(
        (&config["peft_type"], &config["r"], &config["base_model_name_or_path"]),
        (&"LORA".into(), &2.into(), &"llama".into())
    );
    assert!(adapters.contains(&"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight".to_owned()), "{adapters:?}");
    assert!(bench.fails("model export run --out exported").contains("not empty"));

    // Questions about several files.
    let clips: Vec<PathBuf> =
        std::fs::read_dir(bench.path("data/pitch_class/audio")).unwrap().take(2).map(|clip| clip.unwrap().path()).collect();
    let ask = |clips: &[PathBuf], more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gst"));
        command.args(["ask", "run", "--weights", "moved", "--max-tokens", "6"]).args(more).args(clips).arg("What note is this?");
        let output = command.current_dir(bench.path("")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let both: Value = serde_json::from_str(&ask(&clips, &["--json"])).unwrap();
    let one: Value = serde_json::from_str(&ask(&clips[..1], &["--json"])).unwrap();
    assert_eq!((both.as_array().unwrap().len(), &both[0], &one["step"]), (2, &one, &Value::from(8)));
    let plain = ask(&clips, &[]);
    let lines: Vec<&str> = plain.lines().collect();
    assert!(lines[0].starts_with(&clips[0].display().to_string()), "{plain}");
    assert!(lines[0].ends_with(both[0]["answer"].as_str().unwrap()), "{plain}");
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_step() {
    let bench = bench();
    bench.ok(&format!("schedule --data data --only {DATASETS} --strategy mix-all --steps 2 --batch-size 4 --out mix.json"));
    let train = |more: &str| bench.fails(&format!("train --data data --only {DATASETS} --schedule mix.json --out run {more}"));
    let check = |more: &str, expected: &[&str]| {
        let message = train(more);
        assert!(expected.iter().all(|text| message.contains(text)), "{more}: {message}");
        assert!(!bench.path("run").exists());
    };
    check("--model tiny.toml", &["`weights`", "--weights DIR"]);
    check("--model mini --weights weights", &["`weights`", "trains from scratch"]);
    check(&format!("{USE} --tokenizer weights/llama/tokenizer.json"), &["`tokenizer`", "its own"]);
    check("--model tiny.toml --weights data", &["config.json"]);
    check("--model salmonn-1t --weights weights", &["salmonn-1t", "salmonn-13b", "mini"]);
}

/// Values of all parameters, by path.
#[derive(Default)]
struct Values {
    path: Vec<String>,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.join("."), param.val().into_data().iter::<f32>().collect());
    }
}

fn values(model: &impl AudioLm) -> BTreeMap<String, Vec<f32>> {
    let mut values = Values::default();
    model.visit(&mut values);
    values.found
}

fn config(bench: &Bench) -> TrainConfig {
    let (model, weights) = (bench.path("again.toml").display().to_string(), Some(bench.path("weights")));
    TrainConfig { model, weights, evaluate_every: 3, learning_rate: 0.01, ema: Some(0.9), ..tiny::config(bench) }
}

#[test]
fn wherever_a_run_is_stopped_it_goes_on_bit_for_bit_and_frozen_tensors_stay() {
    let bench = bench();
    let config = config(&bench);
    let setup = Setup::open(&config).unwrap();
    // Each dataset has a model of its own, so the second stage begins anew: from a clone, with no file left to read.
    let params = ScheduleParams { strategy: Strategy::Individual, steps: 6, seed: 7, ..ScheduleParams::default() };
    let schedule = tiny::schedule(&setup, &params);
    setup.fresh_model(config.seed).unwrap();
    setup.weights.as_ref().unwrap().files().unwrap();
    std::fs::rename(bench.path("weights"), bench.path("elsewhere")).unwrap();

    let folder = |name: &str| RunFolder::create(&bench.path(name)).unwrap();
    let whole = tiny::run(Trainer::new(&setup, &config, schedule.clone(), folder("whole")).unwrap(), u64::MAX);
    assert!(matches!(whole, Outcome::Finished(_)));
    // Each step asks before it begins and before each of its two parts: in the middle of a step, at a stage's end, right after a
    // load.
    for (number, stops) in [vec![4], vec![3 * schedule.body.boundaries()[1]], vec![0, 0, 3 * 2 + 1]].into_iter().enumerate() {
        let name = format!("parts-{number}");
        for (process, &calls) in stops.iter().chain([&u64::MAX]).enumerate() {
            let outcome = match process {
                0 => tiny::run(Trainer::new(&setup, &config, schedule.clone(), folder(&name)).unwrap(), calls),
                _ => tiny::resume(&setup, &config, &bench.path(&name), calls),
            };
            assert_eq!(matches!(outcome, Outcome::Finished(_)), calls == u64::MAX);
        }
        let checkpoint = |run: &str| files(&RunFolder::open(&bench.path(run)).unwrap().checkpoint(None).unwrap().folder);
        let (expected, found) = (checkpoint("whole"), checkpoint(&name));
        assert!(
            expected.contains_key("average/bridge.safetensors") && expected.contains_key("average/adapter/adapter_config.json")
        );
        for (file, bytes) in expected.iter().filter(|(file, _)| file.ends_with(".safetensors")) {
            assert!(found[file] == *bytes, "{file} differs after {stops:?}");
        }
    }

    // The loaded model, whose frozen tensors every run of this process shared, is still what lies in the files.
    std::fs::rename(bench.path("elsewhere"), bench.path("weights")).unwrap();
    let device = Device::flex().autodiff();
    let fresh = setup.weights.as_ref().unwrap().combination.load(config.seed, &device).unwrap();
    assert_eq!(values(&setup.fresh_model(config.seed).unwrap()), values(&fresh));
    let trained = RunFolder::open(&bench.path("whole")).unwrap().load(None, None, &device).unwrap().model;
    let (before, after) = (values(&AudioModel::Pretrained(fresh)), values(&trained));
    assert!(before.keys().eq(after.keys()));
    let moved: Vec<&String> = before.iter().filter(|(path, value)| after[*path] != **value).map(|(path, _)| path).collect();
    assert!(moved.iter().all(|path| PretrainedAudioLm::is_trained(path)), "{moved:?}");
    for part in ["hearing.ln_speech", "bridge.", "q_proj.lora.lora_a", "v_proj.lora.lora_b"] {
        assert!(moved.iter().any(|path| path.contains(part)), "{part}: {moved:?}");
    }
}
