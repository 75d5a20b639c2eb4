use std::path::PathBuf;

use clap::Args;
use gst_data::audio;
use gst_model::{AudioLm, Batch, Sample};
use gst_train::RunFolder;
use gst_train::device::DeviceName;
use serde_json::json;

use super::Shared;

/// Ask a trained model about an audio file.
///
/// Example: gst ask RUN bark.wav "Which animal is this?"
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AskArgs {
    /// Folder of the run.
    run: PathBuf,
    /// WAV, FLAC, OGG/Vorbis or MP3 file.
    audio: PathBuf,
    /// The question.
    question: String,
    /// Longest answer, in tokens.
    #[arg(long, value_name = "N", default_value_t = 32)]
    max_tokens: usize,
}

impl AskArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let folder = RunFolder::open(&self.run)?;
        let name = shared.device.clone().map_or_else(|| folder.config().map(|config| config.device), Ok)?;
        let trained = folder.load(&name.parse::<DeviceName>()?.open()?)?;
        let waveform = audio::decode(&self.audio)?;
        let most = (gst_data::DEFAULT_MAX_SECONDS * f64::from(audio::SAMPLE_RATE)) as usize;
        let features = trained.mel.extract(&waveform.samples[..waveform.samples.len().min(most)]);
        let prompt = trained.tokenizer.encode(self.question.trim())?;
        let sample = Sample { features: &features, prompt: &prompt, answer: &[] };
        let batch = Batch::collate(&[sample], trained.tokenizer.eos_id())?;
        let tokens = trained.model.generate(&batch, self.max_tokens).concat();
        let answer = trained.tokenizer.decode(&tokens)?.trim().to_owned();
        shared.result(&json!({ "answer": answer, "tokens": tokens, "step": trained.step }), || answer.clone())
    }
}
