//! Sizes of BEATs, as the `cfg` of a published checkpoint has them.

use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::Beats;
use crate::ModelError;
use crate::config_file::{self, divides, is, positive};
use crate::pretrained::PretrainedError;

/// The part of a checkpoint's `cfg` that the encoder needs, written to JSON. [`BeatsConfig::default`] is the published base
/// model's (`BEATs_iter3_plus_AS2M`, which SALMONN uses).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BeatsConfig {
    /// Frames and bands of a patch.
    pub input_patch_size: usize,
    /// Width of a patch before the projection.
    pub embed_dim: usize,
    /// Whether the patch convolution has a bias.
    pub conv_bias: bool,
    /// Transformer layers.
    pub encoder_layers: usize,
    /// Width of the hidden states.
    pub encoder_embed_dim: usize,
    /// Width of the feed-forward layers.
    pub encoder_ffn_embed_dim: usize,
    /// Attention heads; divides `encoder_embed_dim`.
    pub encoder_attention_heads: usize,
    /// Only `gelu` is known.
    pub activation_fn: String,
    /// Kernel of the convolution for positions.
    pub conv_pos: usize,
    /// Its groups; divides `encoder_embed_dim`.
    pub conv_pos_groups: usize,
    /// Buckets of the relative position bias, half of them for each direction.
    pub num_buckets: usize,
    /// Distance, in patches, from which on all share the last bucket.
    pub max_distance: usize,
    /// Only `false` is known: norms stand behind the residuals.
    pub layer_norm_first: bool,
    /// Only `true` is known.
    pub deep_norm: bool,
    /// Only `true` is known.
    pub relative_position_embedding: bool,
    /// Only `true` is known: a gate scales the position bias.
    pub gru_rel_pos: bool,
}

impl Default for BeatsConfig {
    fn default() -> Self {
        Self {
            input_patch_size: 16,
            embed_dim: 512,
            conv_bias: false,
            encoder_layers: 12,
            encoder_embed_dim: 768,
            encoder_ffn_embed_dim: 3072,
            encoder_attention_heads: 12,
            activation_fn: "gelu".into(),
            conv_pos: 128,
            conv_pos_groups: 16,
            num_buckets: 320,
            max_distance: 800,
            layer_norm_first: false,
            deep_norm: true,
            relative_position_embedding: true,
            gru_rel_pos: true,
        }
    }
}

impl BeatsConfig {
    /// Mel bins of the filter bank that every published model reads.
    pub const BINS: usize = 128;

    /// Reads a JSON file with the fields of a checkpoint's `cfg`.
    ///
    /// # Errors
    /// [`PretrainedError`] when the file cannot be read, is of another model, lacks a field, or [`check`](Self::check) refuses it.
    pub fn read(path: &Path) -> Result<Self, PretrainedError> {
        config_file::read(path, "beats", Self::check)
    }

    /// Whether an encoder of these sizes can be built.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size is zero or does not divide what it must, or a switch is not the published models'.
    pub fn check(&self) -> Result<(), ModelError> {
        positive(&[
            ("input_patch_size", self.input_patch_size),
            ("embed_dim", self.embed_dim),
            ("encoder_embed_dim", self.encoder_embed_dim),
            ("encoder_ffn_embed_dim", self.encoder_ffn_embed_dim),
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("conv_pos", self.conv_pos),
            ("conv_pos_groups", self.conv_pos_groups),
        ])?;
        divides(("encoder_attention_heads", self.encoder_attention_heads), ("encoder_embed_dim", self.encoder_embed_dim))?;
        divides(("conv_pos_groups", self.conv_pos_groups), ("encoder_embed_dim", self.encoder_embed_dim))?;
        if self.num_buckets < 4 || self.max_distance <= self.num_buckets / 4 {
            return Err(ModelError::Config {
                field: "num_buckets",
                found: self.num_buckets.to_string(),
                expected: format!("at least 4, and less than four times `max_distance` ({})", self.max_distance),
            });
        }
        is("activation_fn", self.activation_fn.as_str(), "gelu")?;
        is("layer_norm_first", &self.layer_norm_first, &false)?;
        is("deep_norm", &self.deep_norm, &true)?;
        is("relative_position_embedding", &self.relative_position_embedding, &true)?;
        is("gru_rel_pos", &self.gru_rel_pos, &true)
    }

    /// An encoder with fresh weights, to be replaced by those of a checkpoint.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<Beats, ModelError> {
        self.check()?;
        Ok(Beats::new(self, device))
    }

    /// Hidden states that `frames` filter-bank frames give: 1,496 for 30 s (2,998 frames).
    #[must_use]
    pub fn patches(&self, frames: usize) -> usize {
        frames / self.input_patch_size * (Self::BINS / self.input_patch_size)
    }
}
