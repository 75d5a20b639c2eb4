//! Whether what was read has changed since: size and time of modification of every file and folder looked at.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

/// Size in bytes (0 for a folder) and time of modification in nanoseconds; `None` where nothing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp(Option<(u64, u64)>);

impl Stamp {
    pub(crate) fn of(path: &Path) -> Self {
        let found = fs::metadata(path).ok().map(|metadata| {
            let size = if metadata.is_dir() { 0 } else { metadata.len() };
            let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            (size, modified.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
        });
        Self(found)
    }
}

/// The stamps of everything that was looked at.
pub(crate) type Stamps = BTreeMap<PathBuf, Stamp>;

/// True when nothing has changed.
pub(crate) fn unchanged(stamps: &Stamps) -> bool {
    stamps.iter().all(|(path, stamp)| Stamp::of(path) == *stamp)
}
