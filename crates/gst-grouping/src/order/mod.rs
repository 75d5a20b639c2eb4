//! The order in which groups are introduced.

mod linear;
mod path;
mod prerequisite;
mod score;

use gst_affinity::Affinity;
use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use self::linear::{MAX_EXACT_ORDER, best_linear_order};
pub use self::path::{MAX_EXACT_PATH, shortest_path};
pub use self::prerequisite::{Prerequisite, PrerequisiteOrder, prerequisite_order};
pub(crate) use self::score::rounded;
use crate::names::named_choices;
use crate::{Distances, GroupingError};

/// In which order groups are introduced. The paper does not say how it orders; these definitions are ours.
///
/// Numbers of a group are means over its datasets by their weights p_i, and groups with equal numbers come in the order of
/// their first names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OrderBy {
    /// Most training samples first.
    #[default]
    Size,
    /// Least learning progress first: the relative drop of the loss over the probe's warm-up.
    SlowFirst,
    /// Most learning progress per second of training on a sample first.
    Cost,
    /// Most alike inside first: the mean squared distance from the group's centre, weighted by p_i, ascending, in the distances
    /// that were grouped by. For `gradient-distance` it is Σ_{i∈k} p_i ‖g_i − g_k‖² / P_k.
    Heterogeneity,
    /// Nearest to the gradient of the whole first: ‖g_k − g‖² ascending.
    NearGlobal,
    /// The [`shortest_path`] through all groups, from the end that has more training samples.
    Path,
    /// [`prerequisite_order`]: what helps others comes before what it helps.
    Prerequisite,
    /// [`best_linear_order`] of the Lie brackets of gradients.
    Commutator,
    /// As the caller says.
    Given,
    /// By chance.
    Random,
}

named_choices!(OrderBy, "order",
    Size => "size",
    SlowFirst => "slow-first",
    Cost => "cost",
    Heterogeneity => "heterogeneity",
    NearGlobal => "near-global",
    Path => "path",
    Prerequisite => "prerequisite",
    Commutator => "commutator",
    Given => "given",
    Random => "random",
);

impl OrderBy {
    /// Whether the order says which group teaches what another needs: somebody gave it, or it was measured.
    #[must_use]
    pub fn rests_on_dependence(self) -> bool {
        matches!(self, Self::Given | Self::Prerequisite | Self::Commutator)
    }
}

/// Groups in order, and what the order was made by.
pub(crate) struct Ordered {
    /// Positions in the list of groups that was given.
    pub(crate) sequence: Vec<usize>,
    /// The number of each group in `sequence`, if the order goes by one.
    pub(crate) scores: Vec<f64>,
    /// A sentence on it, with the numbers.
    pub(crate) note: String,
}

/// Everything an order may look at.
pub(crate) struct Sources<'a> {
    pub(crate) affinity: &'a Affinity,
    pub(crate) distances: &'a Distances,
    pub(crate) groups: &'a [Vec<usize>],
    pub(crate) given: &'a [String],
    pub(crate) seed: u64,
}

impl Sources<'_> {
    /// Puts the groups in order.
    pub(crate) fn arrange(&self, order: OrderBy) -> Result<Ordered, GroupingError> {
        match order {
            OrderBy::Given => self.by_given(),
            OrderBy::Random => {
                let mut sequence = self.by_name();
                sequence.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed));
                Ok(Ordered { sequence, scores: Vec::new(), note: format!("Order `random`, seed {}.", self.seed) })
            }
            OrderBy::Path => self.by_path(),
            OrderBy::Prerequisite => prerequisite::arrange(self),
            OrderBy::Commutator => linear::arrange(self),
            by_number => score::arrange(self, by_number),
        }
    }

    /// Groups by the least of their names: where every order starts, so that ties do not depend on how datasets are listed.
    pub(crate) fn by_name(&self) -> Vec<usize> {
        let first = |group: usize| self.groups[group].iter().map(|&i| self.name(i)).min().unwrap_or_default();
        let mut sequence: Vec<usize> = (0..self.groups.len()).collect();
        sequence.sort_by_key(|&group| first(group));
        sequence
    }

    pub(crate) fn name(&self, dataset: usize) -> &str {
        self.affinity.datasets.get(dataset).map_or("", |d| d.name.as_str())
    }

    /// The share of each member in its group: p_i / P_k, or equal shares in a group of weight 0.
    pub(crate) fn shares(&self, group: usize) -> Vec<(usize, f64)> {
        let members = &self.groups[group];
        let weights = self.distances.weights();
        let mass: f64 = members.iter().map(|&i| weights[i]).sum();
        let share = |i: usize| if mass > 0.0 { weights[i] / mass } else { 1.0 / members.len() as f64 };
        members.iter().map(|&i| (i, share(i))).collect()
    }

    /// Σ_{i∈a, j∈b} of what `entry` makes of share_i share_j and (i, j), for every pair of groups, `[K, K]`.
    pub(crate) fn between(&self, entry: impl Fn(f64, usize, usize) -> f64) -> Array2<f64> {
        self.between_groups(|from, to| {
            from.iter().flat_map(|&(i, x)| to.iter().map(move |&(j, y)| (x * y, i, j))).map(|(w, i, j)| entry(w, i, j)).sum()
        })
    }

    /// What `entry` makes of the [`shares`](Self::shares) of two groups, for every pair of them, `[K, K]`.
    pub(crate) fn between_groups(&self, entry: impl Fn(&[(usize, f64)], &[(usize, f64)]) -> f64) -> Array2<f64> {
        let shares: Vec<Vec<(usize, f64)>> = (0..self.groups.len()).map(|k| self.shares(k)).collect();
        Array2::from_shape_fn((shares.len(), shares.len()), |(a, b)| entry(&shares[a], &shares[b]))
    }

    fn by_path(&self) -> Result<Ordered, GroupingError> {
        let base = self.by_name();
        let between = self.between(|share, i, j| share * self.distances.values()[(i, j)]);
        let between = Array2::from_shape_fn(between.dim(), |(a, b)| between[(base[a], base[b])]);
        let mut path = shortest_path(&between)?;
        let samples = |position: &usize| {
            self.groups[base[*position]].iter().map(|&i| self.affinity.datasets[i].size).fold(0_u64, u64::saturating_add)
        };
        if let (Some(first), Some(last)) = (path.first(), path.last())
            && samples(last) > samples(first)
        {
            path.reverse();
        }
        let length: f64 = path.windows(2).map(|pair| between[(pair[0], pair[1])]).sum();
        let kind = if path.len() <= MAX_EXACT_PATH { "the shortest there is" } else { "found by local search" };
        let note = format!("Order `path`: mean distances between neighbours sum to {length:.4}, {kind}.");
        Ok(Ordered { sequence: path.into_iter().map(|p| base[p]).collect(), scores: Vec::new(), note })
    }

    fn by_given(&self) -> Result<Ordered, GroupingError> {
        let mut sequence = Vec::new();
        for name in self.given {
            let group = self.groups.iter().position(|members| members.iter().any(|&i| self.name(i) == name));
            let Some(group) = group else {
                let known = self.affinity.datasets.iter().map(|d| d.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(GroupingError::GivenUnknown { name: name.clone(), known });
            };
            if !sequence.contains(&group) {
                sequence.push(group);
            }
        }
        match (0..self.groups.len()).find(|group| !sequence.contains(group)) {
            Some(left) => {
                let group = self.groups[left].iter().map(|&i| self.name(i)).collect::<Vec<_>>().join(", ");
                Err(GroupingError::GivenIncomplete { group })
            }
            None => Ok(Ordered { sequence, scores: Vec::new(), note: "Order `given` by the caller.".to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are_written() {
        for (order, name) in OrderBy::ALL {
            assert_eq!(name.parse::<OrderBy>().unwrap(), *order);
            assert_eq!(serde_json::to_string(order).unwrap(), format!("\"{name}\""));
        }
    }
}
