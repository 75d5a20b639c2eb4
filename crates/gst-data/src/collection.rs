//! A folder of datasets, `ROOT/NAME/{audio/, train.jsonl, test.jsonl}`, or a file that lists datasets (see [`sources`]).

use std::{
    fs,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    builder::DatasetBuilder,
    dataset::{Dataset, LeftOut},
    error::DataError,
    leave_out,
    record::Split,
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
    /// Leave out the clips that `quarantine.jsonl` lists (where it is there), so that no run meets them.
    pub quarantine: bool,
    /// Leave out training and validation clips that sound like a test clip bit for bit, or that come from the recording of a test
    /// clip of another dataset. Needs `verified.jsonl`, which [`check`](crate::check) writes.
    pub exclude_overlap: bool,
    /// The folder that holds `verified.jsonl` and `quarantine.jsonl`; `None`: the folder of the datasets itself.
    pub checks: Option<PathBuf>,
}

impl Default for OpenParams {
    fn default() -> Self {
        Self {
            only: None,
            validation_share: 0.1,
            limit_per_dataset: None,
            quarantine: true,
            exclude_overlap: false,
            checks: None,
        }
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
    /// Opens every dataset below `root` and checks every record, audio paths included; no audio is decoded. The records stay on
    /// disk. Clips in `quarantine.jsonl` are left out, see [`OpenParams`].
    ///
    /// # Errors
    /// The first problem found: see [`DataError`].
    pub fn open(root: &Path, params: &OpenParams) -> Result<Self, DataError> {
        let (datasets, problems) = read(root, params, false)?;
        problems.into_iter().next().map_or_else(|| Self::new(root, datasets, params), Err)
    }

    /// As [`open`](Self::open), but bad records are set aside and every problem is returned
    /// (at most [`MAX_PROBLEMS`] a dataset). A dataset without a usable record is left out.
    ///
    /// # Errors
    /// Only when there is nothing to survey: no folder, no dataset, or a parameter out of range; and where a clip is left out, as
    /// [`new`](Self::new).
    pub fn survey(root: &Path, params: &OpenParams) -> Result<(Self, Vec<DataError>), DataError> {
        let (datasets, problems) = read(root, params, true)?;
        Ok((Self::new(root, datasets, params)?, problems))
    }

    /// Puts datasets side by side, sorted by name, and leaves out what `params` say. `root` is where the files of a check are
    /// looked for.
    ///
    /// # Errors
    /// When a file of a check cannot be read, nothing is left of a split, or a parameter is out of range.
    pub fn new(root: &Path, mut datasets: Vec<Dataset>, params: &OpenParams) -> Result<Self, DataError> {
        params.check()?;
        datasets.sort_by(|a, b| a.name.cmp(&b.name));
        let mut hasher = Sha256::new();
        datasets.iter().for_each(|dataset| hasher.update(dataset.digest.as_bytes()));
        let checks = params.checks.clone().unwrap_or_else(|| sources::kept_in(root));
        leave_out::apply(&mut datasets, &checks, params, &mut hasher)?;
        datasets.par_iter_mut().try_for_each(|dataset| {
            let limit = params.limit_per_dataset.unwrap_or(usize::MAX);
            split::limit(&dataset.name, &dataset.rows, &mut dataset.splits[Split::Train as usize], limit)?;
            dataset.settle();
            Ok::<(), DataError>(())
        })?;
        Ok(Self { root: root.into(), datasets, fingerprint: crate::hash::finish(hasher) })
    }

    /// `sha256:…` over the names of the datasets, the bytes of their manifests, the names and sizes of their audio files, and the
    /// clips that are left out, if any. It is of what there is to learn from: hold-out and limit do not change it.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Position of the dataset named `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.datasets.iter().position(|dataset| dataset.name == name)
    }

    /// What lies on disk and is not used, over all datasets.
    pub fn left_out(&self) -> LeftOut {
        let mut sum = LeftOut::default();
        self.datasets.iter().for_each(|dataset| sum.add(dataset.left_out));
        sum
    }
}

fn read(root: &Path, params: &OpenParams, keep_going: bool) -> Result<(Vec<Dataset>, Vec<DataError>), DataError> {
    params.check()?;
    let located = locate(root, params.only.as_deref())?;
    let open = |located: &Located| DatasetBuilder::jsonl(located, keep_going).finish(params);
    let parts: Vec<_> = located.par_iter().map(open).collect();
    let (datasets, problems): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    Ok((datasets.into_iter().flatten().collect(), problems.into_iter().flatten().collect()))
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
