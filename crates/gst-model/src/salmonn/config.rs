//! Presets of pretrained combinations: TOML files that name checkpoints.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use gst_data::text::TextTokenizer;
use serde::{Deserialize, Serialize};

use super::{BridgeConfig, Combination, Parts, PretrainedAudioLm, PromptTemplate};
use crate::ModelError;
use crate::beats::BeatsConfig;
use crate::generate::Decoding;
use crate::lm::LmConfig;
use crate::lora::LoraConfig;
use crate::pretrained::{Precision, PretrainedError};
use crate::projector::ProjectorConfig;
use crate::qformer::{QFormerConfig, WindowQFormerConfig};
use crate::whisper::WhisperConfig;

/// The presets by name.
pub const PRESETS: &[(&str, &str)] = &[
    ("salmonn-7b", include_str!("../../presets/salmonn-7b.toml")),
    ("salmonn-13b", include_str!("../../presets/salmonn-13b.toml")),
    ("whisper-tiny+qwen2.5-0.5b", include_str!("../../presets/whisper-tiny+qwen2.5-0.5b.toml")),
];

/// A combination of pretrained parts. Paths are relative to the folder that [`PretrainedConfig::load`] is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedConfig {
    /// The preset this comes from.
    pub preset: String,
    /// The prompt, see [`PromptTemplate::parse`]; without it the language model's own chat template is used.
    pub prompt: Option<String>,
    /// What the user says in a chat template, with places for audio and question.
    #[serde(default = "message")]
    pub message: String,
    /// The encoders.
    pub audio: AudioPart,
    /// From encoders to language model.
    pub bridge: BridgePart,
    /// The language model.
    pub language_model: LanguagePart,
    /// Folder of SALMONN's own trained norms, bridge and adapters (`model.safetensors`, see `xtask/reference/to_safetensors.py`), which
    /// training then starts from instead of from fresh ones.
    pub trained: Option<PathBuf>,
    /// How answers are chosen.
    #[serde(default = "greedy")]
    pub decoding: Decoding,
}

fn message() -> String {
    "{audio}\n{question}".into()
}

fn greedy() -> Decoding {
    Decoding::Greedy
}

/// The encoders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioPart {
    /// Folder of a Whisper checkpoint.
    pub whisper: PathBuf,
    /// Folder of a BEATs checkpoint: `model.safetensors`, and `config.json` where it is not the published base model.
    pub beats: Option<PathBuf>,
    /// Number format of Whisper's weights.
    #[serde(default)]
    pub precision: Precision,
}

/// The bridge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum BridgePart {
    /// SALMONN's Q-Former.
    WindowQFormer {
        /// Queries of a window.
        queries: usize,
        /// Frames (20 ms) of a window.
        window: usize,
        /// Frames from one window to the next.
        stride: usize,
        /// Width, layers, heads and feed-forward width of the transformer; SALMONN's when absent.
        size: Option<[usize; 4]>,
    },
    /// Linear layers over stacked frames.
    Projector {
        /// Frames (20 ms) that become one embedding.
        stack: usize,
        /// Width between two layers; without it there is one layer.
        hidden: Option<usize>,
    },
}

/// The language model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguagePart {
    /// Folder of a checkpoint with `config.json`, safetensors and `tokenizer.json`.
    pub path: PathBuf,
    /// Number format of its weights.
    #[serde(default)]
    pub precision: Precision,
    /// Whether training keeps the activations of one layer at a time and runs each again on the way back: less memory for one more
    /// forward pass.
    #[serde(default)]
    pub recompute: bool,
    /// Its adapters; without them only norms and bridge are trained.
    pub lora: Option<LoraConfig>,
}

/// A model, ready to be trained or asked.
#[derive(Debug, Clone)]
pub struct Pretrained {
    /// The model.
    pub model: PretrainedAudioLm,
    /// Text to tokens and back.
    pub tokenizer: TextTokenizer,
    /// Questions to prompts.
    pub prompt: PromptTemplate,
    /// The token that begins a sequence.
    pub bos: Option<u32>,
    /// The first token that ends an answer.
    pub eos: u32,
    /// Mel bands that the encoder reads.
    pub mels: usize,
}

impl PretrainedConfig {
    /// A preset by name.
    ///
    /// # Errors
    /// [`ModelError::UnknownPreset`] for a name that is not in [`PRESETS`].
    pub fn preset(name: &str) -> Result<Self, ModelError> {
        let Some((_, text)) = PRESETS.iter().find(|(known, _)| *known == name) else {
            let known = PRESETS.iter().map(|(known, _)| (*known).to_owned()).collect();
            return Err(ModelError::UnknownPreset { found: name.to_owned(), known });
        };
        Self::parse(text, Path::new(name))
    }

    /// Reads a preset's text; `path` is where it comes from.
    ///
    /// # Errors
    /// [`ModelError::Pretrained`] when it is not one.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ModelError> {
        Ok(toml::from_str(text).map_err(|error| PretrainedError::format(path, error.to_string()))?)
    }

    /// The sizes that follow from the `config.json` of each checkpoint under `root`.
    ///
    /// # Errors
    /// [`ModelError::Pretrained`] when one is absent or cannot be built.
    pub fn parts(&self, root: &Path) -> Result<Parts, ModelError> {
        let whisper = WhisperConfig::read(&root.join(&self.audio.whisper).join("config.json"))?;
        let beats = match &self.audio.beats {
            Some(folder) => {
                let path = root.join(folder).join("config.json");
                Some(if path.is_file() { BeatsConfig::read(&path)? } else { BeatsConfig::default() })
            }
            None => None,
        };
        let language_model = LmConfig::read(&root.join(&self.language_model.path))?;
        Ok(self.sized(whisper, beats, language_model))
    }

    /// The sizes that follow from those of the encoders and of the language model.
    #[must_use]
    pub fn sized(&self, whisper: WhisperConfig, beats: Option<BeatsConfig>, language_model: LmConfig) -> Parts {
        let input = whisper.d_model + beats.as_ref().map_or(0, |beats| beats.encoder_embed_dim);
        let output = language_model.width;
        let bridge = match self.bridge {
            BridgePart::WindowQFormer { queries, window, stride, size } => {
                let mut qformer = QFormerConfig::salmonn(input);
                if let Some([width, layers, heads, hidden]) = size {
                    qformer.hidden_size = width;
                    qformer.num_hidden_layers = layers;
                    qformer.num_attention_heads = heads;
                    qformer.intermediate_size = hidden;
                }
                BridgeConfig::WindowQFormer(WindowQFormerConfig { qformer, queries, window, stride, output })
            }
            BridgePart::Projector { stack, hidden } => {
                BridgeConfig::Projector(ProjectorConfig { input, stack, hidden, output, bias: true })
            }
        };
        let lora = self.language_model.lora.clone();
        let (recompute, decoding) = (self.language_model.recompute, self.decoding.clone());
        Parts { whisper, beats, bridge, language_model, lora, recompute, decoding }
    }

    /// Reads all checkpoints, which lie under `root`. What is trained starts from `seed`.
    ///
    /// # Errors
    /// As [`Combination::open`] and [`Combination::load`].
    pub fn load(&self, root: &Path, seed: u64, device: &Device) -> Result<Pretrained, ModelError> {
        let combination = Combination::open(self.clone(), root)?;
        let model = combination.load(seed, device)?;
        let Combination { tokenizer, prompt, bos, eos, parts, .. } = combination;
        Ok(Pretrained { model, tokenizer, prompt, bos, eos, mels: parts.whisper.num_mel_bins })
    }
}
