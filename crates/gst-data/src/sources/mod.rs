//! Where datasets come from: a folder in gst's own layout, or a TOML file with one line a dataset as its host hands it out.
//!
//! ```toml
//! [datasets]
//! clotho = { path = "/data/clotho" }
//! my_set = { reader = "csv", path = "my/labels.csv", audio = "file_name", answer = "label", question = "What is heard?" }
//! ```
//!
//! A dataset of such a file is read once by its [reader](crate::readers) and kept as JSON Lines beside the file (`NAME.imported/`);
//! it is read again when its line, one of the files it was read from, or a folder looked into has changed.

mod config;
mod error;
mod import;
mod stamp;

use std::path::{Path, PathBuf};

pub use config::{Missing, Settings, SourceList};
pub use error::SourceError;
pub(crate) use error::near;
pub use import::{Imported, import};
pub(crate) use stamp::{Stamp, Stamps};

use serde::Serialize;

use crate::error::DataError;

/// Where the manifests and the clips of one dataset lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Located {
    /// Name of the dataset.
    pub name: String,
    /// Folder with `train.jsonl`, `test.jsonl` and, where the dataset has a split of its own for it, `validation.jsonl`.
    pub manifests: PathBuf,
    /// Folder that audio paths are relative to.
    pub clips: PathBuf,
}

impl Located {
    /// A dataset in gst's own layout below `root`.
    pub fn below(root: &Path, name: &str) -> Self {
        let folder = root.join(name);
        Self { name: name.into(), manifests: folder.clone(), clips: folder }
    }
}

/// True when `path` is a file that lists datasets, rather than a folder of them.
pub fn is_list(path: &Path) -> bool {
    path.is_file()
}

/// The folder in which gst keeps what it finds out about the data at `root`: the folder of datasets itself, or, for a list, where
/// its rows are kept.
pub fn kept_in(root: &Path) -> PathBuf {
    match is_list(root).then(|| SourceList::read(root)) {
        Some(Ok(list)) => list.imported,
        Some(Err(_)) => root.with_extension("imported"),
        None => root.to_owned(),
    }
}

/// The datasets listed in `file` (all, or those named in `only`), sorted by name; those that are not there yet are imported.
///
/// # Errors
/// When the file does not parse or names something unknown, or a dataset cannot be read.
pub fn locate(file: &Path, only: Option<&[String]>) -> Result<Vec<Located>, DataError> {
    let list = SourceList::read(file)?.only(only)?;
    list.datasets.iter().map(|settings| import(&list, settings).map(|imported| imported.located)).collect()
}
