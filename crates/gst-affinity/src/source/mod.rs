//! Gradients that come from elsewhere: another trainer, another language.
//!
//! A [`GradientSource`] hands gradients over block by block; [`collect`] sketches them on the way, so that no whole gradient is
//! ever needed in memory. [`SavedGradients`] is one over the bytes of `.npy` and safetensors files, as NumPy and PyTorch write
//! them:
//!
//! ```
//! use gst_affinity::source::{SavedGradients, collect};
//! use gst_affinity::{SketchParams, Sketcher};
//!
//! // What `numpy.save` writes for an array [2 datasets, 2 batches, 3 parameters] of float32.
//! let mut bytes = b"\x93NUMPY\x01\x00\x3d\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 3)}\n".to_vec();
//! bytes.extend((0..12).flat_map(|i| (i as f32).to_le_bytes()));
//!
//! let source = SavedGradients::from_npy(&bytes, "grads.npy", &["speech", "music"])?;
//! let samples = collect(&source, &Sketcher::new(SketchParams::EXACT)?)?;
//! assert_eq!(samples.batches(1), [[6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod npy;
mod numbers;
mod saved;
mod sketches;

use std::borrow::Cow;

use crate::{AffinityError, GradientSamples, Preconditioner, Sketcher};

pub use error::SourceError;
pub use saved::SavedGradients;
pub use sketches::SavedSketches;

/// Takes blocks of a gradient: the offset of the first value, and the values.
pub type Take<'a> = &'a mut dyn FnMut(u64, &[f32]) -> Result<(), SourceError>;

/// Batch gradients of D datasets, from wherever they are kept.
pub trait GradientSource {
    /// Names of the datasets.
    fn names(&self) -> &[String];

    /// Batches of a dataset.
    fn batches(&self, dataset: usize) -> usize;

    /// Values of a gradient.
    fn parameters(&self) -> u64;

    /// Hands the gradient of one batch over, block by block; every value once.
    ///
    /// # Errors
    /// What reading needs, and whatever `take` answers.
    fn read(&self, dataset: usize, batch: usize, take: Take<'_>) -> Result<(), SourceError>;
}

/// All gradients of a source, sketched: one probe point.
///
/// # Errors
/// A source that cannot be read, a value that is not finite, equal names.
pub fn collect(source: &impl GradientSource, sketcher: &Sketcher) -> Result<GradientSamples, SourceError> {
    collect_blocks(source, sketcher, |_, values| Ok(Cow::Borrowed(values)))
}

/// As [`collect`], preconditioned before they are sketched: for
/// [`Measurements::preconditioned`](crate::Measurements::preconditioned).
///
/// # Errors
/// As [`collect`], and a preconditioner of another length.
pub fn collect_preconditioned(
    source: &impl GradientSource,
    sketcher: &Sketcher,
    preconditioner: &Preconditioner,
) -> Result<GradientSamples, SourceError> {
    let (found, expected) = (preconditioner.len(), source.parameters());
    if found as u64 != expected {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        return Err(AffinityError::OtherPreconditioner { found, expected }.into());
    }
    collect_blocks(source, sketcher, |offset, values| {
        let mut values = values.to_vec();
        preconditioner.apply(offset, &mut values)?;
        Ok(Cow::Owned(values))
    })
}

fn collect_blocks(
    source: &impl GradientSource,
    sketcher: &Sketcher,
    change: impl for<'v> Fn(u64, &'v [f32]) -> Result<Cow<'v, [f32]>, AffinityError>,
) -> Result<GradientSamples, SourceError> {
    let mut samples = GradientSamples::new(source.names())?;
    for (dataset, name) in source.names().iter().enumerate() {
        for batch in 0..source.batches(dataset) {
            let at = |error| SourceError::Unsketched { dataset: name.clone(), batch, error };
            let mut stream = sketcher.start();
            source.read(dataset, batch, &mut |offset, values| stream.add_block(offset, &change(offset, values)?).map_err(at))?;
            samples.push(dataset, stream.finish().map_err(at)?)?;
        }
    }
    Ok(samples)
}
