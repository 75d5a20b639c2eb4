//! Broken clips in a run: replaced the same way whoever loads them, listed, counted, and too many of them an error.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::{Bench, DATASETS};
use gst_data::{Collection, Dataset, OpenParams, Split};
use gst_train::quarantine::{self, SetAside};

/// Steps and samples a step: each of the records is drawn several times.
const STEPS: usize = 30;
const BATCH: usize = 24;

fn datasets(bench: &Bench) -> Vec<Dataset> {
    let only = Some(DATASETS.split(',').map(str::to_owned).collect());
    let params = OpenParams { only, ..OpenParams::default() };
    Collection::open(&bench.path("data"), &params).unwrap().datasets
}

/// Damages every `every`th clip of the records of `split` in `dataset`; returns `dataset/id` of the records about them.
fn damage(dataset: &Dataset, split: Split, every: usize) -> BTreeSet<String> {
    let clips: BTreeSet<PathBuf> =
        dataset.records(split).step_by(every).map(|record| dataset.audio_path(&record.unwrap())).collect();
    for clip in &clips {
        // The size stays, so that the data is the same as far as a fingerprint sees.
        std::fs::write(clip, vec![b'x'; std::fs::metadata(clip).unwrap().len() as usize]).unwrap();
    }
    let about = |record: &gst_data::Record| clips.contains(&dataset.audio_path(record));
    dataset.records(split).map(Result::unwrap).filter(about).map(|record| format!("{}/{}", dataset.name, record.id)).collect()
}

fn schedule(bench: &Bench) {
    bench.ok(&format!(
        "schedule --data data --only {DATASETS} --strategy mix-all --steps {STEPS} --batch-size {BATCH} --out mix.json"
    ));
}

fn train(run: &str, more: &str) -> String {
    format!("train --data data --only {DATASETS} --schedule mix.json --evaluate-every 0 --seed 5 --out {run} {more}")
}

fn listed(bench: &Bench, run: &str) -> Vec<SetAside> {
    quarantine::read(&bench.path(&format!("{run}/quarantine.jsonl"))).unwrap()
}

#[test]
fn one_percent_of_broken_clips_is_replaced_and_listed() {
    let bench = Bench::new();
    let datasets = datasets(&bench);
    let records: usize = datasets.iter().map(|dataset| dataset.len(Split::Train)).sum();
    assert!(STEPS * BATCH >= 3 * records, "{records} records: draw each several times");
    let broken = damage(&datasets[1], Split::Train, datasets[1].len(Split::Train).div_ceil(1 + records / 300));
    assert!((1..=1 + records / 50).contains(&broken.len()), "{} of {records}", broken.len());
    let in_test = damage(&datasets[0], Split::Test, usize::MAX);
    schedule(&bench);

    bench.ok(&train("run", ""));
    let list = listed(&bench, "run");
    let names = |split: Split| -> BTreeSet<String> {
        list.iter().filter(|entry| entry.split == split).map(|entry| format!("{}/{}", entry.dataset, entry.id)).collect()
    };
    assert_eq!(names(Split::Train), broken);
    assert_eq!(names(Split::Test), in_test);
    assert_eq!(list.len(), broken.len() + in_test.len(), "one line a record");
    for entry in &list {
        assert!(entry.reason.contains(&entry.audio) && entry.reason.contains(&entry.dataset), "{}", entry.reason);
        assert_eq!(entry.replaced_by.is_some(), entry.split == Split::Train);
        assert!(entry.replaced_by.as_ref().is_none_or(|id| !broken.contains(&format!("{}/{id}", entry.dataset))));
        assert_eq!(entry.step.is_some(), entry.split == Split::Train);
    }
    let result = bench.json("run/result.json");
    assert_eq!(result["set_aside"], list.len());
    assert_eq!(result["cost"]["samples"], STEPS * BATCH);
    let scored = &result["test"]["datasets"][&datasets[0].name]["records"];
    assert_eq!(*scored, datasets[0].len(Split::Test) - in_test.len());

    // The share of time spent waiting is there at every step.
    for line in bench.text("run/metrics.jsonl").lines().filter(|line| line.contains("\"event\":\"step\"")) {
        let step: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!((0.0..=1.0).contains(&step["data_wait_share"].as_f64().unwrap()), "{line}");
    }

    // Threads, memory, and features from disk change neither the weights nor the list.
    let weights = |run: &str| std::fs::read(bench.path(&format!("{run}/checkpoints/step-{STEPS}/model.safetensors"))).unwrap();
    for (run, more) in
        [("none", "--workers 0"), ("four", "--workers 4 --cache-dir kept"), ("again", "--workers 1 --cache-dir kept")]
    {
        bench.ok(&train(run, more));
        assert!(weights(run) == weights("run"), "{run}");
        assert_eq!(listed(&bench, run), list, "{run}");
    }
    assert!(bench.path("kept").is_dir());
    let evaluated = bench.gst("evaluate run");
    assert!(evaluated.status.success() && String::from_utf8_lossy(&evaluated.stderr).contains("left out"));
}

#[test]
fn more_than_the_limit_stops_the_run() {
    let bench = Bench::new();
    let broken: usize = datasets(&bench).iter().map(|dataset| damage(dataset, Split::Train, 10).len()).sum();
    schedule(&bench);
    let message = bench.fails(&train("run", ""));
    for part in ["broken train records", "max_broken_share", "0.02", "quarantine.jsonl", "gst data check"] {
        assert!(message.contains(part), "expected `{part}` in: {message}");
    }
    let listed_records = listed(&bench, "run").len();
    assert!(listed_records > 1 && listed_records <= broken);
    assert!(!bench.path("run/result.json").exists());
    // A larger share lets it through, none stops at the first.
    bench.ok(&train("patient", "--max-broken-share 0.2"));
    assert_eq!(listed(&bench, "patient").iter().filter(|entry| entry.split == Split::Train).count(), broken);
    assert!(bench.fails(&train("strict", "--max-broken-share 0")).contains("the share of 0 that"));
    assert!(bench.fails(&train("wrong", "--max-broken-share 2")).contains("max_broken_share"));
}

#[test]
fn a_dataset_without_a_usable_clip_is_named() {
    let bench = Bench::new();
    damage(&datasets(&bench)[2], Split::Train, 1);
    assert!(
        bench
            .fails(&format!("schedule --data data --only {DATASETS} --strategy mix-all --steps 5 --out mix.json"))
            .contains("pitch_class")
    );
}

#[test]
fn a_list_is_read_to_its_last_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quarantine.jsonl");
    assert_eq!(quarantine::read(&path).unwrap(), []);
    let good = r#"{"step":3,"split":"train","dataset":"a","id":"b","audio":"c.wav","reason":"d","replaced_by":"e"}"#;
    std::fs::write(&path, format!("{good}\n{}", &good[..40])).unwrap();
    assert_eq!(quarantine::read(&path).unwrap().len(), 1);
    std::fs::write(&path, format!("{good}\n{{}}\n{good}\n")).unwrap();
    let message = quarantine::read(&path).unwrap_err().to_string();
    assert!(message.contains("quarantine.jsonl") && message.contains("line 2"), "{message}");
}
