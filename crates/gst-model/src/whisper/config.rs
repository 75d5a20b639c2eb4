//! Sizes of Whisper's encoder, as a checkpoint's `config.json` has them.

use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::WhisperEncoder;
use crate::ModelError;
use crate::config_file::{self, positive};
use crate::pretrained::PretrainedError;

/// The part of a Whisper `config.json` that the encoder needs; everything else in the file is the decoder's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhisperConfig {
    /// Mel bands of the input: 80, or 128 from `large-v3` on.
    pub num_mel_bins: usize,
    /// Width of the hidden states.
    pub d_model: usize,
    /// Transformer layers.
    pub encoder_layers: usize,
    /// Attention heads; divides `d_model`.
    pub encoder_attention_heads: usize,
    /// Width of the feed-forward layers.
    pub encoder_ffn_dim: usize,
    /// Positions, of 20 ms each: 1,500 are 30 s.
    #[serde(default = "positions")]
    pub max_source_positions: usize,
    /// What stands between the feed-forward layers; only the exact `gelu` is known.
    #[serde(default = "activation")]
    pub activation_function: String,
}

fn positions() -> usize {
    1500
}

fn activation() -> String {
    "gelu".into()
}

impl WhisperConfig {
    /// Reads a checkpoint's `config.json`.
    ///
    /// # Errors
    /// [`PretrainedError`] when the file cannot be read, is of another model, lacks a field, or [`check`](Self::check) refuses it.
    pub fn read(path: &Path) -> Result<Self, PretrainedError> {
        config_file::read(path, "whisper", Self::check)
    }

    /// Whether an encoder of these sizes can be built.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size is zero, the heads do not divide the width, or the activation is not `gelu`.
    pub fn check(&self) -> Result<(), ModelError> {
        positive(&[
            ("num_mel_bins", self.num_mel_bins),
            ("d_model", self.d_model),
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("encoder_ffn_dim", self.encoder_ffn_dim),
            ("max_source_positions", self.max_source_positions),
        ])?;
        config_file::divides(("encoder_attention_heads", self.encoder_attention_heads), ("d_model", self.d_model))?;
        config_file::is("activation_function", self.activation_function.as_str(), "gelu")
    }

    /// An encoder with fresh weights, to be replaced by those of a checkpoint.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<WhisperEncoder, ModelError> {
        self.check()?;
        Ok(WhisperEncoder::new(self, device))
    }

    /// Log-mel frames of a whole window: 3,000 for every published model.
    #[must_use]
    pub fn window(&self) -> usize {
        self.max_source_positions * super::STRIDE
    }
}
