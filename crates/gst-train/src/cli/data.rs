use std::path::{Path, PathBuf};

use clap::Subcommand;
use gst_data::readers::{self, Entry};
use gst_data::sources::{Imported, SourceList, import};
use gst_data::suite::{self, SuiteParams};
use gst_data::{OpenParams, check};
use gst_train::progress::Progress;
use serde_json::{Value, json};

use super::Shared;

/// Make the generated suite, list what can be read, read it, or check it.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Write the generated 14-dataset suite as audio files and JSONL.
    ///
    /// Example: gst data generate DATA --seed 0
    #[command(verbatim_doc_comment)]
    Generate {
        /// Folder to write to: new, empty, or an older generated suite.
        dir: PathBuf,
        /// Size of every dataset as a multiple of its default.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
    },
    /// List the datasets and formats that can be read: sizes, splits, licences, and the pages to get them from.
    ///
    /// Example: gst data list iemocap
    #[command(verbatim_doc_comment)]
    List {
        /// Only this one, with its settings.
        name: Option<String>,
    },
    /// Read the datasets of a list now, and say how many rows they have.
    ///
    /// Example: gst data import sets.toml
    #[command(verbatim_doc_comment)]
    Import {
        /// TOML file that lists datasets.
        list: PathBuf,
        /// Only these datasets, separated by commas.
        #[arg(long, value_delimiter = ',')]
        only: Option<Vec<String>>,
    },
    /// Decode every clip and report what is there and what is wrong.
    ///
    /// Example: gst data check DATA
    #[command(verbatim_doc_comment)]
    Check {
        /// Folder with one folder a dataset, or a TOML file that lists datasets.
        dir: PathBuf,
    },
}

impl DataCommand {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        match self {
            Self::Generate { dir, scale } => {
                let progress = Progress::new("generate", "clips", 0);
                let params = SuiteParams { seed: shared.seed.unwrap_or_default(), scale };
                let report = suite::generate(&dir, &params, |done, total| {
                    progress.total(total as u64);
                    progress.set(done as u64);
                })?;
                progress.finish();
                shared.result(&report, || {
                    let megabytes = report.bytes as f64 / 1e6;
                    format!("{} datasets, {} clips, {megabytes:.0} MB in {}", report.datasets.len(), report.clips, dir.display())
                })
            }
            Self::List { name } => list(name.as_deref(), shared),
            Self::Import { list, only } => import_all(&list, only.as_deref(), shared),
            Self::Check { dir } => {
                let progress = Progress::new("check", "clips", 0);
                let report = check::check_folder(&dir, &OpenParams::default(), |done, total| {
                    progress.total(total as u64);
                    progress.set(done as u64);
                })?;
                progress.finish();
                shared.result(&report, || report.to_string())?;
                anyhow::ensure!(report.is_good(), "{} problems found in {}", report.problems.len(), dir.display());
                Ok(())
            }
        }
    }
}

fn list(name: Option<&str>, shared: &Shared) -> anyhow::Result<()> {
    let entries: Vec<&Entry> = readers::all().filter(|entry| name.is_none_or(|name| entry.name == name)).collect();
    if entries.is_empty() {
        let known: Vec<&str> = readers::all().map(|entry| entry.name).collect();
        anyhow::bail!("no dataset or reader named `{}`; there are: {}", name.unwrap_or_default(), known.join(", "));
    }
    let value: Vec<Value> = entries.iter().map(|entry| entry_json(entry)).collect();
    shared.result(&value, || entries.iter().map(|entry| entry_text(entry, name.is_some())).collect::<Vec<_>>().join("\n"))
}

fn entry_json(entry: &Entry) -> Value {
    let settings: Vec<Value> = entry
        .reader
        .keys()
        .iter()
        .map(|key| {
            let (expected, usual) = (key.value.to_string(), Some(key.usual).filter(|usual| !usual.is_empty()));
            json!({"name": key.name, "required": key.required, "expected": expected, "default": usual, "meaning": key.meaning})
        })
        .collect();
    json!({"name": entry.name, "title": entry.title, "dataset": entry.facts, "partial": entry.partial, "settings": settings})
}

fn entry_text(entry: &Entry, settings: bool) -> String {
    let mut text = format!("{}  {}\n", entry.name, entry.title);
    if let Some(facts) = entry.facts {
        for (what, fact) in [
            ("domain", facts.domain),
            ("size", facts.size),
            ("splits", facts.splits),
            ("licence", facts.licence),
            ("page", facts.page),
            ("cite", facts.citation),
        ] {
            text += &format!("    {what:<8} {fact}\n");
        }
    }
    for key in entry.reader.keys().iter().filter(|_| settings) {
        let usual = match (key.required, key.usual) {
            (true, _) => " [required]".to_owned(),
            (false, "") => String::new(),
            (false, usual) => format!(" [default: {usual}]"),
        };
        text += &format!("    {} = {}{usual}: {}\n", key.name, key.value, key.meaning);
    }
    text
}

fn import_all(file: &Path, only: Option<&[String]>, shared: &Shared) -> anyhow::Result<()> {
    let list = SourceList::read(file)?.only(only)?;
    let progress = Progress::new("import", "datasets", list.datasets.len() as u64);
    let mut done: Vec<Imported> = Vec::new();
    for (number, settings) in list.datasets.iter().enumerate() {
        done.push(import(&list, settings)?);
        progress.set(number as u64 + 1);
    }
    progress.finish();
    shared.result(&done, || {
        let line = |imported: &Imported| {
            let [train, validation, test] = imported.rows;
            let left_out = match imported.left_out {
                0 => String::new(),
                rows => format!(", {rows} rows left out (no clip)"),
            };
            let before = if imported.read { "" } else { " (unchanged)" };
            format!("{}: {train} train, {validation} validation, {test} test rows{left_out}{before}", imported.located.name)
        };
        done.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
