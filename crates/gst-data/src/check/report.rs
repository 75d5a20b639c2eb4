//! What a check found, for programs (serde) and for people (`Display`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use super::{
    clip::{CLIPPED_SHARE, ClipFacts, SILENCE_PEAK},
    duplicates::{Duplicate, DuplicateKind},
};
use crate::{
    collection::Dataset,
    error::DataError,
    record::{Record, Split},
};

/// Problems and duplicates printed in full; the rest is counted (the JSON has all).
const SHOWN: usize = 20;

/// Result of a check.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CheckReport {
    /// Fingerprint of the folder, as [`Collection::fingerprint`](crate::Collection::fingerprint).
    pub fingerprint: String,
    /// One entry a dataset, sorted by name.
    pub datasets: Vec<DatasetReport>,
    /// What must be put right before training.
    pub problems: Vec<Problem>,
    /// Files with equal audio, the gravest first.
    pub duplicates: Vec<Duplicate>,
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
    pub channels: BTreeMap<usize, usize>,
    /// Clips below [`SILENCE_PEAK`].
    pub silent: Vec<String>,
    /// Clips with more than [`CLIPPED_SHARE`] of clipped samples.
    pub clipped: Vec<String>,
    /// Clips that do not decode.
    pub bad: usize,
    /// Training records by label (answer where there is none).
    pub labels: BTreeMap<String, usize>,
    /// Test labels that never occur in training.
    pub unseen_labels: Vec<String>,
    /// Share of test answers right when the most frequent training answer (of the slot) is always given.
    pub majority: f64,
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
    /// Nothing must be put right (silent or clipped clips and duplicates outside the tests are only reported).
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn add_dataset(&mut self, dataset: &Dataset, facts: &BTreeMap<&str, ClipFacts>) {
        let mut report = DatasetReport {
            name: dataset.name.clone(),
            domain: dataset.domain.clone(),
            shortest: f64::INFINITY,
            majority: dataset.majority_exact_match(Split::Test),
            ..DatasetReport::default()
        };
        for split in Split::ALL {
            report.splits.insert(split, split_report(dataset.records(split), facts));
        }
        for (audio, facts) in facts {
            match facts {
                ClipFacts::Good { seconds, rate, channels, peak, clipped, .. } => {
                    report.shortest = report.shortest.min(*seconds);
                    report.longest = report.longest.max(*seconds);
                    *report.rates.entry(*rate).or_default() += 1;
                    *report.channels.entry(*channels).or_default() += 1;
                    if *peak < SILENCE_PEAK {
                        report.silent.push((*audio).to_owned());
                    }
                    if *clipped > CLIPPED_SHARE {
                        report.clipped.push((*audio).to_owned());
                    }
                }
                ClipFacts::Bad(reason) => {
                    report.bad += 1;
                    self.problems.push(Problem { dataset: dataset.name.clone(), message: reason.clone() });
                }
            }
        }
        if !report.shortest.is_finite() {
            report.shortest = 0.0;
        }
        for record in dataset.train.iter().chain(&dataset.validation) {
            *report.labels.entry(record.class().to_owned()).or_default() += 1;
        }
        let unseen: BTreeSet<&str> =
            dataset.test.iter().map(Record::class).filter(|class| !report.labels.contains_key(*class)).collect();
        report.unseen_labels = unseen.into_iter().map(str::to_owned).collect();
        self.datasets.push(report);
    }
}

fn split_report(records: &[Record], facts: &BTreeMap<&str, ClipFacts>) -> SplitReport {
    let clips: BTreeSet<&str> = records.iter().map(|record| record.audio.as_str()).collect();
    let length = |audio: &&str| match facts.get(audio) {
        Some(ClipFacts::Good { seconds, .. }) => *seconds,
        _ => 0.0,
    };
    SplitReport { records: records.len(), clips: clips.len(), seconds: clips.iter().map(length).sum() }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.datasets.iter().map(|dataset| dataset.name.len()).max().unwrap_or(0).max(7);
        writeln!(
            out,
            "{:width$}  {:12} {:>17} {:>6} {:>8} {:>13} {:>7} {:>12} {:>8}  rates (Hz)",
            "dataset", "domain", "train/valid/test", "clips", "minutes", "seconds", "labels", "records each", "majority"
        )?;
        for dataset in &self.datasets {
            let records = Split::ALL.map(|split| dataset.splits.get(&split).map_or(0, |split| split.records));
            let clips: usize = dataset.splits.values().map(|split| split.clips).sum();
            let (rarest, commonest) = dataset.balance();
            let rates: Vec<String> = dataset.rates.keys().map(u32::to_string).collect();
            writeln!(
                out,
                "{:width$}  {:12} {:>17} {clips:>6} {:>8.1} {:>13} {:>7} {:>12} {:>8.2}  {}",
                dataset.name,
                dataset.domain,
                records.map(|count| count.to_string()).join("/"),
                dataset.seconds() / 60.0,
                format!("{:.2}-{:.2}", dataset.shortest, dataset.longest),
                dataset.labels.len(),
                format!("{rarest}-{commonest}"),
                dataset.majority,
                rates.join(", ")
            )?;
        }
        let minutes: f64 = self.datasets.iter().map(DatasetReport::seconds).sum::<f64>() / 60.0;
        writeln!(out, "{} datasets, {minutes:.1} minutes of audio, {}", self.datasets.len(), self.fingerprint)?;
        for dataset in &self.datasets {
            note(out, &dataset.name, "silent", &dataset.silent)?;
            note(out, &dataset.name, "clipped", &dataset.clipped)?;
            note(out, &dataset.name, "labels only in the test split", &dataset.unseen_labels)?;
        }
        let duplicates: Vec<String> =
            self.duplicates.iter().map(|set| format!("{}: {}", set.kind, set.clips.join(" = "))).collect();
        list(out, "sets of files with equal audio", &duplicates)?;
        let problems: Vec<String> = self.problems.iter().map(|problem| problem.message.clone()).collect();
        list(out, "problems", &problems)
    }
}

impl fmt::Display for DuplicateKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            DuplicateKind::WithinSplit => "within a split",
            DuplicateKind::AcrossDatasets => "across datasets",
            DuplicateKind::IntoValidation => "training and validation",
            DuplicateKind::IntoTest => "training and test",
        })
    }
}

/// `NAME: 3 silent: a, b, c`, or nothing.
fn note(out: &mut fmt::Formatter<'_>, dataset: &str, what: &str, files: &[String]) -> fmt::Result {
    if files.is_empty() {
        return Ok(());
    }
    let shown = files.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if files.len() > 3 { ", …" } else { "" };
    writeln!(out, "{dataset}: {} {what}: {shown}{more}", files.len())
}

/// A heading with the count, then the first lines.
fn list(out: &mut fmt::Formatter<'_>, what: &str, lines: &[String]) -> fmt::Result {
    writeln!(out, "{what}: {}", lines.len())?;
    for line in lines.iter().take(SHOWN) {
        writeln!(out, "  {line}")?;
    }
    if lines.len() > SHOWN {
        writeln!(out, "  … and {} more (--json lists all)", lines.len() - SHOWN)?;
    }
    Ok(())
}
