//! The Q-Former (BLIP-2, Li et al. 2023, arXiv 2301.12597): a BERT whose few query embeddings look at an encoder's frames
//! through cross-attention, as SALMONN uses it (arXiv 2310.13289): queries only, no words.
//!
//! [`QFormer`] is the transformer, [`WindowQFormer`] applies it to one window of frames at a time and projects what it finds
//! into the language model's space.

mod config;
mod layer;
mod window;

pub use config::QFormerConfig;
pub use layer::{Dense, QFormerAttention, QFormerLayer};
pub(crate) use window::salmonn_name;
pub use window::{WindowQFormer, WindowQFormerConfig};

use burn::module::{Initializer, Module};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor};

use crate::dropout::Dropout;
use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError};

/// BERT's `initializer_range`.
const INITIAL: Initializer = Initializer::Normal { mean: 0.0, std: 0.02 };

/// The query transformer.
#[derive(Module, Debug)]
pub struct QFormer {
    layernorm: LayerNorm,
    dropout: Dropout,
    layer: Vec<QFormerLayer>,
}

impl QFormer {
    /// Fresh weights for sizes that [`QFormerConfig::check`] has passed.
    pub(crate) fn new(config: &QFormerConfig, device: &Device) -> Self {
        Self {
            layernorm: LayerNormConfig::new(config.hidden_size).with_epsilon(config.layer_norm_eps).init(device),
            dropout: Dropout::new(config.hidden_dropout_prob),
            layer: (0..config.num_hidden_layers).map(|index| QFormerLayer::new(config, index, device)).collect(),
        }
    }

    /// The same transformer with the weights of a checkpoint that holds BLIP-2's Q-Former alone.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load(self, checkpoint: &Checkpoint, precision: Precision) -> Result<Self, PretrainedError> {
        let name = |path: &str| {
            let path = path.replace("layer.", "encoder.layer.");
            Some(bert_name(&path, "attention"))
        };
        checkpoint.load(self, &Loading { name: &name, unused: &|_| false, precision })
    }

    /// What `queries` `[batch, queries, hidden]` find in `frames` `[batch, length, encoder_hidden]`: `[batch, queries, hidden]`.
    pub fn forward(&self, queries: Tensor<3>, frames: Tensor<3>) -> Tensor<3> {
        let mut x = self.dropout.forward(self.layernorm.forward(queries));
        for layer in &self.layer {
            x = layer.forward(x, frames.clone());
        }
        x
    }
}

/// The name in a BERT checkpoint of a parameter of a layer; what holds query, key and value is called `inner` there.
fn bert_name(path: &str, inner: &str) -> String {
    let mut name = path.replace(".norm.", ".LayerNorm.");
    for part in ["query.", "key.", "value."] {
        name = name.replace(&format!("attention.{part}"), &format!("attention.{inner}.{part}"));
    }
    name
}
