//! Sizes of all parts, and the model that follows from them.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Hearing, PretrainedAudioLm};
use crate::ModelError;
use crate::beats::BeatsConfig;
use crate::generate::{Decoding, Generation};
use crate::lm::{LanguageModel, LmConfig};
use crate::lora::LoraConfig;
use crate::projector::{Projector, ProjectorConfig};
use crate::qformer::{WindowQFormer, WindowQFormerConfig};
use crate::whisper::WhisperConfig;

/// From frames to embeddings of the language model.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one in a model")]
pub enum Bridge {
    /// One or more queries a window.
    WindowQFormer(WindowQFormer),
    /// Stacked frames through linear layers.
    Projector(Projector),
}

impl Bridge {
    /// `[batch, frames, width of the encoders]` → `[batch, embeddings, width of the language model]`.
    pub fn forward(&self, frames: Tensor<3>) -> Tensor<3> {
        match self {
            Self::WindowQFormer(bridge) => bridge.forward(frames),
            Self::Projector(bridge) => bridge.forward(frames),
        }
    }
}

/// Sizes of a [`Bridge`].
#[derive(Debug, Clone, PartialEq)]
pub enum BridgeConfig {
    /// One or more queries a window.
    WindowQFormer(WindowQFormerConfig),
    /// Stacked frames through linear layers.
    Projector(ProjectorConfig),
}

/// Sizes of all parts of a [`PretrainedAudioLm`].
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The speech encoder.
    pub whisper: WhisperConfig,
    /// The encoder of other sounds, if there is one.
    pub beats: Option<BeatsConfig>,
    /// The bridge.
    pub bridge: BridgeConfig,
    /// The language model.
    pub language_model: LmConfig,
    /// Its adapters; without them only norms and bridge are trained.
    pub lora: Option<LoraConfig>,
    /// Whether the language model's layers are run again on the way back, see [`super::LanguagePart::recompute`].
    pub recompute: bool,
    /// How answers are chosen.
    pub decoding: Decoding,
}

impl Parts {
    /// Width of what the encoders hear.
    #[must_use]
    pub fn heard_width(&self) -> usize {
        self.whisper.d_model + self.beats.as_ref().map_or(0, |beats| beats.encoder_embed_dim)
    }

    /// The model with weights that are drawn when they are first touched: counting its parameters allocates none. Encoders and
    /// language model are frozen.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size cannot be built or two parts do not fit; [`ModelError::Pretrained`] when an adapter
    /// cannot.
    pub fn build(&self, device: &Device) -> Result<PretrainedAudioLm, ModelError> {
        let (input, output) = match &self.bridge {
            BridgeConfig::WindowQFormer(config) => (config.qformer.encoder_hidden_size, config.output),
            BridgeConfig::Projector(config) => (config.input, config.output),
        };
        let frames = self.whisper.max_source_positions;
        let (embeddings, bridge) = match &self.bridge {
            BridgeConfig::WindowQFormer(config) => (config.embeddings(frames), Bridge::WindowQFormer(config.init(device)?)),
            BridgeConfig::Projector(config) => (config.embeddings(frames), Bridge::Projector(config.init(device)?)),
        };
        for (field, found, expected) in [
            ("bridge input", input, self.heard_width()),
            ("bridge output", output, self.language_model.width),
            ("bridge embeddings", embeddings.min(1), 1),
        ] {
            if found != expected {
                let expected = format!("{expected}, which is what the parts beside it have");
                return Err(ModelError::Config { field, found: found.to_string(), expected });
            }
        }
        let generation = Generation { decoding: self.decoding.clone(), max_tokens: 0, stops: self.language_model.stops.clone() };
        if let Err(error) = generation.check() {
            return Err(ModelError::Config {
                field: "decoding",
                found: error.to_string(),
                expected: "numbers in their ranges".into(),
            });
        }
        let mut language_model = LanguageModel::new(self.language_model.clone(), device).freeze();
        if let Some(lora) = &self.lora {
            language_model.adapt(lora)?;
        }
        let hearing = Hearing::new(self, device)?;
        Ok(PretrainedAudioLm { hearing, bridge, language_model, lora: self.lora.clone(), generation, recompute: self.recompute })
    }
}
