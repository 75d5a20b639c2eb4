//! What was measured, as CSV files that can be committed.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::metrics::METRICS;
use crate::experiment::write_whole;

/// One call of `gst affinity`: a seed at a probe point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Probe {
    pub(super) seed: u64,
    pub(super) point: u64,
    pub(super) batches: u64,
    pub(super) batch_size: u64,
    pub(super) transfer_steps: u64,
    pub(super) transfer_repeats: u64,
    /// Training samples a dataset at most.
    pub(super) limit: Option<u64>,
    pub(super) parameters: u64,
    /// What all of it cost in training passes of a sample, the warm-up counted.
    pub(super) samples: f64,
    pub(super) seconds: f64,
    pub(super) commit: String,
    pub(super) date: String,
    pub(super) version: String,
    /// Names, in the order of the numbers in the other files, with spaces between.
    pub(super) datasets: String,
}

/// One ordered pair at one seed and probe point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) seed: u64,
    pub(super) point: u64,
    /// What is trained on, and what is affected.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Entries in the order of [`METRICS`]; `None` where undetermined.
    pub(super) metrics: Vec<Option<f64>>,
    pub(super) transferability: f64,
    /// Half of its 95 % interval over the repeats; `None` with a single one.
    pub(super) half: Option<f64>,
}

/// One grouping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Groups {
    pub(super) seed: u64,
    pub(super) point: u64,
    pub(super) metric: String,
    /// Number of groups that was asked for.
    pub(super) groups: usize,
    /// The group of each dataset, with spaces between.
    pub(super) assignment: String,
    /// Mean adjusted Rand index with groupings of resampled probe batches, as `gst group` says.
    pub(super) stability: Option<f64>,
}

impl Groups {
    /// The group of each dataset.
    pub(super) fn labels(&self) -> Result<Vec<usize>> {
        let bad = || format!("the assignment `{}` is no list of numbers", self.assignment);
        self.assignment.split(' ').map(|text| text.parse().with_context(bad)).collect()
    }
}

/// Everything that the page is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) probes: Vec<Probe>,
    pub(super) pairs: Vec<Pair>,
    pub(super) groups: Vec<Groups>,
}

/// Significant digits that are kept.
const DIGITS: i32 = 4;

/// A number with [`DIGITS`] significant digits.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let places = DIGITS - 1 - value.abs().log10().floor() as i32;
    format!("{value:.*}", usize::try_from(places).unwrap_or(0)).parse().unwrap_or(value)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| short(value).to_string())
}

/// The columns of `pairs.csv`.
fn head() -> Vec<&'static str> {
    let mut head = vec!["seed", "point", "from", "to"];
    head.extend(METRICS.iter().map(|metric| metric.name));
    head.extend(["transferability", "transferability-half"]);
    head
}

impl Rows {
    /// Reads the three files of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("pairs.csv");
        let mut reader = csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if reader.headers()? != head() {
            bail!("{} has other columns than {}", path.display(), head().join(", "));
        }
        let bad = || format!("{} holds no pairs", path.display());
        let pairs = reader.records().map(|record| pair(&record?)).collect::<Result<_>>().with_context(bad)?;
        Ok(Self { probes: read(&folder.join("probes.csv"))?, pairs, groups: read(&folder.join("groups.csv"))? })
    }

    /// The same; none where there is no file of them yet.
    pub(super) fn read_if_any(folder: &Path) -> Result<Self> {
        if folder.join("pairs.csv").is_file() { Self::read(folder) } else { Ok(Self::default()) }
    }

    /// Drops what a call has measured before.
    pub(super) fn forget(&mut self, seed: u64, point: u64) {
        self.probes.retain(|probe| (probe.seed, probe.point) != (seed, point));
        self.pairs.retain(|pair| (pair.seed, pair.point) != (seed, point));
        self.groups.retain(|groups| (groups.seed, groups.point) != (seed, point));
    }

    /// Writes them.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        write(&folder.join("probes.csv"), &self.probes)?;
        write(&folder.join("groups.csv"), &self.groups)?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(head())?;
        for pair in &self.pairs {
            let mut record = vec![pair.seed.to_string(), pair.point.to_string(), pair.from.to_string(), pair.to.to_string()];
            record.extend(pair.metrics.iter().map(|value| number(*value)));
            record.extend([number(Some(pair.transferability)), number(pair.half)]);
            writer.write_record(&record)?;
        }
        write_whole(&folder.join("pairs.csv"), &String::from_utf8(writer.into_inner()?)?)
    }
}

fn pair(record: &csv::StringRecord) -> Result<Pair> {
    let text = |column: usize| record.get(column).unwrap_or("");
    let optional = |column: usize| -> Result<Option<f64>> {
        let value = |text: &str| text.parse().with_context(|| format!("`{text}` is no number"));
        Some(text(column)).filter(|text| !text.is_empty()).map(value).transpose()
    };
    let last = 4 + METRICS.len();
    Ok(Pair {
        seed: text(0).parse()?,
        point: text(1).parse()?,
        from: text(2).parse()?,
        to: text(3).parse()?,
        metrics: (4..last).map(optional).collect::<Result<_>>()?,
        transferability: optional(last)?.context("a pair has no transferability")?,
        half: optional(last + 1)?,
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| format!("{} has other rows", path.display()))
}

fn write<T: Serialize>(path: &Path, rows: &[T]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row))?;
    write_whole(path, &String::from_utf8(writer.into_inner()?)?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn probe(seed: u64, point: u64) -> Probe {
        Probe {
            seed,
            point,
            batches: 4,
            batch_size: 8,
            transfer_steps: 10,
            transfer_repeats: 2,
            limit: None,
            parameters: 1000,
            samples: 12_345.0,
            seconds: 1.5,
            commit: "0".into(),
            date: "2026-01-01".into(),
            version: "gst 0.1.0".into(),
            datasets: "a b c".into(),
        }
    }

    #[test]
    fn rows_survive_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut metrics = vec![Some(0.25); METRICS.len()];
        metrics[1] = None;
        let rows = Rows {
            probes: vec![probe(0, 20)],
            pairs: vec![Pair { seed: 0, point: 20, from: 1, to: 2, metrics, transferability: -1.5, half: Some(0.125) }],
            groups: vec![Groups {
                seed: 0,
                point: 20,
                metric: "cosine".into(),
                groups: 2,
                assignment: "0 1 0".into(),
                stability: None,
            }],
        };
        rows.write(folder.path()).unwrap();
        assert_eq!(Rows::read(folder.path()).unwrap(), rows);
        assert_eq!(rows.groups[0].labels().unwrap(), [0, 1, 0]);
        std::fs::write(folder.path().join("pairs.csv"), "seed\n1\n").unwrap();
        assert!(Rows::read(folder.path()).unwrap_err().to_string().contains("other columns"));
    }

    #[test]
    fn four_digits_are_kept() {
        assert_eq!([short(-1.049_83), short(12_345.6), short(0.000_123_456), short(0.0)], [-1.05, 12346.0, 0.000_123_5, 0.0]);
    }
}
