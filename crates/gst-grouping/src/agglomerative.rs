//! Agglomerative clustering on kodama's linkage: the nearest two groups are merged until K are left.

use serde::{Deserialize, Serialize};

use crate::names::named_choices;
use crate::{Distances, GroupingError, Partition};

/// The distance between two groups of datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Linkage {
    /// The mean distance between a dataset of one and a dataset of the other.
    #[default]
    Average,
    /// The growth of the (unweighted) within term by their union, as a distance: √(2 |A||B| / (|A|+|B|)) · ‖mean_A − mean_B‖.
    Ward,
}

named_choices!(Linkage, "linkage", Average => "average", Ward => "ward");

/// One step of a dendrogram. Clusters `0..D` are the datasets, `D + n` is what step n made, as in SciPy's `linkage`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merge {
    /// The cluster with the smaller number.
    pub first: usize,
    /// The other one.
    pub second: usize,
    /// Their distance in the sense of the linkage, in the unit of the distances.
    pub height: f64,
    /// Datasets in their union.
    pub size: usize,
}

/// The D − 1 merges from singletons to one group, lowest first. O(D²) time and memory.
pub fn dendrogram(distances: &Distances, linkage: Linkage) -> Vec<Merge> {
    let values = distances.values();
    let datasets = distances.len();
    // Ward squares; scaled to at most 1 no distance can overflow there.
    let scale = values.iter().copied().fold(0.0, f64::max);
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let mut condensed: Vec<f64> = Vec::with_capacity(datasets * (datasets - 1) / 2);
    for i in 0..datasets {
        condensed.extend((i + 1..datasets).map(|j| values[(i, j)] / scale));
    }
    let method = match linkage {
        Linkage::Average => kodama::Method::Average,
        Linkage::Ward => kodama::Method::Ward,
    };
    let steps = kodama::linkage(&mut condensed, datasets, method);
    let merge = |step: &kodama::Step<f64>| Merge {
        first: step.cluster1,
        second: step.cluster2,
        height: step.dissimilarity * scale,
        size: step.size,
    };
    steps.steps().iter().map(merge).collect()
}

/// Divides datasets into `groups` groups, 1 to D, by cutting their [`dendrogram`] where so many are left.
///
/// # Errors
/// `ZeroGroups` or `TooManyGroups`.
pub fn agglomerative(distances: &Distances, groups: usize, linkage: Linkage) -> Result<Partition, GroupingError> {
    distances.check_groups(groups)?;
    distances.canonically(|arranged| Ok(cut(&dendrogram(arranged, linkage), arranged.len(), groups)))
}

/// The groups after all but the last `groups` − 1 merges.
fn cut(merges: &[Merge], datasets: usize, groups: usize) -> Partition {
    let mut members: Vec<Vec<usize>> = (0..datasets).map(|n| vec![n]).collect();
    for merge in merges.iter().take(datasets - groups) {
        let mut union = std::mem::take(&mut members[merge.first]);
        union.append(&mut members[merge.second]);
        members.push(union);
    }
    let mut labels = vec![0; datasets];
    for (label, group) in members.iter().enumerate() {
        for &dataset in group {
            labels[dataset] = label;
        }
    }
    Partition::from_labels(&labels)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn line(points: &[f64]) -> Distances {
        let n = points.len();
        Distances::new(Array2::from_shape_fn((n, n), |(i, j)| (points[i] - points[j]).abs())).unwrap()
    }

    #[test]
    fn heights_worked_out_by_hand() {
        let merges = dendrogram(&line(&[0.0, 1.0, 5.0]), Linkage::Average);
        assert_eq!(merges.iter().map(|m| m.height).collect::<Vec<_>>(), [1.0, 4.5]);
        let ward = dendrogram(&line(&[0.0, 1.0, 5.0]), Linkage::Ward);
        // sqrt(2 * 2 * 1 / 3) times the distance of 0.5 and 5.
        assert!((ward[1].height - (4.0_f64 / 3.0).sqrt() * 4.5).abs() < 1e-12, "{ward:?}");
    }

    #[test]
    fn any_number_of_groups_can_be_cut() {
        let distances = line(&[0.0, 10.0, 0.5, 10.5, 30.0]);
        for linkage in [Linkage::Average, Linkage::Ward] {
            for groups in 1..=5 {
                assert_eq!(agglomerative(&distances, groups, linkage).unwrap().count(), groups);
            }
            assert_eq!(agglomerative(&distances, 3, linkage).unwrap().labels(), [0, 1, 0, 1, 2]);
            let message = agglomerative(&distances, 6, linkage).unwrap_err().to_string();
            assert!(message.contains("6 groups were asked for but there are only 5 datasets"));
        }
        assert!(agglomerative(&distances, 0, Linkage::Ward).is_err());
    }
}
