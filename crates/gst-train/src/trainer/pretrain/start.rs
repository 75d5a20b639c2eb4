//! The folder that training on a pretext leaves, and that runs start with.
//!
//! | file | holds |
//! |---|---|
//! | `model.safetensors` | encoder and decoder, by parameter path |
//! | `tokenizer.json` | the tokenizer they were trained with |
//! | `pretrained.json` | sizes, what was trained on for how long, losses, and the hashes of both ([`Pretrained`]) |

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gst_affinity::artifact::{Artifact, Document, content_hash};
use gst_model::{MiniAudioLm, ModelConfig};
use serde::{Deserialize, Serialize};

use super::{Course, Outcome};
use crate::checkpoint::WEIGHTS;
use crate::files::{self, FileMark, sync};
use crate::{Setup, TrainError};

const TOKENIZER: &str = "tokenizer.json";
const ABOUT: &str = "pretrained.json";

/// The body of `pretrained.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pretrained {
    /// Sizes of the model, the tokenizer's among them.
    pub model: ModelConfig,
    /// Optimizer steps.
    pub steps: u64,
    /// Samples seen.
    pub samples: u64,
    /// Seconds of audio seen.
    pub audio_seconds: f64,
    /// Samples a step.
    pub batch_size: u32,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Seed of weights, masks and order.
    pub seed: u64,
    /// Mean squared error of hidden log-mel values, normalised.
    pub masked_frames: Course,
    /// Mean cross-entropy of question tokens, in nats.
    pub question_text: Course,
    /// Mean cross-entropy of the tokens that are repeated and of their ends, in nats.
    pub repeated_word: Course,
    /// The files beside this one.
    pub files: BTreeMap<String, FileMark>,
}

impl Artifact for Pretrained {
    const FORMAT: &'static str = "gst-pretrained";
    const VERSION: u32 = 1;
}

impl Outcome {
    /// Refuses a folder that already holds something, before any step is taken.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`], [`TrainError::Io`].
    pub fn check_folder(out: &Path) -> Result<(), TrainError> {
        if out.exists() && fs::read_dir(out).map_err(TrainError::io(out))?.next().is_some() {
            return Err(TrainError::RunFolder { path: out.to_owned(), reason: "it is not empty; choose another --out".into() });
        }
        Ok(())
    }

    /// Writes the folder whole or not at all.
    ///
    /// # Errors
    /// As [`Outcome::check_folder`]; [`TrainError::Model`] and [`TrainError::Text`] when a file cannot be written.
    pub fn write(mut self, setup: &Setup, out: &Path) -> Result<Document<Pretrained>, TrainError> {
        Self::check_folder(out)?;
        let aside = out.with_extension("partial");
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(TrainError::io(&aside))?;
        }
        fs::create_dir_all(&aside).map_err(TrainError::io(&aside))?;
        self.pretext.save(&aside.join(WEIGHTS))?;
        setup.source.tokenizer().save(&aside.join(TOKENIZER))?;
        for name in [WEIGHTS, TOKENIZER] {
            let path = aside.join(name);
            sync(&path)?;
            self.pretrained.files.insert(name.to_owned(), FileMark::of(&path).map_err(TrainError::io(&path))?);
        }
        let document = setup.sign(Document::new(self.pretrained))?;
        files::write(&aside.join(ABOUT), &document.to_json()?)?;
        if out.exists() {
            fs::remove_dir(out).map_err(TrainError::io(out))?;
        }
        fs::rename(&aside, out).map_err(TrainError::io(out))?;
        Ok(document)
    }
}

/// Such a folder, its files found as they were written.
#[derive(Debug, Clone)]
pub struct Start {
    folder: PathBuf,
    /// What it is.
    pub about: Pretrained,
}

impl Start {
    /// Opens `folder` and checks its files against their hashes.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Artifact`] when it is no such folder; [`TrainError::Damaged`] when a file is not as it was written.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        let about = files::read_artifact::<Pretrained>(&folder.join(ABOUT))?.body;
        for name in [WEIGHTS, TOKENIZER] {
            let path = folder.join(name);
            let expected = about.files.get(name).map_or_else(|| "no such file".to_owned(), FileMark::describe);
            let damaged = |found: String| TrainError::Damaged { path: path.clone(), found, expected: expected.clone() };
            let found = FileMark::of(&path).map_err(|error| damaged(error.to_string()))?;
            if about.files.get(name) != Some(&found) {
                return Err(damaged(found.describe()));
            }
        }
        Ok(Self { folder: folder.to_owned(), about })
    }

    /// Its tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> PathBuf {
        self.folder.join(TOKENIZER)
    }

    /// Hash of what is in its files, wherever they lie.
    #[must_use]
    pub fn hash(&self) -> String {
        let lines = self.about.files.iter().map(|(name, mark)| format!("{}  {name}\n", mark.sha256));
        content_hash(lines.collect::<String>().as_bytes())
    }

    /// Whether `model` has the sizes of what is here; dropout and adapters may be others.
    ///
    /// # Errors
    /// [`TrainError::Start`] for the first size that differs.
    pub fn check_sizes(&self, model: &ModelConfig) -> Result<(), TrainError> {
        let ours = &self.about.model;
        let sizes = |of: &ModelConfig| {
            let ModelConfig { mels, width, heads, hidden, encoder_layers, decoder_layers, vocabulary, .. } = *of;
            [
                ("mels", mels),
                ("channels[0]", of.channels[0]),
                ("channels[1]", of.channels[1]),
                ("width", width),
                ("heads", heads),
                ("hidden", hidden),
                ("encoder_layers", encoder_layers),
                ("decoder_layers", decoder_layers),
                ("vocabulary", vocabulary),
            ]
        };
        match sizes(ours).into_iter().zip(sizes(model)).find(|(ours, asked)| ours != asked) {
            None => Ok(()),
            Some(((field, found), (_, expected))) => Err(TrainError::Start {
                path: self.folder.join(ABOUT),
                found: format!("`{field}` {found}"),
                expected: format!("{expected}, as the model `{}` has it", model.preset),
            }),
        }
    }

    /// Whether `tokenizer` is the one that is here.
    ///
    /// # Errors
    /// [`TrainError::Start`] when it is not; [`TrainError::Io`].
    pub fn check_tokenizer(&self, tokenizer: &Path) -> Result<(), TrainError> {
        let given = FileMark::of(tokenizer).map_err(TrainError::io(tokenizer))?;
        match self.about.files.get(TOKENIZER) {
            Some(own) if *own == given => Ok(()),
            own => Err(TrainError::Start {
                path: tokenizer.to_owned(),
                found: format!("a tokenizer of {}", given.describe()),
                expected: format!(
                    "that of {}, {}",
                    self.tokenizer().display(),
                    own.map_or_else(|| "which is not listed".to_owned(), FileMark::describe)
                ),
            }),
        }
    }

    /// Gives `model` the encoder and the decoder that are here.
    ///
    /// # Errors
    /// [`TrainError::Model`] when they do not fit.
    pub(crate) fn give(&self, model: &mut MiniAudioLm) -> Result<(), TrainError> {
        Ok(model.begin_with(&self.folder.join(WEIGHTS))?)
    }
}
