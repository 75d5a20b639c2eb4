use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::Context;
use clap::Args;
use gst_affinity::artifact::Document;
use gst_schedule::Schedule;
use gst_train::dashboard::Dashboard;
use gst_train::evaluate::Evaluation;
use gst_train::run::difference;
use gst_train::run::fork::Fork;
use gst_train::trainer::Outcome;
use gst_train::{RunFolder, TrainConfig, TrainError, Trainer, files};
use serde_json::json;

use super::settings::{self, Settings};
use super::{Shared, stop};

/// Train a model by a schedule.
///
/// Ctrl-C and SIGTERM leave a checkpoint to go on from; a second one ends at once.
///
/// Examples:
///   gst train --data DATA --model mini --schedule schedule.json --out RUN
///   gst train --resume RUN
///   gst train --resume RUN --learning-rate 1e-4 --fork RUN2
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    settings: Settings,
    /// What `gst schedule` wrote.
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    schedule: Option<PathBuf>,
    /// Steps between two evaluations on the validation split; 0 evaluates at stage ends only.
    #[arg(long, value_name = "N")]
    evaluate_every: Option<u64>,
    /// Steps between two checkpoints; 0 saves at the start, at the end and when stopped only.
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// Newest checkpoints that are kept; 0 keeps all.
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// Whether to save after every evaluation with the best score so far, and to keep the best.
    #[arg(long, value_name = "BOOL")]
    keep_best: Option<bool>,
    /// End after so many evaluations in a row without a better score, in the last stage; 0 never does.
    #[arg(long, value_name = "N")]
    stop_after: Option<usize>,
    /// Also write an event file for TensorBoard, in RUN/tensorboard.
    #[arg(long)]
    tensorboard: bool,
    /// Plain lines instead of the live table on a terminal.
    #[arg(long)]
    plain: bool,
    /// Folder of the run.
    #[arg(long, value_name = "DIR", required_unless_present = "resume", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Continue the run in this folder at its newest checkpoint; settings that are not given are its own.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// With --resume: leave the run as it is, and follow the given settings in a new one [default folder: RUN-fork-N].
    #[arg(long, value_name = "DIR", requires = "resume", num_args = 0..=1)]
    fork: Option<Option<PathBuf>>,
    /// With --fork: the checkpoint to begin with [default: the newest].
    #[arg(long, value_name = "N", requires = "fork")]
    step: Option<u64>,
}

impl TrainArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let schedule = self.schedule.as_deref().map(files::read_artifact::<Schedule>).transpose()?;
        match (&self.resume, &self.out, schedule) {
            (Some(run), _, schedule) => self.resume(shared, run, schedule),
            (None, Some(out), Some(schedule)) => self.begin(shared, out, schedule),
            _ => anyhow::bail!("give --schedule FILE and --out DIR, or --resume RUN"),
        }
    }

    fn begin(&self, shared: &Shared, out: &Path, schedule: Document<Schedule>) -> anyhow::Result<()> {
        let config = self.own(self.settings.config(shared)?);
        let folder = RunFolder::create(out)?;
        let setup = settings::open(&config)?;
        self.follow(Trainer::new(&setup, &config, schedule, folder)?, shared, out)
    }

    fn resume(&self, shared: &Shared, run: &Path, schedule: Option<Document<Schedule>>) -> anyhow::Result<()> {
        let source = RunFolder::open(run)?;
        let own = source.config()?;
        let config = self.own(self.settings.config_over(&own, shared)?);
        if self.fork.is_none() {
            source.refuse_finished()?;
            // Known before the data is opened; the trainer looks again, at schedule and data too.
            let differences = difference::of_settings(&own, &config)?;
            if !differences.is_empty() {
                return Err(TrainError::Changed { path: run.to_owned(), differences }.into());
            }
        }
        let setup = settings::open(&source.opened(&config))
            .context("the run cannot be continued (give `--data DIR` if its data has moved)")?;
        let (trainer, folder) = match &self.fork {
            None => (Trainer::resume(&setup, &config, schedule.as_ref(), source)?, run.to_owned()),
            Some(target) => {
                let folder = target.clone().unwrap_or_else(|| free_name(run));
                let target = RunFolder::create(&folder)?;
                tell(&Fork::make(&source, self.step, &setup, &config, schedule, &target)?, &folder);
                (Trainer::resume(&setup, &config, None, target)?, folder)
            }
        };
        eprintln!("continuing {} after {} steps", folder.display(), trainer.step());
        self.follow(trainer, shared, &folder)
    }

    /// The settings that only this command has.
    fn own(&self, mut config: TrainConfig) -> TrainConfig {
        config.evaluate_every = self.evaluate_every.unwrap_or(config.evaluate_every);
        config.checkpoint_every = self.checkpoint_every.unwrap_or(config.checkpoint_every);
        config.keep_last = self.keep_last.unwrap_or(config.keep_last);
        config.keep_best = self.keep_best.unwrap_or(config.keep_best);
        config.stop_after = self.stop_after.unwrap_or(config.stop_after);
        config.tensorboard |= self.tensorboard;
        config
    }

    /// Trains, and reports how it ended.
    fn follow(&self, mut trainer: Trainer<'_>, shared: &Shared, folder: &Path) -> anyhow::Result<()> {
        let mut dashboard = Dashboard::new(trainer.schedule(), self.plain);
        let stop = stop::flag(dashboard.is_live())?;
        let outcome = trainer.run(&|| stop.load(Ordering::Relaxed), &mut dashboard)?;
        dashboard.finish();
        match outcome {
            Outcome::Finished(result) => shared.result(&result, || {
                let cost = result.cost;
                format!(
                    "{} steps, {} samples, {:.0} s of audio in {:.0} s; peak memory {} MiB\n{}",
                    cost.steps,
                    cost.samples,
                    cost.audio_seconds,
                    cost.wall_seconds,
                    result.peak_memory_bytes >> 20,
                    table(&result.test)
                )
            }),
            Outcome::Stopped { step } => {
                let name = folder.display();
                shared.result(&json!({ "stopped": step, "run": folder }), || {
                    format!("stopped after {step} steps; `gst train --resume {name}` goes on")
                })
            }
        }
    }
}

/// `RUN-fork-1`, or the next number that is free.
fn free_name(run: &Path) -> PathBuf {
    let name = run.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
    let numbered = (1..=u32::MAX).map(|number| run.with_file_name(format!("{name}-fork-{number}")));
    numbered.into_iter().find(|folder| !folder.exists()).unwrap_or_else(|| run.with_file_name(format!("{name}-fork")))
}

/// What a fork follows otherwise, and what that repeats or loses.
fn tell(fork: &Fork, folder: &Path) {
    eprintln!("forked {} after {} steps into {}", fork.run.display(), fork.step, folder.display());
    fork.changed.iter().for_each(|difference| eprintln!("  {difference}"));
    for dataset in &fork.datasets {
        let (name, drawn, place) = (&dataset.name, dataset.drawn, dataset.place);
        let what = match (dataset.reordered, dataset.repeated, dataset.lost) {
            (false, 0, 0) => continue,
            (true, ..) => "the order is another one from here on, so any of its samples may come again".to_owned(),
            (false, 0, lost) => format!("{lost} samples are passed over"),
            (false, repeated, _) => format!("{repeated} samples come again"),
        };
        eprintln!("  {name}: {what} (drawn {drawn}, goes on at {place})");
    }
}

/// Scores as a table for a terminal.
pub(crate) fn table(scores: &Evaluation) -> String {
    let width = scores.datasets.keys().map(String::len).max().unwrap_or(0).max(10);
    let mut text = format!("{:width$}  exact match  majority  token accuracy  (with eos)  records\n", "dataset");
    for (name, row) in &scores.datasets {
        text.push_str(&format!(
            "{name:width$}  {:11.3}  {:8.3}  {:14.3}  {:10.3}  {:7}\n",
            row.exact_match, row.majority, row.token_accuracy, row.token_accuracy_with_eos, row.records
        ));
    }
    for (name, row) in [("weighted", scores.weighted), ("unweighted", scores.unweighted)] {
        text.push_str(&format!(
            "{name:width$}  {:11.3}  {:8}  {:14.3}  {:10.3}\n",
            row.exact_match, "", row.token_accuracy, row.token_accuracy_with_eos
        ));
    }
    text
}
