//! Files between two steps.

use std::fs::{self, File};
use std::io::Write;
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

/// Writes a file whole or not at all: aside first, synced, then renamed; the folder is synced too.
///
/// # Errors
/// [`TrainError::Io`] when that fails.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), TrainError> {
    let aside = path.with_extension("partial");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
    }
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(content.as_ref())?;
        file.sync_all()
    });
    written.map_err(TrainError::io(&aside))?;
    fs::rename(&aside, path).map_err(TrainError::io(path))?;
    sync(folder.unwrap_or_else(|| Path::new(".")))
}

/// Waits until a file, or the names in a folder, are on the disk.
///
/// # Errors
/// [`TrainError::Io`] when that fails.
pub fn sync(path: &Path) -> Result<(), TrainError> {
    // A folder cannot be opened like a file everywhere; where it cannot, its names are not ours to sync.
    match File::open(path) {
        Err(_) if path.is_dir() => Ok(()),
        opened => opened.and_then(|file| file.sync_all()).map_err(TrainError::io(path)),
    }
}
