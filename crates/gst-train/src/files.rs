//! Files between two steps.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use gst_affinity::artifact::{Artifact, Document};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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

/// Size and SHA-256 of a file: what it is known by again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Its size.
    pub bytes: u64,
    /// Its hash, 64 hexadecimal digits.
    pub sha256: String,
}

impl FileMark {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        let mut block = vec![0; 1 << 20];
        let mut bytes = 0;
        loop {
            let read = file.read(&mut block)?;
            if read == 0 {
                break;
            }
            hasher.update(&block[..read]);
            bytes += read as u64;
        }
        let digest: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bytes, sha256: digest })
    }

    #[cfg(feature = "model")]
    pub(crate) fn describe(&self) -> String {
        format!("{} bytes, {}", self.bytes, self.sha256)
    }
}
