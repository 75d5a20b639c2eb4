//! Groupings as sets: canonical labels, agreement of two of them, and how often pairs end up together.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::GroupingError;

/// A division of datasets `0..D` into groups, each dataset in exactly one.
///
/// Labels are canonical: the group of dataset 0 is 0, the next new group met on the way is 1, and so on. Two partitions that
/// divide the datasets in the same way therefore compare equal, whatever names their groups had before.
///
/// ```
/// use gst_grouping::Partition;
/// assert_eq!(Partition::from_labels(&[7, 2, 7]), Partition::from_labels(&[0, 1, 0]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<usize>", into = "Vec<usize>")]
pub struct Partition {
    labels: Vec<usize>,
    count: usize,
}

impl Partition {
    /// The partition in which two datasets are together when their labels are equal. Any labels will do.
    pub fn from_labels(labels: &[usize]) -> Self {
        let mut seen = std::collections::HashMap::new();
        let labels: Vec<usize> = labels
            .iter()
            .map(|label| {
                let next = seen.len();
                *seen.entry(*label).or_insert(next)
            })
            .collect();
        Self { labels, count: seen.len() }
    }

    /// The partition of `datasets` datasets given as lists of positions.
    ///
    /// # Errors
    /// [`GroupingError::NotAPartition`] when a dataset is in no list or in several; [`GroupingError::NoSuchDataset`] when a position is
    /// out of range; [`GroupingError::EmptyGroup`] when a list is empty.
    pub fn from_groups(groups: &[Vec<usize>], datasets: usize) -> Result<Self, GroupingError> {
        let mut labels = vec![usize::MAX; datasets];
        let mut times = vec![0; datasets];
        for (group, members) in groups.iter().enumerate() {
            if members.is_empty() {
                return Err(GroupingError::EmptyGroup { group });
            }
            for &dataset in members {
                let Some(label) = labels.get_mut(dataset) else {
                    return Err(GroupingError::NoSuchDataset { dataset, group, datasets });
                };
                *label = group;
                times[dataset] += 1;
            }
        }
        match times.iter().position(|&n| n != 1) {
            Some(dataset) => Err(GroupingError::NotAPartition { dataset, found: times[dataset], datasets }),
            None => Ok(Self::from_labels(&labels)),
        }
    }

    /// All `datasets` in one group.
    pub fn single(datasets: usize) -> Self {
        Self { labels: vec![0; datasets], count: usize::from(datasets > 0) }
    }

    /// Every dataset in a group of its own.
    pub fn singletons(datasets: usize) -> Self {
        Self { labels: (0..datasets).collect(), count: datasets }
    }

    /// The canonical label of each dataset, `0..count()`.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// How many groups there are; none is empty.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many datasets there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no datasets.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The members of each group in ascending order, groups in order of their labels.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups = vec![Vec::new(); self.count];
        for (dataset, &label) in self.labels.iter().enumerate() {
            groups[label].push(dataset);
        }
        groups
    }

    /// How well two partitions of the same datasets agree: the adjusted Rand index of Hubert and Arabie (1985). 1 is the same
    /// partition, 0 what chance would give for groups of these sizes, below 0 is worse than chance. Where the index is 0 / 0
    /// (both put all together, or both all apart) it is 1.
    ///
    /// # Errors
    /// [`GroupingError::Count`] when the two do not have the same number of datasets.
    pub fn adjusted_rand(&self, other: &Self) -> Result<f64, GroupingError> {
        if self.len() != other.len() {
            return Err(GroupingError::Count { what: "labels in the other partition", found: other.len(), expected: self.len() });
        }
        // Two divisions of nothing are the same.
        Ok(gst_affinity::adjusted_rand_index(&self.labels, &other.labels).unwrap_or(1.0))
    }

    /// The same division with the datasets listed in another order: dataset `n` of the result is dataset `order[n]` here.
    pub(crate) fn arranged(&self, order: &[usize]) -> Self {
        Self::from_labels(&order.iter().map(|&dataset| self.labels[dataset]).collect::<Vec<_>>())
    }
}

impl From<Vec<usize>> for Partition {
    fn from(labels: Vec<usize>) -> Self {
        Self::from_labels(&labels)
    }
}

impl From<Partition> for Vec<usize> {
    fn from(partition: Partition) -> Self {
        partition.labels
    }
}

/// In which share of `partitions` each pair of datasets is in the same group: `[D, D]`, 0 to 1, with ones on the diagonal.
/// All zero off the diagonal when there are no partitions; partitions of another length than `datasets` are left out.
pub fn co_assignment(partitions: &[Partition], datasets: usize) -> Array2<f64> {
    let fitting: Vec<&Partition> = partitions.iter().filter(|p| p.len() == datasets).collect();
    Array2::from_shape_fn((datasets, datasets), |(i, j)| {
        if i == j {
            return 1.0;
        }
        let together = fitting.iter().filter(|p| p.labels[i] == p.labels[j]).count();
        if fitting.is_empty() { 0.0 } else { together as f64 / fitting.len() as f64 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_canonical() {
        for (given, expected) in [(vec![5, 5, 1], vec![0, 0, 1]), (vec![], vec![]), (vec![3, 2, 1, 2], vec![0, 1, 2, 1])] {
            assert_eq!(Partition::from_labels(&given).labels(), expected);
        }
    }

    #[test]
    fn groups_must_hold_every_dataset_once() {
        let fault = |groups: &[Vec<usize>], n| match Partition::from_groups(groups, n) {
            Err(GroupingError::NotAPartition { dataset, found, .. }) => (dataset, found),
            other => panic!("{other:?}"),
        };
        assert_eq!(fault(&[vec![0], vec![2]], 3), (1, 0));
        assert_eq!(fault(&[vec![0, 1], vec![1, 2]], 3), (1, 2));
        let outside = GroupingError::NoSuchDataset { dataset: 9, group: 0, datasets: 1 };
        assert_eq!(Partition::from_groups(&[vec![0, 9]], 1), Err(outside));
        assert_eq!(Partition::from_groups(&[vec![0], vec![]], 1), Err(GroupingError::EmptyGroup { group: 1 }));
        let fine = Partition::from_groups(&[vec![1], vec![2, 0]], 3).unwrap();
        assert_eq!(fine.groups(), vec![vec![0, 2], vec![1]]);
    }

    #[test]
    fn adjusted_rand_of_known_pairs() {
        for (a, b, expected) in [
            (vec![0, 0, 1, 1], vec![1, 1, 0, 0], 1.0),
            (vec![0, 0, 1, 1], vec![0, 1, 0, 1], -0.5),
            (vec![0, 0, 1, 1, 2], vec![0, 0, 1, 2, 2], (1.0 - 0.4) / (2.0 - 0.4)),
            (vec![0, 0, 0], vec![0, 0, 0], 1.0),
            (vec![0, 1, 2], vec![0, 1, 2], 1.0),
            (vec![0, 0, 0], vec![0, 1, 2], 0.0),
            (vec![0], vec![0], 1.0),
        ] {
            let index = Partition::from_labels(&a).adjusted_rand(&Partition::from_labels(&b)).unwrap();
            assert!((index - expected).abs() < 1e-12, "{a:?} {b:?}: {index}");
        }
        assert!(Partition::single(2).adjusted_rand(&Partition::single(3)).is_err());
    }

    #[test]
    fn co_assignment_counts_pairs() {
        let table = co_assignment(&[Partition::from_labels(&[0, 0, 1]), Partition::single(3)], 3);
        assert_eq!((table[(0, 1)], table[(0, 2)], table[(1, 1)]), (1.0, 0.5, 1.0));
    }
}
