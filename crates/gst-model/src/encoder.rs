//! The audio encoder: two strided layers over time and frequency, then transformer blocks.
//!
//! The first layer is a convolution with an 8 × 8 kernel and stride 4. Its input needs no gradient, so its patches are cut on the
//! host and the layer is one matrix product; the second merges 2 × 2 neighbours, which is a reshape and a matrix product. On
//! the CPU this costs a third of two 3 × 3 convolutions through im2col, forward and backward.

use burn::module::Module;
use burn::nn::{Linear, RmsNorm, RmsNormConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::attention::{Block, MASKED, sinusoids};
use crate::linear::{linear, over_rows};
use crate::{Batch, ModelConfig};

/// Log-mel frames that become one encoder frame of 80 ms.
pub const STRIDE: usize = PATCH_STRIDE * MERGE;
pub(crate) const PATCH: usize = 8;
pub(crate) const PATCH_STRIDE: usize = 4;
pub(crate) const MERGE: usize = 2;
/// Mean and size of normalised log-mels, over 400 clips of speech, music and environment sounds.
pub(crate) const FEATURE_MEAN: f32 = 0.07;
const FEATURE_SIZE: f32 = 0.5;

/// Log-mel features to encoder frames.
#[derive(Module, Debug)]
pub struct Encoder {
    patch: Linear,
    merge: Linear,
    input: Linear,
    input_norm: RmsNorm,
    blocks: Vec<Block>,
    norm: RmsNorm,
}

impl Encoder {
    /// Fresh weights.
    #[must_use]
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let [first, second] = config.channels;
        Self {
            patch: linear(PATCH * PATCH, first, device),
            merge: linear(MERGE * MERGE * first, second, device),
            input: linear(second * config.mels / STRIDE, config.width, device),
            input_norm: RmsNormConfig::new(config.width).init(device),
            blocks: (0..config.encoder_layers)
                .map(|_| Block::new(config.width, config.heads, config.hidden, config.dropout, device))
                .collect(),
            norm: RmsNormConfig::new(config.width).init(device),
        }
    }

    /// `[batch, length, width]`, where `length` is a multiple of `multiple` and sample b uses the first
    /// [`encoder_frames`]`(batch.frames[b])`.
    pub fn forward(&self, batch: &Batch, multiple: usize, device: &Device) -> Tensor<3> {
        let used: Vec<usize> = batch.frames.iter().map(|&frames| encoder_frames(frames)).collect();
        let length = encoder_frames(batch.max_frames).next_multiple_of(multiple);
        let (rows, bands) = (batch.len(), batch.mels / STRIDE);

        let x = relu(over_rows(&self.patch, patches(batch, length * MERGE, device)));
        let channels = x.dims()[2];
        let x = x.reshape([rows * length, MERGE, bands, MERGE, channels]).swap_dims(1, 2);
        let x = relu(over_rows(&self.merge, x.reshape([rows, length * bands, MERGE * MERGE * channels])));
        let channels = x.dims()[2];
        // What is heard must not drown in where it is heard: content has unit size, positions less.
        let x = self.input_norm.forward(over_rows(&self.input, x.reshape([rows, length, bands * channels])));

        let width = x.dims()[2];
        let positions = Tensor::<1>::from_floats(sinusoids(length, width).as_slice(), device);
        let mut x = x + positions.reshape([1, length, width]);
        let mask = frame_mask(&used, length, 0.0, MASKED, device).reshape([rows, 1, 1, length]);
        for block in &self.blocks {
            x = block.forward(x, Some(mask.clone()));
        }
        self.norm.forward(x)
    }
}

/// Encoder frames of a sample of `frames` log-mel frames.
#[must_use]
pub fn encoder_frames(frames: usize) -> usize {
    frames.div_ceil(STRIDE).max(1)
}

/// A log-mel value at about zero mean and unit size, as the encoder sees it.
pub(crate) fn normalised(feature: f32) -> f32 {
    (feature - FEATURE_MEAN) / FEATURE_SIZE
}

/// Overlapping patches of the features, `[batch, length · bands, 64]`: zero outside a sample, so that padding changes nothing.
fn patches(batch: &Batch, length: usize, device: &Device) -> Tensor<3> {
    const MARGIN: usize = (PATCH - PATCH_STRIDE) / 2;
    let (mels, bands) = (batch.mels, batch.mels / PATCH_STRIDE);
    let mut values = vec![0.0f32; batch.len() * length * bands * PATCH * PATCH];
    for (row, sample) in values.chunks_exact_mut(length * bands * PATCH * PATCH).enumerate() {
        let frames = batch.features(row);
        for (index, patch) in sample.chunks_exact_mut(PATCH * PATCH).enumerate() {
            let (time, band) = (index / bands * PATCH_STRIDE, index % bands * PATCH_STRIDE);
            // The part of the patch that lies between the lowest and the highest mel.
            let first = band.saturating_sub(MARGIN);
            let last = (band + PATCH - MARGIN).min(mels);
            for (offset, line) in patch.chunks_exact_mut(PATCH).enumerate() {
                let Some(frame) = (time + offset).checked_sub(MARGIN).and_then(|at| frames.chunks_exact(mels).nth(at)) else {
                    continue;
                };
                let start = first + MARGIN - band;
                for (value, feature) in line[start..].iter_mut().zip(&frame[first..last]) {
                    *value = normalised(*feature);
                }
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [batch.len(), length * bands, PATCH * PATCH]), device)
}

/// `[batch, length]`: `inside` for the first `used[b]` positions of row b, `outside` behind them.
pub(crate) fn frame_mask(used: &[usize], length: usize, inside: f32, outside: f32, device: &Device) -> Tensor<2> {
    let values = used.iter().flat_map(|&used| (0..length).map(move |at| if at < used { inside } else { outside })).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, [used.len(), length]), device)
}
