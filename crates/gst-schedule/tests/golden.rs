//! Two independent programs draw the same samples: the crate, and docs/schedule_reader.py, whose draws are stored in tests/golden.
//!
//! After a change that is meant to move draws (it needs a new format version): `GST_WRITE_FIXTURES=1 cargo test -p gst-schedule --test
//! golden`, then `python xtask/reference/schedule_golden.py`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper that fails is the test failing")]

use gst_affinity::{DatasetFacts, Document, content_hash};
use gst_schedule::{AdaptiveParams, Change, Decision, Draws, Schedule, ScheduleParams, Strategy, Weighting};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const DRAWS: u64 = 10_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn datasets() -> Vec<DatasetFacts> {
    let sizes = [
        ("speech", 1600),
        ("musik, «laut»", 900),
        ("鳥", 401),
        ("a \"quoted\" name", 97),
        ("one", 1),
        ("two", 2),
        ("tiny share", 333),
    ];
    let mut datasets = sizes.map(|(name, size)| DatasetFacts::new(name, size)).to_vec();
    DatasetFacts::weigh_by_size(&mut datasets);
    datasets[6].weight = 6e-5;
    datasets
}

/// One schedule for each kind of thing a reader has to understand.
fn fixtures() -> Vec<(&'static str, Schedule)> {
    let data = datasets();
    let groups = vec![vec![1, 4], vec![0, 6], vec![2, 3, 5]];
    let base = ScheduleParams { steps: 400, seed: 0x1234_5678_9ABC_DEF0, ..ScheduleParams::default() };
    let new = |params: &ScheduleParams| Schedule::new(&data, Some(&groups), params).unwrap();
    let mix = new(&base);
    let individual = new(&ScheduleParams { strategy: Strategy::Individual, weighting: Weighting::Uniform, ..base.clone() });
    let cycle = new(&ScheduleParams { strategy: Strategy::StrictCycle, replay_floor: 0.1, ramp_steps: 7, ..base.clone() });
    let ramps = new(&ScheduleParams {
        strategy: Strategy::GstReverse,
        weighting: Weighting::Temperature(2.0),
        ramp_steps: 57,
        replay_floor: 0.3,
        seed: u64::MAX,
        batch_size: 31,
        ..base.clone()
    });
    let regrouping = AdaptiveParams { regroup: true, ..AdaptiveParams::default() };
    let adaptive = new(&ScheduleParams {
        strategy: Strategy::GstAdaptive,
        mix_floor: Some(0.0),
        ramp_steps: 20,
        adaptive: regrouping,
        ..base
    });
    let decisions = [
        (33, Change::Advance),
        (33, Change::Regroup { groups: vec![vec![5], vec![0, 2], vec![3, 6]] }),
        (70, Change::Reweight { weights: vec![5, 1, 0] }),
        (150, Change::MixAll),
    ];
    let log: Vec<Decision> = decisions.map(|(step, change)| Decision { step, change, reason: "fixture".to_owned() }).to_vec();
    let decided = adaptive.replay(&log).unwrap();
    vec![
        ("mix-all", mix),
        ("individual", individual),
        ("strict-cycle", cycle),
        ("gst-reverse-ramps", ramps),
        ("gst-adaptive-decided", decided),
    ]
}

/// The files are what the crate resolves today.
#[test]
fn schedules_are_what_the_golden_files_hold() {
    for (name, schedule) in fixtures() {
        let path = folder().join(format!("{name}.schedule.json"));
        if std::env::var_os("GST_WRITE_FIXTURES").is_some() {
            std::fs::write(&path, Document::new(schedule.clone()).to_json().unwrap()).unwrap();
        }
        let held = Document::<Schedule>::from_json(&std::fs::read_to_string(&path).unwrap(), name).unwrap().body;
        assert_eq!(held, schedule, "{name}");
    }
}

/// The crate's first draws, a line each: number, dataset, sample, epoch.
fn drawn(name: &str) -> String {
    let text = std::fs::read_to_string(folder().join(format!("{name}.schedule.json"))).unwrap();
    let draws = Draws::new(&Document::<Schedule>::from_json(&text, name).unwrap().body).unwrap();
    let line = |n| {
        let draw = draws.draw(n);
        format!("{n} {} {} {}\n", draw.dataset, draw.index, draw.epoch)
    };
    (0..DRAWS).map(line).collect()
}

#[test]
fn the_crate_draws_what_the_python_reader_drew() {
    for (name, _) in fixtures() {
        let file = |kind: &str| std::fs::read_to_string(folder().join(format!("{name}.{kind}"))).unwrap();
        let all = drawn(name);
        let kept = all.split_inclusive('\n').enumerate().filter(|(n, _)| *n < 40 || n % 100 == 0).map(|(_, line)| line);
        let kept: String = kept.collect();
        let mut found = content_hash(all.as_bytes());
        let _ = write!(found, "\n{kept}");
        // Line by line first, so that a failure shows the first draw that differs.
        for (found, expected) in found.lines().zip(file("draws.txt").lines()).skip(1) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(found, file("draws.txt"), "{name}");
    }
}

/// A Python 3 of this machine, if there is one.
fn python() -> Option<&'static str> {
    let check = ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"];
    ["python3", "python"].into_iter().find(|name| Command::new(name).args(check).status().is_ok_and(|status| status.success()))
}

/// The golden files would not notice a change in the published reader: here it runs itself, where Python is installed.
#[test]
fn the_published_reader_draws_what_the_crate_draws() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python 3.8 or newer is installed here");
        return;
    };
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schedule_reader.py");
    for (name, _) in fixtures() {
        let schedule = folder().join(format!("{name}.schedule.json"));
        // -B: leave no compiled file in docs/.
        let output = Command::new(python).arg("-B").arg(&reader).arg(schedule).arg(DRAWS.to_string()).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let found = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
        let expected = drawn(name);
        assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{name}: the reader's draw, the crate's draw");
        }
    }
}
