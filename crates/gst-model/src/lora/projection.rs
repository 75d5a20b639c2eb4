//! A linear layer that may carry a low-rank adapter.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{DType, Device, Tensor};

use super::LoraConfig;
use crate::dropout::Dropout;

/// A linear layer in the layout of published checkpoints, `[output, input]`, which may carry a low-rank adapter.
#[derive(Module, Debug)]
pub struct Projection {
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
    lora: Option<Adapter>,
}

/// The trainable part of an adapted layer (Hu et al. 2021, arXiv 2106.09685): x·Aᵀ·Bᵀ times a scale is added to the output.
///
/// The full-size product B·A is never formed but to merge.
#[derive(Module, Debug)]
pub struct Adapter {
    /// `[rank, input]`, f32.
    pub(super) lora_a: Param<Tensor<2>>,
    /// `[output, rank]`, f32; zero at first, so that a fresh adapter changes nothing.
    pub(super) lora_b: Param<Tensor<2>>,
    scale: f64,
    dropout: Dropout,
}

impl Projection {
    /// Weights that are drawn when they are first touched, so that a model can be described without being allocated.
    pub fn new(input: usize, output: usize, bias: bool, device: &Device) -> Self {
        Self {
            weight: Initializer::Normal { mean: 0.0, std: 1.0 / (input as f64).sqrt() }.init([output, input], device),
            bias: bias.then(|| Initializer::Zeros.init([output], device)),
            lora: None,
        }
    }

    /// `[rows, input]` → `[rows, output]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut y = x.clone().matmul(self.weight.val().transpose());
        if let Some(bias) = &self.bias {
            y = y + bias.val().unsqueeze();
        }
        match &self.lora {
            Some(lora) => y + lora.forward(x),
            None => y,
        }
    }

    /// The same over `[batch, length, input]`.
    pub fn forward3(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, input] = x.dims();
        let y = self.forward(x.reshape([batch * length, input]));
        let output = y.dims()[1];
        y.reshape([batch, length, output])
    }

    /// Attaches a fresh adapter, in place of one that is there.
    pub fn adapt(&mut self, config: &LoraConfig) {
        let [output, input] = self.weight.lazy_shape().dims();
        self.lora = Some(Adapter::new(input, output, config, &self.weight.lazy_device()));
    }

    /// The adapter, if there is one.
    #[must_use]
    pub fn adapter(&self) -> Option<&Adapter> {
        self.lora.as_ref()
    }

    /// Adds the adapter's product to the weight and drops the adapter.
    pub fn merge(&mut self) {
        let Some(lora) = self.lora.take() else { return };
        let delta = lora.lora_b.val().matmul(lora.lora_a.val()).mul_scalar(lora.scale);
        let tracked = self.weight.val().is_require_grad();
        let weight = self.weight.clone();
        self.weight = weight.map(|weight| (weight.clone() + delta.cast(weight.dtype())).detach().set_require_grad(tracked));
    }

    pub(crate) fn weight(&self) -> Tensor<2> {
        self.weight.val()
    }
}

impl Adapter {
    /// A fresh adapter of a layer of `input` and `output` values.
    pub(crate) fn new(input: usize, output: usize, config: &LoraConfig, device: &Device) -> Self {
        let bound = 1.0 / (input as f64).sqrt();
        Self {
            lora_a: Initializer::Uniform { min: -bound, max: bound }.init([config.rank, input], device),
            lora_b: Initializer::Zeros.init([output, config.rank], device),
            scale: config.scale(),
            dropout: Dropout::new(config.dropout),
        }
    }

    /// The factor that is applied first, `[rank, input]`.
    #[must_use]
    pub fn a(&self) -> Tensor<2> {
        self.lora_a.val()
    }

    /// The factor that is applied second, `[output, rank]`.
    #[must_use]
    pub fn b(&self) -> Tensor<2> {
        self.lora_b.val()
    }

    /// [`Adapter::forward`] over `[batch, length, input]`.
    pub(crate) fn over_rows(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, input] = x.dims();
        let y = self.forward(x.reshape([batch * length, input]));
        let output = y.dims()[1];
        y.reshape([batch, length, output])
    }

    /// Values that go in and come out.
    pub(crate) fn sizes(&self) -> [usize; 2] {
        let ([_, input], [output, _]) = (self.lora_a.lazy_shape().dims(), self.lora_b.lazy_shape().dims());
        [input, output]
    }

    /// What is added to the layer's output, `[rows, input]` → `[rows, output]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let dtype = x.dtype();
        // Adapters are trained in f32 whatever the frozen weights are held in.
        let x = self.dropout.forward(x.cast(DType::F32));
        x.matmul(self.lora_a.val().transpose()).matmul(self.lora_b.val().transpose()).mul_scalar(self.scale).cast(dtype)
    }
}
