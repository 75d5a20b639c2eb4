//! Why a gradient cannot be taken from a module.

use super::ProbedParameter;
use crate::SketchError;

/// Why a gradient cannot be taken from a module.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// A path pattern that is not a regular expression.
    #[error("{pattern}: not regular expressions over parameter paths: {reason}")]
    BadPattern {
        /// The patterns.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// No trainable parameter is chosen.
    #[error(
        "no parameter to probe: {chosen} matches none of the {trainable} trainable parameters{example} (a parameter is \
         trainable if the model was made on `device.autodiff()` and the parameter is not frozen)"
    )]
    NothingChosen {
        /// What was chosen, in words.
        chosen: String,
        /// Trainable parameter tensors in the module.
        trainable: usize,
        /// One of their paths, for the message; empty if there is none.
        example: String,
    },
    /// Two parameters of one path.
    #[error("two parameters have the path `{path}`: a gradient needs one place for each")]
    AmbiguousPath {
        /// The path.
        path: String,
    },
    /// The loss does not hang on the parameters.
    #[error("the loss carries no gradient: make the model on `device.autodiff()` and do not detach the loss")]
    NoAutodiff,
    /// A NaN or infinite gradient.
    #[error("the gradient of `{path}` is {value} at value {index}: the loss of this batch is not finite, look at its samples")]
    NotFinite {
        /// Path of the parameter.
        path: String,
        /// Index within the parameter.
        index: usize,
        /// The value, as text.
        value: String,
    },
    /// The backend does not give the values.
    #[error("the gradient of `{path}` cannot be read: {reason}")]
    Unreadable {
        /// Path of the parameter.
        path: String,
        /// What the backend says.
        reason: String,
    },
    /// A vector (or preconditioner) that is not one value for each parameter.
    #[error("the vector or preconditioner has {found} values, the chosen parameters have {expected}")]
    OtherLength {
        /// Values found.
        found: u64,
        /// Values expected.
        expected: u64,
    },
    /// A step that is not a positive number.
    #[error("the step of the finite difference is {found}, expected a finite number above 0")]
    BadStep {
        /// The step.
        found: f64,
    },
    /// The sketch refuses a block.
    #[error(transparent)]
    Sketch(#[from] SketchError),
}

impl ProbeError {
    pub(super) fn unreadable(parameter: &ProbedParameter, reason: String) -> Self {
        Self::Unreadable { path: parameter.path.clone(), reason }
    }
}
