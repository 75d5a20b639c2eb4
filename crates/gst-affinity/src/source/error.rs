//! Why saved gradients cannot be used.

use crate::{AffinityError, SketchError};

/// Why saved gradients cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Not a readable `.npy` file.
    #[error("{source_name}: not a readable .npy file: {reason}")]
    BadNpy {
        /// File name, as given by the caller.
        source_name: String,
        /// What is wrong.
        reason: String,
    },
    /// Not a readable safetensors file.
    #[error("{source_name}: not a readable safetensors file: {reason}")]
    BadSafetensors {
        /// File name, as given by the caller.
        source_name: String,
        /// What is wrong.
        reason: String,
    },
    /// Numbers of a kind that gradients do not have.
    #[error("{source_name}: values of type `{found}`; float16, bfloat16, float32 and float64 are read, save one of these")]
    BadType {
        /// File name (and tensor).
        source_name: String,
        /// The type found.
        found: String,
    },
    /// An array of another shape than needed.
    #[error("{source_name}: an array of shape {found:?}, {expected} is needed")]
    BadShape {
        /// File name (and tensor).
        source_name: String,
        /// The shape found.
        found: Vec<usize>,
        /// The shape expected, in words.
        expected: String,
    },
    /// Names and arrays that do not go together.
    #[error("{source_name}: {found} names for {expected} datasets: one name a line, in the order of the array")]
    BadNames {
        /// File name, as given by the caller.
        source_name: String,
        /// Names found.
        found: usize,
        /// Datasets in the array.
        expected: usize,
    },
    /// A batch that does not exist.
    #[error("dataset {dataset} has no batch {batch}")]
    NoSuchBatch {
        /// Index of the dataset.
        dataset: usize,
        /// Index of the batch.
        batch: usize,
    },
    /// A gradient that cannot be sketched.
    #[error("dataset `{dataset}`, batch {batch}: {error}")]
    Unsketched {
        /// Dataset.
        dataset: String,
        /// Batch, counted from 0.
        batch: usize,
        /// What the sketch says.
        error: SketchError,
    },
    /// Gradients that do not fit each other.
    #[error(transparent)]
    Affinity(#[from] AffinityError),
}
