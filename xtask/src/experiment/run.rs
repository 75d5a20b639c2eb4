//! From settings to a report: build, data, jobs, report.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::gst::Gst;
use super::plan::{self, Ground, Job};
use super::process::Interrupt;
use super::progress::Board;
use super::record::write_whole;
use super::settings::Settings;
use super::worker::{Outcome, Worker};
use super::{fingerprint, plan::generation};
use crate::{device, report, workspace};

/// Where and how to run an experiment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The experiment's folder; `TARGET/experiments/NAME` when absent.
    pub(crate) out: Option<PathBuf>,
    /// Build `gst` in the release profile.
    pub(crate) release: bool,
    /// Use this program instead of building one.
    pub(crate) gst: Option<PathBuf>,
    /// Do every cell anew.
    pub(crate) fresh: bool,
}

/// `experiment.json`: what was asked for, so that a report can be made again from the folder alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Always `gst-experiment`.
    pub(crate) format: String,
    /// The settings, flags taken in.
    pub(crate) settings: Settings,
    /// Fingerprint of the data.
    pub(crate) data: String,
    /// What `gst --version` says.
    pub(crate) gst_version: String,
    /// What the cells of this experiment have in common; cells of another context stay out of the report.
    pub(crate) context: String,
}

impl Manifest {
    /// The value of `format`.
    const FORMAT: &str = "gst-experiment";

    /// Reads the manifest of an experiment's folder, if there is one.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("experiment.json");
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Self = serde_json::from_str(&text).with_context(|| format!("{} is no experiment", path.display()))?;
        if manifest.format != Self::FORMAT {
            bail!("{}: format `{}`, expected `{}`", path.display(), manifest.format, Self::FORMAT);
        }
        Ok(Some(manifest))
    }
}

/// Runs an experiment and writes its report. An error also when cells failed: the report then names them.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    settings.check()?;
    let given = given_data(settings)?;
    let out = prepare_folder(settings, options)?;
    let gst = match &options.gst {
        Some(path) => Gst::at(path)?,
        None => {
            eprintln!("building gst for --device {}", settings.training.device);
            Gst::at(&device::build_gst(&workspace::root()?, &settings.training.device, options.release)?)?
        }
    };
    let interrupt = Interrupt::install()?;

    let mut worker = Worker {
        gst: &gst,
        out: &out,
        data: given.unwrap_or_else(|| out.join("data")),
        fingerprint: String::new(),
        context: String::new(),
        interrupt: &interrupt,
        fresh: options.fresh,
    };
    if let Some(job) = generation(settings, &gst.version) {
        let mut board = Board::new(1);
        match worker.run(&job, &mut board)? {
            Outcome::Failed(reason) => bail!("the data could not be generated: {reason}; see {}", out.join(&job.log).display()),
            Outcome::Interrupted => bail!("stopped while the data was generated"),
            Outcome::Done | Outcome::Skipped => {}
        }
        board.close();
    }
    worker.fingerprint = fingerprint::of_data(&gst.path, &worker.data)?;

    let ground = Ground::new(settings, worker.fingerprint.clone(), gst.version.clone());
    worker.context = ground.context.clone();
    let manifest = Manifest {
        format: Manifest::FORMAT.into(),
        settings: settings.clone(),
        data: ground.data.clone(),
        gst_version: ground.gst_version.clone(),
        context: ground.context.clone(),
    };
    write_whole(&out.join("experiment.json"), &serde_json::to_string_pretty(&manifest)?)?;

    let jobs = plan::jobs(settings, &ground);
    let failures = run_jobs(&jobs, &worker)?;
    let written = report::write_report(&out)?;
    eprintln!("report: {}", written.html.display());
    if interrupt.is_set() {
        bail!("stopped; the same command goes on with the cells that are not done");
    }
    if !failures.is_empty() {
        bail!(
            "{} of {} jobs failed: {}; their last words are in log.txt beside them",
            failures.len(),
            jobs.len(),
            failures.join("; ")
        );
    }
    Ok(())
}

/// Runs every job whose needs are met; returns the labels of those that failed.
fn run_jobs(jobs: &[Job], worker: &Worker<'_>) -> Result<Vec<String>> {
    let mut board = Board::new(jobs.len());
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(jobs.len());
    for job in jobs {
        if worker.interrupt.is_set() {
            break;
        }
        let needed = job.needs.and_then(|index| jobs.get(index).zip(outcomes.get(index)));
        let outcome = match needed {
            Some((needed, Outcome::Failed(_))) => {
                worker.block(job, &format!("needs {}, which failed", needed.label), &mut board)?
            }
            _ => worker.run(job, &mut board)?,
        };
        outcomes.push(outcome);
    }
    board.close();
    let failed = jobs.iter().zip(&outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    Ok(failed.map(|(job, _)| job.label.clone()).collect())
}

/// The data folder that was given; `None` when the experiment generates its own.
fn given_data(settings: &Settings) -> Result<Option<PathBuf>> {
    if settings.data.generate.is_some() {
        return Ok(None);
    }
    let Some(folder) = settings.data.folder.clone().or_else(|| std::env::var_os("GST_DATA").map(PathBuf::from)) else {
        bail!(
            "experiment `{}` needs recorded datasets: give their folder with --data DIR or in the environment variable GST_DATA \
             (one folder a dataset: NAME/train.jsonl, NAME/test.jsonl, NAME/audio/), or a TOML file that lists datasets",
            settings.name
        );
    };
    let folder = std::fs::canonicalize(&folder).with_context(|| format!("there is no data folder {}", folder.display()))?;
    Ok(Some(folder))
}

fn prepare_folder(settings: &Settings, options: &Options) -> Result<PathBuf> {
    let folder = match &options.out {
        Some(folder) => folder.clone(),
        None => {
            let target = workspace::members(&workspace::root()?)?.target_directory;
            target.join("experiments").join(&settings.name).into_std_path_buf()
        }
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(std::fs::canonicalize(&folder)?)
}
