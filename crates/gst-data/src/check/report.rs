//! What a check found, for programs (serde) and for people (`Display`).

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
};

use serde::Serialize;

use super::{
    Outcome,
    answers::Answers,
    clip::{CLIPPED_SHARE, SILENCE_PEAK},
    duplicates::{self, Duplicate},
    files::QuarantinedClip,
    history,
    overlaps::{self, Overlap},
};
use crate::{collection::Collection, dataset::Dataset, error::DataError, hash::ContentHash, record::Split};

/// Most labels of a dataset that are counted one by one; with more it asks open questions, whose balance says nothing.
pub const MAX_LABELS: usize = 10_000;

/// Result of a check.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CheckReport {
    /// Fingerprint of the folder, as [`Collection::fingerprint`](crate::Collection::fingerprint).
    pub fingerprint: String,
    /// One entry a dataset, sorted by name.
    pub datasets: Vec<DatasetReport>,
    /// Clips looked at.
    pub clips: usize,
    /// Clips decoded by this check; the others have not changed since the last one.
    pub decoded: usize,
    /// What must be put right before training.
    pub problems: Vec<Problem>,
    /// Clips that cannot be used; training leaves them out where they are in `quarantine.jsonl`.
    pub quarantine: Vec<QuarantinedClip>,
    /// Files with equal audio, the gravest first.
    pub duplicates: Vec<Duplicate>,
    /// Training clips that are in a test split.
    pub overlaps: Vec<Overlap>,
}

/// Why a clip cannot be used.
#[derive(Debug, Clone)]
pub(crate) struct Bad {
    pub(crate) file_hash: Option<ContentHash>,
    pub(crate) reason: String,
}

impl Bad {
    /// For a clip that is said to be the same when nothing was known.
    pub(super) fn nonsense(path: &Path) -> Self {
        Self { file_hash: None, reason: format!("{}: the decoder answers nonsense", path.display()) }
    }
}

/// Something that must be put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Name of the dataset, empty where it is not about one.
    pub dataset: String,
    /// The whole message, file and line in it.
    pub message: String,
}

impl Problem {
    pub(super) fn of(error: &DataError) -> Self {
        let dataset = error.dataset().unwrap_or_default();
        Self { dataset: dataset.into(), message: error.to_string() }
    }
}

/// One dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DatasetReport {
    /// Its name.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// Each split.
    pub splits: BTreeMap<Split, SplitReport>,
    /// Shortest clip in seconds.
    pub shortest: f64,
    /// Longest clip in seconds.
    pub longest: f64,
    /// Clips by the rate of their file in Hz.
    pub rates: BTreeMap<u32, usize>,
    /// Clips by the channels of their file.
    pub channels: BTreeMap<u32, usize>,
    /// Clips below [`SILENCE_PEAK`].
    pub silent: Vec<String>,
    /// Clips with more than [`CLIPPED_SHARE`] of clipped samples.
    pub clipped: Vec<String>,
    /// Clips that cannot be used.
    pub bad: usize,
    /// Lengths of its answers.
    pub answers: AnswerLengths,
    /// Training records by label (answer where there is none); empty where there are more than [`MAX_LABELS`].
    pub labels: BTreeMap<String, usize>,
    /// Test labels that never occur in training.
    pub unseen_labels: Vec<String>,
    /// Share of test answers right when the most frequent training answer (of the slot) is always given.
    pub majority: f64,
}

/// Lengths of answers in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AnswerLengths {
    /// The shortest.
    pub shortest: u32,
    /// Half of the answers are no longer than this.
    pub median: u32,
    /// The longest.
    pub longest: u32,
}

/// One split of a dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SplitReport {
    /// Questions.
    pub records: usize,
    /// Distinct clips.
    pub clips: usize,
    /// Seconds of audio, each clip once.
    pub seconds: f64,
}

impl DatasetReport {
    /// Training records of the rarest and the most frequent label.
    pub fn balance(&self) -> (usize, usize) {
        let counts = || self.labels.values().copied();
        (counts().min().unwrap_or(0), counts().max().unwrap_or(0))
    }

    /// Seconds of audio over all splits.
    pub fn seconds(&self) -> f64 {
        self.splits.values().map(|split| split.seconds).sum()
    }
}

impl CheckReport {
    /// Nothing must be put right. Quarantined clips are left out by training; silent or clipped clips, duplicates and overlaps are
    /// only reported.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn of(collection: &Collection, outcomes: &[Vec<Option<Outcome>>], answers: &[Answers]) -> Result<Self, DataError> {
        let datasets = &collection.datasets;
        let mut report = Self {
            fingerprint: collection.fingerprint(),
            duplicates: duplicates::find(datasets, outcomes),
            overlaps: overlaps::find(datasets, outcomes, answers),
            ..Self::default()
        };
        for ((dataset, outcomes), answers) in datasets.iter().zip(outcomes).zip(answers) {
            report.datasets.push(DatasetReport::of(dataset, outcomes, answers)?);
            let rows = (0u32..).zip(outcomes).filter_map(|(clip, outcome)| Some((clip, outcome.as_ref()?)));
            report
                .quarantine
                .extend(rows.filter_map(|(clip, outcome)| Some(*history::row(dataset, clip, outcome, answers).err()?)));
        }
        Ok(report)
    }
}

impl DatasetReport {
    fn of(dataset: &Dataset, outcomes: &[Option<Outcome>], answers: &Answers) -> Result<Self, DataError> {
        let mut report = Self {
            name: dataset.name.clone(),
            domain: dataset.domain.clone(),
            shortest: f64::INFINITY,
            majority: dataset.majority_exact_match(Split::Test)?,
            answers: answers.lengths(),
            ..Self::default()
        };
        for split in Split::ALL {
            let clips: HashSet<u32> = dataset.clips(split).collect();
            let good = clips.iter().filter_map(|&clip| outcomes.get(clip as usize)?.as_ref()?.good());
            let seconds = good.map(|facts| facts.seconds).sum();
            report.splits.insert(split, SplitReport { records: dataset.len(split), clips: clips.len(), seconds });
        }
        for (clip, outcome) in (0u32..).zip(outcomes) {
            match outcome {
                None => {}
                Some(Outcome::Bad(_)) => report.bad += 1,
                Some(Outcome::Good(facts)) => {
                    report.shortest = report.shortest.min(facts.seconds);
                    report.longest = report.longest.max(facts.seconds);
                    *report.rates.entry(facts.rate).or_default() += 1;
                    *report.channels.entry(facts.channels).or_default() += 1;
                    if facts.peak < SILENCE_PEAK {
                        report.silent.push(dataset.clip(clip).to_owned());
                    }
                    if facts.clipped > CLIPPED_SHARE {
                        report.clipped.push(dataset.clip(clip).to_owned());
                    }
                }
            }
        }
        if !report.shortest.is_finite() {
            report.shortest = 0.0;
        }
        if let Some((training, test)) = &answers.labels {
            report.labels.clone_from(training);
            let unseen: BTreeSet<&String> = test.iter().filter(|label| !training.contains_key(*label)).collect();
            report.unseen_labels = unseen.into_iter().cloned().collect();
        }
        Ok(report)
    }
}
