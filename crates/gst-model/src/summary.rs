//! What is heard in a clip as a whole: statistics of each mel band over time, as speaker recognition pools them (Snyder et al.
//! 2018, x-vectors). A few embeddings of these stand before the windows' and give a model that trains from scratch a short path
//! from sound to answer.

use burn::module::Module;
use burn::nn::{Linear, RmsNorm, RmsNormConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::linear::linear;
use crate::{Batch, ModelConfig};

/// Statistics of a mel band: its mean, its standard deviation, and its mean change from frame to frame.
const STATISTICS: usize = 3;

/// Statistics of a clip to embeddings for the decoder.
#[derive(Module, Debug)]
pub struct Summary {
    input: Linear,
    output: Linear,
    norm: RmsNorm,
    embeddings: usize,
}

impl Summary {
    /// Fresh weights.
    #[must_use]
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        Self {
            input: linear(STATISTICS * config.mels, config.hidden, device),
            output: linear(config.hidden, config.summaries * config.width, device),
            norm: RmsNormConfig::new(config.width).init(device),
            embeddings: config.summaries,
        }
    }

    /// `[batch, summaries, width]`.
    pub fn forward(&self, batch: &Batch, device: &Device) -> Tensor<3> {
        let rows = batch.len();
        let values = (0..rows).flat_map(|row| statistics(batch.features(row), batch.mels)).collect::<Vec<f32>>();
        let x = Tensor::<2>::from_data(TensorData::new(values, [rows, STATISTICS * batch.mels]), device);
        let x = self.output.forward(relu(self.input.forward(x)));
        let width = x.dims()[1] / self.embeddings;
        self.norm.forward(x.reshape([rows, self.embeddings, width]))
    }

    /// Embeddings of a clip.
    #[must_use]
    pub fn embeddings(&self) -> usize {
        self.embeddings
    }
}

/// The statistics of `[frames, mels]`, brought to about zero mean and unit size.
fn statistics(features: &[f32], mels: usize) -> Vec<f32> {
    let frames = (features.len() / mels).max(1) as f32;
    let (mut mean, mut square, mut change) = (vec![0.0f32; mels], vec![0.0f32; mels], vec![0.0f32; mels]);
    for frame in features.chunks_exact(mels) {
        for (band, &value) in frame.iter().enumerate() {
            mean[band] += value / frames;
            square[band] += value * value / frames;
        }
    }
    for (last, next) in features.chunks_exact(mels).zip(features.chunks_exact(mels).skip(1)) {
        for band in 0..mels {
            change[band] += (next[band] - last[band]).abs() / (frames - 1.0);
        }
    }
    let deviation = mean.iter().zip(&square).map(|(mean, square)| 4.0 * (square - mean * mean).max(0.0).sqrt() - 1.0);
    let deviation: Vec<f32> = deviation.collect();
    let mean = mean.into_iter().map(|mean| 2.0 * mean);
    mean.chain(deviation).chain(change.into_iter().map(|change| 8.0 * change - 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::statistics;

    #[test]
    fn statistics_of_a_clip_that_is_known() {
        // Band 0: 0, 1, 0, 1; band 1: constant 0.5.
        let features = [0.0, 0.5, 1.0, 0.5, 0.0, 0.5, 1.0, 0.5];
        assert_eq!(statistics(&features, 2), [1.0, 1.0, 1.0, -1.0, 7.0, -1.0]);
        assert!(statistics(&features[..2], 2).iter().all(|value| value.is_finite()));
    }
}
