//! Broken samples: counted, listed in `RUN/quarantine.jsonl`, and too many of them an error.
//!
//! What takes a broken record's place follows from the files alone ([`gst_data::ExampleSource::load_usable`]), so batches need
//! no state of this. The list has a record once, however often it is drawn.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use gst_data::{Broken, ExampleSource, Split};
use gst_schedule::Schedule;
use serde::{Deserialize, Serialize};

use crate::{Setup, TrainConfig, TrainError};

/// A record that could not be used: one line of `quarantine.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The optimizer step, from 0, whose batch met it first; absent for a record that was to be evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Its split.
    pub split: Split,
    /// Its dataset.
    pub dataset: String,
    /// Its id.
    pub id: String,
    /// Its clip, relative to the dataset's folder.
    pub audio: String,
    /// What is wrong with it.
    pub reason: String,
    /// Id of the record of the same dataset that took its place; absent where it was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
}

impl SetAside {
    /// The entry of a `broken` record of the dataset at collection index `dataset`; `replacement` is the record that took its place.
    ///
    /// # Errors
    /// When there is no such record.
    pub fn new(
        source: &ExampleSource,
        split: Split,
        dataset: usize,
        broken: &Broken,
        replacement: Option<usize>,
    ) -> Result<Self, TrainError> {
        let (owner, record) = source.record(split, dataset, broken.record)?;
        let replaced_by = match replacement {
            Some(index) => Some(source.record(split, dataset, index)?.1.id.clone()),
            None => None,
        };
        Ok(Self {
            step: None,
            split,
            dataset: owner.name.clone(),
            id: record.id.clone(),
            audio: record.audio.clone(),
            reason: broken.error.to_string(),
            replaced_by,
        })
    }

    /// The same, met by the batch of `step`.
    #[must_use]
    pub fn at(self, step: u64) -> Self {
        Self { step: Some(step), ..self }
    }
}

/// The broken records that a run has met, and how many it may meet.
#[derive(Debug)]
pub struct Quarantine {
    /// The list; `None` keeps none.
    path: Option<PathBuf>,
    seen: BTreeSet<(Split, String, String)>,
    share: f64,
    /// Records of each split that the share is of.
    records: [usize; 3],
}

impl Quarantine {
    /// The quarantine of a run that goes on at step `from`: what it met before then stays listed in the file at `path`, which a run
    /// from step 0 begins anew. The share that may be broken is of the training records that `schedule` draws, and of all
    /// records of the other splits.
    ///
    /// # Errors
    /// [`TrainError::Io`] when the file cannot be read or written, [`TrainError::Config`] when it is something else.
    pub fn open(path: &Path, from: u64, setup: &Setup, schedule: &Schedule, config: &TrainConfig) -> Result<Self, TrainError> {
        let kept = if from == 0 { Vec::new() } else { read(path)? };
        let kept: Vec<SetAside> = kept.into_iter().filter(|entry| entry.step.is_none_or(|step| step < from)).collect();
        if kept.is_empty() {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(TrainError::io(path)(error)),
                _ => {}
            }
        } else {
            let lines = kept.iter().map(line).collect::<Result<String, _>>().map_err(TrainError::io(path))?;
            crate::files::write(path, &lines)?;
        }
        let mut quarantine = Self::unlisted(setup, schedule, config);
        quarantine.path = Some(path.to_owned());
        quarantine.seen = kept.iter().map(key).collect();
        Ok(quarantine)
    }

    /// A quarantine that counts and lists nothing.
    #[must_use]
    pub fn unlisted(setup: &Setup, schedule: &Schedule, config: &TrainConfig) -> Self {
        let all = |split| (0..setup.datasets().len()).map(|dataset| setup.records(dataset, split)).sum::<usize>();
        let draws = schedule.steps.saturating_mul(u64::from(schedule.batch_size));
        let mut records = Split::ALL.map(all);
        records[0] = records[0].min(usize::try_from(draws).unwrap_or(usize::MAX));
        Self { path: None, seen: BTreeSet::new(), share: config.max_broken_share, records }
    }

    /// Takes in what was found; gives what had not been met before.
    ///
    /// # Errors
    /// [`TrainError::TooManyBroken`] when more than the share of a split is broken; [`TrainError::Io`] when the list cannot be
    /// written.
    pub fn add<'f>(&mut self, found: &'f [SetAside]) -> Result<Vec<&'f SetAside>, TrainError> {
        let new: Vec<&SetAside> = found.iter().filter(|entry| self.seen.insert(key(entry))).collect();
        if let (Some(path), false) = (&self.path, new.is_empty()) {
            let write = || {
                let lines = new.iter().map(|entry| line(entry)).collect::<Result<String, _>>()?;
                OpenOptions::new().create(true).append(true).open(path)?.write_all(lines.as_bytes())
            };
            write().map_err(TrainError::io(path))?;
        }
        for entry in &new {
            let (broken, of) = (self.broken(entry.split), self.records[entry.split as usize]);
            // At least one, so that a short run does not stop at the first.
            if broken as f64 > (self.share * of as f64).ceil() {
                return Err(TrainError::TooManyBroken {
                    broken,
                    of,
                    split: entry.split,
                    share: self.share,
                    last: format!("{}/{}: {}", entry.dataset, entry.id, entry.reason),
                    list: self.path.clone(),
                });
            }
        }
        Ok(new)
    }

    /// Records of a split met so far.
    #[must_use]
    pub fn broken(&self, split: Split) -> usize {
        self.seen.iter().filter(|(of, ..)| *of == split).count()
    }

    /// Records met so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

fn key(entry: &SetAside) -> (Split, String, String) {
    (entry.split, entry.dataset.clone(), entry.id.clone())
}

fn line(entry: &SetAside) -> std::io::Result<String> {
    Ok(serde_json::to_string(entry)? + "\n")
}

/// The entries of a list; a last line that a killed process cut off is passed over.
///
/// # Errors
/// [`TrainError::Io`] when it cannot be read, [`TrainError::Config`] with the line that is no entry. No file is an empty list.
pub fn read(path: &Path) -> Result<Vec<SetAside>, TrainError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(TrainError::io(path))?,
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |(number, line): (usize, &str)| {
        let reason = |error| format!("line {}: {error}; expected what `gst train` lists there", number + 1);
        serde_json::from_str(line).map_err(|error| TrainError::Config { path: path.to_owned(), reason: reason(error) })
    };
    whole.lines().enumerate().map(parse).collect()
}
