//! Every kind of model behind one type, so that what stands above needs no type parameter.

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::{Devices, Module, ModuleMapper, ModuleVisitor};
use burn::optim::GradientsParams;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::pretrained::PretrainedError;
use crate::salmonn::{PRESETS as PRETRAINED, PretrainedConfig};
use crate::{AnswerLogits, Answers, AudioLm, Batch, MiniAudioLm, ModelConfig, ModelError, PretrainedAudioLm, weights};

/// A model of any kind. To add one: its variant, and its line in each function here.
///
/// As a module it is the model in it: paths of parameters are that model's own, as in its weight file.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there are few of them, and they live long")]
pub enum AudioModel {
    /// Trained from scratch.
    Mini(MiniAudioLm),
    /// Put together from checkpoints.
    Pretrained(PretrainedAudioLm),
}

/// The configuration of a model of any kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AudioModelConfig {
    /// See [`ModelConfig`].
    Mini(ModelConfig),
    /// See [`PretrainedConfig`].
    Pretrained(Box<PretrainedConfig>),
}

impl AudioModelConfig {
    /// The preset of this name, or what a TOML file says; a file with a table `[language_model]` names checkpoints.
    ///
    /// # Errors
    /// [`ModelError::UnknownPreset`] for a name that is no preset and no `.toml` file; [`ModelError::Pretrained`] when a file of
    /// checkpoints cannot be read; else as [`ModelConfig::open`].
    pub fn open(model: &str) -> Result<Self, ModelError> {
        if PRETRAINED.iter().any(|(name, _)| *name == model) {
            return Ok(Self::Pretrained(Box::new(PretrainedConfig::preset(model)?)));
        }
        let path = Path::new(model);
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(path).map_err(PretrainedError::io(path))?;
            let table: Result<toml::Table, _> = toml::from_str(&text);
            if table.is_ok_and(|table| table.contains_key("language_model")) {
                return Ok(Self::Pretrained(Box::new(PretrainedConfig::parse(&text, path)?)));
            }
        }
        Ok(Self::Mini(ModelConfig::open(model).map_err(with_pretrained)?))
    }

    /// The TOML file of a preset, with its comments.
    ///
    /// # Errors
    /// [`ModelError::UnknownPreset`] for a name that is none.
    pub fn preset_file(name: &str) -> Result<&'static str, ModelError> {
        match PRETRAINED.iter().find(|(known, _)| *known == name) {
            Some((_, file)) => Ok(file),
            None => ModelConfig::preset_file(name).map_err(with_pretrained),
        }
    }

    /// The sizes of a model that trains from scratch, if it is one, to change them.
    pub fn mini_mut(&mut self) -> Option<&mut ModelConfig> {
        match self {
            Self::Mini(config) => Some(config),
            Self::Pretrained(_) => None,
        }
    }
}

/// All presets are named, not those of one kind.
fn with_pretrained(mut error: ModelError) -> ModelError {
    if let ModelError::UnknownPreset { known, .. } = &mut error {
        known.extend(PRETRAINED.iter().map(|(name, _)| (*name).to_owned()));
    }
    error
}

impl AudioModel {
    /// Writes what is trained to `folder`: all weights to `model.safetensors`, or those beside the checkpoints, see
    /// [`PretrainedAudioLm::save_trained`].
    ///
    /// # Errors
    /// [`ModelError`] when a file cannot be written.
    pub fn save(&self, base: &str, folder: &Path) -> Result<(), ModelError> {
        match self {
            Self::Mini(model) => weights::save(model, &folder.join(WEIGHTS)),
            Self::Pretrained(model) => Ok(model.save_trained(base, folder)?),
        }
    }

    /// Reads what [`AudioModel::save`] wrote.
    ///
    /// # Errors
    /// [`ModelError`] when a file is absent or of another model.
    pub fn load(self, folder: &Path) -> Result<Self, ModelError> {
        match self {
            Self::Mini(mut model) => {
                weights::load(&mut model, &folder.join(WEIGHTS))?;
                Ok(Self::Mini(model))
            }
            Self::Pretrained(model) => Ok(Self::Pretrained(model.load_trained(folder)?)),
        }
    }

    /// Whether `batch` has what the model reads.
    ///
    /// # Errors
    /// [`ModelError::Batch`] says what is missing.
    pub fn check(&self, batch: &Batch) -> Result<(), ModelError> {
        match self {
            Self::Mini(_) => Ok(()),
            Self::Pretrained(model) => model.check(batch),
        }
    }
}

const WEIGHTS: &str = "model.safetensors";

/// By hand, since the derived one puts the variant's name before every path.
impl Module for AudioModel {
    fn collect_devices(&self, devices: Devices) -> Devices {
        match self {
            Self::Mini(model) => model.collect_devices(devices),
            Self::Pretrained(model) => model.collect_devices(devices),
        }
    }

    fn fork(self, device: &Device) -> Self {
        match self {
            Self::Mini(model) => Self::Mini(model.fork(device)),
            Self::Pretrained(model) => Self::Pretrained(model.fork(device)),
        }
    }

    fn to_device(self, device: &Device) -> Self {
        match self {
            Self::Mini(model) => Self::Mini(model.to_device(device)),
            Self::Pretrained(model) => Self::Pretrained(model.to_device(device)),
        }
    }

    fn train(self) -> Self {
        match self {
            Self::Mini(model) => Self::Mini(model.train()),
            Self::Pretrained(model) => Self::Pretrained(model.train()),
        }
    }

    fn valid(&self) -> Self {
        match self {
            Self::Mini(model) => Self::Mini(model.valid()),
            Self::Pretrained(model) => Self::Pretrained(model.valid()),
        }
    }

    fn materialize(self) -> Self {
        match self {
            Self::Mini(model) => Self::Mini(model.materialize()),
            Self::Pretrained(model) => Self::Pretrained(model.materialize()),
        }
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        match self {
            Self::Mini(model) => model.visit(visitor),
            Self::Pretrained(model) => model.visit(visitor),
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        match self {
            Self::Mini(model) => Self::Mini(model.map(mapper)),
            Self::Pretrained(model) => Self::Pretrained(model.map(mapper)),
        }
    }
}

impl AudioLm for AudioModel {
    fn answer_logits(&self, batch: &Batch) -> AnswerLogits {
        match self {
            Self::Mini(model) => model.answer_logits(batch),
            Self::Pretrained(model) => model.answer_logits(batch),
        }
    }

    fn answers(&self, batch: &Batch) -> Answers {
        match self {
            Self::Mini(model) => model.answers(batch),
            Self::Pretrained(model) => model.answers(batch),
        }
    }

    fn gradients(&self, batch: &Batch, tokens: f64) -> (Answers, GradientsParams) {
        match self {
            Self::Mini(model) => model.gradients(batch, tokens),
            Self::Pretrained(model) => model.gradients(batch, tokens),
        }
    }

    fn stream(&self, batch: &Batch, max_tokens: usize, on_token: &mut dyn FnMut(usize, u32) -> ControlFlow<()>) -> Vec<Vec<u32>> {
        match self {
            Self::Mini(model) => model.stream(batch, max_tokens, on_token),
            Self::Pretrained(model) => model.stream(batch, max_tokens, on_token),
        }
    }

    fn vocabulary(&self) -> usize {
        match self {
            Self::Mini(model) => model.vocabulary(),
            Self::Pretrained(model) => model.vocabulary(),
        }
    }
}
