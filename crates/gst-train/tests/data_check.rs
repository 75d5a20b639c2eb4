//! `gst data check`: files that hang or crash a decoder cost that file only, and training goes round them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::Bench;
use gst_data::check::{Examined, Workers};
use gst_data::suite::SuiteParams;

fn wav(folder: &Path, name: &str) -> PathBuf {
    let found = fs::read_dir(folder.join("pitch_class/audio")).unwrap().next().unwrap().unwrap().path();
    let path = folder.join(name);
    fs::copy(found, &path).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn a_file_that_hangs_is_named_and_the_work_goes_on() {
    let bench = Bench::new();
    let data = bench.path("data");
    let (first, pipe, last) = (wav(&data, "first.wav"), data.join("pipe.wav"), wav(&data, "last.wav"));
    // Opening a pipe that nobody writes to blocks for ever.
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let examine = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gst"));
        command.args(["data", "examine", "--time-limit", "60"]);
        command
    };
    let workers = Workers::new(examine, Duration::from_secs(5));
    assert!(matches!(workers.examine(&first, None).unwrap(), Examined::Good(_)));
    let began = Instant::now();
    let Examined::Bad { file_hash: None, reason } = workers.examine(&pipe, None).unwrap() else { panic!("a pipe decodes") };
    assert!(reason.contains("pipe.wav") && reason.contains("longer than 5 s"), "{reason}");
    assert!(began.elapsed() >= Duration::from_secs(5));
    let Examined::Good(facts) = workers.examine(&last, None).unwrap() else { panic!("the work does not go on") };
    assert_eq!(workers.examine(&last, Some(&facts.file_hash)).unwrap(), Examined::Same);
}

#[test]
fn broken_clips_are_set_aside_and_training_goes_round_them() {
    let bench = Bench::new();
    let audio = bench.path("data/pitch_class/audio");
    let manifest = bench.text("data/pitch_class/train.jsonl");
    let clip = |line: usize| {
        let record: serde_json::Value = serde_json::from_str(manifest.lines().nth(line).unwrap()).unwrap();
        record["audio"].as_str().unwrap().to_owned()
    };
    let broken = clip(3);
    fs::write(bench.path("data/pitch_class").join(&broken), "no audio").unwrap();
    let check = |arguments: &str| -> serde_json::Value { serde_json::from_str(&bench.ok(arguments)).unwrap() };

    let first = check("--json data check data");
    assert_eq!(first["decoded"], first["clips"]);
    let quarantine = first["quarantine"].as_array().unwrap();
    assert_eq!(quarantine.len(), 1, "{quarantine:?}");
    assert_eq!((&quarantine[0]["dataset"], &quarantine[0]["audio"]), (&"pitch_class".into(), &broken.clone().into()));
    assert!(quarantine[0]["reason"].as_str().unwrap().contains("not a readable"), "{quarantine:?}");
    let rows = bench.text("data/quarantine.jsonl");
    assert!(rows.lines().count() == 2 && rows.contains(&broken), "{rows}");
    assert_eq!(bench.text("data/verified.jsonl").lines().count() as u64, first["clips"].as_u64().unwrap());

    // What a check leaves is no change of the data; what it sets aside is.
    let fingerprint = || bench.ok("data fingerprint data");
    let without = fingerprint();
    fs::remove_file(bench.path("data/verified.jsonl")).unwrap();
    assert_eq!(fingerprint(), without);
    fs::rename(bench.path("data/quarantine.jsonl"), bench.path("aside.jsonl")).unwrap();
    assert_ne!(fingerprint(), without);
    check("--json data check data");
    assert_eq!(fingerprint(), without);
    assert!(without.starts_with("sha256:") && check("--json data fingerprint data")["fingerprint"] == without.trim());

    // Only what has changed is decoded.
    assert_eq!(check("--json data check data")["decoded"], 0);
    let other = fs::read_dir(&audio).unwrap().map(|entry| entry.unwrap().path()).find(|path| !path.ends_with(&broken)).unwrap();
    let bytes = fs::read(&other).unwrap();
    fs::write(&other, bytes).unwrap();
    assert_eq!(check("--json data check data")["decoded"], 0, "the same bytes");
    gst_data::suite::generate(&bench.path("other"), &SuiteParams { seed: 2, scale: 0.1 }, |_, _| {}).unwrap();
    let another = fs::read_dir(bench.path("other/pitch_class/audio")).unwrap().next().unwrap().unwrap().path();
    fs::copy(another, &other).unwrap();
    assert_eq!(check("--json data check data")["decoded"], 1);

    let schedule = "schedule --data data --only pitch_class --strategy mix-all --steps 2 --batch-size 4 --validation-share 0";
    let message = bench.gst(&format!("{schedule} --out s.json"));
    let message = String::from_utf8(message.stderr).unwrap();
    assert!(message.contains("left out: 1 records of quarantined clips"), "{message}");
    let size = bench.json("s.json")["datasets"][0]["size"].as_u64().unwrap();
    assert_eq!(size + 1, manifest.lines().count() as u64);
    let text = bench.ok("data check data");
    for part in ["0 of ", "quarantined clips (left out): 1", "problems: 0"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}
