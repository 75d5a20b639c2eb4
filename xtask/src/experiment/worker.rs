//! Runs one job: skip it when done, clear what is stale, run its commands, note how it ended.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::gst::Gst;
use super::plan::{Job, with_folders};
use super::process::{self, Interrupt};
use super::progress::{Board, MetricsTail, Row};
use super::record::{Record, Status, write_whole};

/// How often the metrics of a running cell are read.
const LOOK: Duration = Duration::from_millis(250);

/// Where features are kept, in the experiment's folder.
const FEATURES: &str = "features";

/// How a job came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its result was there already.
    Skipped,
    /// Its result is there now.
    Done,
    /// It failed, for this reason.
    Failed(String),
    /// Ctrl-C stopped it.
    Interrupted,
}

/// What all jobs of an experiment share.
#[derive(Clone)]
pub(crate) struct Worker<'a> {
    /// The program.
    pub(crate) gst: &'a Gst,
    /// The experiment's folder.
    pub(crate) out: &'a Path,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The folder of checkpoints that a pretrained model is put together from.
    pub(crate) weights: Option<PathBuf>,
    /// Fingerprint of the data; empty while it is being generated.
    pub(crate) fingerprint: String,
    /// See [`Record::context`].
    pub(crate) context: String,
    /// Ctrl-C.
    pub(crate) interrupt: &'a Interrupt,
    /// Do every job anew.
    pub(crate) fresh: bool,
    /// Stands before the names of jobs: which of several experiments they belong to.
    pub(crate) prefix: String,
    /// Keep the features of clips in the experiment's folder, for the jobs that come after: they come back bit for bit.
    pub(crate) features: bool,
    /// Threads that the arithmetic of a job may use; all when absent.
    pub(crate) threads: Option<usize>,
}

impl Worker<'_> {
    /// Runs a job that needs nothing that failed.
    pub(crate) fn run(&self, job: &Job, board: &Board) -> Result<Outcome> {
        let label = self.label(job);
        let row = board.begin(&label, job.steps);
        if !self.fresh && self.is_done(job) {
            return Ok(self.skip(job, board, row));
        }
        self.clear(job)?;
        let started = Instant::now();
        let mut log = String::new();
        let mut failure = None;
        let mut metrics = job.folder.as_ref().map(|folder| MetricsTail::new(&self.out.join(folder)));
        let mut looked = Instant::now();
        for command in &job.commands {
            log.push_str(&format!("$ gst {}\n", command.join(" ")));
            let mut arguments = with_folders(command, &self.data, self.weights.as_deref());
            if self.features && matches!(command.first().map(String::as_str), Some("pretrain" | "train" | "affinity")) {
                arguments.extend(["--cache-dir", FEATURES].map(str::to_owned));
            }
            let ended = process::run(&self.gst.path, &arguments, self.out, self.threads, self.interrupt, || {
                if looked.elapsed() >= LOOK {
                    looked = Instant::now();
                    if let Some(seen) = metrics.as_mut().and_then(MetricsTail::look) {
                        row.show(&seen);
                    }
                }
            })?;
            for line in ended.output.iter().chain(&ended.errors) {
                log.push_str(line);
                log.push('\n');
            }
            log.push_str(&format!("{}\n\n", ended.status));
            if !ended.status.success() {
                failure = Some(format!("gst {}: {}", command.first().map_or("", String::as_str), ended.reason()));
                break;
            }
        }
        if failure.is_none() && !self.out.join(&job.result).exists() {
            failure = Some(format!("ended well but left no {}", job.result.display()));
        }
        let seconds = started.elapsed().as_secs_f64();
        write_whole(&self.out.join(&job.log), &log)?;
        self.close(job, row, board, seconds, failure)
    }

    /// The same where nothing can go on without it.
    pub(crate) fn complete(&self, job: &Job, board: &Board) -> Result<Outcome> {
        match self.run(job, board)? {
            done @ (Outcome::Done | Outcome::Skipped) => Ok(done),
            Outcome::Interrupted => bail!("stopped; the same command goes on with what is not done"),
            Outcome::Failed(reason) => bail!("{}: {reason}; see {}", self.label(job), self.out.join(&job.log).display()),
        }
    }

    /// Writes the files that jobs share, before any of them runs.
    pub(crate) fn write_files(&self, jobs: &[Job]) -> Result<()> {
        jobs.iter().flat_map(|job| &job.files).try_for_each(|(path, content)| write_whole(&self.out.join(path), content))
    }

    /// Notes that a job cannot run because what it needs failed. One that is done stays done.
    pub(crate) fn block(&self, job: &Job, reason: &str, board: &Board) -> Result<Outcome> {
        let row = board.begin(&self.label(job), None);
        if self.is_done(job) {
            return Ok(self.skip(job, board, row));
        }
        self.clear(job)?;
        write_whole(&self.out.join(&job.log), &format!("{reason}\n"))?;
        self.close(job, row, board, 0.0, Some(reason.to_string()))
    }

    /// Whether the result of a job, made by the same commands from the same data, is there.
    pub(crate) fn is_done(&self, job: &Job) -> bool {
        Record::is_done(&self.out.join(&job.record), &job.key, &self.out.join(&job.result))
    }

    fn skip(&self, job: &Job, board: &Board, row: Row) -> Outcome {
        board.skip(row, &format!("{}: done before, skipped", self.label(job)));
        Outcome::Skipped
    }

    fn label(&self, job: &Job) -> String {
        format!("{}{}", self.prefix, job.label)
    }

    fn close(&self, job: &Job, row: Row, board: &Board, seconds: f64, failure: Option<String>) -> Result<Outcome> {
        let stopped = failure.is_some() && self.interrupt.is_set();
        let label = self.label(job);
        let (status, line, outcome) = match failure {
            None => (Status::Done, format!("{label}: done in {seconds:.1} s"), Outcome::Done),
            Some(_) if stopped => (Status::Interrupted, format!("{label}: stopped after {seconds:.1} s"), Outcome::Interrupted),
            Some(ref reason) => (Status::Failed, format!("{label}: FAILED: {reason}"), Outcome::Failed(reason.clone())),
        };
        let failure = if let Outcome::Failed(reason) = &outcome { Some(reason.clone()) } else { None };
        self.note(job, status, seconds, failure)?;
        board.end(row, &line);
        Ok(outcome)
    }

    /// Removes what another version of this job left.
    fn clear(&self, job: &Job) -> Result<()> {
        for path in [&job.result, &job.record, &job.log].into_iter().chain(&job.folder) {
            let path = self.out.join(path);
            let removed = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else if path.exists() {
                std::fs::remove_file(&path)
            } else {
                Ok(())
            };
            removed.with_context(|| format!("cannot remove the stale {}", path.display()))?;
        }
        Ok(())
    }

    fn note(&self, job: &Job, status: Status, seconds: f64, failure: Option<String>) -> Result<()> {
        let record = Record {
            format: Record::FORMAT.into(),
            key: job.key.clone(),
            context: self.context.clone(),
            status,
            commands: job.commands.iter().map(|command| format!("gst {}", command.join(" "))).collect(),
            data: self.fingerprint.clone(),
            gst_version: self.gst.version.clone(),
            gst_binary: self.gst.binary.clone(),
            seconds,
            failure,
        };
        record.write(&self.out.join(&job.record))
    }
}
