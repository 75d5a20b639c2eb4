//! Where a patch stands: a convolution over neighbours, and buckets of distances.

use burn::module::{Initializer, Module, Param};
use burn::tensor::activation::gelu;
use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{BeatsConfig, INITIAL};

/// A grouped convolution with normalised weights (Salimans & Kingma 2016, arXiv 1602.07868): for each place in the kernel a
/// direction and a length.
#[derive(Module, Debug)]
pub struct PositionConv {
    weight_g: Param<Tensor<3>>,
    weight_v: Param<Tensor<3>>,
    bias: Param<Tensor<1>>,
    groups: usize,
}

impl PositionConv {
    pub(super) fn new(config: &BeatsConfig, device: &Device) -> Self {
        let (width, groups) = (config.encoder_embed_dim, config.conv_pos_groups);
        Self {
            weight_g: Initializer::Ones.init([1, 1, config.conv_pos], device),
            weight_v: INITIAL.init([width, width / groups, config.conv_pos], device),
            bias: Initializer::Zeros.init([width], device),
            groups,
        }
    }

    /// `[batch, length, width]` in and out.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let (length, direction) = (x.dims()[1], self.weight_v.val());
        let kernel = direction.dims()[2];
        let size = direction.clone().square().sum_dim(0).sum_dim(1).sqrt();
        let weight = direction * (self.weight_g.val() / size);
        let options = ConvOptions::new([1], [kernel / 2], [1], self.groups);
        // An even kernel gives one place too many.
        gelu(conv1d(x.swap_dims(1, 2), weight, Some(self.bias.val()), options).slice_dim(2, 0..length)).swap_dims(1, 2)
    }
}

/// Bucket of each pair of places, `[length · length]`, the place that looks first (Raffel et al. 2020, arXiv 1910.10683, both
/// directions).
pub(super) fn buckets(length: usize, config: &BeatsConfig, device: &Device) -> Tensor<1, Int> {
    let half = config.num_buckets / 2;
    let of_distance: Vec<i32> =
        (0..length).map(|distance| i32::try_from(bucket(distance, half, config.max_distance)).unwrap_or(0)).collect();
    let forward = i32::try_from(half).unwrap_or(0);
    let pair = |from: usize, to: usize| of_distance[from.abs_diff(to)] + if to > from { forward } else { 0 };
    let pairs = (0..length).flat_map(|from| (0..length).map(move |to| (from, to)));
    let values: Vec<i32> = pairs.map(|(from, to)| pair(from, to)).collect();
    Tensor::from_data(TensorData::new(values, [length * length]), device)
}

/// Half of the buckets are exact, the rest grow with the logarithm of the distance; in 32 bits, as the weights were trained.
fn bucket(distance: usize, count: usize, max_distance: usize) -> usize {
    let exact = count / 2;
    if distance < exact {
        return distance;
    }
    let share = (distance as f32 / exact as f32).ln() / (max_distance as f64 / exact as f64).ln() as f32;
    (exact + (share * (count - exact) as f32) as usize).min(count - 1)
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn distances_fall_into_their_buckets() {
        // 160 buckets a direction, distances to 800: the published model's.
        for (distance, expected) in [(0, 0), (79, 79), (80, 80), (800, 159), (5000, 159)] {
            assert_eq!(bucket(distance, 160, 800), expected, "{distance}");
        }
        assert!((0..800).all(|distance| bucket(distance, 160, 800) <= bucket(distance + 1, 160, 800)));
    }
}
