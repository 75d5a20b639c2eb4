//! The transformer of BEATs.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use super::position::buckets;
use super::{BeatsAttention, BeatsConfig, INITIAL, PositionConv};

/// Positions, a norm, and the layers, which share one relative position bias.
#[derive(Module, Debug)]
pub struct BeatsTransformer {
    pos_conv: PositionConv,
    relative_attention_bias: Embedding,
    layer_norm: LayerNorm,
    layers: Vec<BeatsLayer>,
    #[module(skip)]
    config: BeatsConfig,
}

impl BeatsTransformer {
    pub(super) fn new(config: &BeatsConfig, device: &Device) -> Self {
        Self {
            pos_conv: PositionConv::new(config, device),
            relative_attention_bias: EmbeddingConfig::new(config.num_buckets, config.encoder_attention_heads)
                .with_initializer(INITIAL)
                .init(device),
            layer_norm: LayerNormConfig::new(config.encoder_embed_dim).init(device),
            layers: (0..config.encoder_layers).map(|_| BeatsLayer::new(config, device)).collect(),
            config: config.clone(),
        }
    }

    /// `x` `[batch, length, width]` in and out; `hidden` `[batch, length]` is added to the scores of the places seen.
    pub fn forward(&self, x: Tensor<3>, hidden: Option<Tensor<2>>) -> Tensor<3> {
        let [batch, length, _] = x.dims();
        let position = self.relative_attention_bias.weight.val().select(0, buckets(length, &self.config, &x.device()));
        let heads = position.dims()[1];
        let position = position.reshape([1, length, length, heads]).permute([0, 3, 1, 2]);
        let hidden = hidden.map(|hidden| hidden.reshape([batch, 1, 1, length]));
        let mut x = self.layer_norm.forward(x.clone() + self.pos_conv.forward(x));
        for layer in &self.layers {
            x = layer.forward(x, position.clone(), hidden.clone());
        }
        x
    }
}

/// A post-norm layer whose residuals are enlarged (DeepNet, Wang et al. 2022, arXiv 2203.00555).
#[derive(Module, Debug)]
pub struct BeatsLayer {
    self_attn: BeatsAttention,
    self_attn_layer_norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    final_layer_norm: LayerNorm,
    alpha: f64,
}

impl BeatsLayer {
    fn new(config: &BeatsConfig, device: &Device) -> Self {
        let width = config.encoder_embed_dim;
        let linear = |input, output| LinearConfig::new(input, output).with_initializer(INITIAL).init(device);
        Self {
            self_attn: BeatsAttention::new(config, device),
            self_attn_layer_norm: LayerNormConfig::new(width).init(device),
            fc1: linear(width, config.encoder_ffn_embed_dim),
            fc2: linear(config.encoder_ffn_embed_dim, width),
            final_layer_norm: LayerNormConfig::new(width).init(device),
            alpha: (2.0 * config.encoder_layers as f64).powf(0.25),
        }
    }

    /// `[batch, length, width]` in and out; `position` and `hidden` as in [`BeatsAttention::forward`].
    pub fn forward(&self, x: Tensor<3>, position: Tensor<4>, hidden: Option<Tensor<4>>) -> Tensor<3> {
        let seen = self.self_attn.forward(x.clone(), position, hidden);
        let x = self.self_attn_layer_norm.forward(x.mul_scalar(self.alpha) + seen);
        let fed = self.fc2.forward(gelu(self.fc1.forward(x.clone())));
        self.final_layer_norm.forward(x.mul_scalar(self.alpha) + fed)
    }
}
