//! A small generated suite and the `gst` command, for tests that go the whole way.
#![allow(clippy::unwrap_used, dead_code, reason = "test support: a failure here fails the test; not every test uses all of it")]

#[cfg(feature = "model")]
pub(crate) mod checkpoints;
#[cfg(feature = "model")]
pub(crate) mod tiny;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gst_data::suite::{self, SuiteParams};

/// Three datasets of the generated suite: two about music, one about environment sounds.
pub(crate) const DATASETS: &str = "event_count,noise_colour,pitch_class";

/// A folder that holds a small generated suite and is removed at the end.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        suite::generate(&folder.path().join("data"), &SuiteParams { seed: 1, scale: 0.1 }, |_, _| {}).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// Runs `gst` in the folder.
    pub(crate) fn gst(&self, arguments: &str) -> Output {
        gst(self.folder.path(), arguments)
    }

    /// Runs `gst` and expects success; returns standard output.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let output = self.gst(arguments);
        assert!(output.status.success(), "gst {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `gst` and expects a clean failure; returns the message.
    pub(crate) fn fails(&self, arguments: &str) -> String {
        let output = self.gst(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "gst {arguments} succeeded");
        assert!(!message.contains("panicked"), "gst {arguments}: {message}");
        message
    }

    /// Trains three datasets for `steps` steps into `run`.
    pub(crate) fn train(&self, run: &str, steps: u64) -> String {
        self.ok(&format!(
            "schedule --data data --only {DATASETS} --strategy mix-all --steps {steps} --batch-size 8 --out mix.json"
        ));
        self.ok(&format!("train --data data --only {DATASETS} --schedule mix.json --evaluate-every 0 --seed 5 --out {run}"))
    }
}

pub(crate) fn gst(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gst")).args(arguments.split_whitespace()).current_dir(folder).output().unwrap()
}
