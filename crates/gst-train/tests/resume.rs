//! A run that was stopped and continued is, bit for bit, the run that was not.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::Bench;
use common::tiny::{adapted, config, pretrain, resume, run, schedule, setup};
use gst_affinity::artifact::Document;
use gst_schedule::{ReweightRule, Schedule, ScheduleParams, Strategy};
use gst_train::batches::Batcher;
use gst_train::optimizer::parameter_groups::ParameterGroup;
use gst_train::rate::{RateHorizon, RateShape};
use gst_train::trainer::Outcome;
use gst_train::{RunFolder, Setup, TrainConfig, Trainer};

/// What must not differ: weights, moments, the resolved schedule, the result, and every line of the ledger but for its times.
fn essence(run: &Path) -> Vec<(String, Vec<u8>)> {
    let newest = RunFolder::open(run).unwrap().checkpoint(None).unwrap();
    let file = |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap());
    let mut parts = vec![file(newest.file("model.safetensors")), file(newest.file("optimizer.safetensors"))];
    parts.push(file(run.join("schedule.json")));
    parts.extend(Some(newest.file("average.safetensors")).filter(|path| path.is_file()).map(file));
    let events = run.join("tensorboard/events.out.tfevents.gst");
    if events.is_file() {
        parts.push(("event file".into(), untimed_events(&std::fs::read(events).unwrap())));
    }
    for name in ["metrics.jsonl", "result.json"] {
        let text = std::fs::read_to_string(run.join(name)).unwrap();
        let lines = text.lines().map(|line| {
            let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
            untimed(&mut value);
            value.to_string()
        });
        parts.push((name.to_owned(), lines.collect::<Vec<_>>().join("\n").into_bytes()));
    }
    parts
}

fn untimed(value: &mut serde_json::Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| {
            !["wall_seconds", "data_wait_seconds", "data_wait_share", "evaluation_seconds", "peak_memory_bytes"]
                .contains(&key.as_str())
        });
        object.values_mut().for_each(untimed);
    }
}

/// The data of every record but for the wall time that it begins with, and for the value of `data_wait_seconds`.
fn untimed_events(mut rest: &[u8]) -> Vec<u8> {
    let mut events = Vec::new();
    while !rest.is_empty() {
        let length = usize::try_from(u64::from_le_bytes(rest[..8].try_into().unwrap())).unwrap();
        let mut event = rest[12 + 9..12 + length].to_vec();
        let tag = b"data_wait_seconds";
        if let Some(at) = event.windows(tag.len()).position(|window| window == tag) {
            event[at + tag.len()..at + tag.len() + 5].fill(0);
        }
        events.extend(event);
        rest = &rest[12 + length + 4..];
    }
    events
}

/// Follows `schedule` in one go, and then in several: the n-th process stops when it is asked for the `stops[n]`-th time (each
/// step asks once before it begins and once before each of its two parts) and uses `n` loader threads; the last goes to the end.
fn check(bench: &Bench, setup: &Setup, config: &TrainConfig, schedule: &Document<Schedule>, stops: &[u64]) {
    let whole = bench.path("whole");
    if !whole.exists() {
        let outcome = run(Trainer::new(setup, config, schedule.clone(), RunFolder::create(&whole).unwrap()).unwrap(), u64::MAX);
        assert!(matches!(outcome, Outcome::Finished(_)));
    }
    let parts = bench.path("parts");
    let mut steps = Vec::new();
    for (process, &calls) in stops.iter().chain([&u64::MAX]).enumerate() {
        let config = TrainConfig { workers: process % 4, ..config.clone() };
        let outcome = if process == 0 {
            run(Trainer::new(setup, &config, schedule.clone(), RunFolder::create(&parts).unwrap()).unwrap(), calls)
        } else {
            resume(setup, &config, &parts, calls)
        };
        match outcome {
            Outcome::Stopped { step } => steps.push(step),
            Outcome::Finished(_) => assert_eq!(process, stops.len(), "ended before it was stopped: {stops:?}"),
        }
    }
    for ((name, expected), (_, found)) in essence(&whole).into_iter().zip(essence(&parts)) {
        assert!(expected == found, "{name} differs after stops at steps {steps:?} (asked {stops:?})");
    }
    std::fs::remove_dir_all(parts).unwrap();
}

fn params(strategy: Strategy, steps: u64) -> ScheduleParams {
    ScheduleParams { strategy, steps, seed: 7, ..ScheduleParams::default() }
}

#[test]
fn fifty_and_fifty_are_a_hundred() {
    let bench = Bench::new();
    let config = TrainConfig { evaluate_every: 40, ..config(&bench) };
    let setup = setup(&config);
    let schedule = schedule(&setup, &params(Strategy::MixAll, 100));
    check(&bench, &setup, &config, &schedule, &[3 * 50]);
}

#[test]
fn wherever_it_is_stopped() {
    let bench = Bench::new();
    let config = config(&bench);
    let setup = setup(&config);
    let schedule = schedule(&setup, &ScheduleParams { early_share: 0.25, ..params(Strategy::GstProgressive, 12) });
    assert_eq!(schedule.body.boundaries(), [0, 3, 6, 12]);
    let before = |step: u64| 3 * step;
    // At step 0; at the last step of a stage, at its end, and one step on; in the middle of a step of a new stage.
    for stops in [vec![0], vec![before(2)], vec![before(3)], vec![before(4)], vec![before(3) + 2]] {
        check(&bench, &setup, &config, &schedule, &stops);
    }
    // In the middle of the first step, then right after a load, then twice in one stage, then in the middle of a step.
    check(&bench, &setup, &config, &schedule, &[2, 0, 0, before(1), before(1), before(5) + 1, 1]);
}

#[test]
fn with_decisions_on_both_sides() {
    let bench = Bench::new();
    let config = TrainConfig { evaluate_every: 2, ..config(&bench) };
    let setup = setup(&config);
    let mut adaptive = schedule(&setup, &ScheduleParams { early_share: 0.25, ..params(Strategy::GstAdaptive, 16) });
    let policy = adaptive.body.policy.as_mut().unwrap();
    policy.regroup = true;
    // Without the rule that gives staging up: so early it would.
    policy.transfer = None;
    check(&bench, &setup, &config, &adaptive, &[3 * 3, 3, 3 * 3 + 1]);
    let resolved: Document<Schedule> = Document::from_json(&bench.text("whole/schedule.json"), "whole").unwrap();
    let taken: Vec<u64> = resolved.body.decisions.iter().map(|decision| decision.step).collect();
    assert!(taken.first().is_some_and(|&first| first >= 3), "{taken:?}");
    // Asked to stop exactly where the first decision is taken, before and after it.
    check(&bench, &setup, &config, &adaptive, &[3 * taken[0], 0, 1]);
    std::fs::remove_dir_all(bench.path("whole")).unwrap();

    let rule = ReweightRule { every: 2, ..ReweightRule::default() };
    let mut mixed = schedule(&setup, &params(Strategy::MixAdaptive, 14));
    mixed.body.policy.as_mut().unwrap().reweight = Some(rule);
    check(&bench, &setup, &config, &mixed, &[3 * 5, 3 * 4]);
    let resolved: Document<Schedule> = Document::from_json(&bench.text("whole/schedule.json"), "whole").unwrap();
    assert!(resolved.body.decisions.len() >= 2, "{:?}", resolved.body.decisions);
}

#[test]
fn models_of_their_own() {
    let bench = Bench::new();
    let config = TrainConfig { evaluate_every: 3, ..config(&bench) };
    let setup = setup(&config);
    let schedule = schedule(&setup, &params(Strategy::Individual, 12));
    let second = schedule.body.boundaries()[1];
    for stops in [vec![3 * second - 1], vec![3 * second], vec![3 * second + 2, 0, 3]] {
        check(&bench, &setup, &config, &schedule, &stops);
    }
}

#[test]
fn averages_groups_horizons_and_event_files() {
    let bench = Bench::new();
    let group = ParameterGroup { pattern: "^encoder".into(), learning_rate_factor: 0.5, weight_decay: Some(0.5) };
    let config = TrainConfig {
        ema: Some(0.9),
        rate: RateShape::Wsd,
        rate_horizon: RateHorizon::Stage,
        parameter_groups: vec![group],
        tensorboard: true,
        evaluate_every: 2,
        evaluate_every_seconds: 5.0,
        ..config(&bench)
    };
    let setup = setup(&config);
    let schedule = schedule(&setup, &ScheduleParams { early_share: 0.25, ..params(Strategy::GstProgressive, 12) });
    // At step 0; around the switch of a stage; in the middle of a step; several times.
    for stops in [vec![0], vec![3 * 2], vec![3 * 3], vec![3 * 3 + 2], vec![3 * 4, 0, 1, 3 * 3]] {
        check(&bench, &setup, &config, &schedule, &stops);
    }
    let newest = RunFolder::open(&bench.path("whole")).unwrap().checkpoint(None).unwrap();
    let file = |name: &str| std::fs::read(newest.file(name)).unwrap();
    assert!(file("average.safetensors") != file("model.safetensors"));
}

#[test]
fn adapters_beside_what_is_frozen() {
    let bench = Bench::new();
    pretrain(&bench, "start", "--steps 4 --seed 2");
    let (config, setup) = adapted(&bench, "start");
    let config = TrainConfig { ema: Some(0.9), evaluate_every: 3, ..config };
    // Every stage begins anew with what was pre-trained.
    let schedule = schedule(&setup, &params(Strategy::Individual, 12));
    let second = schedule.body.boundaries()[1];
    for stops in [vec![0], vec![3 * second], vec![3 * second + 2, 0, 3]] {
        check(&bench, &setup, &config, &schedule, &stops);
    }
}

#[test]
fn a_million_steps_on_is_found_at_once() {
    let bench = Bench::new();
    let config = config(&bench);
    let setup = setup(&config);
    let schedule = schedule(&setup, &params(Strategy::GstProgressive, 2_000_000));
    let began = Instant::now();
    let batch = Batcher::new(&setup, &schedule.body, &config).unwrap().step(1_000_000).unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!((batch.step, batch.cost.samples), (1_000_000, 4));
}

#[test]
fn the_best_is_kept_and_no_progress_ends_the_run() {
    let bench = Bench::new();
    // A rate so small that no prediction changes: the first evaluation stays the best.
    let config =
        TrainConfig { evaluate_every: 2, learning_rate: 1e-12, keep_last: 1, keep_best: true, stop_after: 3, ..config(&bench) };
    let setup = setup(&config);
    let schedule = schedule(&setup, &params(Strategy::MixAll, 40));
    let folder = bench.path("run");
    let outcome = run(Trainer::new(&setup, &config, schedule, RunFolder::create(&folder).unwrap()).unwrap(), u64::MAX);
    let Outcome::Finished(result) = outcome else { panic!("stopped") };
    assert_eq!((result.stopped_early, result.cost.steps), (Some(8), 8));
    let kept = gst_train::checkpoint::list(&folder.join("checkpoints")).unwrap();
    assert_eq!(kept.iter().map(|checkpoint| checkpoint.step).collect::<Vec<_>>(), [2, 8]);
}
