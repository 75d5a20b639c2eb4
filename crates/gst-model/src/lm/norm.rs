//! Root-mean-square norm (Zhang and Sennrich 2019, arXiv 1910.07467).

use burn::module::{Initializer, Module, Param};
use burn::tensor::{DType, Device, Tensor};

/// As published checkpoints have it: the quotient in f32, then rounded, then scaled. (Burn's divides after rounding.)
#[derive(Module, Debug)]
pub(super) struct RootMeanSquareNorm {
    weight: Param<Tensor<1>>,
    epsilon: f64,
}

impl RootMeanSquareNorm {
    pub(super) fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self { weight: Initializer::Ones.init([width], device), epsilon }
    }

    /// Over the last axis.
    pub(super) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let dtype = x.dtype();
        let x = x.cast(DType::F32);
        let size = (x.clone().square().mean_dim(D - 1) + self.epsilon).sqrt();
        (x / size).cast(dtype) * self.weight.val().unsqueeze()
    }
}
