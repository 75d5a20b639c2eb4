//! Dry runs with a made-up `gst`: a shell script that answers what a dry run asks.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "helpers of tests may fail like tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Notes every call. Every dataset has 40 training records of 2 s, 25 under a limit; a step takes a quarter of a second.
const GST: &str = r#"#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
if [ "$1" = --version ]; then echo "gst 0.1.0"; exit 0; fi
echo "$*" >> "$here/calls"
command="$1 $2"; third=$3; size=40; batch=16; seconds=10
while [ $# -gt 0 ]; do
  case "$1" in
    --only) only=$2;; --out) out=$2;; --limit) size=25;; --batch) batch=$2;; --seconds) seconds=$2;;
  esac
  shift
done
case "$command" in
  "data import") case "$only" in torn) echo "1 row left out
error: torn.csv:3: an unclosed quote" >&2; exit 1;; esac
                 echo '[{"rows": [44, 0, 9]}]';;
  "model plan") case "$third" in
                  mini) echo '{"model": {"preset": "mini"},';;
                  *) echo '{"model": {"audio": {"whisper": "whisper"}, "language_model": {"path": "vicuna"}},';;
                esac
                load="{\"batch\": $batch, \"seconds\": $seconds, \"prompt\": 24, \"answer\": 8}"
                echo "\"parameters\": 1, \"trainable\": 1, \"peak_bytes\": 3221225472, \"plan\": {\"load\": $load}}";;
  schedule*) echo '{"datasets": ['
             comma=""
             for name in $(echo "$only" | tr , ' '); do
               echo "$comma{\"name\": \"$name\", \"size\": $size, \"mean_audio_seconds\": 2.0}"; comma=,
             done
             echo ']}';;
  train*) mkdir -p "$out"
          for sum in 1.0 1.25 1.5 1.75; do echo "{\"event\":\"step\",\"wall_seconds\":$sum}"; done > "$out/metrics.jsonl";;
esac
"#;

/// A folder with the script, and whatever an experiment needs.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder for the test") };
        bench.write("gst", GST);
        fs::set_permissions(bench.path("gst"), fs::Permissions::from_mode(0o755)).expect("the script runs");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn dry_run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["experiment", "run", "--dry-run", "--out"]).arg(self.path("out")).args(arguments);
        command.current_dir(self.folder.path()).env_remove("GST_DATA").output().expect("xtask starts")
    }

    /// Every call since the last time this was asked, by its first two words.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.path("calls"));
        text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    }
}

fn page(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).replace('\u{202f}', " ")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The row of a table that begins with a name, its cells apart by single spaces.
fn row(page: &str, name: &str) -> String {
    let row = page.lines().find(|line| line.trim_start().starts_with(&format!("{name} "))).unwrap_or_default();
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_an_experiment_makes_itself_is_not_missing_and_nothing_is_made() {
    let bench = Bench::new();
    let output = bench.dry_run(&["quick", "--gst", "gst"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(bench.calls(), ["model plan", "model plan"], "nothing is run");
    assert!(!bench.path("out").exists());
    let page = page(&output);
    for expected in [
        "# gst-progressive, seed 0",
        "gst data generate data --seed 0 --scale 0.5",
        "gst group seeds/0/affinity.json --method spectral --groups 3",
        "3.0 GiB estimated for 16 clips of 10.0 s",
        "the first job makes the data",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let data = fs::canonicalize(bench.folder.path()).unwrap().join("out/data");
    assert!(page.contains(&format!("gst train --data {} --model mini", data.display())), "{page}");
    assert_eq!(row(&page, "together"), "together 3 1 500 24 000 — —");
}

#[test]
fn everything_that_is_missing_is_listed() {
    let bench = Bench::new();
    let list = "[datasets]\ngone = { path = \"nowhere\", clips = \"nowhere-else\" }\ntorn = { path = \"torn.csv\" }\nwhole = { path = \"whole\" }\n";
    bench.write("sets.toml", list);
    bench.write("torn.csv", "");
    bench.write("whole/file", "");
    bench.write("weights/whisper/config.json", "{}");
    let output = bench.dry_run(&["paper-low-resource", "--gst", "gst", "--data", "sets.toml", "--weights", "weights"]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    for expected in [
        "5 of what the experiment needs is missing",
        "dataset gone: path ",
        "dataset gone: clips ",
        "dataset torn: torn.csv:3: an unclosed quote",
        "whisper/model.safetensors is not there",
        "weights/vicuna is not there",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(said.matches("\n  - ").count(), 5, "{said}");
    let page = page(&output);
    assert_eq!(row(&page, "whole"), "whole 25 4 9 2.0 s", "what is there is counted all the same");
    assert_eq!(row(&page, "gone"), "gone — — — —");
    assert!(page.contains("only models from scratch"), "{page}");

    let output = bench.dry_run(&["paper-full", "--gst", "no-such-program"]);
    let said = self::said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("program: there is no gst program at") && said.contains("needs recorded datasets"), "{said}");
    assert!(self::page(&output).contains("# gst-g3-cycle, seed 0"), "commands are known without a program");
}

#[test]
fn records_memory_and_a_stated_throughput_make_the_estimate() {
    let bench = Bench::new();
    bench.write("sets.toml", "[datasets]\none = { path = \"one\" }\ntwo = { path = \"two\" }\n");
    for file in ["one/x", "two/x", "weights/whisper/config.json", "weights/whisper/model.safetensors"] {
        bench.write(file, "{}");
    }
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        bench.write(&format!("weights/vicuna/{file}"), "{}");
    }
    let arguments = ["paper-full", "--gst", "gst", "--data", "sets.toml", "--weights", "weights", "--steps-per-second", "0.5"];
    let output = bench.dry_run(&arguments);
    assert!(output.status.success(), "{}", said(&output));
    let page = page(&output);
    assert_eq!(row(&page, "one"), "one 40 4 9 2.0 s");
    assert_eq!(row(&page, "original"), "original 1 1 8 16.0 s 2.0 s");
    assert_eq!(row(&page, "gst-t2"), "gst-t2 1 90 000 720 000 400.0 h 50.0 h");
    assert!(page.contains("3.0 GiB estimated for 8 clips of 30.0 s (the encoder's window)"), "{page}");
    assert!(page.contains("0.5 steps a second, as stated") && page.contains("about 146 records heard"), "{page}");
    let weights = fs::canonicalize(bench.path("weights")).unwrap();
    assert!(page.contains(&format!("--weights {} ", weights.display())), "{page}");
    assert!(!bench.calls().iter().any(|call| call.starts_with("train")), "nothing is trained");
    assert!(!bench.path("out").exists());

    let refused = bench.dry_run(&["quick", "--gst", "gst", "--steps-per-second", "0"]);
    assert!(said(&refused).contains("above 0"), "{}", said(&refused));
}

#[test]
fn a_model_that_can_be_trained_here_is_timed_over_a_few_steps() {
    let bench = Bench::new();
    bench.write("data/one/train.jsonl", &"{}\n".repeat(44));
    bench.write("data/one/test.jsonl", "{}\n{}\n\n");
    bench.write("data/verified.jsonl", "{\"version\":1}\n{\"seconds\":3.0}\n{\"seconds\":12.5}\n");
    bench.write("data/not-a-dataset/readme", "");
    let output = bench.dry_run(&[
        "recorded",
        "--gst",
        "gst",
        "--data",
        "data",
        "--strategies",
        "mix-all",
        "--seeds",
        "1",
        "--steps",
        "480",
    ]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(bench.calls().iter().filter(|call| call.starts_with("train")).count(), 1);
    let page = page(&output);
    assert_eq!(row(&page, "one"), "one 40 4 2 2.0 s");
    assert_eq!(row(&page, "mix-all"), "mix-all 1 480 15 360 8.5 h 2.0 min");
    assert!(page.contains("16 clips of 12.5 s (the longest clip)"), "{page}");
    assert!(page.contains("4.000 steps a second, the median of a few steps of mix-all measured here now"), "{page}");
    assert!(page.contains("no probe, since no strategy reads groups"), "{page}");
    assert!(!bench.path("out").exists(), "the few steps are trained elsewhere");
}
