//! Gradients kept small: a seeded sparse sign projection, by hash, so that no matrix is stored.
//!
//! Every coordinate of a gradient of P values is added, with a sign, to [`NONZEROS`] of the k values of its sketch. The signs are a
//! hash of the seed and the coordinate's index, and so are the places, 64 neighbours at a time: two gradients sketched with equal
//! [`SketchParams`] can be compared, wherever and in whatever order their parts came. For any x and y, ⟨sketch x, sketch y⟩
//! has mean ⟨x, y⟩ and variance of at most about (‖x‖²‖y‖² + ⟨x, y⟩²) / k (Kane and Nelson, *Sparser Johnson-Lindenstrauss
//! Transforms*, 2014). Time O(P), memory O(k).
//!
//! `size` 0 is the *exact mode*: the "sketch" is the gradient itself. It is the default for small models.
//!
//! ```
//! use gst_affinity::{SketchParams, Sketcher};
//!
//! let sketcher = Sketcher::new(SketchParams { size: 1024, seed: 7 })?;
//! let gradient: Vec<f32> = (0..10_000).map(|i| (i as f32).sin()).collect();
//!
//! let mut stream = sketcher.start();
//! stream.add_block(5_000, &gradient[5_000..])?; // blocks in any order, each once
//! stream.add_block(0, &gradient[..5_000])?;
//! assert_eq!(stream.finish()?.len(), 1024);
//! # Ok::<(), gst_affinity::SketchError>(())
//! ```

mod projection;
mod stream;

use serde::{Deserialize, Serialize};

pub use projection::NONZEROS;
pub use stream::SketchStream;

use projection::Projection;

/// The smallest sketch: below it the error of an inner product is a quarter of the norms and more.
pub const MIN_SIZE: usize = 16;

/// The largest sketch: above it the exact gradient of most models is smaller.
pub const MAX_SIZE: usize = 1 << 24;

/// The longest gradient kept in exact mode (8 GiB of 32-bit values): an offset beyond it is a mistake, not a model that
/// anyone would keep D gradients of.
pub const MAX_EXACT: u64 = 1 << 31;

/// Size and seed of a sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SketchParams {
    /// k, the values of a sketch: 0 for exact gradients, otherwise [`MIN_SIZE`] to [`MAX_SIZE`].
    pub size: usize,
    /// Seed of the projection. Unused in exact mode.
    pub seed: u64,
}

impl SketchParams {
    /// The exact mode.
    pub const EXACT: Self = Self { size: 0, seed: 0 };
}

/// Why a sketch cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SketchError {
    /// A size out of range.
    #[error("sketch size is {found}, expected 0 (exact) or {MIN_SIZE} to {MAX_SIZE}")]
    BadSize {
        /// The size.
        found: usize,
    },
    /// A value came twice.
    #[error("values {from} to {to} of the gradient were added before: each block may be added once")]
    Overlap {
        /// First value of the block.
        from: u64,
        /// One past its last value.
        to: u64,
    },
    /// A value never came.
    #[error("values {from} to {to} of the gradient are missing: add every block before finishing")]
    Gap {
        /// First value missing.
        from: u64,
        /// One past the last value missing.
        to: u64,
    },
    /// A block that ends beyond what can be kept or counted.
    #[error("a block of {length} values at {offset} ends beyond the {limit} values of a gradient")]
    TooLong {
        /// Offset of the block.
        offset: u64,
        /// Its length.
        length: usize,
        /// The limit.
        limit: u64,
    },
    /// A NaN or infinite value.
    #[error("value {index} of the gradient is {value}: the loss of this batch is not finite, look at its samples")]
    NotFinite {
        /// Index within the gradient.
        index: u64,
        /// The value, as text.
        value: String,
    },
    /// Two streams of other parameters.
    #[error("sketches of {other:?} cannot be merged into one of {own:?}: use one size and one seed")]
    OtherParams {
        /// Parameters of the stream merged into.
        own: SketchParams,
        /// Parameters of the stream merged.
        other: SketchParams,
    },
    /// A stored stream whose parts do not fit each other.
    #[error("the stored stream is damaged: {reason}; start it again")]
    Damaged {
        /// What does not fit.
        reason: String,
    },
}

/// Makes sketches of one size and seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketcher {
    params: SketchParams,
}

impl Sketcher {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`SketchError::BadSize`].
    pub fn new(params: SketchParams) -> Result<Self, SketchError> {
        if params.size != 0 && !(MIN_SIZE..=MAX_SIZE).contains(&params.size) {
            return Err(SketchError::BadSize { found: params.size });
        }
        Ok(Self { params })
    }

    /// The parameters.
    pub fn params(&self) -> SketchParams {
        self.params
    }

    /// Whether a sketch is the gradient itself.
    pub fn is_exact(&self) -> bool {
        self.params.size == 0
    }

    /// The sketch of a whole gradient: `size` values, or all of them in exact mode. The same for any number of threads.
    /// A value that is not finite spreads into the sketch, where [`GradientSamples::push`](crate::GradientSamples::push)
    /// refuses it.
    pub fn sketch(&self, gradient: &[f32]) -> Vec<f32> {
        if self.is_exact() {
            return gradient.to_vec();
        }
        let mut sums = vec![0.0; self.params.size];
        Projection::new(self.params).add(&mut sums, 0, gradient);
        sums.into_iter().map(|sum| sum as f32).collect()
    }

    /// Starts a sketch that is fed block by block.
    pub fn start(&self) -> SketchStream {
        SketchStream::new(self.params)
    }
}
