//! What the last check knows, and what this one leaves.

use std::{collections::HashSet, path::Path};

use super::{
    Outcome,
    answers::Answers,
    files::{self, Journal, QuarantinedClip, Row, VerifiedClip},
    report::Bad,
};
use crate::{dataset::Dataset, error::DataError, folder::ClipFile};

/// Outcomes of earlier checks, and the files that new ones are appended to.
pub(super) struct History {
    /// By dataset and clip.
    known: Vec<Vec<Option<(ClipFile, Outcome)>>>,
    journals: Option<(Journal, Journal)>,
}

impl History {
    pub(super) fn none(datasets: &[Dataset]) -> Self {
        Self { known: datasets.iter().map(|dataset| vec![None; dataset.files.len()]).collect(), journals: None }
    }

    /// Reads the files in `folder`. What another decoder left, or anything when `fresh`, counts for nothing.
    pub(super) fn open(folder: &Path, datasets: &[Dataset], fresh: bool) -> Result<Self, DataError> {
        let mut history = Self::none(datasets);
        let verified = files::read(folder, |row: VerifiedClip| {
            let file = ClipFile { size: row.size, modified: row.modified };
            history.learn(datasets, &row.dataset, &row.audio, file, Outcome::Good(row.facts));
        })?;
        let quarantined = files::read(folder, |row: QuarantinedClip| {
            let file = ClipFile { size: row.size, modified: row.modified };
            let bad = Bad { file_hash: row.file_hash, reason: row.reason };
            history.learn(datasets, &row.dataset, &row.audio, file, Outcome::Bad(bad));
        })?;
        if fresh || verified != Some(true) || quarantined != Some(true) {
            history = Self::none(datasets);
            // Other datasets keep their quarantine; what an older decoder verified is worth nothing.
            let names = names(datasets);
            let rows = if verified == Some(true) { others(folder, &names)? } else { Vec::new() };
            files::write::<VerifiedClip>(folder, rows.into_iter())?;
            files::write::<QuarantinedClip>(folder, others(folder, &names)?.into_iter())?;
        }
        history.journals = Some((Journal::open::<VerifiedClip>(folder)?, Journal::open::<QuarantinedClip>(folder)?));
        Ok(history)
    }

    /// Keeps what a row says; of several rows about a clip that of the file as it is now, and else the last.
    fn learn(&mut self, datasets: &[Dataset], name: &str, audio: &str, file: ClipFile, outcome: Outcome) {
        let Some(number) = datasets.iter().position(|dataset| dataset.name == name) else { return };
        let Some(clip) = datasets[number].rows.clips.find(audio) else { return };
        let known = &mut self.known[number][clip as usize];
        if known.as_ref().is_none_or(|(before, _)| Some(*before) != datasets[number].file(clip) || *before == file) {
            *known = Some((file, outcome));
        }
    }

    /// The outcome for a file that has not changed, by size and time; else what is known of the file as it was.
    pub(super) fn recall(&mut self, number: usize, dataset: &Dataset, clip: u32) -> (Option<Outcome>, Option<Outcome>) {
        match self.known[number][clip as usize].take() {
            Some((file, outcome)) if dataset.file(clip) == Some(file) => (Some(outcome), None),
            known => (None, known.map(|(_, outcome)| outcome)),
        }
    }

    /// Appends an outcome to the files.
    pub(super) fn note(&mut self, dataset: &Dataset, clip: u32, outcome: &Outcome, answers: &Answers) -> Result<(), DataError> {
        let Some((verified, quarantine)) = &mut self.journals else { return Ok(()) };
        match row(dataset, clip, outcome, answers) {
            Ok(row) => verified.add(&row),
            Err(row) => quarantine.add(&*row),
        }
    }
}

/// A clip's row in `verified.jsonl`, or in `quarantine.jsonl`.
pub(super) fn row(
    dataset: &Dataset,
    clip: u32,
    outcome: &Outcome,
    answers: &Answers,
) -> Result<VerifiedClip, Box<QuarantinedClip>> {
    let (name, audio) = (dataset.name.clone(), dataset.clip(clip).to_owned());
    let ClipFile { size, modified } = dataset.file(clip).unwrap_or(ClipFile { size: 0, modified: 0 });
    match outcome {
        Outcome::Good(facts) => {
            let (records, shortest_answer, longest_answer) = answers.of_clip(clip);
            Ok(VerifiedClip { dataset: name, audio, size, modified, facts: *facts, records, shortest_answer, longest_answer })
        }
        Outcome::Bad(Bad { file_hash, reason }) => {
            let (reason, file_hash) = (reason.clone(), *file_hash);
            Err(Box::new(QuarantinedClip { dataset: name, audio, reason, size, modified, file_hash }))
        }
    }
}

/// Writes both files anew: the clips of `datasets` in order, then those of other datasets as they were.
pub(super) fn write(
    folder: &Path,
    datasets: &[Dataset],
    outcomes: &[Vec<Option<Outcome>>],
    answers: &[Answers],
) -> Result<(), DataError> {
    let rows = || {
        datasets.iter().zip(outcomes).zip(answers).flat_map(|((dataset, outcomes), answers)| {
            let clips = (0u32..).zip(outcomes);
            clips.filter_map(move |(clip, outcome)| Some(row(dataset, clip, outcome.as_ref()?, answers)))
        })
    };
    let names = names(datasets);
    files::write(folder, rows().filter_map(Result::ok).chain(others::<VerifiedClip>(folder, &names)?))?;
    files::write(folder, rows().filter_map(|row| row.err().map(|row| *row)).chain(others::<QuarantinedClip>(folder, &names)?))
}

fn names(datasets: &[Dataset]) -> HashSet<&str> {
    datasets.iter().map(|dataset| dataset.name.as_str()).collect()
}

/// The rows of datasets other than `names`.
fn others<T: Row>(folder: &Path, names: &HashSet<&str>) -> Result<Vec<T>, DataError> {
    let mut rows = Vec::new();
    files::read(folder, |row: T| {
        if !names.contains(row.dataset()) {
            rows.push(row);
        }
    })?;
    Ok(rows)
}
