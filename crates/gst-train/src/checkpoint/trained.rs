//! The weights of a model of any kind in a checkpoint.
//!
//! A model that trains from scratch has all of them in one file. One that is put together from checkpoints has what is trained:
//! `bridge.safetensors` and `adapter/` ([`gst_model::AudioModel::save`]), and their moving average in a folder of its own.

use std::path::Path;

use gst_model::{AudioModel, weights};

use super::{AVERAGE, Checkpoint, MOMENTS, SCHEDULE, STATE, WEIGHTS};
use crate::TrainError;

/// Folder of the moving average of what is trained beside checkpoints.
const AVERAGE_FOLDER: &str = "average";

/// Writes the weights of `model`; `base` names the language model that its adapters belong to.
pub(crate) fn save_model(model: &AudioModel, base: &str, folder: &Path) -> Result<(), TrainError> {
    Ok(model.save(base, folder)?)
}

/// Writes the moving average of the weights.
pub(crate) fn save_average(average: &AudioModel, base: &str, folder: &Path) -> Result<(), TrainError> {
    match average {
        AudioModel::Mini(average) => Ok(weights::save(average, &folder.join(AVERAGE))?),
        AudioModel::Pretrained(_) => save_model(average, base, &folder.join(AVERAGE_FOLDER)),
    }
}

/// `model` with the weights of `checkpoint`.
pub(crate) fn load_model(model: AudioModel, checkpoint: &Checkpoint) -> Result<AudioModel, TrainError> {
    Ok(model.load(&checkpoint.folder)?)
}

/// `model` with the moving average in `checkpoint`, or with its weights where none was kept.
pub(crate) fn load_average(model: AudioModel, checkpoint: &Checkpoint) -> Result<AudioModel, TrainError> {
    match model {
        AudioModel::Mini(mut model) => {
            let saved = checkpoint.file(AVERAGE);
            weights::load(&mut model, &if saved.is_file() { saved } else { checkpoint.file(WEIGHTS) })?;
            Ok(AudioModel::Mini(model))
        }
        AudioModel::Pretrained(_) => {
            let saved = checkpoint.file(AVERAGE_FOLDER);
            Ok(model.load(if saved.is_dir() { &saved } else { &checkpoint.folder })?)
        }
    }
}

/// Whether a checkpoint's file belongs to the moving average.
pub(crate) fn is_average(name: &str) -> bool {
    name == AVERAGE || name.split('/').next() == Some(AVERAGE_FOLDER)
}

/// The files of `checkpoint` that hold what is evaluated (the moving average where there is one), and the name of each in a folder of
/// its own.
pub(crate) fn evaluated_files(checkpoint: &Checkpoint) -> Result<Vec<(String, String)>, TrainError> {
    let names = checkpoint.files()?;
    let averaged = names.iter().any(|name| is_average(name));
    let named = |name: String| {
        let to = match name.as_str() {
            AVERAGE => WEIGHTS.to_owned(),
            MOMENTS | SCHEDULE | STATE => return None,
            name if averaged => name.strip_prefix(AVERAGE_FOLDER)?.strip_prefix('/')?.to_owned(),
            name => name.to_owned(),
        };
        Some((name, to))
    };
    Ok(names.into_iter().filter_map(named).collect())
}
