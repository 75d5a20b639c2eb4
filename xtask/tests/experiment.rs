//! Experiments with a made-up `gst`: a shell script that copies results which the test wrote beforehand.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "helpers of tests may fail like tests")]

mod fake;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fake::Fake;

/// Answers the calls of the contract from the folder `made-up` beside it, notes every call, fails where `fail` says so.
const GST: &str = r#"#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
if [ "$1" = --version ]; then echo "gst $(cat "$here/version")"; exit 0; fi
if [ "$1 $2" = "data fingerprint" ]; then echo "{\"fingerprint\": \"$(cat "$4"/*/*.jsonl | cksum)\"}"; exit 0; fi
echo "$*" >> "$here/calls"
command=$1
case "$command" in data) mkdir -p "$3/one/audio"; echo '{"id":1}' > "$3/one/train.jsonl"; exit 0;; esac
while [ $# -gt 0 ]; do
  case "$1" in
    --out) out=$2;; --seed) seed=$2;; --strategy) strategy=$2;;
  esac
  shift
done
mkdir -p "$(dirname "$out")"
if [ "$seed" -ge 500 ]; then seed=0; fi
case "$command" in
  affinity) if grep -q affinity "$here/fail"; then echo "the probe ran out of memory" >&2; exit 1; fi
            cp "$here/made-up/seeds/$seed/affinity.json" "$out";;
  group) cp "$here/made-up/seeds/$seed/grouping.json" "$out";;
  schedule) cp "$here/made-up/runs/$strategy/seed-$seed/schedule.json" "$out";;
  train) strategy=$(basename "$(dirname "$out")")
         if grep -qx "$strategy $seed" "$here/fail"; then echo "step 7: the loss is NaN" >&2; exit 3; fi
         if [ -n "$(ls -A "$out" 2>/dev/null)" ]; then echo "error: $out is not empty" >&2; exit 1; fi
         mkdir -p "$out"
         if grep -qx "hang $strategy" "$here/fail"; then
           trap 'touch "$out/saved"; exit 130' INT
           touch "$here/hangs"
           while :; do sleep 0.05; done
         fi
         cp "$here/made-up/runs/${strategy%.rate-*}/seed-$seed/"* "$out/";;
esac
"#;

/// A folder with the script, what it copies, and the experiment.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder for the test") };
        let strategies = ["mix-all", "sequential", "gst-progressive", "gst-constant", "null"];
        Fake { strategies: &strategies, seeds: 2, steps: 300 }.write(&bench.path("made-up")).expect("made-up results");
        fs::write(bench.path("gst"), GST).expect("the script");
        fs::set_permissions(bench.path("gst"), fs::Permissions::from_mode(0o755)).expect("the script runs");
        fs::write(bench.path("version"), "0.1.0").expect("a version");
        bench.fail("");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fail(&self, what: &str) {
        fs::write(self.path("fail"), what).expect("what fails");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(["experiment", "run", "quick", "--gst"])
            .arg(self.path("gst"))
            .arg("--out")
            .arg(self.path("out"))
            .args(arguments);
        command.env_remove("GST_DATA");
        command
    }

    /// Runs the experiment, which must end well.
    fn succeed(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", said(&output));
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("xtask starts")
    }

    /// Runs it until the cell that hangs has begun, and stops it as Ctrl-C does.
    fn stop(&self, mut command: Command) -> Output {
        let child = command.stderr(std::process::Stdio::piped()).spawn().expect("xtask starts");
        let mut looks = 0;
        while !self.path("hangs").exists() {
            looks += 1;
            assert!(looks < 1500, "the cell that hangs was never begun");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let status = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().expect("a shell");
        assert!(status.success());
        let output = child.wait_with_output().expect("xtask ends");
        assert!(!output.status.success());
        output
    }

    /// The subcommands called since the last time this was asked.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.path("calls"));
        text.lines().filter_map(|line| line.split_whitespace().next()).map(String::from).collect()
    }

    fn page(&self) -> String {
        fs::read_to_string(self.path("out/report.html")).expect("a report")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn count(calls: &[String], name: &str) -> usize {
    calls.iter().filter(|call| *call == name).count()
}

fn record(path: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a record")).expect("JSON")
}

#[test]
fn a_sweep_comes_first_and_jobs_run_side_by_side() {
    let bench = Bench::new();
    let config = r#"
        name = "swept"
        strategies = ["mix-all", "gst-progressive"]
        seeds = 2
        data.generate = { seed = 0, scale = 0.5 }
        training = { model = "mini", steps = 300, batch_size = 16, evaluate_every = 25 }
        sweep = { learning_rates = [0.002, 0.001], seeds = 1 }
    "#;
    fs::write(bench.path("swept.toml"), config).unwrap();
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["experiment", "run", "--jobs", "2", "--config"]).arg(bench.path("swept.toml"));
        command.arg("--gst").arg(bench.path("gst")).arg("--out").arg(bench.path("out"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    assert!(run().contains("learning rates chosen on the sweep's seeds"));
    let text = fs::read_to_string(bench.path("calls")).unwrap();
    let reads_clips = |line: &&str| line.starts_with("affinity") || line.starts_with("train");
    assert!(text.lines().filter(reads_clips).all(|line| line.ends_with("--cache-dir features")), "cells share features: {text}");
    let calls = bench.calls();
    assert_eq!((count(&calls, "train"), count(&calls, "affinity"), count(&calls, "group")), (8, 3, 4));
    // The made-up runs are all alike: of equal rates the lowest is taken.
    let choice = record(&bench.path("out/sweep/sweep.json"));
    assert_eq!(choice["strategies"]["mix-all"]["learning_rate"], 0.001);
    let page = fs::read_to_string(bench.path("out/table.md")).unwrap();
    assert!(page.contains("| mix-all | 0.001 (edge) |"), "{page}");
    let judged = record(&bench.path("out/runs/gst-progressive/seed-1/cell.json"));
    assert!(judged["commands"][1].as_str().unwrap().contains("--learning-rate 0.001"), "{judged}");
    run();
    assert!(bench.calls().is_empty(), "all is done");
    let named = config.replace("seeds = 2\n", "seeds = 2\n        baselines = [\"gst-progressive\", \"mix-all\"]\n");
    fs::write(bench.path("swept.toml"), named).unwrap();
    run();
    assert!(bench.calls().is_empty(), "what the others are held against changes no cell");
    let page = fs::read_to_string(bench.path("out/table.md")).unwrap();
    let tried = &choice["strategies"];
    let best = |strategy: &str| {
        tried[strategy]["tried"].as_array().unwrap().iter().map(|pair| pair[1].as_f64().unwrap()).fold(0.0, f64::max)
    };
    let baseline = if best("mix-all") > best("gst-progressive") { "mix-all" } else { "gst-progressive" };
    assert!(page.contains(&format!("The baseline is {baseline}, the best in the sweep of gst-progressive, mix-all.")), "{page}");
    assert!(page.contains(&format!("the saving against {baseline}.")), "{page}");
}

#[test]
fn a_map_goes_on_and_forgets_what_it_no_longer_has() {
    let bench = Bench::new();
    let config = |rates: &str| {
        let block = "conflict = [0.0]\ninequality = [1.0]\ndifficulty = [0.0]";
        format!(
            "baselines = ['mix-all']\nvariants = {{ gst-progressive = ['gst-constant'] }}\n\
             [[design]]\n{block}\ndependence = [0.0, 1.0]\nworlds = [0, 1]\n\
             [[design]]\n{block}\ndependence = [1.0]\nworlds = [0, 1]\nstrategies = ['sequential']\n\
             [[sweep]]\n{block}\ndependence = [0.5]\nworlds = [100]\n\
             [experiment]\nname = 'map'\nstrategies = ['gst-progressive']\nseeds = 1\n\
             data.generate = {{ seed = 0, scale = 0.5 }}\n\
             training = {{ model = 'mini', steps = 300, batch_size = 32, evaluate_every = 25 }}\n\
             sweep = {{ learning_rates = {rates}, seeds = 1 }}\n\
             arms.gst-constant = {{ strategy = 'gst-progressive', rate = 'constant' }}\n"
        )
    };
    let run = |rates: &str, more: &[&str]| {
        fs::write(bench.path("map.toml"), config(rates)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["map", "run", "--jobs", "2", "--config"]).arg(bench.path("map.toml"));
        command.arg("--rows").arg(bench.path("rows.csv")).arg("--out").arg(bench.path("out"));
        let output = command.arg("--gst").arg(bench.path("gst")).args(more).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        count(&bench.calls(), "train")
    };
    let rows = || fs::read_to_string(bench.path("rows.csv")).unwrap().lines().count() - 1;
    // Swept: four arms at two rates. Judged: baseline, null and one arm in four worlds, one more in the two with dependence.
    assert_eq!((run("[0.001, 0.002]", &[]), rows()), (8 + 14, 8 + 14));
    assert_eq!(run("[0.001, 0.002]", &[]), 0, "all is done");
    // What was left in a world's folder by other settings is no row of these.
    let kept = |rates: &str| run(rates, &["--keep", "--worlds", "1"]);
    fs::write(bench.path("rows.csv"), "").unwrap();
    assert_eq!(kept("[0.001, 0.002]"), 8 + 3);
    let text = fs::read_to_string(bench.path("rows.csv")).unwrap();
    fs::write(bench.path("rows.csv"), text.lines().next().unwrap()).unwrap();
    assert_eq!(kept("[0.001, 0.002]"), 0, "rows that were lost come back from the folders");
    assert_eq!(fs::read_to_string(bench.path("rows.csv")).unwrap().lines().count(), text.lines().count());
    fs::remove_dir_all(bench.path("out")).unwrap();
    assert_eq!(run("[0.001, 0.002]", &[]), 11);
    // Other rates make other cells of all; the rows of the old ones stay until they are pruned.
    assert_eq!((run("[0.003, 0.004]", &[]), rows()), (8 + 14, 2 * (8 + 14)));
    assert_eq!((run("[0.003, 0.004]", &["--prune"]), rows()), (0, 8 + 14));
    assert!(fs::read_to_string(bench.path("table.md")).unwrap().contains("4 of 4 planned worlds are judged"));
}

#[test]
fn a_second_run_finds_everything_done() {
    let bench = Bench::new();
    let output = bench.run(&["--seeds", "2"]);
    assert!(output.status.success(), "{}", said(&output));
    let text = fs::read_to_string(bench.path("calls")).unwrap();
    assert!(!text.contains("--cache-dir"), "the cell that computes the features would be slower than the others: {text}");
    let calls = bench.calls();
    assert_eq!(["data", "affinity", "group", "schedule", "train"].map(|name| count(&calls, name)), [1, 2, 2, 6, 6]);
    assert!(
        said(&output).contains("[10/10]") && !said(&output).contains('\u{1b}'),
        "plain lines when there is no terminal: {}",
        said(&output)
    );
    let output = bench.run(&["--seeds", "2"]);
    assert!(output.status.success() && bench.calls().is_empty(), "{}", said(&output));
    assert!(bench.page().contains("null<small>mix-all against mix-all"));
    assert_eq!(record(&bench.path("out/runs/mix-all/seed-1/cell.json"))["status"], "done");
}

#[test]
fn only_what_a_change_touches_is_run_again() {
    let bench = Bench::new();
    bench.succeed(&[]);
    bench.calls();
    fs::remove_file(bench.path("out/runs/sequential/seed-0/result.json")).expect("removed");
    bench.succeed(&[]);
    assert_eq!(bench.calls(), ["schedule", "train"], "a lost result");
    bench.succeed(&["--seeds", "2"]);
    assert_eq!(count(&bench.calls(), "train"), 3, "one more seed");
    bench.succeed(&["--steps", "77"]);
    let calls = bench.calls();
    assert_eq!((count(&calls, "train"), count(&calls, "affinity")), (3, 0), "other steps: the probe stays");
    assert!(bench.page().contains("Left out, since made under other settings"), "seed 1 was run with other steps");
    fs::write(bench.path("version"), "0.2.0").expect("a version");
    bench.succeed(&["--steps", "77"]);
    assert_eq!(count(&bench.calls(), "affinity"), 1, "another version");
    bench.succeed(&["--steps", "77", "--fresh"]);
    assert_eq!(count(&bench.calls(), "train"), 3, "--fresh");
}

#[test]
fn changed_data_makes_every_cell_stale() {
    let bench = Bench::new();
    let data = bench.path("mine");
    fs::create_dir_all(data.join("one/audio")).expect("a folder");
    fs::write(data.join("one/train.jsonl"), "{}\n").expect("a record");
    let data_flag = ["--data", data.to_str().expect("a path")];
    bench.succeed(&data_flag);
    assert_eq!(count(&bench.calls(), "data"), 0, "given data is not generated");
    fs::write(data.join("one/train.jsonl"), "{}\n{}\n").expect("a record");
    bench.succeed(&data_flag);
    assert_eq!(count(&bench.calls(), "train"), 3);
    assert!(!bench.page().contains(data_flag[1]), "the report names no path of this machine");
}

#[test]
fn a_failing_cell_is_named_and_the_others_go_on() {
    let bench = Bench::new();
    bench.fail("sequential 0\n");
    let output = bench.run(&[]);
    assert!(!output.status.success());
    let said = said(&output);
    assert!(
        said.contains("sequential, seed 0: FAILED: gst train: step 7: the loss is NaN") && said.contains("1 of 5 jobs failed"),
        "{said}"
    );
    assert!(said.contains("gst-progressive, seed 0: done"), "{said}");
    let log = fs::read_to_string(bench.path("out/runs/sequential/seed-0/log.txt")).expect("a log");
    assert!(log.contains("$ gst train") && log.contains("the loss is NaN") && log.contains("exit status: 3"), "{log}");
    let page = bench.page();
    assert!(page.contains("Cells without a result") && page.contains("sequential, seed 0: gst train: step 7: the loss is NaN"));
    bench.calls();
    bench.fail("");
    bench.succeed(&[]);
    assert_eq!(bench.calls(), ["schedule", "train"], "only the failed cell is run again");
    assert!(!bench.page().contains("Cells without a result"));
}

#[test]
fn what_needs_a_failed_probe_is_not_tried() {
    let bench = Bench::new();
    bench.fail("affinity\n");
    let output = bench.run(&[]);
    assert!(!output.status.success());
    let calls = bench.calls();
    assert_eq!((count(&calls, "affinity"), count(&calls, "group"), count(&calls, "train")), (1, 0, 2));
    assert!(said(&output).contains("3 of 5 jobs failed"), "{}", said(&output));
    let page = bench.page();
    assert!(page.contains("gst-progressive, seed 0: needs groups (spectral), seed 0, which failed"));
}

#[test]
fn what_is_done_stays_when_what_it_came_from_is_gone_and_fails() {
    let bench = Bench::new();
    bench.succeed(&[]);
    fs::remove_file(bench.path("out/seeds/0/affinity.json")).expect("a probe");
    bench.fail("affinity\n");
    bench.calls();
    assert!(!bench.run(&[]).status.success());
    assert_eq!(bench.calls(), ["affinity"]);
    assert_eq!(record(&bench.path("out/runs/gst-progressive/seed-0/cell.json"))["status"], "done");
    assert!(bench.path("out/runs/gst-progressive/seed-0/result.json").is_file());
}

#[test]
fn ctrl_c_stops_the_child_and_leaves_a_report() {
    let bench = Bench::new();
    bench.fail("hang sequential\n");
    let output = bench.stop(bench.command(&[]));
    assert!(
        said(&output).contains("sequential, seed 0: stopped")
            && said(&output).contains("goes on with the cells that are not done"),
        "{}",
        said(&output)
    );
    assert!(bench.path("out/runs/sequential/seed-0/saved").exists(), "the child was asked, not killed");
    assert_eq!(record(&bench.path("out/runs/sequential/seed-0/cell.json"))["status"], "interrupted");
    assert!(bench.page().contains("sequential, seed 0: stopped by Ctrl-C"));
    assert_eq!(count(&bench.calls(), "train"), 2, "nothing was begun after it");
}

#[test]
fn a_report_after_a_stop_has_no_cell_of_another_learning_rate() {
    let bench = Bench::new();
    let command = |rate: f64| {
        let config = format!(
            "name = 'rates'\nstrategies = ['mix-all', 'gst-constant', 'gst-progressive']\nseeds = 1\n\
             data.generate = {{ seed = 0, scale = 0.5 }}\n\
             training = {{ model = 'mini', steps = 300, batch_size = 16, evaluate_every = 25 }}\n\
             arms.gst-constant = {{ strategy = 'gst-progressive', learning_rate = {rate} }}\n\
             arms.gst-progressive = {{ strategy = 'gst-progressive', learning_rate = {rate} }}\n"
        );
        fs::write(bench.path("rates.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["experiment", "run", "--config"]).arg(bench.path("rates.toml"));
        command.arg("--gst").arg(bench.path("gst")).arg("--out").arg(bench.path("out"));
        command
    };
    assert!(command(0.001).output().unwrap().status.success());
    assert!(!bench.page().contains("not run yet under the present settings"));
    bench.fail("hang gst-constant\n");
    bench.stop(command(0.002));
    assert!(bench.path("out/runs/gst-progressive/seed-0/result.json").exists(), "the cell of the old rate is still there");
    assert!(bench.page().contains("gst-progressive, seed 0: not run yet under the present settings"));
}

#[test]
fn a_map_that_was_stopped_takes_no_cell_of_other_settings_for_a_row() {
    let bench = Bench::new();
    let command = |batch_size: u64| {
        let block = "conflict = [0.0]\ninequality = [1.0]\ndifficulty = [0.0]\ndependence = [1.0]";
        let config = format!(
            "baselines = ['mix-all']\n[[design]]\n{block}\nworlds = [0]\n[[sweep]]\n{block}\nworlds = [100]\n\
             [experiment]\nname = 'map'\nstrategies = ['gst-progressive', 'sequential']\nseeds = 1\n\
             data.generate = {{ seed = 0, scale = 0.5 }}\n\
             training = {{ model = 'mini', steps = 300, batch_size = {batch_size}, evaluate_every = 25 }}\n\
             sweep = {{ learning_rates = [0.001, 0.002], seeds = 1 }}\n"
        );
        fs::write(bench.path("map.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["map", "run", "--keep", "--config"]).arg(bench.path("map.toml")).arg("--gst").arg(bench.path("gst"));
        command.arg("--rows").arg(bench.path("rows.csv")).arg("--out").arg(bench.path("out"));
        command
    };
    let rows = || fs::read_to_string(bench.path("rows.csv")).unwrap().lines().count() - 1;
    let output = command(32).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(rows(), 6 + 4);
    bench.fail("hang gst-progressive.rate-0\n");
    bench.stop(command(16));
    assert_eq!(rows(), 6 + 4 + 2, "the two cells of mix-all that were run before it was stopped");
}

#[test]
fn a_report_can_be_made_again_from_the_folder_alone() {
    let bench = Bench::new();
    bench.succeed(&[]);
    let page = bench.page();
    fs::remove_file(bench.path("out/report.html")).expect("removed");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["experiment", "report"])
        .arg(bench.path("out"))
        .output()
        .expect("xtask starts");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(bench.page(), page);
    for command in
        ["gst data generate data", "gst affinity --data DATA", "gst group seeds/0", "gst schedule", "gst train --data DATA"]
    {
        assert!(page.contains(command), "{command}");
    }
}

#[test]
fn recorded_data_must_be_given() {
    let bench = Bench::new();
    let mut command = bench.command(&[]);
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| if argument == "quick" { "recorded".into() } else { argument.to_os_string() })
        .collect();
    let run = |data: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(&arguments).env_remove("GST_DATA");
        if let Some(data) = data {
            command.env("GST_DATA", data);
        }
        command.output().expect("xtask starts")
    };
    command.env_remove("GST_DATA");
    let output = run(None);
    assert!(
        !output.status.success() && said(&output).contains("--data DIR") && said(&output).contains("GST_DATA"),
        "{}",
        said(&output)
    );
    let output = run(Some("nowhere"));
    assert!(!output.status.success() && said(&output).contains("there is no data folder nowhere"), "{}", said(&output));
    assert!(bench.calls().is_empty(), "nothing is begun");
}
