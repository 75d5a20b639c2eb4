use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use gst_data::audio;
use gst_data::text::TextTokenizer;
use gst_model::{AudioLm, Batch, Sample};
use gst_train::RunFolder;
use gst_train::batches::with_filter_banks;
use gst_train::device::DeviceName;
use gst_train::run::Trained;
use serde_json::{Value, json};

use super::Shared;

/// What a decoder writes for bytes that are no whole character yet.
const UNFINISHED: char = '\u{FFFD}';

/// Ask a trained model about one or more audio files.
///
/// On a terminal the answer comes word by word. With several files there is a line for each, in their order.
///
/// Examples:
///   gst ask RUN bark.wav "Which animal is this?"
///   gst ask RUN one.wav two.flac three.mp3 "Which animal is this?"
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AskArgs {
    /// Folder of the run.
    run: PathBuf,
    /// WAV, FLAC, OGG/Vorbis or MP3 files.
    #[arg(required = true, num_args = 1..)]
    audio: Vec<PathBuf>,
    /// The question.
    #[arg(required = true)]
    question: String,
    /// The checkpoint of this step [default: the newest].
    #[arg(long, value_name = "N")]
    step: Option<u64>,
    /// Longest answer, in tokens.
    #[arg(long, value_name = "N", default_value_t = 32)]
    max_tokens: usize,
    /// Folder of the checkpoints that the model is put together from [default: the one it was trained with].
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
}

impl AskArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let folder = RunFolder::open(&self.run)?;
        let name = shared.device.clone().map_or_else(|| folder.config().map(|config| config.device), Ok)?;
        let device = name.parse::<DeviceName>()?.open()?;
        // What is wrong with a file is known before a model is loaded.
        let clips = self.audio.iter().map(|path| audio::decode(path)).collect::<Result<Vec<_>, _>>()?;
        let trained = folder.load(self.step, self.weights.as_deref(), &device)?;
        let live = !shared.json && std::io::stdout().is_terminal();
        let mut answers = Vec::with_capacity(clips.len());
        for (path, clip) in self.audio.iter().zip(&clips) {
            let mut line = Line::new(shared, &trained.tokenizer, live);
            if self.audio.len() > 1 {
                line.label = format!("{}: ", path.display());
            }
            answers.push(self.answer(&trained, path, &clip.samples, &mut line)?);
        }
        if !shared.json {
            return Ok(());
        }
        let result = if answers.len() == 1 { answers.remove(0) } else { Value::Array(answers) };
        shared.result(&result, String::new)
    }

    fn answer(&self, trained: &Trained, path: &Path, samples: &[f32], line: &mut Line<'_>) -> anyhow::Result<Value> {
        let heard = trained.front_end.hear(samples);
        let prompt = trained.dialogue.question(&self.question)?;
        let sample = Sample { features: &heard.features, prompt: &prompt, answer: &[] };
        let batch = Batch::collate(&[sample], trained.dialogue.eos())?;
        let batch = with_filter_banks(batch, &Vec::from_iter(&heard.filter_banks))?;
        trained.model.check(&batch)?;
        let mut told = Ok(());
        let mut on_token = |_: usize, token: u32| {
            told = line.token(token);
            if told.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let tokens = trained.model.stream(&batch, self.max_tokens, &mut on_token).concat();
        told?;
        let answer = trained.tokenizer.decode(&tokens)?.trim().to_owned();
        line.end(&answer)?;
        Ok(json!({ "audio": path, "answer": answer, "tokens": tokens, "step": trained.step }))
    }
}

/// An answer on its way to a terminal, or to be written at its end.
struct Line<'a> {
    shared: &'a Shared,
    tokenizer: &'a TextTokenizer,
    live: bool,
    label: String,
    tokens: Vec<u32>,
    /// Of the answer, what has been written.
    written: String,
}

impl<'a> Line<'a> {
    fn new(shared: &'a Shared, tokenizer: &'a TextTokenizer, live: bool) -> Self {
        Self { shared, tokenizer, live, label: String::new(), tokens: Vec::new(), written: String::new() }
    }

    /// Writes what the answer has gained: whole characters, and spaces only before what follows them.
    fn token(&mut self, token: u32) -> anyhow::Result<()> {
        if !self.live {
            return Ok(());
        }
        self.tokens.push(token);
        let text = self.tokenizer.decode(&self.tokens)?;
        // A decoder that changes what it said before is heard at the end.
        match text.trim_end_matches(UNFINISHED).trim().strip_prefix(self.written.as_str()) {
            Some(more) if !more.is_empty() => {
                self.shared.piece(&format!("{}{more}", std::mem::take(&mut self.label)))?;
                self.written.push_str(more);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Writes what is left of the whole `answer`, and ends the line.
    fn end(&mut self, answer: &str) -> anyhow::Result<()> {
        if self.shared.json {
            return Ok(());
        }
        let rest = answer.strip_prefix(self.written.as_str()).map_or_else(|| format!("\n{answer}"), str::to_owned);
        self.shared.piece(&format!("{}{rest}\n", self.label))
    }
}
