//! Files between two steps.

use std::fs;
use std::path::Path;

use gst_affinity::artifact::{Artifact, Document};

use crate::TrainError;

/// Reads a file that one step left for the next.
///
/// # Errors
/// [`TrainError::Io`] when it is absent, [`TrainError::Artifact`] when it is something else.
pub fn read_artifact<T: Artifact>(path: &Path) -> Result<Document<T>, TrainError> {
    let text = fs::read_to_string(path).map_err(TrainError::io(path))?;
    Ok(Document::from_json(&text, &path.display().to_string())?)
}

/// Writes a file whole or not at all: aside first, then renamed.
///
/// # Errors
/// [`TrainError::Io`] when that fails.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), TrainError> {
    let aside = path.with_extension("partial");
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
    }
    fs::write(&aside, content).map_err(TrainError::io(&aside))?;
    fs::rename(&aside, path).map_err(TrainError::io(path))
}
