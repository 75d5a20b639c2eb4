//! Gradients with the activations of one layer at a time.
//!
//! Burn's gradient checkpointing recomputes operations that are bound by memory, not layers (0.22). So a pass is taken by hand
//! (Chen et al. 2016, arXiv 1604.06174): the forward pass keeps what goes into each layer; the way back runs each layer again,
//! from the last, and takes its gradients before the next.

use burn::module::Module;
use burn::tensor::{Gradients, Tensor};

use super::LanguageModel;
use super::model::Passage;
use crate::dropout;

/// What a forward pass keeps for the way back.
pub(crate) struct Inputs {
    /// What goes into each layer, `[batch, length, width]`.
    layers: Vec<Tensor<3>>,
    passage: Passage,
    /// Seed of the first layer's dropout.
    seed: u64,
}

impl LanguageModel {
    /// Hidden states after the last layer and before the norm, as a leaf of its own graph, from embeddings `x` `[batch, length,
    /// width]`; see [`LanguageModel::forward`].
    pub(crate) fn ascend(&self, x: Tensor<3>, padding: &[usize]) -> (Tensor<3>, Inputs) {
        let device = x.device();
        let passage = self.passage(&x, padding, 0);
        let seed = dropout::draw_seed(&device);
        // Nothing is tracked, but what drops out does. (A graph that hangs on a parameter would stay until it is walked.)
        let still = self.clone().no_grad();
        let mut x = x.inner();
        let mut layers = Vec::with_capacity(self.config().layers());
        for index in 0..self.config().layers() {
            layers.push(x.clone());
            let layer = || still.layer(index, Tensor::from_inner(x), &passage, None).inner();
            x = dropout::repeatable(seed.wrapping_add(index as u64), &device, layer);
        }
        (Tensor::from_inner(x).require_grad(), Inputs { layers, passage, seed })
    }

    /// From the gradient with respect to what [`LanguageModel::ascend`] returned to that with respect to the embeddings. `take` is
    /// given the gradients of every layer.
    pub(crate) fn descend(&self, inputs: Inputs, mut gradient: Tensor<3>, mut take: impl FnMut(Gradients)) -> Tensor<3> {
        let Inputs { layers, passage, seed } = inputs;
        for (index, x) in layers.into_iter().enumerate().rev() {
            let x = Tensor::from_inner(x).require_grad();
            let layer = || self.layer(index, x.clone(), &passage, None);
            let y = dropout::repeatable(seed.wrapping_add(index as u64), &x.device(), layer);
            // A sum whose gradient with respect to y is the one from above.
            let mut gradients = (y * Tensor::from_inner(gradient.clone())).sum().backward();
            gradient = x.grad_remove(&mut gradients).unwrap_or_else(|| gradient.zeros_like());
            take(gradients);
        }
        gradient
    }
}
