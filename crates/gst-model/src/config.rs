//! Presets and sizes of a model.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::encoder::STRIDE;
use crate::lora::LoraConfig;
use crate::{MiniAudioLm, ModelError};

static DRAWING: Mutex<()> = Mutex::new(());

/// Names that [`ModelConfig::preset`] knows.
pub const PRESETS: &[&str] = &["mini", "small"];

/// The presets as files that a user can copy, in the order of [`PRESETS`].
const FILES: [&str; PRESETS.len()] = [include_str!("../presets/mini.toml"), include_str!("../presets/small.toml")];

/// Largest size that a user's file may ask for: products of two, as tensors have them, stay countable.
const MAX_SIZE: usize = 1 << 20;

/// Largest preset file that is read: it has a dozen lines.
const MAX_PRESET_BYTES: u64 = 1 << 20;

/// Sizes of a [`MiniAudioLm`]. Lengths are in frames of the log-mel (10 ms) unless stated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The preset these sizes come from.
    pub preset: String,
    /// Mel bands of the input; a multiple of 8.
    pub mels: usize,
    /// Channels after the overlapping patches and after their merging, see [`crate::encoder`].
    pub channels: [usize; 2],
    /// Width of encoder, bridge and decoder.
    pub width: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Width of the feed-forward layers.
    pub hidden: usize,
    /// Transformer blocks of the encoder.
    pub encoder_layers: usize,
    /// Transformer blocks of the decoder.
    pub decoder_layers: usize,
    /// Encoder frames (80 ms each) in one window of the bridge.
    pub window: usize,
    /// Embeddings that the bridge makes of one window.
    pub queries: usize,
    /// Embeddings that the statistics of the whole clip give, see [`crate::summary`].
    pub summaries: usize,
    /// Tokens that the tokenizer knows; 0 until [`ModelConfig::with_vocabulary`].
    #[serde(default)]
    pub vocabulary: usize,
    /// Dropout probability after attention and feed-forward layers, in `[0, 1)`.
    pub dropout: f64,
    /// Rank of the adapters on queries and values of the decoder's attention, which are then trained with bridge and summary while
    /// encoder and decoder are frozen; 0 for none, and everything is trained. See [`ModelConfig::with_adapters`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub adapters: usize,
}

/// Strength of adapters as a multiple of their rank: SALMONN's, whose rank is 8 and strength 32.
const ADAPTER_STRENGTH: f64 = 4.0;

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl ModelConfig {
    /// The sizes of a preset.
    ///
    /// # Errors
    /// [`ModelError::UnknownPreset`] for a name that is not in [`PRESETS`].
    pub fn preset(name: &str) -> Result<Self, ModelError> {
        Self::parse(Self::preset_file(name)?, Path::new(name))
    }

    /// The TOML file of a preset, with its comments.
    ///
    /// # Errors
    /// [`ModelError::UnknownPreset`] for a name that is not in [`PRESETS`].
    pub fn preset_file(name: &str) -> Result<&'static str, ModelError> {
        let file = PRESETS.iter().zip(FILES).find(|(preset, _)| **preset == name).map(|(_, file)| file);
        file.ok_or_else(|| ModelError::UnknownPreset {
            found: name.to_owned(),
            known: PRESETS.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    /// The sizes of a preset, or of a TOML file of the same form where `model` ends in `.toml`.
    ///
    /// # Errors
    /// [`ModelError::UnknownPreset`], [`ModelError::Io`], [`ModelError::ConfigFile`] for what is no such file, and
    /// [`ModelError::Config`] for sizes that cannot be built.
    pub fn open(model: &str) -> Result<Self, ModelError> {
        let path = Path::new(model);
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Self::preset(model);
        }
        let io = |source| ModelError::Io { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(io)?.len();
        if size > MAX_PRESET_BYTES {
            let reason = format!("it has {size} bytes, expected at most {MAX_PRESET_BYTES}");
            return Err(ModelError::ConfigFile { path: path.to_owned(), reason });
        }
        let config = Self::parse(&std::fs::read_to_string(path).map_err(io)?, path)?;
        // The tokenizer comes later.
        config.clone().with_vocabulary(config.vocabulary.max(1)).check()?;
        Ok(config)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ModelError> {
        toml::from_str(text).map_err(|error| ModelError::ConfigFile { path: path.to_owned(), reason: error.to_string() })
    }

    /// The same sizes for a tokenizer of `vocabulary` tokens.
    #[must_use]
    pub fn with_vocabulary(mut self, vocabulary: usize) -> Self {
        self.vocabulary = vocabulary;
        self
    }

    /// The same sizes with adapters of rank `adapters`, or none for 0.
    #[must_use]
    pub fn with_adapters(mut self, adapters: usize) -> Self {
        self.adapters = adapters;
        self
    }

    /// What the adapters are, if there are any.
    pub(crate) fn lora(&self) -> Option<LoraConfig> {
        let config = LoraConfig { rank: self.adapters, alpha: ADAPTER_STRENGTH * self.adapters as f64, ..LoraConfig::default() };
        (self.adapters > 0).then_some(config)
    }

    /// A model with fresh weights that depend on `seed` alone.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size cannot be built.
    pub fn init(&self, seed: u64, device: &Device) -> Result<MiniAudioLm, ModelError> {
        let model = self.lazy(device)?;
        draw(&model, seed, device);
        Ok(model)
    }

    /// A model whose parameters are not allocated before they are used, to count them.
    pub(crate) fn lazy(&self, device: &Device) -> Result<MiniAudioLm, ModelError> {
        self.check()?;
        Ok(MiniAudioLm::new(self, device))
    }

    fn check(&self) -> Result<(), ModelError> {
        let positive = [
            ("mels", self.mels),
            ("channels", self.channels[0].min(self.channels[1])),
            ("width", self.width),
            ("heads", self.heads),
            ("hidden", self.hidden),
            ("window", self.window),
            ("queries", self.queries),
            ("summaries", self.summaries),
            ("vocabulary", self.vocabulary),
        ];
        for (field, found) in positive {
            if found == 0 {
                return Err(ModelError::Config { field, found: "0".into(), expected: "at least 1".into() });
            }
        }
        let bounded = positive.into_iter().chain([
            ("encoder_layers", self.encoder_layers),
            ("decoder_layers", self.decoder_layers),
            ("adapters", self.adapters),
        ]);
        for (field, found) in bounded.chain([("channels", self.channels[0].max(self.channels[1]))]) {
            if found > MAX_SIZE {
                return Err(ModelError::Config { field, found: found.to_string(), expected: format!("at most {MAX_SIZE}") });
            }
        }
        if !self.mels.is_multiple_of(STRIDE) {
            return Err(ModelError::Config {
                field: "mels",
                found: self.mels.to_string(),
                expected: format!("a multiple of {STRIDE}"),
            });
        }
        if !self.width.is_multiple_of(2 * self.heads) {
            return Err(ModelError::Config {
                field: "width",
                found: self.width.to_string(),
                expected: format!("a multiple of twice `heads` ({})", 2 * self.heads),
            });
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ModelError::Config {
                field: "dropout",
                found: self.dropout.to_string(),
                expected: "a probability in [0, 1)".into(),
            });
        }
        Ok(())
    }
}

/// Draws every parameter of `model` that has no value yet; equal seeds give equal values.
pub(crate) fn draw<M: Module>(model: &M, seed: u64, device: &Device) {
    // The generator behind `seed` may be one for the whole process (on the CPU it is): nobody else may draw in between.
    let _alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    // Burn draws a parameter when it is first touched: touch all of them here, in the order of their paths.
    model.visit(&mut Materialize);
}

struct Materialize;

impl ModuleVisitor for Materialize {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.val();
    }
}
