//! A preset whose files are at hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use gst_data::text::{TextError, TextTokenizer};
use gst_data::{Dialogue, FrontEnd};

use super::{Parts, PretrainedAudioLm, PretrainedConfig, PromptTemplate};
use crate::ModelError;
use crate::beats::BeatsConfig;
use crate::config::draw;
use crate::pretrained::{Checkpoint, Precision, PretrainedError};

/// Files beside the weights of a language model that say how it is asked and when it ends.
const BESIDE: [&str; 4] = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"];

/// A preset and the folder that its checkpoints lie in. Whatever is quick to refuse has been read and checked; weights have not.
#[derive(Debug, Clone)]
pub struct Combination {
    /// The preset.
    pub config: PretrainedConfig,
    /// The folder.
    pub root: PathBuf,
    /// Sizes of all parts.
    pub parts: Parts,
    /// Text to tokens and back.
    pub tokenizer: TextTokenizer,
    /// Questions to prompts.
    pub prompt: PromptTemplate,
    /// The token that begins a sequence.
    pub bos: Option<u32>,
    /// The first token that ends an answer.
    pub eos: u32,
}

impl Combination {
    /// Opens what `config` names under `root`.
    ///
    /// # Errors
    /// [`ModelError`]: a file is absent or damaged, two parts do not fit, the tokenizer is not the model's, or there is no prompt.
    pub fn open(config: PretrainedConfig, root: &Path) -> Result<Self, ModelError> {
        let parts = config.parts(root)?;
        let folder = root.join(&config.language_model.path);
        let path = folder.join("tokenizer.json");
        let tokenizer = TextTokenizer::from_file(&path).map_err(PretrainedError::from)?;
        let largest = u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX).saturating_sub(1);
        let sizes = &parts.language_model;
        if largest as usize >= sizes.vocabulary {
            return Err(PretrainedError::Tokenizer { path, largest, embeddings: sizes.vocabulary }.into());
        }
        let prompt = match &config.prompt {
            Some(prompt) => PromptTemplate::parse(prompt)?,
            None => PromptTemplate::of_checkpoint(&folder, &config.message)?,
        };
        let (bos, eos) = (sizes.bos, sizes.stops.first().copied().unwrap_or(tokenizer.eos_id()));
        // Without weights: what does not fit is known before gigabytes are read.
        parts.build(&Device::default())?;
        Ok(Self { config, root: root.to_owned(), parts, tokenizer, prompt, bos, eos })
    }

    /// Reads all weights. What is trained starts from `seed`.
    ///
    /// # Errors
    /// [`ModelError::Pretrained`] when a file is absent or damaged or tensors do not fit; all of these are listed.
    pub fn load(&self, seed: u64, device: &Device) -> Result<PretrainedAudioLm, ModelError> {
        let (audio, language) = (&self.config.audio, &self.config.language_model);
        let open = |folder: &Path| Checkpoint::open(&self.root.join(folder));
        let mut model = self.parts.build(device)?;
        model.hearing.whisper = model.hearing.whisper.load(&open(&audio.whisper)?, audio.precision)?;
        if let (Some(beats), Some(folder)) = (model.hearing.beats.take(), &audio.beats) {
            model.hearing.beats = Some(beats.load(&open(folder)?, Precision::F32)?);
        }
        model.language_model = model.language_model.fill(&open(&language.path)?, language.precision)?;
        if let Some(folder) = &self.config.trained {
            model = model.load_published(&open(folder)?)?;
        }
        draw(&model, seed, device);
        Ok(model)
    }

    /// Every file that the model comes from, relative to the folder, sorted.
    ///
    /// # Errors
    /// [`ModelError::Pretrained`] when a checkpoint is absent or damaged.
    pub fn files(&self) -> Result<Vec<PathBuf>, ModelError> {
        let (audio, language) = (&self.config.audio, &self.config.language_model);
        let mut files = Vec::new();
        let folders = [Some(&audio.whisper), audio.beats.as_ref(), Some(&language.path), self.config.trained.as_ref()];
        for folder in folders.into_iter().flatten() {
            let folder = self.root.join(folder);
            files.push(folder.join("config.json"));
            files.extend(Checkpoint::open(&folder)?.files());
        }
        files.extend(BESIDE.map(|name| self.root.join(&language.path).join(name)));
        let relative = |file: PathBuf| file.strip_prefix(&self.root).map(Path::to_owned).unwrap_or(file);
        let mut files: Vec<PathBuf> = files.into_iter().filter(|file| file.is_file()).map(relative).collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// What the encoders hear of a clip.
    ///
    /// # Errors
    /// [`ModelError::Config`] when there is no front end of so many mel bands.
    pub fn front_end(&self) -> Result<FrontEnd, ModelError> {
        let whisper = &self.parts.whisper;
        let bins = self.parts.beats.as_ref().map(|_| BeatsConfig::BINS);
        let seconds = whisper.window() as f64 * FRAME_SECONDS;
        FrontEnd::whisper(whisper.num_mel_bins, seconds, bins).map_err(|error| ModelError::Config {
            field: "num_mel_bins",
            found: whisper.num_mel_bins.to_string(),
            expected: error.to_string(),
        })
    }

    /// How the model is asked and how its answers end.
    #[must_use]
    pub fn dialogue(&self) -> Arc<dyn Dialogue> {
        let Self { tokenizer, prompt, bos, eos, .. } = self.clone();
        Arc::new(Prompted { tokenizer, prompt, bos, eos })
    }

    /// What the language model is called.
    #[must_use]
    pub fn base(&self) -> String {
        self.config.language_model.path.display().to_string()
    }
}

/// Seconds from one log-mel frame to the next.
const FRAME_SECONDS: f64 = 0.01;

/// The question in its template; the answer as it is, since what stands before it belongs to the template.
#[derive(Debug)]
struct Prompted {
    tokenizer: TextTokenizer,
    prompt: PromptTemplate,
    bos: Option<u32>,
    eos: u32,
}

impl Dialogue for Prompted {
    fn question(&self, question: &str) -> Result<Vec<u32>, TextError> {
        self.prompt.encode(&self.tokenizer, self.bos, question.trim())
    }

    fn answer(&self, answer: &str) -> Result<Vec<u32>, TextError> {
        let mut tokens = self.tokenizer.encode(answer.trim())?;
        tokens.push(self.eos);
        Ok(tokens)
    }

    fn eos(&self) -> u32 {
        self.eos
    }
}
