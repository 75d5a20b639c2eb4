//! One part of a model and the memory it takes.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::Serialize;

/// The number format of weights or activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// 4 bytes.
    F32,
    /// bf16 or f16: 2 bytes.
    Half,
}

impl Number {
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Half => 2,
        }
    }
}

/// How many numbers a part's operations leave behind and need. Floats, since products of a user's sizes may be beyond any integer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Activations {
    /// Kept for backward.
    pub kept: f64,
    /// Besides, at the busiest moment.
    pub working: f64,
}

/// Most bytes that a part is said to take: sums of parts stay far from the largest integer.
const MAX_BYTES: f64 = (1u64 << 56) as f64;

/// Parameters and memory, in bytes, of one part of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Part {
    /// What it is.
    pub name: String,
    /// Parameters.
    pub parameters: u64,
    /// Parameters that are trained.
    pub trainable: u64,
    /// Its parameters.
    pub weights: u64,
    /// A gradient for each parameter that is trained.
    pub gradients: u64,
    /// AdamW's two moments of each parameter that is trained.
    pub optimizer: u64,
    /// The largest gradient: the update holds a few tensors of its size.
    pub largest: u64,
    /// What forward keeps for backward.
    pub kept: u64,
    /// What is there besides while its largest operation runs.
    pub working: u64,
}

impl Part {
    /// A part that is `module`, all of it trained, in 32 bits. Parameters that were never used stay unallocated.
    #[must_use]
    pub fn trained<M: Module>(name: &str, module: &M) -> Self {
        let mut size = Size::default();
        module.visit(&mut size);
        Self::of_trained(name, size.parameters, size.largest)
    }

    /// A part of `count` parameters that are trained in 32 bits, of which the largest tensor has `largest`.
    #[must_use]
    pub fn of_trained(name: &str, count: u64, largest: u64) -> Self {
        let bytes = Number::F32.bytes();
        Self {
            name: name.to_owned(),
            parameters: count,
            trainable: count,
            weights: count * bytes,
            gradients: count * bytes,
            optimizer: 2 * count * bytes,
            largest: largest * bytes,
            ..Self::default()
        }
    }

    /// A part that is `module`, read only.
    #[must_use]
    pub fn frozen<M: Module>(name: &str, module: &M, number: Number) -> Self {
        let count = module.num_params() as u64;
        Self { name: name.to_owned(), parameters: count, weights: count * number.bytes(), ..Self::default() }
    }

    /// The same part with these activations.
    #[must_use]
    pub fn with_activations(mut self, activations: Activations, number: Number) -> Self {
        let bytes = |numbers: f64| (numbers * number.bytes() as f64).min(MAX_BYTES) as u64;
        self.kept = bytes(activations.kept);
        self.working = bytes(activations.working);
        self
    }
}

/// Numbers in all tensors of a module, and in its largest.
#[derive(Default)]
struct Size {
    parameters: u64,
    largest: u64,
}

impl ModuleVisitor for Size {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let count = param.lazy_shape().num_elements() as u64;
        self.parameters += count;
        self.largest = self.largest.max(count);
    }
}
