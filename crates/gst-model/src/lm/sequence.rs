//! Where the samples of a batch lie: padded on the left, so that all end at the same place and grow together.

use burn::tensor::{Device, Tensor, TensorData};

use crate::attention::MASKED;

/// A piece of a batch of sequences: `length` slots after `past` slots that a cache holds.
#[derive(Debug, Clone)]
pub(super) struct Span<'a> {
    /// Slots at the left of each sample that hold nothing.
    pub(super) padding: &'a [usize],
    /// Slots in the cache.
    pub(super) past: usize,
    /// Slots of this piece.
    pub(super) length: usize,
}

impl Span<'_> {
    /// The position of each slot in its own sample; 0 for padding, which nobody looks at.
    pub(super) fn positions(&self) -> Vec<Vec<usize>> {
        let row = |&padding: &usize| (self.past..self.past + self.length).map(|slot| slot.saturating_sub(padding)).collect();
        self.padding.iter().map(row).collect()
    }

    /// `[batch, 1, length, past + length]` in f32: 0 where a slot may look at another, [`MASKED`] elsewhere. With a `window`
    /// a slot looks that many slots back, itself included.
    pub(super) fn mask(&self, window: Option<usize>, device: &Device) -> Tensor<4> {
        let slots = self.past + self.length;
        let mut values = vec![MASKED; self.padding.len() * self.length * slots];
        let lines = values.chunks_exact_mut(slots).enumerate();
        for (index, line) in lines {
            let (padding, to) = (self.padding[index / self.length], self.past + index % self.length);
            let first = padding.max((to + 1).saturating_sub(window.unwrap_or(slots)));
            // A padded slot sees itself alone, so that its (unused) scores stay finite.
            line[first.min(to)..=to].fill(0.0);
        }
        Tensor::from_data(TensorData::new(values, [self.padding.len(), 1, self.length, slots]), device)
    }
}
