//! The note beside every job that says what it was made from: `cell.json`.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// Every command ended well and the result is there.
    Done,
    /// A command failed, or left no result.
    Failed,
    /// Stopped by Ctrl-C; running the experiment again starts it anew.
    Interrupted,
}

/// What a job was made from and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Always `gst-cell`.
    pub(crate) format: String,
    /// Hash of the commands, the data and the version of `gst`: equal key, equal result.
    pub(crate) key: String,
    /// Hash of everything that cells of one report have in common.
    pub(crate) context: String,
    /// How the job stands.
    pub(crate) status: Status,
    /// The `gst` commands, with `DATA` for the data folder.
    pub(crate) commands: Vec<String>,
    /// Fingerprint of the data.
    pub(crate) data: String,
    /// What `gst --version` says.
    pub(crate) gst_version: String,
    /// Hash of the `gst` executable.
    pub(crate) gst_binary: String,
    /// Seconds that the job took, every command and all evaluation included.
    pub(crate) seconds: f64,
    /// Why it failed, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

impl Record {
    /// The value of `format`.
    pub(crate) const FORMAT: &str = "gst-cell";

    /// Reads a record; a missing or unreadable one is no record.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
        (record.format == Self::FORMAT).then_some(record)
    }

    /// Writes the record aside and renames it into place, so that a cut-off write leaves no half record.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        write_whole(path, &serde_json::to_string_pretty(self)?)
    }

    /// Whether the job behind this record is done for `key`, given that its result is at `result`.
    pub(crate) fn is_done(path: &Path, key: &str, result: &Path) -> bool {
        result.exists() && Self::read(path).is_some_and(|record| record.status == Status::Done && record.key == key)
    }
}

/// Writes a file aside and renames it into place, its folder made if needed.
pub(crate) fn write_whole(path: &Path, content: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    std::fs::write(&aside, content).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::rename(&aside, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(status: Status) -> Record {
        Record {
            format: Record::FORMAT.into(),
            key: "sha256:1".into(),
            context: "sha256:2".into(),
            status,
            commands: vec!["gst train".into()],
            data: "sha256:3".into(),
            gst_version: "gst 0.1.0".into(),
            gst_binary: "sha256:4".into(),
            seconds: 1.5,
            failure: None,
        }
    }

    #[test]
    fn only_a_finished_job_with_its_result_and_its_key_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let (path, result) = (folder.path().join("cell.json"), folder.path().join("result.json"));
        assert!(!Record::is_done(&path, "sha256:1", &result), "no record");
        record(Status::Done).write(&path).unwrap();
        assert!(!Record::is_done(&path, "sha256:1", &result), "no result");
        std::fs::write(&result, "{}").unwrap();
        assert!(Record::is_done(&path, "sha256:1", &result));
        assert!(!Record::is_done(&path, "sha256:9", &result), "another key");
        for status in [Status::Failed, Status::Interrupted] {
            record(status).write(&path).unwrap();
            assert!(!Record::is_done(&path, "sha256:1", &result), "{status:?}");
        }
        std::fs::write(&path, "{\"format\":").unwrap();
        assert!(!Record::is_done(&path, "sha256:1", &result), "half a record");
    }
}
