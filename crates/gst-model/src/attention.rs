//! Multi-head attention and the pre-norm transformer block that encoder, bridge and decoder share.

use burn::module::Module;
use burn::nn::{Linear, RmsNorm, RmsNormConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};

use crate::dropout::Dropout;
use crate::linear::{linear, over_rows, without_bias};
use crate::lora::{Adapter, LoraConfig};

/// Added to the score of a position that must not be seen. Finite, so that a row without any visible position stays finite.
pub const MASKED: f32 = -1.0e4;

/// Scaled dot-product attention over several heads (Vaswani et al. 2017, arXiv 1706.03762).
#[derive(Module, Debug)]
pub struct Attention {
    query: Linear,
    key_value: Linear,
    output: Linear,
    query_adapter: Option<Adapter>,
    value_adapter: Option<Adapter>,
    heads: usize,
}

impl Attention {
    /// Fresh weights; `width` is a multiple of `heads`.
    #[must_use]
    pub fn new(width: usize, heads: usize, device: &Device) -> Self {
        Self {
            query: without_bias(width, width, device),
            key_value: without_bias(width, 2 * width, device),
            output: without_bias(width, width, device),
            query_adapter: None,
            value_adapter: None,
            heads,
        }
    }

    /// The same with fresh adapters on the projections to queries and values.
    pub(crate) fn adapted(self, config: &LoraConfig) -> Self {
        let [width, _] = self.query.weight.lazy_shape().dims();
        let device = self.query.weight.lazy_device();
        let adapter = || Some(Adapter::new(width, width, config, &device));
        Self { query_adapter: adapter(), value_adapter: adapter(), ..self }
    }

    /// Attends from `query` `[batch, to, width]` to `memory` `[batch, from, width]`; `mask` `[batch, 1, to or 1, from]` is
    /// added to the scores ([`MASKED`] hides). Returns `[batch, to, width]`.
    pub fn forward(&self, query: Tensor<3>, memory: Tensor<3>, mask: Option<Tensor<4>>) -> Tensor<3> {
        let [batch, to, width] = query.dims();
        let from = memory.dims()[1];
        let size = width / self.heads;
        let scale = 1.0 / (size as f64).sqrt();
        let split = |x: Tensor<3>, len: usize| x.reshape([batch, len, self.heads, size]).swap_dims(1, 2);

        let mut projected = over_rows(&self.query, query.clone());
        if let Some(adapter) = &self.query_adapter {
            projected = projected + adapter.over_rows(query);
        }
        let query = split(projected.mul_scalar(scale), to);
        let both =
            over_rows(&self.key_value, memory.clone()).reshape([batch, from, 2, self.heads, size]).permute([2, 0, 3, 1, 4]);
        let key: Tensor<4> = both.clone().slice_dim(0, 0..1).squeeze_dim(0);
        let mut value: Tensor<4> = both.slice_dim(0, 1..2).squeeze_dim(0);
        if let Some(adapter) = &self.value_adapter {
            value = value + split(adapter.over_rows(memory), from);
        }

        let mut scores = query.matmul(key.swap_dims(2, 3));
        if let Some(mask) = mask {
            scores = scores + mask;
        }
        let mixed = softmax(scores, 3).matmul(value).swap_dims(1, 2).reshape([batch, to, width]);
        over_rows(&self.output, mixed)
    }
}

/// Attention over `heads` heads of what is projected already: `query` `[batch, to, width]`, `key` and `value`
/// `[batch, from, width]`; `bias` `[batch, heads, to, from]` is added to the scaled scores. Returns `[batch, to, width]`.
///
/// Off autodiff this is the backend's fused attention, which keeps no scores.
pub(crate) fn attend(query: Tensor<3>, key: Tensor<3>, value: Tensor<3>, heads: usize, bias: Option<Tensor<4>>) -> Tensor<3> {
    let [batch, to, width] = query.dims();
    let split = |x: Tensor<3>| {
        let length = x.dims()[1];
        x.reshape([batch, length, heads, width / heads]).swap_dims(1, 2)
    };
    let mixed = attention(split(query), split(key), split(value), None, bias, AttentionModuleOptions::default());
    mixed.swap_dims(1, 2).reshape([batch, to, width])
}

/// Two linear layers with a ReLU between them.
#[derive(Module, Debug)]
pub struct FeedForward {
    up: Linear,
    down: Linear,
}

impl FeedForward {
    /// Fresh weights: `width` → `hidden` → `width`.
    #[must_use]
    pub fn new(width: usize, hidden: usize, device: &Device) -> Self {
        Self { up: linear(width, hidden, device), down: linear(hidden, width, device) }
    }

    /// `[batch, length, width]` in and out.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        over_rows(&self.down, relu(over_rows(&self.up, x)))
    }
}

/// A pre-norm transformer block with self-attention.
#[derive(Module, Debug)]
pub struct Block {
    attention_norm: RmsNorm,
    attention: Attention,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
    dropout: Dropout,
}

impl Block {
    /// Fresh weights.
    #[must_use]
    pub fn new(width: usize, heads: usize, hidden: usize, dropout: f64, device: &Device) -> Self {
        Self {
            attention_norm: RmsNormConfig::new(width).init(device),
            attention: Attention::new(width, heads, device),
            feed_forward_norm: RmsNormConfig::new(width).init(device),
            feed_forward: FeedForward::new(width, hidden, device),
            dropout: Dropout::new(dropout),
        }
    }

    /// The same with fresh adapters in its attention.
    pub(crate) fn adapted(self, config: &LoraConfig) -> Self {
        Self { attention: self.attention.adapted(config), ..self }
    }

    /// `[batch, length, width]` in and out; `mask` as in [`Attention::forward`].
    pub fn forward(&self, x: Tensor<3>, mask: Option<Tensor<4>>) -> Tensor<3> {
        let normed = self.attention_norm.forward(x.clone());
        let x = x + self.dropout.forward(self.attention.forward(normed.clone(), normed, mask));
        let fed = self.feed_forward.forward(self.feed_forward_norm.forward(x.clone()));
        x + self.dropout.forward(fed)
    }
}

/// Amplitude of position embeddings beside content of unit size.
const POSITION_SIZE: f32 = 0.3;

/// Sinusoidal position embeddings, `[length, width]`, as Whisper's encoder has them (arXiv 2212.04356), but smaller.
#[must_use]
pub fn sinusoids(length: usize, width: usize) -> Vec<f32> {
    let half = width / 2;
    let step = (10_000f32).ln() / (half.max(2) - 1) as f32;
    let mut table = vec![0.0; length * width];
    for (position, row) in table.chunks_exact_mut(width).enumerate() {
        for index in 0..half {
            let angle = position as f32 * (-step * index as f32).exp();
            row[index] = POSITION_SIZE * angle.sin();
            row[half + index] = POSITION_SIZE * angle.cos();
        }
    }
    table
}
