//! Self-attention with a gated relative position bias (Chi et al. 2022, arXiv 2106.16138).

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use super::{BeatsConfig, INITIAL};
use crate::attention::attend;

/// Values that one gate is the sum of.
const GATE: usize = 4;

/// Self-attention of a layer.
#[derive(Module, Debug)]
pub struct BeatsAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    grep_linear: Linear,
    grep_a: Param<Tensor<4>>,
    heads: usize,
}

impl BeatsAttention {
    pub(super) fn new(config: &BeatsConfig, device: &Device) -> Self {
        let (width, heads) = (config.encoder_embed_dim, config.encoder_attention_heads);
        let linear = |input, output| LinearConfig::new(input, output).with_initializer(INITIAL).init(device);
        Self {
            q_proj: linear(width, width),
            k_proj: linear(width, width),
            v_proj: linear(width, width),
            out_proj: linear(width, width),
            grep_linear: linear(width / heads, 2 * GATE),
            grep_a: Initializer::Ones.init([1, heads, 1, 1], device),
            heads,
        }
    }

    /// `x` `[batch, length, width]` in and out; `position` `[1, heads, length, length]` is scaled by the gate of the place that
    /// looks, `hidden` `[batch, 1, 1, length]` is added as it is.
    pub fn forward(&self, x: Tensor<3>, position: Tensor<4>, hidden: Option<Tensor<4>>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let (query, key) = (self.q_proj.forward(x.clone()), self.k_proj.forward(x.clone()));
        let by_head = query.clone().reshape([batch, length, self.heads, width / self.heads]).swap_dims(1, 2);
        let mut bias = self.gate(by_head) * position;
        if let Some(hidden) = hidden {
            bias = bias + hidden;
        }
        self.out_proj.forward(attend(query, key, self.v_proj.forward(x), self.heads, Some(bias)))
    }

    /// `[batch, heads, length, 1]`, between 1 and 2 + grep_a.
    fn gate(&self, query: Tensor<4>) -> Tensor<4> {
        let [batch, heads, length, _] = query.dims();
        let gates = self.grep_linear.forward(query).reshape([batch, heads, length, 2, GATE]).sum_dim(4);
        let gates: Tensor<4> = sigmoid(gates).squeeze_dim(4);
        let (update, reset) = (gates.clone().slice_dim(3, 0..1), gates.slice_dim(3, 1..2));
        update * (reset * self.grep_a.val()).sub_scalar(1.0) + 2.0
    }
}
