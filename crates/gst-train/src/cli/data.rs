use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use gst_data::check::{self, CheckParams, CheckReport, Workers};
use gst_data::readers::{self, Entry};
use gst_data::sources::{self, Imported, SourceList, import};
use gst_data::suite::{self, SuiteParams, WorldParams};
use gst_data::{Collection, OpenParams};
use gst_train::progress::Progress;
use serde_json::{Value, json};

use super::Shared;

/// Make the generated suite, list what can be read, read it, or check it.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Write the generated 14-dataset suite as audio files and JSONL, or a world whose conflict and dependence are known.
    ///
    /// Examples:
    ///   gst data generate DATA --seed 0
    ///   gst data generate WORLD --seed 0 --conflict 0.5 --dependence 1
    #[command(verbatim_doc_comment)]
    Generate {
        /// Folder to write to: new, empty, or an older generated suite.
        dir: PathBuf,
        /// Size of every dataset as a multiple of its default.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
        #[command(flatten)]
        knobs: Knobs,
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
    /// Print the hash that a run keeps of its data: rows, names and sizes of clips, and the clips set aside.
    ///
    /// Example: gst data fingerprint DATA
    #[command(verbatim_doc_comment)]
    Fingerprint {
        /// Folder with one folder a dataset, or a TOML file that lists datasets.
        dir: PathBuf,
    },
    Check(CheckArgs),
    #[cfg(feature = "hub")]
    Download(super::download::DownloadArgs),
    /// Decode the files named on standard input, for `gst data check`, which starts this in child processes.
    #[command(hide = true)]
    Examine {
        /// Longest time for one file, in seconds.
        #[arg(long)]
        time_limit: f64,
    },
}

/// Knobs of a world: with any of them, twelve small datasets are made instead of the suite.
#[derive(Debug, Args)]
pub(crate) struct Knobs {
    /// Share of the datasets that can answer their twin's question by another convention and do, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    conflict: Option<f64>,
    /// Share of the datasets that can stand on what others teach and do, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    dependence: Option<f64>,
    /// Training clips of the largest dataset over those of the smallest, 1 to 30.
    #[arg(long, value_name = "RATIO")]
    inequality: Option<f64>,
    /// How far apart the datasets' signal-to-noise ratios lie, 0 (all at 24 dB) to 1 (6 to 42 dB).
    #[arg(long, value_name = "SPREAD")]
    difficulty: Option<f64>,
}

impl Knobs {
    /// The world that is asked for, if any knob is given.
    fn world(&self, seed: u64, scale: f64) -> Option<WorldParams> {
        let given = [self.conflict, self.dependence, self.inequality, self.difficulty];
        given.iter().any(Option::is_some).then(|| {
            let plain = WorldParams { seed, scale, ..WorldParams::default() };
            WorldParams {
                conflict: self.conflict.unwrap_or(plain.conflict),
                dependence: self.dependence.unwrap_or(plain.dependence),
                inequality: self.inequality.unwrap_or(plain.inequality),
                difficulty: self.difficulty.unwrap_or(plain.difficulty),
                ..plain
            }
        })
    }
}

/// Decode every clip in child processes, report what is there and what is wrong, and set broken clips aside.
///
/// Writes verified.jsonl and quarantine.jsonl; training leaves out what is in quarantine. The next check decodes only files that
/// have changed. Ends with an error when there are problems that stop training: broken lines, missing files.
///
/// Example: gst data check DATA
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CheckArgs {
    /// Folder with one folder a dataset, or a TOML file that lists datasets.
    dir: PathBuf,
    /// Only these datasets, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Option<Vec<String>>,
    /// Folder for verified.jsonl and quarantine.jsonl [default: the data folder, or NAME.imported beside a list NAME.toml].
    #[arg(long, value_name = "DIR")]
    checks: Option<PathBuf>,
    /// Write no files; every clip is decoded.
    #[arg(long, conflicts_with = "checks")]
    dry_run: bool,
    /// Decode every clip again.
    #[arg(long)]
    fresh: bool,
    /// Longest time for one file, in seconds; a file that takes longer is set aside.
    #[arg(long, value_name = "SECONDS", default_value_t = check::DEFAULT_TIME_LIMIT.as_secs_f64())]
    time_limit: f64,
}

impl DataCommand {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        match self {
            Self::Generate { dir, scale, knobs } => {
                let progress = Progress::new("generate", "clips", 0);
                let seed = shared.seed.unwrap_or_default();
                let show = |done: usize, total: usize| {
                    progress.total(total as u64);
                    progress.set(done as u64);
                };
                let report = match knobs.world(seed, scale) {
                    Some(world) => suite::generate_world(&dir, &world, show)?,
                    None => suite::generate(&dir, &SuiteParams { seed, scale }, show)?,
                };
                progress.finish();
                shared.result(&report, || {
                    let megabytes = report.bytes as f64 / 1e6;
                    format!("{} datasets, {} clips, {megabytes:.0} MB in {}", report.datasets.len(), report.clips, dir.display())
                })
            }
            Self::List { name } => list(name.as_deref(), shared),
            Self::Import { list, only } => import_all(&list, only.as_deref(), shared),
            Self::Fingerprint { dir } => {
                let fingerprint = Collection::open(&dir, &OpenParams::default())?.fingerprint();
                shared.result(&json!({ "fingerprint": fingerprint }), || fingerprint.clone())
            }
            #[cfg(feature = "hub")]
            Self::Download(args) => args.run(shared),
            Self::Check(args) => {
                let report = args.check()?;
                shared.result(&report, || report.to_string())?;
                let problems = report.problems.len();
                anyhow::ensure!(report.is_good(), "{problems} problems found in {}", args.dir.display());
                Ok(())
            }
            Self::Examine { time_limit } => {
                let limit = seconds(time_limit)?;
                check::serve(std::io::stdin().lock(), std::io::stdout(), limit).context("the check that asks is gone")
            }
        }
    }
}

impl CheckArgs {
    fn check(&self) -> anyhow::Result<CheckReport> {
        let limit = seconds(self.time_limit)?;
        let program = std::env::current_exe().context("cannot find the program itself")?;
        let workers = Workers::new(move || examine(&program, limit), limit);
        let out = self.checks.clone().unwrap_or_else(|| sources::kept_in(&self.dir));
        let progress = Progress::new("check", "clips", 0);
        let params = CheckParams {
            examine: &|path, known| workers.examine(path, known),
            out: (!self.dry_run).then_some(out),
            fresh: self.fresh,
            progress: &|done, total| {
                progress.total(total as u64);
                progress.set(done as u64);
            },
        };
        let open = OpenParams { only: self.only.clone(), ..OpenParams::default() };
        let report = check::check_folder(&self.dir, &open, &params)?;
        progress.finish();
        Ok(report)
    }
}

/// The command of a child process. It ends itself a little after the parent would have, for the case that the parent is gone.
fn examine(program: &Path, limit: Duration) -> Command {
    let mut command = Command::new(program);
    command.args(["data", "examine", "--time-limit"]).arg((limit + Duration::from_secs(5)).as_secs_f64().to_string());
    command
}

fn seconds(value: f64) -> anyhow::Result<Duration> {
    let limit = Duration::try_from_secs_f64(value).ok().filter(|limit| !limit.is_zero());
    limit.with_context(|| format!("--time-limit is {value}; expected a number of seconds above 0"))
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
