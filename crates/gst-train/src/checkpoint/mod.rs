//! Checkpoints: folders `checkpoints/step-N/` that are whole or not there.
//!
//! A checkpoint is written under another name (`….partial`), all of its files and the folder are synced, `checkpoint.json`
//! comes last and names every other file with its size and SHA-256, and only then the folder gets its name. Whatever kills
//! the process or the machine on the way leaves the checkpoints before it as they were. What is in the files is the
//! caller's affair: [`write()`] hands out an empty folder to fill.

pub mod moments;
pub mod state;
mod trained;

pub(crate) use trained::{evaluated_files, is_average, load_average, load_model, save_average, save_model};

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gst_affinity::artifact::{Artifact, Document};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::files::{self, FileMark, sync};

/// Weights of the model, by parameter path.
pub const WEIGHTS: &str = "model.safetensors";
/// Moving average of the weights, by parameter path; there only with the setting `ema`.
pub const AVERAGE: &str = "average.safetensors";
/// State of the optimizer, by parameter path ([`moments`]).
pub const MOMENTS: &str = "optimizer.safetensors";
/// The schedule as resolved so far, with its decision log.
pub const SCHEDULE: &str = "schedule.json";
/// Everything else ([`state::RunState`]).
pub const STATE: &str = "state.json";
/// The commit mark of a checkpoint, and the list of its files.
pub const MARK: &str = "checkpoint.json";

/// What a folder is called that is being written or removed.
const PARTIAL: &str = "partial";

/// A checkpoint on disk that has its commit mark.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Its folder.
    pub folder: PathBuf,
    /// Optimizer steps done.
    pub step: u64,
    /// Score of the evaluation after exactly these steps, if there was one; higher is better.
    pub score: Option<f64>,
}

/// The body of `checkpoint.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    step: u64,
    score: Option<f64>,
    files: BTreeMap<String, FileMark>,
}

impl Artifact for Mark {
    const FORMAT: &'static str = "gst-checkpoint";
    const VERSION: u32 = 2;
}

impl Checkpoint {
    fn open(folder: PathBuf) -> Result<Self, TrainError> {
        let mark: Document<Mark> = files::read_artifact(&folder.join(MARK))?;
        Ok(Self { folder, step: mark.body.step, score: mark.body.score })
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Paths in it of all its files but the mark.
    ///
    /// # Errors
    /// When the mark cannot be read.
    pub fn files(&self) -> Result<Vec<String>, TrainError> {
        let mark: Document<Mark> = files::read_artifact(&self.file(MARK))?;
        Ok(mark.body.files.into_keys().collect())
    }

    /// Reads every file and compares size and hash with the mark.
    ///
    /// # Errors
    /// [`TrainError::Damaged`] for the first file that is not as it was written.
    pub fn verify(&self) -> Result<(), TrainError> {
        let mark: Document<Mark> = files::read_artifact(&self.file(MARK))?;
        for (name, expected) in &mark.body.files {
            let path = self.file(name);
            let damaged = |found: String| TrainError::Damaged { path: path.clone(), found, expected: expected.describe() };
            let found = FileMark::of(&path).map_err(|error| damaged(error.to_string()))?;
            if found != *expected {
                return Err(damaged(found.describe()));
            }
        }
        Ok(())
    }
}

/// Writes the checkpoint after `step` steps: `fill` puts the files into the folder it is given.
///
/// # Errors
/// [`TrainError::NotSaved`] when anything fails; the checkpoints before it are then as they were, and the space that the failed
/// one took is free again.
pub fn write(
    checkpoints: &Path,
    step: u64,
    score: Option<f64>,
    fill: impl FnOnce(&Path) -> Result<(), TrainError>,
) -> Result<Checkpoint, TrainError> {
    let folder = checkpoints.join(format!("step-{step}"));
    let aside = folder.with_extension(PARTIAL);
    let written = fresh(&aside).and_then(|()| fill(&aside)).and_then(|()| seal(&aside, step, score));
    let published = written.and_then(|()| publish(&aside, &folder));
    published.map(|()| Checkpoint { folder, step, score }).map_err(|error| {
        // What is left over is removed again by the next checkpoint, if it cannot be removed now.
        let _ = fs::remove_dir_all(&aside);
        TrainError::NotSaved {
            step,
            last: list(checkpoints).ok().and_then(|all| all.last().map(|last| last.step)),
            source: Box::new(error),
        }
    })
}

/// All checkpoints, by rising step. Folders without a readable mark are no checkpoints.
///
/// # Errors
/// [`TrainError::Io`] when the folder cannot be read.
pub fn list(checkpoints: &Path) -> Result<Vec<Checkpoint>, TrainError> {
    let mut found: Vec<Checkpoint> = folders(checkpoints)?
        .into_iter()
        .filter(|folder| is_checkpoint_name(folder))
        .filter_map(|folder| Checkpoint::open(folder).ok())
        .collect();
    found.sort_by_key(|checkpoint| checkpoint.step);
    Ok(found)
}

/// The newest checkpoint whose files are all as they were written, and what is wrong with each newer one.
///
/// # Errors
/// [`TrainError::Io`] when the folder cannot be read.
pub fn newest_whole(checkpoints: &Path) -> Result<(Option<Checkpoint>, Vec<TrainError>), TrainError> {
    let mut damaged = Vec::new();
    for checkpoint in list(checkpoints)?.into_iter().rev() {
        match checkpoint.verify() {
            Ok(()) => return Ok((Some(checkpoint), damaged)),
            Err(error) => damaged.push(error),
        }
    }
    Ok((None, damaged))
}

/// Removes all but the newest `keep_last` (0: all stay) and, where asked, the one with the best score (the earlier of equals).
///
/// # Errors
/// [`TrainError::Io`] when one cannot be removed.
pub fn prune(checkpoints: &Path, keep_last: usize, keep_best: bool) -> Result<(), TrainError> {
    let all = list(checkpoints)?;
    let best = all.iter().rev().filter(|checkpoint| keep_best && checkpoint.score.is_some());
    let best = best.max_by(|a, b| a.score.unwrap_or(f64::MIN).total_cmp(&b.score.unwrap_or(f64::MIN)));
    let old = if keep_last == 0 { 0 } else { all.len().saturating_sub(keep_last) };
    for checkpoint in all[..old].iter().filter(|checkpoint| best.is_none_or(|best| best.step != checkpoint.step)) {
        discard(&checkpoint.folder)?;
    }
    Ok(())
}

/// Removes all checkpoints after `step`.
///
/// # Errors
/// [`TrainError::Io`] when one cannot be removed.
pub fn remove_after(checkpoints: &Path, step: u64) -> Result<(), TrainError> {
    list(checkpoints)?.iter().filter(|checkpoint| checkpoint.step > step).try_for_each(|checkpoint| discard(&checkpoint.folder))
}

/// Removes what a killed process left half written or half removed.
///
/// # Errors
/// [`TrainError::Io`] when it cannot be removed.
pub fn clean(checkpoints: &Path) -> Result<(), TrainError> {
    let partial = |folder: &PathBuf| folder.extension().is_some_and(|extension| extension == PARTIAL);
    folders(checkpoints)?.iter().filter(|folder| partial(folder)).try_for_each(|folder| remove(folder))
}

/// Renamed first, so that a half removed folder is never taken for a checkpoint.
fn discard(folder: &Path) -> Result<(), TrainError> {
    let aside = folder.with_extension(format!("old.{PARTIAL}"));
    remove(&aside)?;
    fs::rename(folder, &aside).map_err(TrainError::io(folder))?;
    remove(&aside)
}

fn remove(folder: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(TrainError::io(folder)(error)),
        _ => Ok(()),
    }
}

fn fresh(aside: &Path) -> Result<(), TrainError> {
    remove(aside)?;
    fs::create_dir_all(aside).map_err(TrainError::io(aside))
}

/// Syncs what was written and adds the mark.
fn seal(aside: &Path, step: u64, score: Option<f64>) -> Result<(), TrainError> {
    let mut mark = Mark { step, score, files: BTreeMap::new() };
    mark_all(aside, "", &mut mark.files)?;
    files::write(&aside.join(MARK), &Document::new(mark).to_json()?)
}

/// Syncs everything in `folder` and adds it to `marks` under its path in the checkpoint.
fn mark_all(folder: &Path, prefix: &str, marks: &mut BTreeMap<String, FileMark>) -> Result<(), TrainError> {
    for entry in fs::read_dir(folder).map_err(TrainError::io(folder))? {
        let path = entry.map_err(TrainError::io(folder))?.path();
        sync(&path)?;
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            mark_all(&path, &format!("{name}/"), marks)?;
        } else {
            marks.insert(name, FileMark::of(&path).map_err(TrainError::io(&path))?);
        }
    }
    Ok(())
}

/// Gives a sealed folder its name. A folder that has it (damaged, or of steps that were lost) steps aside.
fn publish(aside: &Path, folder: &Path) -> Result<(), TrainError> {
    let replaced = folder.with_extension(format!("old.{PARTIAL}"));
    if folder.exists() {
        remove(&replaced)?;
        fs::rename(folder, &replaced).map_err(TrainError::io(folder))?;
    }
    fs::rename(aside, folder).map_err(TrainError::io(folder))?;
    if let Some(checkpoints) = folder.parent() {
        sync(checkpoints)?;
    }
    remove(&replaced)
}

fn folders(checkpoints: &Path) -> Result<Vec<PathBuf>, TrainError> {
    if !checkpoints.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(checkpoints).map_err(TrainError::io(checkpoints))?;
    let folders: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    Ok(folders.map_err(TrainError::io(checkpoints))?.into_iter().filter(|path| path.is_dir()).collect())
}

fn is_checkpoint_name(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix("step-").is_some_and(|step| step.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(folder: &Path, step: u64, score: Option<f64>) {
        let fill = |aside: &Path| files::write(&aside.join("weights"), format!("of step {step}"));
        write(folder, step, score, fill).unwrap();
    }

    fn steps(folder: &Path) -> Vec<u64> {
        list(folder).unwrap().iter().map(|checkpoint| checkpoint.step).collect()
    }

    #[test]
    fn only_folders_with_a_mark_count() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(newest_whole(&folder.join("absent")).unwrap().0, None);
        save(folder, 5, None);
        save(folder, 10, Some(0.5));
        for stray in ["step-99", "step-98.partial", "step-5.old.partial", "other"] {
            fs::create_dir(folder.join(stray)).unwrap();
        }
        assert_eq!(steps(folder), [5, 10]);
        let (newest, damaged) = newest_whole(folder).unwrap();
        assert_eq!(newest.map(|found| (found.step, found.score)), Some((10, Some(0.5))));
        assert!(damaged.is_empty());
        clean(folder).unwrap();
        assert!(!folder.join("step-98.partial").exists() && folder.join("step-99").exists());
    }

    #[test]
    fn the_last_and_the_best_are_kept() {
        let check = |keep_last, keep_best, expected: &[u64]| {
            let folder = tempfile::tempdir().unwrap();
            for (step, score) in [(1, Some(0.2)), (2, Some(0.9)), (3, None), (4, Some(0.9)), (5, Some(0.1)), (6, None)] {
                save(folder.path(), step, score);
            }
            prune(folder.path(), keep_last, keep_best).unwrap();
            assert_eq!(steps(folder.path()), expected, "{keep_last} {keep_best}");
        };
        check(0, false, &[1, 2, 3, 4, 5, 6]);
        check(1, false, &[6]);
        check(2, false, &[5, 6]);
        check(2, true, &[2, 5, 6]);
        check(9, true, &[1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_changed_byte_a_missing_file_and_a_broken_mark_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        (1..=4).for_each(|step| save(folder, step, None));
        fs::write(folder.join("step-4").join(MARK), "{").unwrap();
        fs::write(folder.join("step-3/weights"), "of step 4").unwrap();
        fs::remove_file(folder.join("step-2/weights")).unwrap();
        let (newest, damaged) = newest_whole(folder).unwrap();
        assert_eq!(newest.map(|found| found.step), Some(1));
        let messages: Vec<String> = damaged.iter().map(ToString::to_string).collect();
        assert!(messages[0].contains("step-3") && messages[0].contains("9 bytes"), "{messages:?}");
        assert!(messages[1].contains("step-2"), "{messages:?}");
        // The damaged one is replaced by the next that is written.
        save(folder, 3, None);
        assert_eq!(newest_whole(folder).unwrap().0.map(|found| found.step), Some(3));
        remove_after(folder, 2).unwrap();
        assert_eq!(steps(folder), [1, 2]);
    }

    #[test]
    fn a_failed_save_leaves_the_others_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        save(folder, 1, None);
        let fill = |aside: &Path| {
            files::write(&aside.join("weights"), "half")?;
            Err(TrainError::io(&aside.join("moments"))(io::Error::from(io::ErrorKind::StorageFull)))
        };
        let error = write(folder, 2, None, fill).unwrap_err().to_string();
        assert!(error.contains("step 2") && error.contains("step 1"), "{error}");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
        assert_eq!(newest_whole(folder).unwrap().0.map(|found| found.step), Some(1));
    }
}
