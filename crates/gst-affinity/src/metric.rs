//! The measures of affinity between two datasets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A measure of how two datasets i and j stand to each other, from their gradients g_i, g_j or from losses.
///
/// The name in files, flags and tables is in kebab case (`gradient-distance`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Metric {
    /// ‖g_i − g_j‖, the paper's. It follows gradient norms: a dataset with a large gradient is far from all others.
    GradientDistance,
    /// ‖g_i/‖g_i‖ − g_j/‖g_j‖‖ = √(2 − 2 cos): distance that knows directions only, 0 to 2.
    UnitDistance,
    /// ⟨g_i, g_j⟩ / (‖g_i‖ ‖g_j‖), −1 to 1. The default: of the metrics that any gradients allow it finds planted groups best (the
    /// figures are in the repository's `docs/method.md`, "Which metric").
    #[default]
    Cosine,
    /// The cosine of gradients that were divided by the root of Adam's second moments, as the optimizer sees them.
    PreconditionedCosine,
    /// ⟨g_i, g_j⟩: by how much a small step on i lowers the loss of j, to first order.
    Dot,
    /// 1 − (loss of j after one step on i) / (loss of j before): Task Affinity Groupings (2109.04617). Directed i → j.
    Lookahead,
    /// The same after many steps on i, on a copy of the model: the costly reference. Directed i → j.
    Transferability,
    /// ⟨g, H_i g_j − H_j g_i⟩ (Lie bracket, 2606.24993): positive where i before j ends lower than j before i. Directed.
    Commutator,
}

impl Metric {
    /// Every metric, in the order in which tables are shown.
    pub const ALL: [Self; 8] = [
        Self::GradientDistance,
        Self::UnitDistance,
        Self::Cosine,
        Self::PreconditionedCosine,
        Self::Dot,
        Self::Lookahead,
        Self::Transferability,
        Self::Commutator,
    ];

    /// The name in files, flags and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GradientDistance => "gradient-distance",
            Self::UnitDistance => "unit-distance",
            Self::Cosine => "cosine",
            Self::PreconditionedCosine => "preconditioned-cosine",
            Self::Dot => "dot",
            Self::Lookahead => "lookahead",
            Self::Transferability => "transferability",
            Self::Commutator => "commutator",
        }
    }

    /// Whether entry (i, j) differs from (j, i): row i is what is trained on (or comes first), column j what is affected.
    pub const fn is_directed(self) -> bool {
        matches!(self, Self::Lookahead | Self::Transferability | Self::Commutator)
    }

    /// Whether large means far apart. For every other metric large means close or helpful.
    pub const fn is_distance(self) -> bool {
        matches!(self, Self::GradientDistance | Self::UnitDistance)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no [`Metric`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no affinity metric is called `{found}`; known are gradient-distance, unit-distance, cosine, preconditioned-cosine, dot, \
     lookahead, transferability, commutator"
)]
pub struct UnknownMetric {
    /// The name as found.
    pub found: String,
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        let known = Self::ALL.into_iter().find(|metric| metric.name() == text);
        known.ok_or_else(|| UnknownMetric { found: text.to_owned() })
    }
}
