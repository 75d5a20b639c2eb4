//! What can go wrong between a configuration or a file and a model.

use std::path::PathBuf;

/// Why a model could not be made, fed, saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No preset has this name.
    #[error("unknown model `{found}`: the presets are {}", known.join(", "))]
    UnknownPreset {
        /// The name that was asked for.
        found: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A size in the configuration cannot be built.
    #[error("model configuration: `{field}` is {found}, expected {expected}")]
    Config {
        /// Name of the configuration field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// A preset file is not one.
    #[error("{}: not a configuration of this model: {reason}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A batch cannot be made from these samples.
    #[error("batch: {0}")]
    Batch(String),
    /// A file could not be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A weight file is not one of this model.
    #[error("{}: not weights of this model: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A pretrained part could not be read.
    #[error(transparent)]
    Pretrained(#[from] crate::pretrained::PretrainedError),
}
