//! Sizes and switches of a language model of the Llama family.

use std::path::Path;

use super::rope::Rope;
use crate::pretrained::PretrainedError;

/// What a checkpoint's `config.json` says of a decoder of the Llama family, whatever its family calls it.
#[derive(Debug, Clone, PartialEq)]
pub struct LmConfig {
    /// The `model_type`.
    pub family: String,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Width of the hidden states.
    pub width: usize,
    /// Width of the feed-forward layers.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / key_value_heads` query heads (Ainslie et al. 2023, arXiv 2305.13245).
    pub key_value_heads: usize,
    /// Width of one head, even.
    pub head_size: usize,
    /// Added to the mean square in a norm.
    pub norm_epsilon: f64,
    /// Rotary position embedding.
    pub rope: Rope,
    /// Whether the output layer is the embedding.
    pub tied: bool,
    /// Whether query, key and value projections have a bias.
    pub query_bias: bool,
    /// Whether the attention's output projection has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward layers have a bias.
    pub feed_forward_bias: bool,
    /// Whether each head's queries and keys are normalised.
    pub query_key_norm: bool,
    /// For each layer how many positions back it sees, its own included; nothing for all of them.
    pub windows: Vec<Option<usize>>,
    /// The token that begins a sequence, if the model has one.
    pub bos: Option<u32>,
    /// Tokens that end an answer.
    pub stops: Vec<u32>,
}

impl LmConfig {
    /// Layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.windows.len()
    }

    /// Checks that the sizes can be built; `path` is where they come from.
    pub(super) fn checked(self, path: &Path) -> Result<Self, PretrainedError> {
        let refuse = |field: &str, found: String, expected: &str| Err(PretrainedError::config(path, field, found, expected));
        for (field, found) in [
            ("vocab_size", self.vocabulary),
            ("hidden_size", self.width),
            ("intermediate_size", self.hidden),
            ("num_hidden_layers", self.layers()),
            ("num_attention_heads", self.heads),
            ("num_key_value_heads", self.key_value_heads),
        ] {
            if found == 0 {
                return refuse(field, "0".into(), "at least 1");
            }
        }
        if !self.heads.is_multiple_of(self.key_value_heads) {
            return refuse("num_key_value_heads", self.key_value_heads.to_string(), "a divisor of `num_attention_heads`");
        }
        if self.head_size == 0 || !self.head_size.is_multiple_of(2) {
            return refuse("head_dim", self.head_size.to_string(), "a positive even number");
        }
        if self.windows.contains(&Some(0)) {
            return refuse("sliding_window", "0".into(), "at least 1, or null");
        }
        if !(self.norm_epsilon > 0.0 && self.norm_epsilon.is_finite()) {
            return refuse("rms_norm_eps", self.norm_epsilon.to_string(), "a positive number");
        }
        Ok(self)
    }
}
