//! `kill -9` at random points of saving and training: the run can always be continued, never goes back behind a whole checkpoint,
//! and ends as if nothing had happened.
//!
//! This program is its own child: with `GST_CRASH_RUN` set it trains. `GST_KILLS` says how often it is killed (default 200).
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::tiny;
use common::{Bench, DATASETS};
use gst_schedule::{ScheduleParams, Strategy};
use gst_train::trainer::Outcome;
use gst_train::{RunFolder, TrainConfig, Trainer, checkpoint, seed};

const STEPS: u64 = 60;
/// A kill waits at most so long after training has begun: a few steps and their checkpoints.
const LONGEST: Duration = Duration::from_millis(120);

fn config(data: PathBuf) -> TrainConfig {
    let only = DATASETS.split(',').map(str::to_owned).collect();
    let config =
        TrainConfig { data, only, limit: Some(24), vocabulary: 300, micro_batch: 2, workers: 1, ..TrainConfig::default() };
    TrainConfig { evaluate_every: 20, checkpoint_every: 1, keep_best: true, ..config }
}

fn child(run: &Path, data: PathBuf) {
    let mut config = config(data);
    let own = RunFolder::open(run);
    let config_for_setup = match &own {
        Ok(folder) => TrainConfig { tokenizer: Some(folder.tokenizer_path()), ..config.clone() },
        Err(_) => config.clone(),
    };
    let setup = tiny::setup(&config_for_setup);
    config.workers = usize::from(own.is_ok());
    let params = ScheduleParams { strategy: Strategy::GstProgressive, steps: STEPS, seed: 3, ..ScheduleParams::default() };
    let mut trainer = match own {
        Ok(folder) => Trainer::resume(&setup, &config, None, folder).unwrap(),
        Err(_) => Trainer::new(&setup, &config, tiny::schedule(&setup, &params), RunFolder::create(run).unwrap()).unwrap(),
    };
    eprintln!("training");
    let outcome = trainer.run(&|| false, &mut ()).unwrap();
    assert!(matches!(outcome, Outcome::Finished(_)));
}

/// Starts the child; kills it `after` this time from the start, or from when it begins to train. True if the run ended by itself.
fn life(run: &Path, data: &Path, kill: Option<(Duration, bool)>) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env("GST_CRASH_RUN", run)
        .env("GST_CRASH_DATA", data)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    let Some((after, training)) = kill else {
        said.extend(lines);
        assert!(child.wait().unwrap().success(), "{}", said.join("\n"));
        return true;
    };
    if training {
        said.extend(lines.by_ref().take_while(|line| line != "training"));
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    said.extend(lines);
    assert!(status.success() || status.code().is_none(), "{}", said.join("\n"));
    // A kill between the run's last file and the end of its process comes too late.
    status.success() || run.join("result.json").is_file()
}

fn weights(run: &Path) -> Vec<u8> {
    std::fs::read(run.join(format!("checkpoints/step-{STEPS}/model.safetensors"))).unwrap()
}

fn main() {
    if let (Some(run), Some(data)) = (std::env::var_os("GST_CRASH_RUN"), std::env::var_os("GST_CRASH_DATA")) {
        return child(Path::new(&run), data.into());
    }
    let kills: u64 = std::env::var("GST_KILLS").map_or(200, |kills| kills.parse().unwrap());
    let bench = Bench::new();
    let data = bench.path("data");
    let whole = bench.path("whole");
    life(&whole, &data, None);

    let (began, mut killed, mut runs, mut in_training) = (Instant::now(), 0, 0, 0);
    while killed < kills {
        let run = bench.path(&format!("run-{runs}"));
        let mut reached = 0;
        loop {
            let dice = seed::derive(&[killed, runs]);
            // Every eighth is killed somewhere on its way to the first step.
            let training = !killed.is_multiple_of(8);
            let after = LONGEST.mul_f64((dice >> 11) as f64 / (1u64 << 53) as f64);
            let ended = life(&run, &data, (killed < kills).then_some((after, training)));
            if ended {
                break;
            }
            killed += 1;
            in_training += u64::from(training);
            let (newest, damaged) = checkpoint::newest_whole(&run.join("checkpoints")).unwrap();
            assert!(damaged.is_empty(), "kill {killed}: {damaged:?}");
            let step = newest.map_or(0, |checkpoint| checkpoint.step);
            assert!(step >= reached, "kill {killed}: the checkpoint of step {reached} is gone, {step} is the newest");
            // At most one interval, which is one step, is lost: the ledger may be one step ahead.
            let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
            let lines = metrics.lines().filter(|line| line.ends_with('}') && line.contains(r#""event":"step""#));
            assert!(lines.count() as u64 <= step + 1, "kill {killed}");
            reached = step;
        }
        assert!(weights(&run) == weights(&whole), "run {runs} ended with other weights");
        assert_eq!(
            std::fs::read_dir(run.join("checkpoints"))
                .unwrap()
                .filter(|entry| { entry.as_ref().unwrap().path().extension().is_some() })
                .count(),
            0
        );
        runs += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{killed} kills ({in_training} of them in training or saving) over {runs} runs, all continued: {seconds:.0} s");
}
