//! The plain bridge: neighbouring encoder frames side by side, then one linear layer or two with a GELU between them.
//!
//! One layer is what Qwen2-Audio has (arXiv 2407.10759), two behind stacked frames what Voxtral has (arXiv 2507.13264).

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::config_file::positive;
use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError};

/// Sizes of a [`Projector`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectorConfig {
    /// Width of the encoder frames.
    pub input: usize,
    /// Encoder frames that are put side by side and become one embedding.
    pub stack: usize,
    /// Width between the two layers; without it there is one layer.
    #[serde(default)]
    pub hidden: Option<usize>,
    /// Width of the language model.
    pub output: usize,
    /// Whether the layers have biases.
    #[serde(default = "bias")]
    pub bias: bool,
}

fn bias() -> bool {
    true
}

impl ProjectorConfig {
    /// Whether a projector of these sizes can be built.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size is zero.
    pub fn check(&self) -> Result<(), ModelError> {
        let hidden = self.hidden.unwrap_or(self.output);
        positive(&[("input", self.input), ("stack", self.stack), ("hidden", hidden), ("output", self.output)])
    }

    /// A projector with fresh weights.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<Projector, ModelError> {
        self.check()?;
        let linear = |input, output| LinearConfig::new(input, output).with_bias(self.bias).init(device);
        Ok(Projector {
            linear_1: linear(self.input * self.stack, self.hidden.unwrap_or(self.output)),
            linear_2: self.hidden.map(|hidden| linear(hidden, self.output)),
            stack: self.stack,
        })
    }

    /// Embeddings that `frames` encoder frames give; frames behind the last whole stack are left out.
    #[must_use]
    pub fn embeddings(&self, frames: usize) -> usize {
        frames / self.stack
    }
}

/// Stacked frames to embeddings of the language model.
#[derive(Module, Debug)]
pub struct Projector {
    linear_1: Linear,
    linear_2: Option<Linear>,
    stack: usize,
}

impl Projector {
    /// The same projector with the weights behind `prefix` in a checkpoint (transformers: `multi_modal_projector.`): `linear`
    /// where there is one layer, else `linear_1` and `linear_2`. What lies elsewhere in it is not read.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load(self, checkpoint: &Checkpoint, prefix: &str, precision: Precision) -> Result<Self, PretrainedError> {
        let single = self.linear_2.is_none();
        let name = |path: &str| match path.strip_prefix("linear_1.").filter(|_| single) {
            Some(rest) => Some(format!("{prefix}linear.{rest}")),
            None => Some(format!("{prefix}{path}")),
        };
        let unused = |name: &str| !name.starts_with(prefix);
        checkpoint.load(self, &Loading { name: &name, unused: &unused, precision })
    }

    /// `frames` `[batch, length, input]`, at least one stack long, to
    /// `[batch, `[`embeddings`](ProjectorConfig::embeddings)`, output]`.
    pub fn forward(&self, frames: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = frames.dims();
        let count = length / self.stack;
        let stacked = frames.slice_dim(1, 0..count * self.stack).reshape([batch, count, self.stack * width]);
        let x = self.linear_1.forward(stacked);
        match &self.linear_2 {
            Some(last) => last.forward(gelu(x)),
            None => x,
        }
    }
}
