//! The ways to make groups, by name.

use serde::{Deserialize, Serialize};

use crate::names::named_choices;

/// How groups are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Method {
    /// [`spectral`](crate::spectral()) clustering of the affinity graph, as in the paper.
    #[default]
    Spectral,
    /// [`agglomerative`](crate::agglomerative()) clustering: the two nearest groups are merged until K are left.
    Agglomerative,
    /// The grouping of least within term among all groupings into K groups ([`exact`](crate::exact()); D ≤ 16).
    Exact,
    /// [`community`](crate::community()) detection: groups of greatest modularity in the graph of nearest neighbours; finds K itself unless K is fixed.
    Community,
    /// K groups drawn by chance, as equal in number as can be: the control that every grouping by affinity has to beat.
    Random,
    /// A group for each domain that the datasets name; K follows from them.
    ByDomain,
    /// All datasets in one group: mix-all.
    Single,
    /// Every dataset in a group of its own.
    Singletons,
    /// The groups that the caller names ([`GroupingParams::partition`](crate::GroupingParams::partition)).
    Given,
}

named_choices!(Method, "method",
    Spectral => "spectral",
    Agglomerative => "agglomerative",
    Exact => "exact",
    Community => "community",
    Random => "random",
    ByDomain => "by-domain",
    Single => "single",
    Singletons => "singletons",
    Given => "given",
);

impl Method {
    /// Whether the groups depend on distances; the others are baselines.
    pub fn uses_distances(self) -> bool {
        matches!(self, Self::Spectral | Self::Agglomerative | Self::Exact | Self::Community)
    }

    /// Whether K has to come from outside: given, or chosen by a [`GroupCount`](crate::GroupCount).
    pub fn takes_count(self) -> bool {
        !matches!(self, Self::ByDomain | Self::Single | Self::Singletons | Self::Given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are_written() {
        for (method, name) in Method::ALL {
            assert_eq!(name.parse::<Method>().unwrap(), *method);
            assert_eq!(serde_json::to_string(method).unwrap(), format!("\"{name}\""));
        }
        let message = "spectrum".parse::<Method>().unwrap_err().to_string();
        assert!(message.contains("did you mean \"spectral\"?") && message.contains("by-domain"), "{message}");
    }
}
