//! Sizes of the Q-Former.

use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::QFormer;
use crate::ModelError;
use crate::config_file::{self, divides, positive, probability};
use crate::pretrained::PretrainedError;

/// Sizes of a [`QFormer`], under the names of BLIP-2's `qformer_config`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QFormerConfig {
    /// Width of the queries and of all that is made of them.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    /// Width of the encoder frames that are looked at.
    pub encoder_hidden_size: usize,
    /// A layer whose number is a multiple of this has cross-attention.
    pub cross_attention_frequency: usize,
    /// Added to the variance in every norm.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f64,
    /// Dropout of hidden states, in `[0, 1)`.
    #[serde(default = "dropout")]
    pub hidden_dropout_prob: f64,
    /// Dropout of attention weights, in `[0, 1)`.
    #[serde(default = "dropout")]
    pub attention_probs_dropout_prob: f64,
}

fn epsilon() -> f64 {
    1e-12
}

fn dropout() -> f64 {
    0.1
}

impl QFormerConfig {
    /// SALMONN's: two layers of BERT base, each with cross-attention to frames of `encoder_hidden_size` values.
    #[must_use]
    pub fn salmonn(encoder_hidden_size: usize) -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 2,
            num_attention_heads: 12,
            intermediate_size: 3072,
            encoder_hidden_size,
            cross_attention_frequency: 1,
            layer_norm_eps: epsilon(),
            hidden_dropout_prob: dropout(),
            attention_probs_dropout_prob: dropout(),
        }
    }

    /// Reads a JSON file with these fields.
    ///
    /// # Errors
    /// [`PretrainedError`] when the file cannot be read, is of another model, lacks a field, or [`check`](Self::check) refuses it.
    pub fn read(path: &Path) -> Result<Self, PretrainedError> {
        config_file::read(path, "blip_2_qformer", Self::check)
    }

    /// Whether a Q-Former of these sizes can be built.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size is zero, the heads do not divide the width, or a dropout is no probability.
    pub fn check(&self) -> Result<(), ModelError> {
        positive(&[
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("encoder_hidden_size", self.encoder_hidden_size),
            ("cross_attention_frequency", self.cross_attention_frequency),
        ])?;
        divides(("num_attention_heads", self.num_attention_heads), ("hidden_size", self.hidden_size))?;
        probability("hidden_dropout_prob", self.hidden_dropout_prob)?;
        probability("attention_probs_dropout_prob", self.attention_probs_dropout_prob)
    }

    /// A Q-Former with fresh weights.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<QFormer, ModelError> {
        self.check()?;
        Ok(QFormer::new(self, device))
    }
}
