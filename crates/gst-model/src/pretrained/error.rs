//! What can be wrong with a checkpoint.

use std::fmt;
use std::path::{Path, PathBuf};

/// Misfits that a message lists before it only counts them.
const LISTED: usize = 20;

/// Why a checkpoint was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PretrainedError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file is not of the format its name says.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A configuration asks for something that cannot be built.
    #[error("{}: `{field}` is {found}, expected {expected}", path.display())]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// Name of the field.
        field: String,
        /// Its value.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// Tensors do not fit the parameters of the module.
    #[error("{}: {} of its tensors do not fit the model:{}", path.display(), misfits.len(), list(misfits))]
    Misfits {
        /// The checkpoint.
        path: PathBuf,
        /// All that does not fit, sorted by name.
        misfits: Vec<Misfit>,
    },
    /// A tokenizer is not the one of the model.
    #[error("{}: its largest token id is {largest}, but the model embeds {embeddings} tokens: they are of different models", path.display())]
    Tokenizer {
        /// The tokenizer's file.
        path: PathBuf,
        /// The largest id that the tokenizer can give.
        largest: u32,
        /// Rows of the embedding.
        embeddings: usize,
    },
    /// A tokenizer could not be read or used.
    #[error(transparent)]
    Text(#[from] gst_data::text::TextError),
}

impl PretrainedError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn format(path: &Path, reason: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn config(path: &Path, field: &str, found: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self::Config { path: path.to_owned(), field: field.into(), found: found.to_string(), expected: expected.into() }
    }
}

/// A tensor that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Misfit {
    /// The model has a parameter of this name, the checkpoint has no tensor.
    Missing {
        /// Name of the tensor.
        name: String,
        /// Shape that the model expects.
        expected: Vec<usize>,
    },
    /// The checkpoint has a tensor that no parameter takes.
    Extra {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// Both have it, in different shapes.
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape in the checkpoint.
        found: Vec<usize>,
        /// Shape that the model expects.
        expected: Vec<usize>,
    },
    /// The checkpoint keeps it as something else than floating-point numbers.
    Dtype {
        /// Name of the tensor.
        name: String,
        /// The type found.
        found: String,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, expected } => write!(out, "`{name}` is missing, expected {expected:?}"),
            Self::Extra { name, found } => write!(out, "`{name}` {found:?} is not a tensor of this model"),
            Self::Shape { name, found, expected } => write!(out, "`{name}` is {found:?}, expected {expected:?}"),
            Self::Dtype { name, found } => write!(out, "`{name}` is {found}, expected F32, F16 or BF16"),
        }
    }
}

fn list(misfits: &[Misfit]) -> String {
    let mut text: String = misfits.iter().take(LISTED).map(|misfit| format!("\n  {misfit}")).collect();
    if misfits.len() > LISTED {
        text.push_str(&format!("\n  and {} more", misfits.len() - LISTED));
    }
    text
}
