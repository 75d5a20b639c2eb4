//! From settings to a report: build, data, jobs, report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::gst::Gst;
use super::plan::{self, Ground, Job};
use super::process::Interrupt;
use super::progress::Board;
use super::queue::Queue;
use super::record::write_whole;
use super::settings::Settings;
use super::worker::{Outcome, Worker};
use super::{fingerprint, oracle, plan::generation, sweep};
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
    /// Jobs that run side by side; 0 and 1 run one at a time with all cores, as wall times need it.
    pub(crate) jobs: usize,
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
    /// The key of every cell as planned last, by its record: one that was made by other settings of its arm stays out of the report too.
    #[serde(default)]
    pub(crate) cells: BTreeMap<PathBuf, String>,
    /// Jobs that ran side by side when it was run last: above 1, wall times cannot be compared.
    #[serde(default)]
    pub(crate) side_by_side: usize,
}

/// How the jobs of an experiment ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran {
    /// Labels of those that failed.
    pub(crate) failed: Vec<String>,
    /// Records of those that are done as planned now, whenever they were run.
    pub(crate) done: BTreeSet<PathBuf>,
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
    let weights = given_weights(settings)?;
    let out = prepare_folder(settings, options)?;
    let gst = program(settings, options)?;
    let interrupt = Interrupt::install()?;

    let threads = (options.jobs > 1).then(|| (cores() / options.jobs).max(1));
    let data = given.unwrap_or_else(|| out.join("data"));
    let mut worker = Worker {
        gst: &gst,
        out: &out,
        data,
        weights,
        fingerprint: String::new(),
        context: String::new(),
        interrupt: &interrupt,
        fresh: options.fresh,
        prefix: String::new(),
        // Where wall times are to be compared, no cell may compute for the others.
        features: options.jobs > 1 && settings.shares_features(),
        threads: None,
    };
    if let Some(job) = generation(settings, &gst.version) {
        let board = Board::new(1);
        match worker.run(&job, &board)? {
            Outcome::Failed(reason) => bail!("the data could not be generated: {reason}; see {}", out.join(&job.log).display()),
            Outcome::Interrupted => bail!("stopped while the data was generated"),
            Outcome::Done | Outcome::Skipped => {}
        }
        board.close();
    }
    worker.fingerprint = fingerprint::of_data(&gst.path, &worker.data)?;
    worker.threads = threads;

    let mut settings = settings.clone();
    if let Some(sweep) = settings.sweep.clone() {
        let swept = sweep::experiment(&settings, &sweep);
        let folder = out.join(sweep::FOLDER);
        let board = Board::new(0);
        let failures = run_cells(&swept, Worker { out: &folder, ..worker.clone() }, options.jobs, &board)?.failed;
        board.close();
        if interrupt.is_set() || !failures.is_empty() {
            bail!("the sweep is not complete: {}; the same command goes on with it", stopped_by(&interrupt, &failures));
        }
        let choice = sweep::choose(&folder, &settings, &sweep)?;
        eprint!("{choice}");
        choice.apply(&mut settings);
    }
    let board = Board::new(0);
    let failures = run_cells(&settings, worker, options.jobs, &board)?.failed;
    let all = board.total();
    board.close();
    let written = report::write_report(&out)?;
    eprintln!("report: {}", written.html.display());
    if interrupt.is_set() {
        bail!("stopped; the same command goes on with the cells that are not done");
    }
    if !failures.is_empty() {
        bail!("{} of {all} jobs failed: {}; their last words are in log.txt beside them", failures.len(), failures.join("; "));
    }
    Ok(())
}

/// Plans an experiment in the worker's folder, notes it in `experiment.json`, and runs its jobs, `side_by_side` at a time.
pub(crate) fn run_cells(settings: &Settings, mut worker: Worker<'_>, side_by_side: usize, board: &Board) -> Result<Ran> {
    let truth = oracle::partition(&worker.data)?;
    let ground = Ground::new(settings, worker.fingerprint.clone(), worker.gst.version.clone(), truth);
    worker.context.clone_from(&ground.context);
    let jobs = plan::jobs(settings, &ground);
    let cells = jobs.iter().filter(|job| job.steps.is_some());
    let manifest = Manifest {
        format: Manifest::FORMAT.into(),
        settings: settings.clone(),
        data: ground.data.clone(),
        gst_version: ground.gst_version.clone(),
        context: ground.context.clone(),
        cells: cells.map(|job| (job.record.clone(), job.key.clone())).collect(),
        side_by_side: side_by_side.max(1),
    };
    write_whole(&worker.out.join("experiment.json"), &serde_json::to_string_pretty(&manifest)?)?;
    let failed = run_jobs(&jobs, &worker, side_by_side, board)?;
    Ok(Ran { failed, done: jobs.iter().filter(|job| worker.is_done(job)).map(|job| job.record.clone()).collect() })
}

/// Runs every job whose needs are met, `side_by_side` at a time; returns the labels of those that failed.
fn run_jobs(jobs: &[Job], worker: &Worker<'_>, side_by_side: usize, board: &Board) -> Result<Vec<String>> {
    worker.write_files(jobs)?;
    board.expect(jobs.len());
    let queue = Queue::new(jobs);
    let work = || -> Result<()> {
        while !worker.interrupt.is_set() {
            let Some((index, needed)) = queue.take() else { return Ok(()) };
            let job = &jobs[index];
            // What it waited for may have been stopped meanwhile.
            if worker.interrupt.is_set() {
                queue.done(index, true);
                break;
            }
            let outcome = match needed {
                Some(needed) => worker.block(job, &format!("needs {}, which failed", jobs[needed].label), board),
                None => worker.run(job, board),
            };
            // Whoever waits for this job must learn that it will not come.
            queue.done(index, !outcome.as_ref().is_ok_and(|outcome| matches!(outcome, Outcome::Done | Outcome::Skipped)));
            if let Outcome::Failed(_) = outcome? {
                queue.note(&job.label);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..side_by_side.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker of the experiment broke down")))
    })?;
    Ok(queue.failed())
}

/// The program that runs every job: the given one, or built now.
pub(crate) fn program(settings: &Settings, options: &Options) -> Result<Gst> {
    match &options.gst {
        Some(path) => Gst::at(path),
        None => {
            eprintln!("building gst for --device {}", settings.training.device);
            Gst::at(&device::build_gst(&workspace::root()?, &settings.training.device, options.release)?)
        }
    }
}

/// Processor cores of this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn stopped_by(interrupt: &Interrupt, failures: &[String]) -> String {
    if interrupt.is_set() { "stopped".into() } else { format!("{} jobs failed: {}", failures.len(), failures.join("; ")) }
}

/// The data folder that was given; `None` when the experiment generates its own.
fn given_data(settings: &Settings) -> Result<Option<PathBuf>> {
    if settings.data.generate.is_some() {
        return Ok(None);
    }
    let Some(folder) = named_data(settings) else { bail!(no_data(settings)) };
    let folder = std::fs::canonicalize(&folder).with_context(|| format!("there is no data folder {}", folder.display()))?;
    Ok(Some(folder))
}

/// The data that settings or environment name.
pub(crate) fn named_data(settings: &Settings) -> Option<PathBuf> {
    settings.data.folder.clone().or_else(|| std::env::var_os("GST_DATA").map(PathBuf::from))
}

/// How to name data where none is named.
pub(crate) fn no_data(settings: &Settings) -> String {
    format!(
        "experiment `{}` needs recorded datasets: give their folder with --data DIR or in the environment variable GST_DATA \
         (one folder a dataset: NAME/train.jsonl, NAME/test.jsonl, NAME/audio/), or a TOML file that lists datasets",
        settings.name
    )
}

/// The folder of checkpoints that was given, as a path that holds in any folder.
pub(crate) fn given_weights(settings: &Settings) -> Result<Option<PathBuf>> {
    let whole = |folder: &PathBuf| {
        std::fs::canonicalize(folder).with_context(|| format!("there is no folder of checkpoints {}", folder.display()))
    };
    settings.training.weights.as_ref().map(whole).transpose()
}

/// The folder of an experiment: the given one, or that of its name.
pub(crate) fn folder_of(settings: &Settings, options: &Options) -> Result<PathBuf> {
    match &options.out {
        Some(folder) => Ok(folder.clone()),
        None => {
            let target = workspace::members(&workspace::root()?)?.target_directory;
            Ok(target.join("experiments").join(&settings.name).into_std_path_buf())
        }
    }
}

fn prepare_folder(settings: &Settings, options: &Options) -> Result<PathBuf> {
    let folder = folder_of(settings, options)?;
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(std::fs::canonicalize(&folder)?)
}
