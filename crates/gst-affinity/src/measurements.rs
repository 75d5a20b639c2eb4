//! Everything an affinity can be made of.

use crate::{CommutatorSample, GradientSamples, LossTable};

/// What was measured: gradients at one or more probe points, and whatever stands beside them.
///
/// ```
/// use gst_affinity::{GradientSamples, Measurements};
///
/// let points = [GradientSamples::new(["speech", "music"])?];
/// let measured = Measurements { gradients: &points, ..Measurements::default() };
/// assert!(measured.lookahead.is_empty());
/// # Ok::<(), gst_affinity::AffinityError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Measurements<'a> {
    /// Batch gradients, one entry a probe point; at least one.
    pub gradients: &'a [GradientSamples],
    /// The same, preconditioned before they were sketched; one entry a probe point, or none. Where gradients are exact and this
    /// is empty, they are preconditioned by their own mean squares (see [`Preconditioner`](crate::Preconditioner)).
    pub preconditioned: &'a [GradientSamples],
    /// Losses before and after one step on each dataset, one entry a repeat at each of `directed_points`.
    pub lookahead: &'a [LossTable],
    /// Losses before and after fine-tuning on each dataset, one entry a repeat.
    pub transferability: &'a [LossTable],
    /// Gradients and Hessian-vector products, one entry a repeat at each of `directed_points`.
    pub commutator: &'a [CommutatorSample],
    /// Probe points that `lookahead` and `commutator` were measured at: all repeats of the first, then of the next, over the same batches in the same
    /// order. Repeats with batches in common are no repeats: they are averaged over the points before an interval is made. 0 is as 1.
    pub directed_points: usize,
}
