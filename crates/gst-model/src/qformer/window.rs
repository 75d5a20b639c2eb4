//! The Q-Former on one window of frames at a time, so that embeddings keep their order in time (SALMONN, section 3).

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{QFormer, QFormerConfig, bert_name};
use crate::ModelError;
use crate::config_file::positive;
use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError};

/// How the names of this bridge's tensors begin in SALMONN's checkpoint.
const PARTS: [&str; 3] = ["speech_query_tokens", "speech_Qformer.", "speech_llama_proj."];

/// Sizes of a [`WindowQFormer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowQFormerConfig {
    /// The transformer.
    pub qformer: QFormerConfig,
    /// Queries of each window.
    pub queries: usize,
    /// Encoder frames in a window.
    pub window: usize,
    /// Encoder frames from the start of one window to the start of the next.
    pub stride: usize,
    /// Width of the language model.
    pub output: usize,
}

impl WindowQFormerConfig {
    /// SALMONN's: one query for every 17 frames of 20 ms (round(1500 · 0.333333 / 30), about a third of a second).
    #[must_use]
    pub fn salmonn(encoder_hidden_size: usize, output: usize) -> Self {
        Self { qformer: QFormerConfig::salmonn(encoder_hidden_size), queries: 1, window: 17, stride: 17, output }
    }

    /// Whether a bridge of these sizes can be built.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size is zero, or as [`QFormerConfig::check`].
    pub fn check(&self) -> Result<(), ModelError> {
        self.qformer.check()?;
        positive(&[("queries", self.queries), ("window", self.window), ("stride", self.stride), ("output", self.output)])
    }

    /// A bridge with fresh weights.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<WindowQFormer, ModelError> {
        self.check()?;
        let hidden = self.qformer.hidden_size;
        Ok(WindowQFormer {
            query_tokens: super::INITIAL.init([1, self.queries, hidden], device),
            qformer: QFormer::new(&self.qformer, device),
            projection: LinearConfig::new(hidden, self.output)
                .with_initializer(Initializer::KaimingUniform { gain: 1.0 / 3f64.sqrt(), fan_out_only: false })
                .init(device),
            window: self.window,
            stride: self.stride,
        })
    }

    /// Embeddings that `frames` encoder frames give; frames behind the last whole window are left out, as SALMONN does.
    #[must_use]
    pub fn embeddings(&self, frames: usize) -> usize {
        windows(frames, self.window, self.stride) * self.queries
    }
}

/// Window-level queries and the projection into the language model's space.
#[derive(Module, Debug)]
pub struct WindowQFormer {
    query_tokens: Param<Tensor<3>>,
    qformer: QFormer,
    projection: Linear,
    window: usize,
    stride: usize,
}

impl WindowQFormer {
    /// The same bridge with the weights of a checkpoint of SALMONN; what else is in there is not read.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load(self, checkpoint: &Checkpoint, precision: Precision) -> Result<Self, PretrainedError> {
        // Positions of words are kept in the file though no word is read.
        let unused = |name: &str| !PARTS.iter().any(|part| name.starts_with(part)) || name.ends_with(".position_ids");
        checkpoint.load(self, &Loading { name: &|path| Some(salmonn_name(path)), unused: &unused, precision })
    }

    /// `frames` `[batch, length, encoder_hidden]`, at least one window long, to
    /// `[batch, `[`embeddings`](WindowQFormerConfig::embeddings)`, output]`.
    pub fn forward(&self, frames: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = frames.dims();
        let count = windows(length, self.window, self.stride);
        let windows: Tensor<3> = match self.window == self.stride {
            true => frames.slice_dim(1, 0..count * self.window).reshape([batch * count, self.window, width]),
            false => {
                let at = |index: usize| frames.clone().slice_dim(1, index * self.stride..index * self.stride + self.window);
                Tensor::stack::<4>((0..count).map(at).collect(), 1).reshape([batch * count, self.window, width])
            }
        };
        let [_, queries, hidden] = self.query_tokens.dims();
        let asking = self.query_tokens.val().expand([batch * count, queries, hidden]);
        let found = self.projection.forward(self.qformer.forward(asking, windows));
        let output = found.dims()[2];
        found.reshape([batch, count * queries, output])
    }
}

/// Whole windows in `frames`.
fn windows(frames: usize, window: usize, stride: usize) -> usize {
    if frames < window { 0 } else { (frames - window) / stride + 1 }
}

/// Name of a parameter of the bridge in SALMONN's checkpoint.
pub(crate) fn salmonn_name(path: &str) -> String {
    if let Some(rest) = path.strip_prefix("qformer.layernorm.") {
        return format!("speech_Qformer.bert.embeddings.LayerNorm.{rest}");
    }
    if let Some(rest) = path.strip_prefix("qformer.") {
        return format!("speech_Qformer.bert.encoder.{}", bert_name(rest, "self"));
    }
    match path.strip_prefix("projection.") {
        Some(rest) => format!("speech_llama_proj.{rest}"),
        None => format!("speech_{path}"),
    }
}
