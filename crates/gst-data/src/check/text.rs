//! A check for people.

use std::fmt;

use super::{
    duplicates::DuplicateKind,
    overlaps::{Overlap, Shared},
    report::{CheckReport, DatasetReport},
};
use crate::record::Split;

/// Lines printed of each list; the rest is counted (the JSON has all).
const SHOWN: usize = 20;

impl fmt::Display for CheckReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.datasets.iter().map(|dataset| dataset.name.len()).max().unwrap_or(0).max(7);
        writeln!(
            out,
            "{:width$}  {:12} {:>17} {:>6} {:>8} {:>13} {:>9} {:>7} {:>12} {:>8}  rates (Hz)",
            "dataset",
            "domain",
            "train/valid/test",
            "clips",
            "minutes",
            "seconds",
            "answers",
            "labels",
            "records each",
            "majority"
        )?;
        for dataset in &self.datasets {
            let records = Split::ALL.map(|split| dataset.splits.get(&split).map_or(0, |split| split.records));
            let clips: usize = dataset.splits.values().map(|split| split.clips).sum();
            let (labels, balance) = match (dataset.labels.len(), dataset.balance()) {
                (0, _) => ("many".into(), String::new()),
                (labels, (rarest, commonest)) => (labels.to_string(), format!("{rarest}-{commonest}")),
            };
            let rates: Vec<String> = dataset.rates.keys().map(u32::to_string).collect();
            writeln!(
                out,
                "{:width$}  {:12} {:>17} {clips:>6} {:>8.1} {:>13} {:>9} {labels:>7} {balance:>12} {:>8.2}  {}",
                dataset.name,
                dataset.domain,
                records.map(|count| count.to_string()).join("/"),
                dataset.seconds() / 60.0,
                format!("{:.2}-{:.2}", dataset.shortest, dataset.longest),
                format!("{}-{}", dataset.answers.shortest, dataset.answers.longest),
                dataset.majority,
                rates.join(", ")
            )?;
        }
        let minutes: f64 = self.datasets.iter().map(DatasetReport::seconds).sum::<f64>() / 60.0;
        writeln!(out, "{} datasets, {minutes:.1} minutes of audio, {}", self.datasets.len(), self.fingerprint)?;
        writeln!(out, "{} of {} clips decoded, the others as in the last check", self.decoded, self.clips)?;
        for dataset in &self.datasets {
            note(out, &dataset.name, "silent", &dataset.silent)?;
            note(out, &dataset.name, "clipped", &dataset.clipped)?;
            note(out, &dataset.name, "labels only in the test split", &dataset.unseen_labels)?;
        }
        let duplicates: Vec<String> =
            self.duplicates.iter().map(|set| format!("{}: {}", set.kind, set.clips.join(" = "))).collect();
        list(out, "sets of files with equal audio", &duplicates)?;
        let overlaps: Vec<String> = self.overlaps.iter().map(ToString::to_string).collect();
        list(out, "overlaps of training with a test split (--exclude-overlap leaves them out)", &overlaps)?;
        let quarantine: Vec<String> = self.quarantine.iter().map(|clip| format!("{}: {}", clip.dataset, clip.reason)).collect();
        list(out, "quarantined clips (left out)", &quarantine)?;
        let problems: Vec<String> = self.problems.iter().map(|problem| problem.message.clone()).collect();
        list(out, "problems", &problems)
    }
}

/// `a, training -> b, test: 3 clips (6 records) equal in audio: …; 2 clips (2 records) of one recording: …`
impl fmt::Display for Overlap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |what: &str, shared: &Shared| {
            let more = if shared.clips > shared.examples.len() { ", …" } else { "" };
            let examples = shared.examples.join(", ");
            (shared.clips > 0).then(|| format!("{} clips ({} records) {what}: {examples}{more}", shared.clips, shared.records))
        };
        let parts = [part("equal in audio", &self.by_audio), part("of the same recording", &self.by_source)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(out, "{} (training) and {} (test): {}", self.train, self.test, parts.join("; "))
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
