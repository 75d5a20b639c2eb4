//! `gst data check`: decodes every clip once, in parallel, and says what is in a folder of datasets and what is wrong with it.
//!
//! A check can leave two files: [`VERIFIED`] with what is known of each clip that decodes, and [`QUARANTINE`] with the others,
//! which [`Collection::open`] leaves out. The next check decodes only what has changed since.

mod answers;
mod clip;
mod duplicates;
pub(crate) mod files;
mod history;
mod overlaps;
mod report;
mod text;
mod workers;

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rayon::prelude::*;

pub use clip::{CLIPPED_LEVEL, CLIPPED_SHARE, ClipFacts, Examined, SILENCE_PEAK, examine};
pub use duplicates::{Duplicate, DuplicateKind};
pub use files::{QUARANTINE, QuarantinedClip, VERIFIED, VerifiedClip};
pub use overlaps::{Overlap, Shared};
pub use report::{AnswerLengths, CheckReport, DatasetReport, MAX_LABELS, Problem, SplitReport};
pub use workers::{DEFAULT_TIME_LIMIT, Workers, serve};

use crate::{
    collection::{Collection, OpenParams},
    error::DataError,
    hash::ContentHash,
};
use answers::Answers;
use history::History;
use report::Bad;

/// How a check is done.
pub struct CheckParams<'a> {
    /// Examines a clip: [`Workers::examine`], or [`examine`] in this process.
    pub examine: &'a Examine<'a>,
    /// The folder for [`VERIFIED`] and [`QUARANTINE`]; nothing is written without one, and every clip is decoded.
    pub out: Option<PathBuf>,
    /// Decode clips again that the last check has seen.
    pub fresh: bool,
    /// Called from worker threads after each clip with clips done and clips in all.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// Examines the clip at a path, whose file may have a known hash.
pub type Examine<'a> = dyn Fn(&Path, Option<&ContentHash>) -> Result<Examined, DataError> + Sync + 'a;

impl Default for CheckParams<'_> {
    /// Decodes in this process and writes nothing.
    fn default() -> Self {
        Self { examine: &|path, known| Ok(examine(path, known)), out: None, fresh: false, progress: &|_, _| {} }
    }
}

/// What is known of a clip.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Good(ClipFacts),
    Bad(Bad),
}

/// Checks all clips of `collection`.
///
/// # Errors
/// When a record cannot be read, a process not started, or a file of the check not read or written.
pub fn check(collection: &Collection, params: &CheckParams<'_>) -> Result<CheckReport, DataError> {
    let datasets = &collection.datasets;
    let answers: Vec<Answers> = datasets.par_iter().map(Answers::of).collect::<Result<_, _>>()?;
    let history = match &params.out {
        Some(folder) => History::open(folder, datasets, params.fresh)?,
        None => History::none(datasets),
    };
    let clips: Vec<(usize, u32)> =
        answers.iter().enumerate().flat_map(|(number, answers)| answers.clips().map(move |clip| (number, clip))).collect();
    let (done, decoded) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let history = Mutex::new(history);
    let locked = || history.lock().unwrap_or_else(PoisonError::into_inner);
    let new = |outcome| {
        decoded.fetch_add(1, Ordering::Relaxed);
        outcome
    };
    let outcome = |&(number, clip): &(usize, u32)| {
        let dataset = &datasets[number];
        let (reused, known) = locked().recall(number, dataset, clip);
        let outcome = match reused {
            Some(outcome) => outcome,
            None => {
                let path = dataset.root.join(dataset.clip(clip));
                let outcome = match (params.examine)(&path, known.as_ref().and_then(Outcome::file_hash))? {
                    Examined::Good(facts) => new(Outcome::Good(facts)),
                    Examined::Bad { file_hash, reason } => new(Outcome::Bad(Bad { file_hash, reason })),
                    Examined::Same => known.unwrap_or_else(|| Outcome::Bad(Bad::nonsense(&path))),
                };
                locked().note(dataset, clip, &outcome, &answers[number])?;
                outcome
            }
        };
        (params.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, clips.len());
        Ok(outcome)
    };
    let outcomes: Vec<Outcome> = clips.par_iter().map(outcome).collect::<Result<_, DataError>>()?;
    let mut by_dataset: Vec<Vec<Option<Outcome>>> = datasets.iter().map(|dataset| vec![None; dataset.files.len()]).collect();
    for (&(number, clip), outcome) in clips.iter().zip(outcomes) {
        by_dataset[number][clip as usize] = Some(outcome);
    }
    if let Some(folder) = &params.out {
        history::write(folder, datasets, &by_dataset, &answers)?;
    }
    let mut report = CheckReport::of(collection, &by_dataset, &answers)?;
    report.clips = clips.len();
    report.decoded = decoded.into_inner();
    Ok(report)
}

/// Surveys the folder `root` and checks what can be read; problems of the manifests come first in the report. Clips in quarantine
/// are looked at like all others.
///
/// # Errors
/// When there is nothing to check (no folder, no dataset, or a parameter out of range), and as [`check`].
pub fn check_folder(root: &Path, open: &OpenParams, params: &CheckParams<'_>) -> Result<CheckReport, DataError> {
    let open = OpenParams { quarantine: false, exclude_overlap: false, ..open.clone() };
    let (collection, problems) = Collection::survey(root, &open)?;
    let mut report = check(&collection, params)?;
    report.problems = problems.iter().map(Problem::of).collect();
    Ok(report)
}

impl Outcome {
    fn file_hash(&self) -> Option<&ContentHash> {
        match self {
            Self::Good(facts) => Some(&facts.file_hash),
            Self::Bad(bad) => bad.file_hash.as_ref(),
        }
    }

    fn good(&self) -> Option<&ClipFacts> {
        match self {
            Self::Good(facts) => Some(facts),
            Self::Bad(_) => None,
        }
    }
}
