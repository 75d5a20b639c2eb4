//! The datasets: whether they are there, how many records each has, how long its clips are.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::ask::Ask;
use crate::experiment::settings::{Data, Settings};

/// One dataset; what could not be counted is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dataset {
    pub(super) name: String,
    /// Records that are trained on: held-out ones and those over the limit left out.
    pub(super) training: Option<u64>,
    pub(super) validation: Option<u64>,
    pub(super) test: Option<u64>,
    /// Mean over the records trained on.
    pub(super) clip_seconds: Option<f64>,
}

/// All datasets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Survey {
    pub(super) datasets: Vec<Dataset>,
    /// Seconds of the longest clip, where `gst data check` has measured them.
    pub(super) longest: Option<f64>,
}

/// What `gst schedule` says of a dataset.
#[derive(Deserialize)]
struct Facts {
    name: String,
    size: u64,
    mean_audio_seconds: f64,
}

impl Survey {
    /// Looks at a folder of datasets or a list, and adds what is not there to `missing`. Without a program, only at paths.
    pub(super) fn of(data: &Path, settings: &Settings, ask: Option<&Ask>, missing: &mut Vec<String>) -> Self {
        if !data.exists() {
            missing.push(format!("data: {} is not there", data.display()));
            return Self::default();
        }
        let rows = if data.is_file() { of_list(data, ask, missing) } else { of_folder(data) };
        let mut rows = rows.unwrap_or_else(|error| {
            missing.push(format!("data: {error:#}"));
            BTreeMap::new()
        });
        if rows.is_empty() {
            return Self::default();
        }
        let known: Vec<&str> = rows.iter().filter(|(_, rows)| rows.is_some()).map(|(name, _)| name.as_str()).collect();
        let facts =
            ask.filter(|_| !known.is_empty()).map_or_else(|| Ok(Known::default()), |ask| Known::of(data, settings, &known, ask));
        let facts = facts.unwrap_or_else(|error| {
            missing.push(format!("data: {error:#}"));
            Known::default()
        });
        let checks = if data.is_file() { kept_in(data) } else { data.to_path_buf() };
        let names: Vec<String> = rows.keys().cloned().collect();
        let dataset = |name: String| facts.dataset(rows.remove(&name).flatten(), name);
        Self { datasets: names.into_iter().map(dataset).collect(), longest: longest(&checks.join("verified.jsonl")) }
    }

    /// Sum over all datasets, if each is known.
    pub(super) fn sum(&self, of: impl Fn(&Dataset) -> Option<u64>) -> Option<u64> {
        if self.datasets.is_empty() { None } else { self.datasets.iter().map(of).sum() }
    }

    /// Mean seconds of audio of a record that is drawn in proportion to size.
    pub(super) fn mean_seconds(&self) -> Option<f64> {
        let records = self.sum(|dataset| dataset.training)? as f64;
        let seconds = |dataset: &Dataset| Some(dataset.clip_seconds? * dataset.training? as f64);
        Some(self.datasets.iter().map(seconds).sum::<Option<f64>>()? / records)
    }
}

/// Rows of each dataset by split (train, validation, test) as they lie on disk; `None` for a dataset with something missing.
type Rows = BTreeMap<String, Option<[u64; 3]>>;

/// Every folder with a `train.jsonl`.
fn of_folder(folder: &Path) -> Result<Rows> {
    let mut rows = Rows::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.join("train.jsonl").is_file()
            && let Some(name) = path.file_name()
        {
            let count = |split: &str| lines(&path.join(format!("{split}.jsonl")));
            rows.insert(name.to_string_lossy().into_owned(), Some([count("train")?, count("validation")?, count("test")?]));
        }
    }
    anyhow::ensure!(!rows.is_empty(), "{} has no dataset, a folder NAME/ with train.jsonl", folder.display());
    Ok(rows)
}

/// Lines that say something; 0 without the file.
fn lines(path: &Path) -> Result<u64> {
    if !path.is_file() {
        return Ok(0);
    }
    let cannot = || format!("cannot read {}", path.display());
    let file = BufReader::new(fs::File::open(path).with_context(cannot)?);
    let mut count = 0;
    for line in file.lines() {
        count += u64::from(!line.with_context(cannot)?.trim().is_empty());
    }
    Ok(count)
}

/// Every dataset of a list, each read by itself so that what is missing of one does not hide what is missing of the next.
fn of_list(list: &Path, ask: Option<&Ask>, missing: &mut Vec<String>) -> Result<Rows> {
    #[derive(Deserialize)]
    struct List {
        datasets: BTreeMap<String, toml::Table>,
    }
    #[derive(Deserialize)]
    struct Imported {
        rows: [u64; 3],
    }
    let text = fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()))?;
    let parsed: List = toml::from_str(&text).with_context(|| format!("{} is no list of datasets", list.display()))?;
    let place = list.parent().unwrap_or(Path::new(""));
    let mut rows = Rows::new();
    for (name, table) in parsed.datasets {
        let mut whole = true;
        for key in ["path", "clips"] {
            let path = table.get(key).and_then(toml::Value::as_str).map(|path| place.join(path));
            if let Some(path) = path.filter(|path| !path.exists()) {
                missing.push(format!("dataset {name}: {key} {} is not there", path.display()));
                whole = false;
            }
        }
        let mut count = None;
        if let Some(ask) = ask.filter(|_| whole) {
            let command = ["data", "import", &list.display().to_string(), "--only", &name].map(String::from);
            match ask.json::<Vec<Imported>>(&command) {
                Ok(imported) => count = imported.first().map(|imported| imported.rows),
                Err(error) => missing.push(format!("dataset {name}: {error:#}")),
            }
        }
        rows.insert(name, count);
    }
    Ok(rows)
}

/// Where `gst` keeps what it has read of a list.
fn kept_in(list: &Path) -> PathBuf {
    list.with_extension("imported")
}

/// Seconds of the longest clip that a check has measured.
fn longest(verified: &Path) -> Option<f64> {
    #[derive(Deserialize)]
    struct Clip {
        seconds: f64,
    }
    let file = BufReader::new(fs::File::open(verified).ok()?);
    let seconds = file.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str::<Clip>(&line).ok());
    seconds.map(|clip| clip.seconds).reduce(f64::max)
}

/// What `gst` makes of the rows.
#[derive(Default)]
struct Known {
    /// With the experiment's limit.
    limited: BTreeMap<String, Facts>,
    /// Training records without it.
    all: BTreeMap<String, u64>,
}

impl Known {
    fn of(data: &Path, settings: &Settings, names: &[&str], ask: &Ask) -> Result<Self> {
        let limited = facts(data, &settings.data, names, ask)?;
        let all = if settings.data.limit().is_some() {
            facts(data, &Data { limit: None, regime: None, ..settings.data.clone() }, names, ask)?
        } else {
            Vec::new()
        };
        let sizes = if all.is_empty() { &limited } else { &all };
        let all = sizes.iter().map(|facts| (facts.name.clone(), facts.size)).collect();
        Ok(Self { limited: limited.into_iter().map(|facts| (facts.name.clone(), facts)).collect(), all })
    }

    fn dataset(&self, rows: Option<[u64; 3]>, name: String) -> Dataset {
        let facts = self.limited.get(&name);
        let held_out = |train: u64| Some(train.saturating_sub(*self.all.get(&name)?));
        Dataset {
            training: facts.map(|facts| facts.size),
            // A published validation split takes the place of records held out of the training split.
            validation: rows.and_then(|[train, own, _]| if own > 0 { Some(own) } else { held_out(train) }),
            test: rows.map(|[.., test]| test),
            clip_seconds: facts.map(|facts| facts.mean_audio_seconds).filter(|seconds| *seconds > 0.0),
            name,
        }
    }
}

/// The cheapest command that opens the data as training does: a plan of one step.
fn facts(data: &Path, limits: &Data, names: &[&str], ask: &Ask) -> Result<Vec<Facts>> {
    #[derive(Deserialize)]
    struct Schedule {
        datasets: Vec<Facts>,
    }
    let mut command: Vec<String> =
        ["schedule", "--strategy", "mix-all", "--steps", "1", "--batch-size", "1"].map(String::from).into();
    command.extend(["--data".into(), data.display().to_string(), "--only".into(), names.join(",")]);
    command.extend(["--out".into(), ask.scratch.path().join("counted.json").display().to_string()]);
    crate::experiment::plan::data_options(&mut command, limits);
    Ok(ask.json::<Schedule>(&command)?.datasets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_out_records_are_what_training_does_not_see_unless_a_split_is_published() {
        let fact = |size| Facts { name: "a".into(), size, mean_audio_seconds: 2.5 };
        let known = Known { limited: [("a".into(), fact(250))].into(), all: [("a".into(), 432)].into() };
        let made = known.dataset(Some([480, 0, 120]), "a".into());
        assert_eq!((made.training, made.validation, made.test), (Some(250), Some(48), Some(120)));
        assert_eq!(known.dataset(Some([480, 33, 120]), "a".into()).validation, Some(33));
        let gone = known.dataset(None, "b".into());
        assert_eq!((gone.training, gone.validation, gone.test, gone.clip_seconds), (None, None, None, None));
    }

    #[test]
    fn the_mean_clip_follows_sizes_and_is_unknown_where_one_is() {
        let dataset = |training, clip_seconds| Dataset { training, clip_seconds, ..Dataset::default() };
        let both = |second| Survey { datasets: vec![dataset(Some(300), Some(1.0)), dataset(Some(100), second)], longest: None };
        assert_eq!(both(Some(9.0)).mean_seconds(), Some(3.0));
        assert_eq!(both(None).mean_seconds(), None);
        assert_eq!(Survey::default().mean_seconds(), None);
    }

    #[test]
    fn the_longest_clip_is_read_past_the_line_that_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("verified.jsonl");
        assert_eq!(longest(&path), None);
        fs::write(&path, "{\"version\":1}\n{\"seconds\":2.5}\n{\"seconds\":11.0}\n{\"seconds\":4.0}\n").unwrap();
        assert_eq!(longest(&path), Some(11.0));
    }
}
