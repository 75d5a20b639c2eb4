//! One post-norm layer of the Q-Former.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor};

use super::{INITIAL, QFormerConfig};
use crate::dropout::Dropout;

/// Self-attention among the queries, cross-attention to the frames in every n-th layer, then the queries' feed-forward part.
#[derive(Module, Debug)]
pub struct QFormerLayer {
    attention: QFormerAttention,
    crossattention: Option<QFormerAttention>,
    intermediate_query: Dense,
    output_query: Output,
}

impl QFormerLayer {
    pub(super) fn new(config: &QFormerConfig, index: usize, device: &Device) -> Self {
        let width = config.hidden_size;
        let crosses = index.is_multiple_of(config.cross_attention_frequency);
        Self {
            attention: QFormerAttention::new(config, width, device),
            crossattention: crosses.then(|| QFormerAttention::new(config, config.encoder_hidden_size, device)),
            intermediate_query: Dense { dense: linear(width, config.intermediate_size, device) },
            output_query: Output::new(config, config.intermediate_size, device),
        }
    }

    /// `x` `[batch, queries, hidden]` in and out; `frames` `[batch, length, encoder_hidden]`.
    pub fn forward(&self, x: Tensor<3>, frames: Tensor<3>) -> Tensor<3> {
        let mut x = self.attention.forward(x.clone(), x);
        if let Some(cross) = &self.crossattention {
            x = cross.forward(x, frames);
        }
        self.output_query.forward(gelu(self.intermediate_query.dense.forward(x.clone())), x)
    }
}

/// Attention, its output layer, the residual and the norm.
#[derive(Module, Debug)]
pub struct QFormerAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Output,
    dropout: Dropout,
    heads: usize,
}

impl QFormerAttention {
    fn new(config: &QFormerConfig, memory: usize, device: &Device) -> Self {
        let width = config.hidden_size;
        Self {
            query: linear(width, width, device),
            key: linear(memory, width, device),
            value: linear(memory, width, device),
            output: Output::new(config, width, device),
            dropout: Dropout::new(config.attention_probs_dropout_prob),
            heads: config.num_attention_heads,
        }
    }

    /// From `x` `[batch, queries, hidden]` to `memory` `[batch, length, any]`; `[batch, queries, hidden]`.
    pub fn forward(&self, x: Tensor<3>, memory: Tensor<3>) -> Tensor<3> {
        let [batch, to, width] = x.dims();
        let from = memory.dims()[1];
        let size = width / self.heads;
        let split = |x: Tensor<3>, length: usize| x.reshape([batch, length, self.heads, size]).swap_dims(1, 2);
        let query = split(self.query.forward(x.clone()), to).mul_scalar(1.0 / (size as f64).sqrt());
        let key = split(self.key.forward(memory.clone()), from);
        let value = split(self.value.forward(memory), from);
        // A window has few frames, so the scores are small; unlike the fused attention, this one drops out.
        let weights = self.dropout.forward(softmax(query.matmul(key.swap_dims(2, 3)), 3));
        self.output.forward(weights.matmul(value).swap_dims(1, 2).reshape([batch, to, width]), x)
    }
}

/// A linear layer under the name that BERT gives it.
#[derive(Module, Debug)]
pub struct Dense {
    dense: Linear,
}

/// Linear layer, dropout, residual and norm.
#[derive(Module, Debug)]
struct Output {
    dense: Linear,
    norm: LayerNorm,
    dropout: Dropout,
}

impl Output {
    fn new(config: &QFormerConfig, input: usize, device: &Device) -> Self {
        Self {
            dense: linear(input, config.hidden_size, device),
            norm: LayerNormConfig::new(config.hidden_size).with_epsilon(config.layer_norm_eps).init(device),
            dropout: Dropout::new(config.hidden_dropout_prob),
        }
    }

    fn forward(&self, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        self.norm.forward(self.dropout.forward(self.dense.forward(x)) + residual)
    }
}

fn linear(input: usize, output: usize, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_initializer(INITIAL).init(device)
}
