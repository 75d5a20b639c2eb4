use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use gst_data::OpenParams;
use gst_data::check::{self, CheckParams, CheckReport, Workers};
use gst_data::suite::{self, SuiteParams};
use gst_train::progress::Progress;

use super::Shared;

/// Make the generated suite, or check a folder of datasets.
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
    Check(CheckArgs),
    /// Decode the files named on standard input, for `gst data check`, which starts this in child processes.
    #[command(hide = true)]
    Examine {
        /// Longest time for one file, in seconds.
        #[arg(long)]
        time_limit: f64,
    },
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
    /// Folder with one folder a dataset.
    dir: PathBuf,
    /// Only these datasets, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Option<Vec<String>>,
    /// Folder for verified.jsonl and quarantine.jsonl [default: the data folder].
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
        let out = self.checks.clone().unwrap_or_else(|| self.dir.clone());
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
