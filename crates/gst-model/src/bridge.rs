//! From encoder frames to the language model's space: window-level queries (SALMONN, arXiv 2310.13289) and a projector.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, RmsNorm, RmsNormConfig};
use burn::tensor::{Device, Tensor};

use crate::ModelConfig;
use crate::attention::{Attention, FeedForward, MASKED};
use crate::encoder::frame_mask;
use crate::linear::{linear, over_rows};

/// Learned queries that look at one window of encoder frames at a time, so that a clip's embeddings keep their order in time
/// and their number follows its length.
#[derive(Module, Debug)]
pub struct WindowBridge {
    queries: Param<Tensor<2>>,
    attention: Attention,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
    projector: Linear,
    output_norm: RmsNorm,
    window: usize,
}

impl WindowBridge {
    /// Fresh weights.
    #[must_use]
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        Self {
            queries: Initializer::Normal { mean: 0.0, std: 0.5 }.init([config.queries, config.width], device),
            attention: Attention::new(config.width, config.heads, device),
            feed_forward_norm: RmsNormConfig::new(config.width).init(device),
            feed_forward: FeedForward::new(config.width, config.hidden, device),
            projector: linear(config.width, config.width, device),
            output_norm: RmsNormConfig::new(config.width).init(device),
            window: config.window,
        }
    }

    /// `frames` `[batch, length, width]` with `length` a multiple of the window, of which the first `used[b]` count.
    /// Returns `[batch, length / window · queries, width]`; [`WindowBridge::embeddings`] of them count.
    pub fn forward(&self, frames: Tensor<3>, used: &[usize]) -> Tensor<3> {
        let [batch, length, width] = frames.dims();
        let device = frames.device();
        let windows = length / self.window;
        let [queries, _] = self.queries.dims();
        let mask = frame_mask(used, length, 0.0, MASKED, &device).reshape([batch * windows, 1, 1, self.window]);
        let query = self.queries.val().unsqueeze_dim::<3>(0).expand([batch * windows, queries, width]);
        let seen = self.attention.forward(query, frames.reshape([batch * windows, self.window, width]), Some(mask));
        let x = seen.clone() + self.feed_forward.forward(self.feed_forward_norm.forward(seen));
        self.output_norm.forward(over_rows(&self.projector, x)).reshape([batch, windows * queries, width])
    }

    /// Embeddings that a sample of `frames` encoder frames is given.
    #[must_use]
    pub fn embeddings(&self, frames: usize) -> usize {
        frames.div_ceil(self.window).max(1) * self.queries.dims()[0]
    }
}
