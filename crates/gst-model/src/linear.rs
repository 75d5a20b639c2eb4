//! Linear layers as every part of a model starts them.

use burn::module::Initializer;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

/// A linear layer whose output has the size of its input: weights of variance 1 / `input`, no bias at first (LeCun et al. 1998).
/// Burn's default, a third of that, let small models trained from scratch see the sound only after hundreds of steps.
pub(crate) fn linear(input: usize, output: usize, device: &Device) -> Linear {
    let mut linear = without_bias(input, output, device);
    linear.bias = Some(Initializer::Zeros.init([output], device));
    linear
}

/// The same without a bias.
pub(crate) fn without_bias(input: usize, output: usize, device: &Device) -> Linear {
    let initializer = Initializer::Normal { mean: 0.0, std: 1.0 / (input as f64).sqrt() };
    LinearConfig::new(input, output).with_bias(false).with_initializer(initializer).init(device)
}

/// `layer` over `[batch, length, input]` as one matrix product over all rows. Burn multiplies sample by sample where it can, which on the CPU packs the
/// weights anew for each.
pub(crate) fn over_rows(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    let [batch, length, input] = x.dims();
    let y = layer.forward(x.reshape([batch * length, input]));
    let output = y.dims()[1];
    y.reshape([batch, length, output])
}
