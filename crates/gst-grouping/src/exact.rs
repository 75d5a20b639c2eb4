//! The grouping of least within term among all there are, by dynamic programming over subsets.

use crate::{Distances, GroupingError, Partition};

/// Most datasets that [`exact()`] takes: some 3^15 subsets of subsets for each further group, a tenth of a second.
pub const MAX_EXACT_DATASETS: usize = 16;

/// A grouping that no other grouping into as many groups can beat.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// The groups.
    pub partition: Partition,
    /// Its within term, see [`Distances::within`].
    pub within: f64,
}

/// Finds the division of at most [`MAX_EXACT_DATASETS`] datasets into exactly `groups` groups whose within term
/// Σ_k (1 / 2P_k) Σ_{i,j∈k} p_i p_j d_ij² is least.
///
/// The result is optimal, not merely good: every division is covered by the recursion
/// best(S, k) = min over T ⊂ S with the first dataset of S: cost(T) + best(S∖T, k−1).
///
/// # Complexity
/// O(K 3^(D−1)) time, O(K 2^D) memory.
///
/// # Errors
/// `TooManyForExact`, `ZeroGroups` or `TooManyGroups`.
///
/// ```
/// # fn main() -> Result<(), gst_grouping::GroupingError> {
/// use ndarray::array;
/// let line = gst_grouping::Distances::new(array![[0.0, 1.0, 9.0], [1.0, 0.0, 8.0], [9.0, 8.0, 0.0]])?;
/// assert_eq!(gst_grouping::exact(&line, 2)?.partition.labels(), [0, 0, 1]);
/// # Ok(()) }
/// ```
pub fn exact(distances: &Distances, groups: usize) -> Result<Optimum, GroupingError> {
    let datasets = distances.len();
    distances.check_groups(groups)?;
    if datasets > MAX_EXACT_DATASETS {
        return Err(GroupingError::TooManyForExact { datasets, limit: MAX_EXACT_DATASETS });
    }
    let partition = distances.canonically(|arranged| Ok::<_, GroupingError>(search(arranged, groups)))?;
    let within = distances.within(&partition);
    Ok(Optimum { partition, within })
}

/// Sets of datasets are bit masks; dataset 0 is always in the group that is split off last, so the tables of the recursion
/// need only cover sets without it.
fn search(distances: &Distances, groups: usize) -> Partition {
    let datasets = distances.len();
    let full: usize = (1 << datasets) - 1;
    let costs = group_costs(distances);
    // best[S / 2] for the sets S without dataset 0; choices[k] holds the group split off from S when it is cut into k + 1.
    let mut best: Vec<f64> = costs.iter().step_by(2).copied().collect();
    best[0] = f64::INFINITY;
    let mut choices: Vec<Vec<usize>> = vec![(0..=full).step_by(2).collect()];
    for _ in 2..groups {
        let mut next = vec![f64::INFINITY; best.len()];
        let mut choice = vec![0; best.len()];
        for half in 1..best.len() {
            (next[half], choice[half]) = split_off(half << 1, &costs, &best);
        }
        best = next;
        choices.push(choice);
    }
    let mut labels = vec![0; datasets];
    if groups == 1 {
        return Partition::single(datasets);
    }
    let (_, mut group) = split_off(full, &costs, &best);
    let mut rest = full;
    for layer in (0..groups).rev() {
        for (dataset, label) in labels.iter_mut().enumerate() {
            if group & (1 << dataset) != 0 {
                *label = layer;
            }
        }
        rest &= !group;
        if layer > 0 {
            group = choices[layer - 1][rest >> 1];
        }
    }
    Partition::from_labels(&labels)
}

/// The best group T with the first dataset of `set`, when best[(S∖T) / 2] is what the rest costs.
fn split_off(set: usize, costs: &[f64], best: &[f64]) -> (f64, usize) {
    let first = set & set.wrapping_neg();
    let others = set ^ first;
    let (mut least, mut chosen) = (f64::INFINITY, first);
    let mut left = others;
    // All non-empty subsets `left` of `others`, which stay behind when the group is split off.
    while left != 0 {
        let group = set ^ left;
        let cost = costs[group] + best[left >> 1];
        if cost < least {
            (least, chosen) = (cost, group);
        }
        left = (left - 1) & others;
    }
    (least, chosen)
}

/// The within term of every set of datasets taken as one group.
fn group_costs(distances: &Distances) -> Vec<f64> {
    let datasets = distances.len();
    let (weights, squared) = (distances.weights(), distances.squared());
    let mut pairs = vec![0.0; 1 << datasets];
    let mut masses = vec![0.0; 1 << datasets];
    for set in 1_usize..1 << datasets {
        let first = set.trailing_zeros() as usize;
        let rest = set & (set - 1);
        let links: f64 = (first + 1..datasets).filter(|j| rest & (1 << j) != 0).map(|j| weights[j] * squared[(first, j)]).sum();
        pairs[set] = pairs[rest] + weights[first] * links;
        masses[set] = masses[rest] + weights[first];
    }
    pairs.iter().zip(&masses).map(|(pair, mass)| if *mass > 0.0 { pair / mass } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn noise(datasets: usize, seed: u64) -> Distances {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = Array2::zeros((datasets, datasets));
        for i in 0..datasets {
            for j in 0..i {
                let d = rng.random_range(0.1..2.0);
                values[(i, j)] = d;
                values[(j, i)] = d;
            }
        }
        let weights: Vec<f64> = (0..datasets).map(|_| rng.random_range(0.1..3.0)).collect();
        Distances::new(values).unwrap().with_weights(&weights).unwrap()
    }

    /// Every division of `datasets` datasets, by growing canonical labels.
    fn all_partitions(datasets: usize) -> Vec<Partition> {
        let mut labels: Vec<Vec<usize>> = vec![vec![]];
        for _ in 0..datasets {
            labels = labels
                .iter()
                .flat_map(|l| {
                    let fresh = l.iter().max().map_or(0, |m| m + 1);
                    (0..=fresh).map(move |next| [l.as_slice(), &[next]].concat())
                })
                .collect();
        }
        labels.iter().map(|l| Partition::from_labels(l)).collect()
    }

    #[test]
    fn nothing_beats_it() {
        for seed in 0..8 {
            let datasets = 2 + seed as usize % 7;
            let distances = noise(datasets, seed);
            let everything = all_partitions(datasets);
            for groups in 1..=datasets {
                let found = exact(&distances, groups).unwrap();
                assert_eq!(found.partition.count(), groups);
                let rivals = everything.iter().filter(|p| p.count() == groups);
                let least = rivals.map(|p| distances.within(p)).fold(f64::INFINITY, f64::min);
                assert!((found.within - least).abs() < 1e-12, "{datasets} datasets, {groups} groups: {found:?} {least}");
            }
        }
    }

    #[test]
    fn sixteen_are_taken_and_seventeen_refused() {
        assert_eq!(exact(&noise(16, 1), 4).unwrap().partition.count(), 4);
        let message = exact(&noise(17, 1), 4).unwrap_err().to_string();
        assert!(message.contains("at most 16 datasets, found 17"), "{message}");
    }
}
