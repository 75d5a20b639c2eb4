//! One layer of Whisper's encoder.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use super::{INITIAL, WhisperConfig};
use crate::attention::attend;

/// A pre-norm transformer layer.
#[derive(Module, Debug)]
pub struct WhisperLayer {
    self_attn: WhisperAttention,
    self_attn_layer_norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    final_layer_norm: LayerNorm,
}

impl WhisperLayer {
    pub(super) fn new(config: &WhisperConfig, device: &Device) -> Self {
        let width = config.d_model;
        Self {
            self_attn: WhisperAttention::new(width, config.encoder_attention_heads, device),
            self_attn_layer_norm: LayerNormConfig::new(width).init(device),
            fc1: linear(width, config.encoder_ffn_dim, true, device),
            fc2: linear(config.encoder_ffn_dim, width, true, device),
            final_layer_norm: LayerNormConfig::new(width).init(device),
        }
    }

    /// `[batch, length, d_model]` in and out.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.self_attn.forward(self.self_attn_layer_norm.forward(x));
        let fed = self.fc2.forward(gelu(self.fc1.forward(self.final_layer_norm.forward(x.clone()))));
        x + fed
    }
}

/// Self-attention whose keys have no bias.
#[derive(Module, Debug)]
pub struct WhisperAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl WhisperAttention {
    fn new(width: usize, heads: usize, device: &Device) -> Self {
        Self {
            q_proj: linear(width, width, true, device),
            k_proj: linear(width, width, false, device),
            v_proj: linear(width, width, true, device),
            out_proj: linear(width, width, true, device),
            heads,
        }
    }

    /// `[batch, length, d_model]` in and out.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let (query, key) = (self.q_proj.forward(x.clone()), self.k_proj.forward(x.clone()));
        self.out_proj.forward(attend(query, key, self.v_proj.forward(x), self.heads, None))
    }
}

fn linear(input: usize, output: usize, bias: bool, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_bias(bias).with_initializer(INITIAL).init(device)
}
