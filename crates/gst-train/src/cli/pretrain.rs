use std::path::PathBuf;

use clap::Args;
use gst_schedule::ScheduleParams;
use gst_train::progress::Progress;
use gst_train::trainer::pretrain::{self, Outcome, PretextParams};

use super::settings::Settings;
use super::{Shared, stop};

/// Train encoder and decoder of a model on a pretext, for runs to start with.
///
/// Of the training clips (validation clips stay out) the sounds and the questions are used, never an answer: hidden log-mel frames are
/// told from those around them, and each token of a question from those before it; and a word drawn from the vocabulary, which stands
/// where the sound will, is repeated behind the question. `--start FOLDER` of `gst affinity` and `gst train`
/// begins with what comes of it, and `--adapters RANK` there freezes it.
///
/// Examples:
///   gst pretrain --data DATA --model mini --steps 1000 --out START
///   gst train --data DATA --model mini --start START --adapters 8 --schedule schedule.json --out RUN
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PretrainArgs {
    #[command(flatten)]
    settings: Settings,
    /// Optimizer steps.
    #[arg(long, value_name = "N")]
    steps: u64,
    /// Samples a step.
    #[arg(long, value_name = "N", default_value_t = ScheduleParams::default().batch_size)]
    batch_size: u32,
    /// The folder to make.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl PretrainArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        Outcome::check_folder(&self.out)?;
        let (config, setup) = self.settings.open(shared)?;
        let params = PretextParams { steps: self.steps, batch_size: self.batch_size };
        let stop = stop::flag(false)?;
        let progress = Progress::new("pretrain", "steps", self.steps);
        let outcome = pretrain::run(&setup, &config, params, &stop, &progress)?;
        progress.finish();
        let Some(outcome) = outcome else { anyhow::bail!("stopped before the end: nothing was written") };
        let about = outcome.write(&setup, &self.out)?.body;
        shared.result(&about, || {
            let (frames, text, word) = (about.masked_frames, about.question_text, about.repeated_word);
            format!(
                "{} steps, {} samples, {:.0} s of audio, written to {}\nmasked frames  {:.3} → {:.3}\nquestion text  {:.3} → {:.3}\n\
                 repeated word  {:.3} → {:.3}",
                about.steps,
                about.samples,
                about.audio_seconds,
                self.out.display(),
                frames.start,
                frames.end,
                text.start,
                text.end,
                word.start,
                word.end
            )
        })
    }
}
