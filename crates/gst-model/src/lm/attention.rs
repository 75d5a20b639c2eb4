//! Grouped-query attention with rotary positions and a cache.

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{DType, Device, Tensor};

use super::LmConfig;
use super::norm::RootMeanSquareNorm;
use super::rope::Turn;
use crate::lora::Projection;

/// The attention of one layer.
#[derive(Module, Debug)]
pub(super) struct SelfAttention {
    pub(super) q_proj: Projection,
    pub(super) k_proj: Projection,
    pub(super) v_proj: Projection,
    pub(super) o_proj: Projection,
    q_norm: Option<RootMeanSquareNorm>,
    k_norm: Option<RootMeanSquareNorm>,
    heads: usize,
    key_value_heads: usize,
    head_size: usize,
}

/// Keys and values of the positions that one layer has seen, each `[batch, key_value_heads, positions, head_size]`.
#[derive(Debug, Clone, Default)]
pub(super) struct LayerCache(Option<(Tensor<4>, Tensor<4>)>);

impl LayerCache {
    fn extend(&mut self, key: Tensor<4>, value: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let (key, value) = match self.0.take() {
            Some((keys, values)) => (Tensor::cat(vec![keys, key], 2), Tensor::cat(vec![values, value], 2)),
            None => (key, value),
        };
        self.0 = Some((key.clone(), value.clone()));
        (key, value)
    }

    pub(super) fn select(&mut self, rows: &Tensor<1, burn::tensor::Int>) {
        self.0 = self.0.take().map(|(keys, values)| (keys.select(0, rows.clone()), values.select(0, rows.clone())));
    }
}

impl SelfAttention {
    pub(super) fn new(config: &LmConfig, device: &Device) -> Self {
        let (queries, keys) = (config.heads * config.head_size, config.key_value_heads * config.head_size);
        let norm = || config.query_key_norm.then(|| RootMeanSquareNorm::new(config.head_size, config.norm_epsilon, device));
        Self {
            q_proj: Projection::new(config.width, queries, config.query_bias, device),
            k_proj: Projection::new(config.width, keys, config.query_bias, device),
            v_proj: Projection::new(config.width, keys, config.query_bias, device),
            o_proj: Projection::new(queries, config.width, config.output_bias, device),
            q_norm: norm(),
            k_norm: norm(),
            heads: config.heads,
            key_value_heads: config.key_value_heads,
            head_size: config.head_size,
        }
    }

    /// `x` `[batch, length, width]`; `mask` `[batch, 1, length, positions]` in f32 is added to the scores. Returns
    /// `[batch, length, width]`.
    pub(super) fn forward(&self, x: Tensor<3>, turn: &Turn, mask: Tensor<4>, cache: Option<&mut LayerCache>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let rows = x.reshape([batch * length, width]);
        let dtype = rows.dtype();
        let split = |x: Tensor<2>, heads: usize, norm: Option<&RootMeanSquareNorm>| {
            let x = x.reshape([batch, length, heads, self.head_size]);
            norm.map_or(x.clone(), |norm| norm.forward(x)).swap_dims(1, 2)
        };
        let query = turn.apply(split(self.q_proj.forward(rows.clone()), self.heads, self.q_norm.as_ref()));
        let key = turn.apply(split(self.k_proj.forward(rows.clone()), self.key_value_heads, self.k_norm.as_ref()));
        let value = split(self.v_proj.forward(rows), self.key_value_heads, None);
        let (key, value) = match cache {
            Some(cache) => cache.extend(key, value),
            None => (key, value),
        };

        // Query heads of one key head stand one under the other, so that keys need not be repeated.
        let group = self.heads / self.key_value_heads;
        let positions = key.dims()[2];
        let query = query.mul_scalar(1.0 / (self.head_size as f64).sqrt());
        let query = query.reshape([batch, self.key_value_heads, group * length, self.head_size]);
        let scores = query.matmul(key.swap_dims(2, 3)).reshape([batch, self.heads, length, positions]);
        // Sums over many positions need f32, whatever the weights are held in.
        let weights = softmax(scores.cast(DType::F32) + mask, 3).cast(dtype);
        let mixed = weights.reshape([batch, self.key_value_heads, group * length, positions]).matmul(value);
        let mixed = mixed.reshape([batch, self.heads, length, self.head_size]).swap_dims(1, 2);
        self.o_proj.forward3(mixed.reshape([batch, length, self.heads * self.head_size]))
    }
}
