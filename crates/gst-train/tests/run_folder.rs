//! Who may go on with a run, with what, and how it is stopped.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::process::{Child, Command, Stdio};

use common::tiny;
use common::{Bench, DATASETS};
use gst_schedule::{ScheduleParams, Strategy};
use gst_train::{RunFolder, Setup, TrainConfig, Trainer};

/// A run of six steps of four samples that was stopped after three, and the schedules `mix.json` (its own) and `larger.json`.
fn stopped(bench: &Bench) {
    let config = TrainConfig { micro_batch: 16, ..tiny::config(bench) };
    let setup = Setup::open(&config).unwrap();
    let params = ScheduleParams { strategy: Strategy::MixAll, steps: 6, seed: 7, ..ScheduleParams::default() };
    let mut schedule = tiny::schedule(&setup, &params);
    let trainer = Trainer::new(&setup, &config, schedule.clone(), RunFolder::create(&bench.path("run")).unwrap()).unwrap();
    std::fs::write(bench.path("mix.json"), schedule.to_json().unwrap()).unwrap();
    // Asked before each step and before each of its two parts.
    tiny::run(trainer, 3 * 3);
    schedule.body.batch_size = 8;
    std::fs::write(bench.path("larger.json"), schedule.to_json().unwrap()).unwrap();
}

fn steps(bench: &Bench, run: &str) -> Vec<serde_json::Value> {
    let text = bench.text(&format!("{run}/metrics.jsonl"));
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["event"] == "step").collect()
}

#[test]
fn what_changed_is_refused_or_forked() {
    let bench = Bench::new();
    stopped(&bench);
    let refused = |arguments: &str, parts: &[&str]| {
        let message = bench.fails(&format!("train --resume run {arguments}"));
        for part in parts.iter().chain(&["--fork"]) {
            assert!(message.contains(part), "{arguments}: expected `{part}` in: {message}");
        }
    };
    refused("--seed 9 --learning-rate 1e-4", &["seed: the run has 0, given is 9", "learning_rate: the run has 0.002"]);
    refused("--model maxi", &["model: the run has `mini`"]);
    refused("--schedule larger.json", &["schedule.batch_size: the run has 4, given is 8"]);
    let manifest = bench.path("data/pitch_class/train.jsonl");
    let lines = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, lines.split_once('\n').unwrap().1).unwrap();
    refused("", &["data fingerprint: the run has sha256:"]);
    std::fs::write(&manifest, lines).unwrap();
    let mixed = bench.fails("train --data data --schedule mix.json --out run");
    assert!(mixed.contains("--resume run") && mixed.contains("step 3"), "{mixed}");
    assert_eq!(steps(&bench, "run").len(), 3);

    bench.ok("train --resume run --fork --schedule larger.json --learning-rate 1e-4");
    let fork = bench.json("run-fork-1/fork.json");
    let changed: Vec<&str> = fork["changed"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!((&fork["step"], changed), (&3.into(), vec!["learning_rate", "schedule.batch_size"]));
    let lost: u64 = fork["datasets"].as_array().unwrap().iter().map(|dataset| dataset["lost"].as_u64().unwrap()).sum();
    assert_eq!(lost, 3 * (8 - 4), "{fork}");
    let (old, new) = (steps(&bench, "run"), steps(&bench, "run-fork-1"));
    assert_eq!(old[..], new[..3]);
    assert_eq!(new.iter().map(|step| step["samples"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 8, 12, 20, 28, 36]);
    let none = bench.fails("train --resume run --fork other --step 2");
    assert!(none.contains("no checkpoint of step 2; it has 0, 3"), "{none}");

    // The same schedule, given again, is no change; data that moved is named; the end is the end.
    std::fs::rename(bench.path("data"), bench.path("moved")).unwrap();
    let gone = bench.fails("train --resume run --schedule mix.json");
    assert!(gone.contains("--data DIR"), "{gone}");
    bench.ok("train --resume run --schedule mix.json --data moved --workers 2");
    assert_eq!(steps(&bench, "run").len(), 6);
    let finished = bench.fails("train --resume run");
    assert!(finished.contains("finished run"), "{finished}");
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let bench = Bench::new();
    stopped(&bench);
    let weights = bench.path("run/checkpoints/step-3/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let message = bench.fails("evaluate run");
    assert!(message.contains("step-3") && message.contains("damaged"), "{message}");
    assert!(bench.ok("evaluate run --step 0").contains("step 0, test split"));
    assert!(
        bench
            .fails("ask run data/pitch_class/audio/test_0000.wav What? --step 2")
            .contains("no checkpoint of step 2; it has 0, 3")
    );
    let output = bench.gst("train --resume run");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("passed over") && stderr.contains("3 steps after the checkpoint of step 0 are lost"), "{stderr}");
    assert_eq!(steps(&bench, "run").len(), 6);
}

/// A run that would go on for long, when it has done its first steps.
#[cfg(unix)]
fn long(bench: &Bench) -> Child {
    bench
        .ok(&format!("schedule --data data --only {DATASETS} --strategy mix-all --steps 100000 --batch-size 64 --out long.json"));
    std::fs::write(bench.path("long.toml"), "micro_batch = 64\nevaluate_every = 0\n").unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_gst"))
        .args([
            "train",
            "--config",
            "long.toml",
            "--data",
            "data",
            "--only",
            DATASETS,
            "--schedule",
            "long.json",
            "--out",
            "long",
        ])
        .current_dir(bench.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !std::fs::read_to_string(bench.path("long/metrics.jsonl")).is_ok_and(|text| text.lines().count() >= 2) {
        std::thread::yield_now();
    }
    child
}

#[cfg(unix)]
fn signal(child: Child, script: &str) -> std::process::Output {
    let sent = Command::new("sh").args(["-c", &script.replace("PID", &child.id().to_string())]).status().unwrap();
    assert!(sent.success());
    child.wait_with_output().unwrap()
}

#[cfg(unix)]
#[test]
fn one_process_at_a_time_and_signals_end_it() {
    let bench = Bench::new();
    let child = long(&bench);
    let refused = bench.fails("train --resume long");
    assert!(refused.contains(&format!("process {} is at work", child.id())), "{refused}");
    let ended = signal(child, "kill -TERM PID");
    let stdout = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success() && stdout.contains("`gst train --resume long` goes on"), "{stdout}");
    assert!(bench.ok("evaluate long").contains("weighted"));
    std::fs::remove_dir_all(bench.path("long")).unwrap();

    // The second signal does not wait for the step.
    let ended = signal(long(&bench), "kill -INT PID; sleep 0.05; kill -INT PID");
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    // What it left can be continued all the same.
    let waiting = bench.fails("train --resume long --seed 3");
    assert!(waiting.contains("seed: the run has 0"), "{waiting}");
}

#[test]
fn activations_computed_again_change_no_bit() {
    let bench = Bench::new();
    bench.train("kept", 3);
    let common = format!("--data data --only {DATASETS} --schedule mix.json --evaluate-every 0 --seed 5");
    bench.ok(&format!("train {common} --gradient-checkpointing --out again"));
    let weights = |run: &str| std::fs::read(bench.path(&format!("{run}/checkpoints/step-3/model.safetensors"))).unwrap();
    assert!(weights("kept") == weights("again"));
    assert!(bench.text("again/config.toml").contains("gradient_checkpointing = true"));
}
