//! `gst data check`: decodes every clip once, in parallel, and says what is in a folder of datasets and what is wrong with it.

mod clip;
mod duplicates;
mod report;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use rayon::prelude::*;

pub use clip::{CLIPPED_LEVEL, CLIPPED_SHARE, SILENCE_PEAK};
pub use duplicates::{Duplicate, DuplicateKind};
pub use report::{CheckReport, DatasetReport, Problem, SplitReport};

use crate::{
    collection::{Collection, Dataset, OpenParams},
    error::DataError,
    record::Split,
};
use clip::{ClipFacts, examine};

/// Decodes every clip of `collection` and reports. `progress(done, total)` is called from worker threads after each clip.
pub fn check(collection: &Collection, progress: impl Fn(usize, usize) + Sync) -> CheckReport {
    let clips: Vec<(usize, &str, Split)> = collection
        .datasets
        .iter()
        .enumerate()
        .flat_map(|(number, dataset)| clips(dataset).into_iter().map(move |(audio, split)| (number, audio, split)))
        .collect();
    let done = AtomicUsize::new(0);
    let facts: Vec<Option<ClipFacts>> = clips
        .par_iter()
        .map(|&(number, audio, _)| {
            let facts = collection.datasets.get(number).map(|dataset| examine(&dataset.root.join(audio)));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, clips.len());
            facts
        })
        .collect();
    let mut by_dataset: Vec<BTreeMap<&str, ClipFacts>> = vec![BTreeMap::new(); collection.datasets.len()];
    for (&(number, audio, _), facts) in clips.iter().zip(facts) {
        if let (Some(known), Some(facts)) = (by_dataset.get_mut(number), facts) {
            known.insert(audio, facts);
        }
    }
    let mut report = CheckReport { fingerprint: collection.fingerprint(), ..CheckReport::default() };
    for (dataset, facts) in collection.datasets.iter().zip(&by_dataset) {
        report.add_dataset(dataset, facts);
    }
    report.duplicates = duplicates::find(collection, &clips, &by_dataset);
    report
}

/// Surveys the folder `root` and checks what can be read; problems of the manifests come first in the report.
///
/// # Errors
/// Only when there is nothing to check: no folder, no dataset, or a parameter out of range.
pub fn check_folder(root: &Path, params: &OpenParams, progress: impl Fn(usize, usize) + Sync) -> Result<CheckReport, DataError> {
    let (collection, problems) = Collection::survey(root, params)?;
    let mut report = check(&collection, progress);
    let mut all: Vec<Problem> = problems.iter().map(Problem::of).collect();
    all.append(&mut report.problems);
    report.problems = all;
    Ok(report)
}

/// The clips of a dataset with the split of each, in the order of first use.
fn clips(dataset: &Dataset) -> Vec<(&str, Split)> {
    let mut seen = std::collections::HashSet::new();
    Split::ALL
        .into_iter()
        .flat_map(|split| dataset.records(split).iter().map(move |record| (record.audio.as_str(), split)))
        .filter(|&(audio, _)| seen.insert(audio))
        .collect()
}
