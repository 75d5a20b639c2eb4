use std::path::PathBuf;

use clap::Args;
use gst_affinity::artifact::Document;
use gst_schedule::Schedule;
use gst_train::evaluate::Evaluation;
use gst_train::progress::Progress;
use gst_train::trainer::Outcome;
use gst_train::{RunFolder, Trainer, run};
use serde_json::json;

use super::settings::{self, Settings};
use super::{Shared, stop_flag};

/// Train a model by a schedule.
///
/// Ctrl-C leaves a checkpoint that `gst evaluate` and `gst ask` can use.
///
/// Example: gst train --data DATA --model mini --schedule schedule.json --out RUN
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    settings: Settings,
    /// What `gst schedule` wrote.
    #[arg(long, value_name = "FILE")]
    schedule: PathBuf,
    /// Steps between two evaluations on the validation split; 0 evaluates at stage ends only.
    #[arg(long, value_name = "N")]
    evaluate_every: Option<u64>,
    /// Steps between two checkpoints; 0 keeps the last one only.
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// Folder of the run.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl TrainArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let mut config = self.settings.config(shared)?;
        config.evaluate_every = self.evaluate_every.unwrap_or(config.evaluate_every);
        config.checkpoint_every = self.checkpoint_every.unwrap_or(config.checkpoint_every);
        let schedule: Document<Schedule> = run::read_artifact(&self.schedule)?;
        let setup = settings::open(&config)?;
        let folder = RunFolder::create(&self.out)?;
        let stop = stop_flag()?;
        let progress = Progress::new(&schedule.body.strategy.to_string(), "steps", schedule.body.steps);
        let outcome = Trainer::new(&setup, &config, schedule, folder)?.run(&stop, &progress)?;
        progress.finish();
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
                let folder = self.out.display();
                shared.result(&json!({ "stopped": step, "run": self.out }), || {
                    format!("stopped after {step} steps; checkpoint in {folder}/checkpoints/step-{step}")
                })
            }
        }
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
