//! Whisper's audio encoder (Radford et al. 2022, arXiv 2212.04356), tensor for tensor as Hugging Face checkpoints hold it.
//!
//! Paths of parameters are the checkpoint's names behind [`PREFIX`], so that only the layout of a matrix and the names of a
//! norm's two vectors differ between a file and this module.

mod config;
mod layer;

pub use config::WhisperConfig;
pub use layer::{WhisperAttention, WhisperLayer};

use burn::module::{Initializer, Module};
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, PaddingConfig1d};
use burn::tensor::activation::gelu;
use burn::tensor::{DType, Device, Tensor};

use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError};

/// What stands before the encoder's parameters in a checkpoint of `WhisperForConditionalGeneration`.
pub const PREFIX: &str = "model.encoder.";

/// Log-mel frames that become one encoder frame of 20 ms.
pub const STRIDE: usize = 2;

/// Size of the weights that a model without a checkpoint starts from (Whisper's `init_std`).
const INITIAL: Initializer = Initializer::Normal { mean: 0.0, std: 0.02 };

/// Log-mel features to encoder frames: two convolutions, learned positions, pre-norm transformer layers, a last norm.
#[derive(Module, Debug)]
pub struct WhisperEncoder {
    conv1: Conv1d,
    conv2: Conv1d,
    embed_positions: Embedding,
    layers: Vec<WhisperLayer>,
    layer_norm: LayerNorm,
}

impl WhisperEncoder {
    /// Fresh weights for sizes that [`WhisperConfig::init`] has checked. None is drawn before it is first used.
    pub(crate) fn new(config: &WhisperConfig, device: &Device) -> Self {
        let conv = |input, stride| {
            Conv1dConfig::new(input, config.d_model, 3)
                .with_stride(stride)
                .with_padding(PaddingConfig1d::Explicit(1, 1))
                .with_initializer(INITIAL)
                .init(device)
        };
        Self {
            conv1: conv(config.num_mel_bins, 1),
            conv2: conv(config.d_model, STRIDE),
            embed_positions: EmbeddingConfig::new(config.max_source_positions, config.d_model)
                .with_initializer(INITIAL)
                .init(device),
            layers: (0..config.encoder_layers).map(|_| WhisperLayer::new(config, device)).collect(),
            layer_norm: LayerNormConfig::new(config.d_model).init(device),
        }
    }

    /// The same encoder with the weights of a checkpoint of the whole Whisper; its decoder is not read.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load(self, checkpoint: &Checkpoint, precision: Precision) -> Result<Self, PretrainedError> {
        let (name, unused) = (|path: &str| Some(format!("{PREFIX}{path}")), |name: &str| !name.starts_with(PREFIX));
        checkpoint.load(self, &Loading { name: &name, unused: &unused, precision })
    }

    /// Hidden states `[batch, frames / 2, d_model]` of log-mel features `[batch, mels, frames]`.
    ///
    /// Whisper was trained on windows of `2 · max_source_positions` frames (30 s) and sees the silence behind a shorter clip;
    /// fewer frames use the first positions, which is ours. More frames than that have no position and are an error of the
    /// caller.
    pub fn forward(&self, features: Tensor<3>) -> Tensor<3> {
        let x = gelu(self.conv1.forward(features));
        let x = gelu(self.conv2.forward(x)).swap_dims(1, 2);
        let positions = self.embed_positions.weight.val().slice_dim(0, 0..x.dims()[1]);
        let mut x = x + positions.unsqueeze_dim::<3>(0);
        for layer in &self.layers {
            x = layer.forward(x);
        }
        self.layer_norm.forward(x)
    }

    /// The number format of the weights, in which features are expected.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.layer_norm.gamma.val().dtype()
    }

    /// [`forward`](Self::forward) without a record for gradients, whatever device the weights are on: what a frozen encoder
    /// needs. Attention then runs in blocks and its scores are never held as a whole.
    pub fn forward_frozen(&self, features: Tensor<3>) -> Tensor<3> {
        self.valid().forward(features.inner())
    }
}
