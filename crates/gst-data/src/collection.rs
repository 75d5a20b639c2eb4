//! A folder of datasets, `ROOT/NAME/{audio/, train.jsonl, test.jsonl}`, or a file that lists datasets (see [`sources`]).

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    error::DataError,
    folder::Folder,
    manifest::ManifestReader,
    record::{Record, Split},
    sources::{self, Located},
    split,
};

/// Problems kept for one dataset when a folder is surveyed: enough to see the pattern, bounded for hostile input.
pub const MAX_PROBLEMS: usize = 1_000;

/// What to take from a folder of datasets.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenParams {
    /// Only these datasets (by folder name); `None` takes all.
    pub only: Option<Vec<String>>,
    /// Share of the training *clips* of each dataset held out for validation, in `[0, 1)`; at least one clip when above 0.
    pub validation_share: f64,
    /// At most this many training records a dataset, chosen by hash after the hold-out; `None` takes all.
    pub limit_per_dataset: Option<usize>,
}

impl Default for OpenParams {
    fn default() -> Self {
        Self { only: None, validation_share: 0.1, limit_per_dataset: None }
    }
}

impl OpenParams {
    fn check(&self) -> Result<(), DataError> {
        if !(0.0..1.0).contains(&self.validation_share) {
            let found = self.validation_share.to_string();
            return Err(DataError::BadParameter { field: "validation share", found, expected: "a share from 0 to below 1" });
        }
        if self.limit_per_dataset == Some(0) {
            return Err(DataError::BadParameter {
                field: "limit per dataset",
                found: "0".into(),
                expected: "1 or more records (leave it out for all)",
            });
        }
        Ok(())
    }
}

/// One AudioQA dataset with its three splits; every split keeps the order of its manifest.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Folder name.
    pub name: String,
    /// The most frequent domain of its training records.
    pub domain: String,
    /// The folder that audio paths are relative to.
    pub root: PathBuf,
    /// Records of `train.jsonl` to learn from.
    pub train: Vec<Record>,
    /// Records of `validation.jsonl`, or records of `train.jsonl` whose clips are held out.
    pub validation: Vec<Record>,
    /// Records of `test.jsonl`.
    pub test: Vec<Record>,
}

impl Dataset {
    /// The records of a split.
    pub fn records(&self, split: Split) -> &[Record] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    /// Where a record's clip lies.
    pub fn audio_path(&self, record: &Record) -> PathBuf {
        self.root.join(&record.audio)
    }
}

/// All datasets of a folder, sorted by name.
#[derive(Debug, Clone)]
pub struct Collection {
    /// The folder.
    pub root: PathBuf,
    /// The datasets, sorted by name.
    pub datasets: Vec<Dataset>,
    fingerprint: String,
}

impl Collection {
    /// Opens every dataset below `root` and checks every record, audio paths included; no audio is decoded.
    ///
    /// # Errors
    /// The first problem found: see [`DataError`].
    pub fn open(root: &Path, params: &OpenParams) -> Result<Self, DataError> {
        let (collection, problems) = read(root, params, false)?;
        problems.into_iter().next().map_or(Ok(collection), Err)
    }

    /// As [`open`](Self::open), but bad records are set aside and every problem is returned
    /// (at most [`MAX_PROBLEMS`] a dataset). A dataset without a usable record is left out.
    ///
    /// # Errors
    /// Only when there is nothing to survey: no folder, no dataset, or a parameter out of range.
    pub fn survey(root: &Path, params: &OpenParams) -> Result<(Self, Vec<DataError>), DataError> {
        read(root, params, true)
    }

    /// `sha256:…` over the names of the datasets, the bytes of their manifests, and the names and sizes of their audio files.
    /// It is of what lies on disk: hold-out and limit do not change it.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Position of the dataset named `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.datasets.iter().position(|dataset| dataset.name == name)
    }
}

fn read(root: &Path, params: &OpenParams, keep_going: bool) -> Result<(Collection, Vec<DataError>), DataError> {
    params.check()?;
    let located = locate(root, params.only.as_deref())?;
    let parts: Vec<Part> = located.par_iter().map(|located| read_dataset(located, params, keep_going)).collect();
    let mut hasher = Sha256::new();
    let mut collection = Collection { root: root.into(), datasets: Vec::new(), fingerprint: String::new() };
    let mut problems = Vec::new();
    for part in parts {
        hasher.update(part.digest.as_bytes());
        collection.datasets.extend(part.dataset);
        problems.extend(part.problems);
    }
    collection.fingerprint = crate::hash::finish(hasher);
    Ok((collection, problems))
}

/// The datasets below a folder or listed in a file, sorted by name.
fn locate(root: &Path, only: Option<&[String]>) -> Result<Vec<Located>, DataError> {
    if sources::is_list(root) {
        return sources::locate(root, only);
    }
    Ok(names(root, only)?.iter().map(|name| Located::below(root, name)).collect())
}

/// Names of the folders below `root` that hold a manifest, sorted, or `only`.
fn names(root: &Path, only: Option<&[String]>) -> Result<Vec<String>, DataError> {
    if !root.is_dir() {
        return Err(DataError::MissingFolder { path: root.into() });
    }
    let entries = fs::read_dir(root).map_err(|source| DataError::Read { path: root.into(), source })?;
    let (mut names, mut folders) = (Vec::new(), 0);
    for entry in entries {
        let path = entry.map_err(|source| DataError::Read { path: root.into(), source })?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !path.is_dir() || name.starts_with('.') {
            continue;
        }
        folders += 1;
        if path.join("train.jsonl").exists() || path.join("test.jsonl").exists() {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    let Some(only) = only else {
        return match names.is_empty() {
            true if root.join("train.jsonl").exists() => Err(DataError::IsADataset { path: root.into() }),
            true => Err(DataError::NoDatasets { path: root.into(), folders }),
            false => Ok(names),
        };
    };
    if let Some(name) = only.iter().find(|name| !names.contains(name)) {
        return Err(DataError::UnknownDataset { path: root.into(), name: name.clone(), known: names.join(", ") });
    }
    if only.is_empty() {
        let expected = "at least one name (leave it out for all)";
        return Err(DataError::BadParameter { field: "datasets", found: "an empty list".into(), expected });
    }
    names.retain(|name| only.contains(name));
    Ok(names)
}

struct Part {
    dataset: Option<Dataset>,
    digest: String,
    problems: Vec<DataError>,
}

/// Collects problems; breaks at the first, or at [`MAX_PROBLEMS`] when surveying.
struct Problems {
    found: Vec<DataError>,
    keep_going: bool,
}

impl Problems {
    fn add(&mut self, problem: DataError) -> ControlFlow<()> {
        self.found.push(problem);
        if self.keep_going && self.found.len() < MAX_PROBLEMS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn read_dataset(located: &Located, params: &OpenParams, keep_going: bool) -> Part {
    let name = located.name.as_str();
    let mut problems = Problems { found: Vec::new(), keep_going };
    let mut state = Reading { located, name, seen: HashMap::new(), sizes: BTreeMap::new(), hasher: Sha256::new() };
    state.hasher.update(name.as_bytes());
    let own = located.manifests.join("validation.jsonl").exists();
    let train = state.read("train.jsonl", &mut problems);
    let own = if own { Some(state.read("validation.jsonl", &mut problems)) } else { None };
    let manifests = (train, own, state.read("test.jsonl", &mut problems));
    let mut dataset = None;
    if let (Some(train), None | Some(Some(_)), Some(test)) = (manifests.0, &manifests.1, manifests.2) {
        // A dataset's own validation split is kept; otherwise clips are held out.
        let parts = match manifests.1.flatten() {
            Some(validation) => Ok((train, validation)),
            None => split::hold_out(name, train, params.validation_share),
        };
        match parts {
            Ok((train, validation)) => {
                let train = split::limit(name, train, params.limit_per_dataset);
                let domain = most_frequent(train.iter().map(|record| record.domain.as_str())).unwrap_or_default().to_owned();
                dataset = Some(Dataset { name: name.into(), domain, root: located.clips.clone(), train, validation, test });
            }
            Err(problem) => {
                let _ = problems.add(problem);
            }
        }
    }
    Part { dataset, digest: state.digest(), problems: problems.found }
}

struct Reading<'a> {
    located: &'a Located,
    name: &'a str,
    /// id → (manifest, line) of its first use.
    seen: HashMap<String, (&'static str, usize)>,
    /// audio path → (size in bytes, first training line).
    sizes: BTreeMap<String, (u64, Option<usize>)>,
    hasher: Sha256,
}

impl Reading<'_> {
    /// The good records of a manifest; `None` when there are none or reading was broken off.
    fn read(&mut self, file: &'static str, problems: &mut Problems) -> Option<Vec<Record>> {
        let path = self.located.manifests.join(file);
        let before = problems.found.len();
        let opened = Folder::new(&self.located.clips).and_then(|folder| Ok((folder, ManifestReader::open(self.name, &path)?)));
        let (mut folder, mut lines) = match opened {
            Ok(opened) => opened,
            Err(problem) => {
                let _ = problems.add(problem);
                return None;
            }
        };
        let mut records = Vec::new();
        while let Some(line) = lines.next() {
            match line.and_then(|record| self.admit(record, file, &mut folder, &lines)) {
                Ok(record) => records.push(record),
                Err(problem) => {
                    if problems.add(problem).is_break() {
                        return None;
                    }
                }
            }
        }
        self.hasher.update(lines.digest().as_bytes());
        if records.is_empty() {
            if problems.found.len() == before {
                let _ = problems.add(DataError::EmptyManifest { dataset: self.name.into(), path });
            }
            return None;
        }
        Some(records)
    }

    /// Checks what concerns more than the line itself: the id, the clip's file, the other split.
    fn admit(
        &mut self,
        record: Record,
        file: &'static str,
        folder: &mut Folder,
        lines: &ManifestReader,
    ) -> Result<Record, DataError> {
        if let Some(&(first_file, first_line)) = self.seen.get(&record.id) {
            return Err(DataError::DuplicateId { place: lines.place(), id: record.id, first_file, first_line });
        }
        let training = file == "train.jsonl";
        match self.sizes.get(&record.audio) {
            Some(&(_, Some(train_line))) if !training => {
                return Err(DataError::ClipInBothSplits { place: lines.place(), audio: record.audio, train_line });
            }
            Some(_) => {}
            None => {
                let size = folder.size(&record.audio, || lines.place())?;
                self.sizes.insert(record.audio.clone(), (size, training.then_some(record.line)));
            }
        }
        self.seen.insert(record.id.clone(), (file, record.line));
        Ok(record)
    }

    fn digest(mut self) -> String {
        for (audio, (size, _)) in &self.sizes {
            self.hasher.update((audio.len() as u64).to_le_bytes());
            self.hasher.update(audio.as_bytes());
            self.hasher.update(size.to_le_bytes());
        }
        crate::hash::finish(self.hasher)
    }
}

/// The text seen most often, the first in alphabetical order among equals.
pub(crate) fn most_frequent<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|&(_, count)| count == most).map(|(text, _)| text)
}
