//! The file by which a folder is known as a generated suite.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path};

use super::error::SuiteError;
use super::report::SuiteReport;

/// Name of the marker in the root of a generated suite.
pub const MARKER_FILE: &str = "suite.json";
/// Where the marker is written before it takes its name.
const MARKER_ASIDE: &str = "suite.json.part";
const FORMAT: &str = "gst-suite";
const VERSION: u32 = 1;

/// Contents of the marker. Written before the first clip (without a report) and again after the last.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    format: String,
    version: u32,
    /// Hash of everything that decides what the suite is.
    recipe: String,
    /// Hash of the JSON tables, empty until the suite is complete.
    tables: String,
    /// The folders that belong to the suite.
    datasets: Vec<String>,
    /// None until the suite is complete.
    report: Option<SuiteReport>,
}

/// What lies in the folder that a suite is to be written to.
pub(super) enum Found {
    /// Nothing, or the folder is not there yet.
    Empty,
    /// A suite, perhaps another or an unfinished one.
    Suite(Box<Marker>),
}

/// Looks at the folder without changing it.
pub(super) fn look(root: &Path) -> Result<Found, SuiteError> {
    let failed = |source| SuiteError::Io { action: "read the folder", path: root.to_owned(), source };
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Empty),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(SuiteError::NotAFolder { path: root.to_owned() }),
        Err(error) => return Err(failed(error)),
    };
    let mut other = None;
    for entry in entries {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if name != MARKER_ASIDE {
            other = Some(name);
        }
    }
    let Some(found) = other else { return Ok(Found::Empty) };
    let refuse = |reason: String| SuiteError::NotASuite { path: root.to_owned(), found, marker: MARKER_FILE, reason };
    let text = match fs::read_to_string(root.join(MARKER_FILE)) {
        Ok(text) => text,
        Err(error) => return Err(refuse(error.to_string())),
    };
    match serde_json::from_str::<Marker>(&text) {
        Ok(marker) if marker.format == FORMAT && marker.version == VERSION => Ok(Found::Suite(Box::new(marker))),
        Ok(marker) => Err(refuse(format!(
            "format is {:?} version {}, expected {FORMAT:?} version {VERSION}",
            marker.format, marker.version
        ))),
        Err(error) => Err(refuse(error.to_string())),
    }
}

impl Marker {
    /// The marker of a suite with these datasets that is about to be written.
    pub(super) fn begun(recipe: &str, datasets: Vec<String>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            recipe: recipe.to_owned(),
            tables: String::new(),
            datasets,
            report: None,
        }
    }

    /// The marker of the finished suite.
    pub(super) fn finished(self, root: &Path, report: &SuiteReport) -> Result<Self, SuiteError> {
        Ok(Self { tables: tables_hash(root, &self.datasets)?, report: Some(report.clone()), ..self })
    }

    /// Writes the marker aside and renames it, so that it is never half there.
    pub(super) fn write(&self, root: &Path) -> Result<(), SuiteError> {
        let (aside, path) = (root.join(MARKER_ASIDE), root.join(MARKER_FILE));
        let text = serde_json::to_string_pretty(self).map_err(|source| SuiteError::Json { path: path.clone(), source })?;
        fs::write(&aside, text).map_err(|source| SuiteError::Io { action: "write", path: aside.clone(), source })?;
        fs::rename(&aside, &path).map_err(|source| SuiteError::Io { action: "rename to this name", path, source })
    }

    /// The report, if the folder holds exactly the suite of this recipe: it is the same, the tables are unchanged, and
    /// every dataset has its number of audio files and bytes. (Audio is not hashed again.)
    pub(super) fn holds(&self, recipe: &str, root: &Path) -> Option<SuiteReport> {
        let report = self.report.as_ref().filter(|_| self.recipe == recipe)?;
        if tables_hash(root, &self.datasets).ok()? != self.tables {
            return None;
        }
        for dataset in &report.datasets {
            let (mut files, mut bytes) = (0, 0);
            for entry in fs::read_dir(root.join(&dataset.name).join("audio")).ok()? {
                files += 1;
                bytes += entry.ok()?.metadata().ok()?.len();
            }
            if (files, bytes) != (dataset.clips, dataset.bytes) {
                return None;
            }
        }
        Some(report.clone())
    }

    /// Removes what the marked suite left in the folder, and nothing else. The marker's names are not trusted with paths.
    pub(super) fn clear(&self, root: &Path) -> Result<(), SuiteError> {
        for name in &self.datasets {
            let mut parts = Path::new(name).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                continue;
            }
            let path = root.join(name);
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(SuiteError::Io { action: "remove the folder of an earlier suite", path, source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Hash of `datasets.json` and of every dataset's two tables.
fn tables_hash(root: &Path, datasets: &[String]) -> Result<String, SuiteError> {
    let mut hash = Sha256::new();
    let tables = datasets.iter().flat_map(|name| ["train.jsonl", "test.jsonl"].map(|table| root.join(name).join(table)));
    for path in tables.chain([root.join("datasets.json")]) {
        hash.update(fs::read(&path).map_err(|source| SuiteError::Io { action: "read", path, source })?);
    }
    Ok(written(hash))
}

/// A finished hash as `sha256:` and hexadecimal digits.
pub(super) fn written(hash: Sha256) -> String {
    hash.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
