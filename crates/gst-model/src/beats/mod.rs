//! The BEATs audio encoder (Chen et al. 2022, arXiv 2212.09058), under the names of the published checkpoints.
//!
//! A Kaldi filter bank is cut into square patches, which a post-norm transformer reads with a convolution for positions, a
//! bucketed relative position bias that a gate scales, and residuals that deep norm enlarges.

mod attention;
mod config;
mod layer;
mod position;

pub use attention::BeatsAttention;
pub use config::BeatsConfig;
pub use layer::{BeatsLayer, BeatsTransformer};
pub use position::PositionConv;

use burn::module::{Initializer, Module};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use crate::encoder::frame_mask;
use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError};

/// Mean of the filter bank over the audio that BEATs was trained on.
const FEATURE_MEAN: f32 = 15.416_63;
/// Its standard deviation; features are divided by twice as much.
const FEATURE_DEVIATION: f32 = 6.555_82;

/// Size of the weights that a model without a checkpoint starts from.
const INITIAL: Initializer = Initializer::Normal { mean: 0.0, std: 0.02 };

/// Where the layers' common position bias lies in a checkpoint, which repeats it for every layer.
const FIRST_BIAS: &str = "encoder.layers.0.self_attn.relative_attention_bias.";

/// Filter bank to patch embeddings.
#[derive(Module, Debug)]
pub struct Beats {
    patch_embedding: Conv2d,
    layer_norm: LayerNorm,
    post_extract_proj: Option<Linear>,
    encoder: BeatsTransformer,
}

impl Beats {
    /// Fresh weights for sizes that [`BeatsConfig::init`] has checked.
    pub(crate) fn new(config: &BeatsConfig, device: &Device) -> Self {
        let (patch, width) = (config.input_patch_size, config.encoder_embed_dim);
        Self {
            patch_embedding: Conv2dConfig::new([1, config.embed_dim], [patch, patch])
                .with_stride([patch, patch])
                .with_bias(config.conv_bias)
                .with_initializer(INITIAL)
                .init(device),
            layer_norm: LayerNormConfig::new(config.embed_dim).init(device),
            post_extract_proj: (config.embed_dim != width)
                .then(|| LinearConfig::new(config.embed_dim, width).with_initializer(INITIAL).init(device)),
            encoder: BeatsTransformer::new(config, device),
        }
    }

    /// The same encoder with the weights of a published checkpoint (its `model`, written to safetensors). The classifier of a
    /// finetuned one is not read.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load(self, checkpoint: &Checkpoint, precision: Precision) -> Result<Self, PretrainedError> {
        let name = |path: &str| {
            if let Some(rest) = path.strip_prefix("encoder.relative_attention_bias.") {
                return Some(format!("{FIRST_BIAS}{rest}"));
            }
            let Some(rest) = path.strip_prefix("encoder.pos_conv.") else { return Some(path.to_owned()) };
            // PyTorch has renamed what weight normalisation keeps.
            let renamed = match rest {
                "weight_g" => "encoder.pos_conv.0.parametrizations.weight.original0",
                "weight_v" => "encoder.pos_conv.0.parametrizations.weight.original1",
                _ => "",
            };
            Some(if checkpoint.get(renamed).is_some() { renamed.to_owned() } else { format!("encoder.pos_conv.0.{rest}") })
        };
        let unused = |name: &str| {
            name.starts_with("predictor.") || (name.starts_with("encoder.layers.") && name.contains(".relative_attention_bias."))
        };
        checkpoint.load(self, &Loading { name: &name, unused: &unused, precision })
    }

    /// Hidden states `[batch, frames / patch · bins / patch, width]`, time first, of a Kaldi filter bank
    /// `[batch, frames, bins]` (see `gst_data::fbank`) of which sample b uses the first `used[b]` frames.
    ///
    /// What lies behind a sample is hidden as the published code hides it: patch p counts as padding when frame p · k does,
    /// with k = frames / patches. That is exact in time to one patch (160 ms); inside the last patch of a sample it hides its
    /// upper bands.
    pub fn forward(&self, fbank: Tensor<3>, used: &[usize]) -> Tensor<3> {
        let device = fbank.device();
        let frames = fbank.dims()[1];
        let x = fbank.sub_scalar(FEATURE_MEAN).div_scalar(2.0 * FEATURE_DEVIATION);
        let x = self.patch_embedding.forward(x.unsqueeze_dim::<4>(1)).flatten::<3>(2, 3).swap_dims(1, 2);
        let x = self.layer_norm.forward(x);
        let x = match &self.post_extract_proj {
            Some(projection) => projection.forward(x),
            None => x,
        };
        let length = x.dims()[1];
        let used: Vec<usize> = used.iter().map(|used| used.div_ceil((frames / length).max(1)).min(length)).collect();
        if used.iter().all(|&used| used == length) {
            return self.encoder.forward(x, None);
        }
        let mask = |inside, outside| frame_mask(&used, length, inside, outside, &device);
        let hidden = mask(0.0, crate::attention::MASKED);
        self.encoder.forward(x * mask(1.0, 0.0).unsqueeze_dim::<3>(2), Some(hidden))
    }

    /// [`forward`](Self::forward) without a record for gradients, whatever device the weights are on.
    pub fn forward_frozen(&self, fbank: Tensor<3>, used: &[usize]) -> Tensor<3> {
        self.valid().forward(fbank.inner(), used)
    }
}

/// Filter-bank frames that the published code counts as a sample's own, of `frames` computed over a waveform of `padded`
/// samples whose first `samples` are the sample's: it spreads the samples evenly over the frames.
#[must_use]
pub fn used_frames(samples: usize, padded: usize, frames: usize) -> usize {
    let share = (padded / frames.max(1)).max(1);
    samples.div_ceil(share).min(frames)
}
