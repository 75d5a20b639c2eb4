//! The decoder: embedding, layers, norm, output layer.

use std::sync::Arc;

use burn::module::{Initializer, Module, Param};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::LmConfig;
use super::attention::{LayerCache, SelfAttention};
use super::norm::RootMeanSquareNorm;
use super::rope::Turn;
use super::sequence::Span;
use crate::lora::Projection;

/// A causal language model of the Llama family. Its parameters are named as in published checkpoints.
#[derive(Module, Debug)]
pub struct LanguageModel {
    model: Decoder,
    lm_head: Option<Projection>,
    #[module(skip)]
    config: Arc<LmConfig>,
}

#[derive(Module, Debug)]
struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Layer>,
    norm: RootMeanSquareNorm,
}

#[derive(Module, Debug)]
struct Embedding {
    weight: Param<Tensor<2>>,
}

#[derive(Module, Debug)]
struct Layer {
    input_layernorm: RootMeanSquareNorm,
    self_attn: SelfAttention,
    post_attention_layernorm: RootMeanSquareNorm,
    mlp: FeedForward,
}

/// down(silu(gate(x)) · up(x)) (Shazeer 2020, arXiv 2002.05202).
#[derive(Module, Debug)]
struct FeedForward {
    gate_proj: Projection,
    up_proj: Projection,
    down_proj: Projection,
}

/// Rotations and masks of a batch, the same for all layers but for their windows.
pub(super) struct Passage {
    turn: Turn,
    masks: Vec<(Option<usize>, Tensor<4>)>,
}

/// What the layers remember of the positions before.
#[derive(Debug, Clone)]
pub struct Cache {
    layers: Vec<LayerCache>,
    slots: usize,
}

impl Cache {
    /// Keeps the rows `rows` of the batch, in this order; a row may stand several times.
    pub fn select(&mut self, rows: &[usize], device: &Device) {
        let rows = indices(rows.iter().copied(), device);
        self.layers.iter_mut().for_each(|layer| layer.select(&rows));
    }
}

impl LanguageModel {
    /// Weights that are drawn when they are first touched: a model that is never run allocates nothing.
    #[must_use]
    pub fn new(config: LmConfig, device: &Device) -> Self {
        let norm = || RootMeanSquareNorm::new(config.width, config.norm_epsilon, device);
        let linear = |input, output| Projection::new(input, output, config.feed_forward_bias, device);
        let layer = |_| Layer {
            input_layernorm: norm(),
            self_attn: SelfAttention::new(&config, device),
            post_attention_layernorm: norm(),
            mlp: FeedForward {
                gate_proj: linear(config.width, config.hidden),
                up_proj: linear(config.width, config.hidden),
                down_proj: linear(config.hidden, config.width),
            },
        };
        let embedding = Initializer::Normal { mean: 0.0, std: 0.02 }.init([config.vocabulary, config.width], device);
        Self {
            model: Decoder {
                embed_tokens: Embedding { weight: embedding },
                layers: (0..config.layers()).map(layer).collect(),
                norm: norm(),
            },
            lm_head: (!config.tied).then(|| Projection::new(config.width, config.vocabulary, false, device)),
            config: Arc::new(config),
        }
    }

    /// Sizes and switches.
    #[must_use]
    pub fn config(&self) -> &LmConfig {
        &self.config
    }

    /// Embeddings `[tokens, width]`.
    pub fn embed(&self, tokens: &[u32]) -> Tensor<2> {
        let weight = self.model.embed_tokens.weight.val();
        let device = weight.device();
        weight.select(0, indices(tokens.iter().map(|&token| token as usize), &device))
    }

    /// An empty cache.
    #[must_use]
    pub fn cache(&self) -> Cache {
        Cache { layers: vec![LayerCache::default(); self.config.layers()], slots: 0 }
    }

    /// Hidden states after the last norm, `[batch, length, width]`.
    ///
    /// `x` `[batch, length, width]` are embeddings that follow those in `cache`, if there is one, which is extended by them.
    /// The first `padding[b]` slots of sample b, counted over the cache and `x`, hold nothing; they change no result.
    pub fn forward(&self, x: Tensor<3>, padding: &[usize], mut cache: Option<&mut Cache>) -> Tensor<3> {
        let [_, length, _] = x.dims();
        let passage = self.passage(&x, padding, cache.as_ref().map_or(0, |cache| cache.slots));
        let mut x = x;
        for index in 0..self.model.layers.len() {
            x = self.layer(index, x, &passage, cache.as_mut().map(|cache| &mut cache.layers[index]));
        }
        if let Some(cache) = cache {
            cache.slots += length;
        }
        self.norm(x)
    }

    /// What all layers need to know of `x`, `past` slots after the first.
    pub(super) fn passage(&self, x: &Tensor<3>, padding: &[usize], past: usize) -> Passage {
        let [_, length, _] = x.dims();
        let (dtype, device) = (x.dtype(), x.device().inner());
        let config = &self.config;
        let span = Span { padding, past, length };
        let turn = config.rope.tables(config.head_size, &span.positions(), dtype, &device);
        let mut masks: Vec<(Option<usize>, Tensor<4>)> = Vec::new();
        for window in &config.windows {
            if !masks.iter().any(|(known, _)| known == window) {
                masks.push((*window, span.mask(*window, &device)));
            }
        }
        Passage { turn, masks }
    }

    /// Layer `index` alone.
    pub(super) fn layer(&self, index: usize, x: Tensor<3>, passage: &Passage, cache: Option<&mut LayerCache>) -> Tensor<3> {
        let window = self.config.windows[index];
        let Some((_, mask)) = passage.masks.iter().find(|(known, _)| *known == window) else { return x };
        self.model.layers[index].forward(x, &passage.turn, mask.clone(), cache)
    }

    /// The norm behind the last layer.
    pub(crate) fn norm(&self, x: Tensor<3>) -> Tensor<3> {
        self.model.norm.forward(x)
    }

    /// Logits `[rows, vocabulary]` of hidden states `[rows, width]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        match &self.lm_head {
            Some(head) => head.forward(hidden),
            None => hidden.matmul(self.head().transpose()),
        }
    }

    /// The output layer, `[vocabulary, width]`.
    pub(super) fn head(&self) -> Tensor<2> {
        self.lm_head.as_ref().map_or_else(|| self.model.embed_tokens.weight.val(), Projection::weight)
    }

    /// Every layer that an adapter may be attached to, with its path as published checkpoints name it. The output layer is
    /// not among them.
    pub fn projections(&mut self) -> Vec<(String, &mut Projection)> {
        let mut all = Vec::new();
        for (index, layer) in self.model.layers.iter_mut().enumerate() {
            let (attention, mlp) = (&mut layer.self_attn, &mut layer.mlp);
            let named = [
                ("self_attn.q_proj", &mut attention.q_proj),
                ("self_attn.k_proj", &mut attention.k_proj),
                ("self_attn.v_proj", &mut attention.v_proj),
                ("self_attn.o_proj", &mut attention.o_proj),
                ("mlp.gate_proj", &mut mlp.gate_proj),
                ("mlp.up_proj", &mut mlp.up_proj),
                ("mlp.down_proj", &mut mlp.down_proj),
            ];
            all.extend(named.map(|(name, projection)| (format!("model.layers.{index}.{name}"), projection)));
        }
        all
    }
}

impl Layer {
    fn forward(&self, x: Tensor<3>, turn: &Turn, mask: Tensor<4>, cache: Option<&mut LayerCache>) -> Tensor<3> {
        let seen = self.self_attn.forward(self.input_layernorm.forward(x.clone()), turn, mask, cache);
        let x = x + seen;
        let fed = self.mlp.forward(self.post_attention_layernorm.forward(x.clone()));
        x + fed
    }
}

impl FeedForward {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let rows = x.reshape([batch * length, width]);
        let gated = silu(self.gate_proj.forward(rows.clone())) * self.up_proj.forward(rows);
        self.down_proj.forward(gated).reshape([batch, length, width])
    }
}

pub(crate) fn indices(values: impl ExactSizeIterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    let values: Vec<i32> = values.map(|value| i32::try_from(value).unwrap_or(i32::MAX)).collect();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
