//! How far apart the gradients of training datasets are, and what that says about mixing, grouping and ordering them.
//!
//! A model that is trained on several datasets at once follows the sum of their gradients. This crate measures how those
//! gradients stand to each other, honestly: from noisy batches, with the noise taken out and an interval on every number.
//!
//! # A small example
//!
//! ```
//! use gst_affinity::{Affinity, DatasetFacts, EstimateParams, GradientSamples, Metric, ProbeFacts};
//!
//! let mut samples = GradientSamples::new(["speech", "music", "birds"])?;
//! for batch in 0..6 {
//!     let noise = (batch as f32 * 2.4).sin() / 8.0;
//!     samples.push(0, vec![1.0 + noise, 0.0, noise])?; // one gradient a batch, from any trainer
//!     samples.push(1, vec![-1.0, 0.2 - noise, noise])?;
//!     samples.push(2, vec![-1.0 - noise, 0.1, -noise])?;
//! }
//! let mut datasets = vec![DatasetFacts::new("speech", 4000), DatasetFacts::new("music", 1000), DatasetFacts::new("birds", 500)];
//! DatasetFacts::weigh_by_size(&mut datasets);
//!
//! let affinity = Affinity::estimate(&[samples], datasets, Metric::Cosine, &EstimateParams::default(), ProbeFacts::default())?;
//! let cosines = affinity.table(Metric::Cosine).ok_or("measured")?;
//! assert!(cosines.get(0, 1) < Some(-0.9) && cosines.get(1, 2) > Some(0.9));
//! let split = affinity.split(&[vec![0], vec![1, 2]])?;
//! assert!(split.between > 0.99 * split.total);
//! for sentence in &affinity.verdict {
//!     println!("{sentence}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The notions
//!
//! Datasets i = 1..D have losses F_i, weights p_i (sum 1) and gradients g_i = ∇F_i at the point of training where they are
//! *probed*; g = Σ p_i g_i.
//!
//! * **Affinity** of two datasets: a [`Metric`] of their gradients (distance, cosine, dot), or of losses (lookahead,
//!   transferability), or of Hessian-vector products (commutator). The last three are *directed*. All tables that can be made
//!   stand beside each other in an [`Affinity`].
//! * **Noise.** Batches give g_i with noise of variance σ_i²/n. The plain ‖ĝ_i − ĝ_j‖² is too large by σ_i²/n + σ_j²/n; here
//!   every inner product is a mean over pairs of *different* batches (a U-statistic), which is unbiased. It may come out
//!   negative; it stays so until a kernel needs otherwise ([`Affinity::distance`]). A cosine whose norms are not positive is
//!   *undetermined*.
//! * **Intervals** come from a bootstrap over batches and the sketch's known error; [`Table::more_batches`] says how many
//!   batches a narrower one takes.
//! * **Sketch**: a gradient of P parameters as k numbers ([`sketch`]); k = 0 keeps it exact.
//! * **Heterogeneity** ζ² = Σ p_i ‖g_i − g‖², split by any grouping into *within* and *between* ([`Split`]).
//! * **Conflict** ([`Conflict`]) and **dependence** ([`Dependence`]): who pulls against whom, and who prepares whom.
//! * **Drift** between two affinities ([`drift`]), agreement of two groupings ([`adjusted_rand_index`]).
//!
//! # Where gradients come from
//!
//! From Burn: [`probe`] (feature `burn`, on by default; without it no Burn is compiled). From files of NumPy or PyTorch:
//! [`source`]. From anywhere else: [`GradientSamples::push`], or a [`source::GradientSource`] of your own.
//!
//! The definitions of affinity by gradient distance and of the split are those of *Heterogeneity-Aware Dataset Scheduling for
//! Efficient Audio Large Language Model Training* (2605.19101); how they are estimated here (batches, debiasing, intervals,
//! sketch, probe points) is this crate's own.

mod affinity;
mod agreement;
pub mod artifact;
mod conflict;
mod directed;
mod distance;
mod error;
mod estimate;
mod facts;
mod heterogeneity;
mod measurements;
mod metric;
mod precondition;
#[cfg(feature = "burn")]
pub mod probe;
mod samples;
pub mod sketch;
pub mod source;
mod table;

pub use affinity::Affinity;
pub use agreement::{Drift, Stability, adjusted_rand_index, drift, rank_correlation};
pub use artifact::{Artifact, ArtifactError, Document, content_hash};
pub use conflict::Conflict;
pub use directed::{CommutatorSample, Dependence, DirectedPair, LossTable};
pub use error::AffinityError;
pub use estimate::EstimateParams;
pub use facts::{Cost, DatasetFacts, ProbeFacts};
pub use heterogeneity::{Heterogeneity, Split};
pub use measurements::Measurements;
pub use metric::{Metric, UnknownMetric};
pub use precondition::Preconditioner;
#[cfg(feature = "burn")]
pub use probe::{GradientProbe, ProbeError};
pub use samples::{GradientSamples, MIN_BATCHES};
pub use sketch::{SketchError, SketchParams, SketchStream, Sketcher};
pub use table::{MoreBatches, Symmetrize, Table};
