//! Checkpoints: `checkpoints/step-N/` with `model.safetensors` and, last, `checkpoint.json`.
//!
//! The folder is written under another name and renamed when complete, so a folder of this name is always whole.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use gst_model::weights;
use serde::{Deserialize, Serialize};

use crate::TrainError;

const WEIGHTS: &str = "model.safetensors";
const MARK: &str = "checkpoint.json";

/// A complete checkpoint on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its folder.
    pub folder: PathBuf,
    /// Optimizer steps done.
    pub step: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    format: String,
    version: u32,
    step: u64,
}

impl Checkpoint {
    /// The weight file.
    #[must_use]
    pub fn weights(&self) -> PathBuf {
        self.folder.join(WEIGHTS)
    }
}

/// Writes `model` as the checkpoint after `step` steps, and removes all others when `keep_others` is false.
///
/// # Errors
/// [`TrainError::Io`] or [`TrainError::Model`] when a file cannot be written; earlier checkpoints are then still there.
pub fn save<M: Module>(checkpoints: &Path, step: u64, model: &M, keep_others: bool) -> Result<Checkpoint, TrainError> {
    let folder = checkpoints.join(format!("step-{step}"));
    let aside = checkpoints.join(format!("step-{step}.partial"));
    for stale in [&aside, &folder] {
        if stale.exists() {
            fs::remove_dir_all(stale).map_err(TrainError::io(stale))?;
        }
    }
    fs::create_dir_all(&aside).map_err(TrainError::io(&aside))?;
    weights::save(model, &aside.join(WEIGHTS))?;
    sync(&aside.join(WEIGHTS))?;
    let mark = Mark { format: "gst-checkpoint".into(), version: 1, step };
    let mark_path = aside.join(MARK);
    let text = serde_json::to_string_pretty(&mark).map_err(std::io::Error::from).map_err(TrainError::io(&mark_path))?;
    fs::write(&mark_path, text).map_err(TrainError::io(&mark_path))?;
    sync(&mark_path)?;
    fs::rename(&aside, &folder).map_err(TrainError::io(&folder))?;
    if !keep_others {
        for other in list(checkpoints)?.into_iter().filter(|other| other.step != step) {
            fs::remove_dir_all(&other.folder).map_err(TrainError::io(&other.folder))?;
        }
    }
    Ok(Checkpoint { folder, step })
}

/// The newest complete checkpoint, if any.
///
/// # Errors
/// [`TrainError::Io`] when the folder cannot be read.
pub fn latest(checkpoints: &Path) -> Result<Option<Checkpoint>, TrainError> {
    Ok(list(checkpoints)?.into_iter().max_by_key(|checkpoint| checkpoint.step))
}

fn list(checkpoints: &Path) -> Result<Vec<Checkpoint>, TrainError> {
    if !checkpoints.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(checkpoints).map_err(TrainError::io(checkpoints))? {
        let folder = entry.map_err(TrainError::io(checkpoints))?.path();
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let step = name.strip_prefix("step-").and_then(|step| step.parse().ok());
        if let (Some(step), true) = (step, folder.join(MARK).is_file()) {
            found.push(Checkpoint { folder, step });
        }
    }
    Ok(found)
}

fn sync(path: &Path) -> Result<(), TrainError> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(TrainError::io(path))
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn only_complete_checkpoints_count_and_only_the_last_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let model = LinearConfig::new(2, 3).init(&Device::flex());
        assert_eq!(latest(folder.path()).unwrap(), None);
        save(folder.path(), 5, &model, true).unwrap();
        save(folder.path(), 10, &model, true).unwrap();
        fs::create_dir(folder.path().join("step-99")).unwrap();
        fs::create_dir(folder.path().join("step-98.partial")).unwrap();
        assert_eq!(latest(folder.path()).unwrap().map(|found| found.step), Some(10));
        assert_eq!(list(folder.path()).unwrap().len(), 2);
        save(folder.path(), 12, &model, false).unwrap();
        assert_eq!(list(folder.path()).unwrap().len(), 1);
    }
}
