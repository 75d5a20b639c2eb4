//! Reading published checkpoints: safetensors files (one or many), into any Burn module, by name.
//!
//! A module whose fields are named as the checkpoint names its tensors loads without a table; elsewhere a function gives the
//! name that belongs to a parameter's path. What a checkpoint lacks, has too much or in another shape is listed by name, all of
//! it at once, before a byte of it is read.
//!
//! ```no_run
//! use burn::nn::LinearConfig;
//! use gst_model::pretrained::{Checkpoint, Loading, Precision};
//!
//! let checkpoint = Checkpoint::open("whisper-tiny".as_ref())?;
//! let loading = Loading {
//!     name: &|path| Some(format!("model.encoder.layers.0.fc1.{path}")),
//!     unused: &|name| !name.starts_with("model.encoder.layers.0.fc1."),
//!     precision: Precision::F32,
//! };
//! let layer = LinearConfig::new(384, 384).init(&burn::tensor::Device::flex());
//! let layer = checkpoint.load(layer, &loading)?;
//! # Ok::<(), gst_model::pretrained::PretrainedError>(())
//! ```

mod checkpoint;
mod error;
mod load;
mod precision;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use checkpoint::{Checkpoint, StoredTensor};
pub use error::{Misfit, PretrainedError};
pub use load::Loading;
pub use precision::Precision;

/// Reads a JSON file such as `config.json`.
///
/// # Errors
/// [`PretrainedError::Io`] when it cannot be read, [`PretrainedError::Format`] when it is not what `T` expects.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, PretrainedError> {
    let text = std::fs::read_to_string(path).map_err(PretrainedError::io(path))?;
    serde_json::from_str(&text).map_err(|error| PretrainedError::format(path, error.to_string()))
}

/// Writes a file aside first and renames it, so that a reader never sees half of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PretrainedError> {
    let aside = path.with_extension("partial");
    std::fs::write(&aside, bytes).map_err(PretrainedError::io(&aside))?;
    std::fs::rename(&aside, path).map_err(PretrainedError::io(path))
}
