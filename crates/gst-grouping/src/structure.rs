//! Is there anything to group? A test against matrices that have the same distances but no groups.

use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Distances, GroupingError, Partition};

/// Above this many datasets [`Grouping::new`](crate::Grouping::new) leaves the test out: it would cluster some hundred large matrices.
pub const MAX_TESTED_DATASETS: usize = 64;
/// Groups whose p-value is at most this are told apart from chance.
pub const STRUCTURE_LEVEL: f64 = 0.02;
/// A level is at least this share of the mean level before it scales anything: noise may bring small ones to 0 and below.
const LEAST_LEVEL: f64 = 0.01;

/// What [`structure_test`] found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StructureTest {
    /// How much farther datasets of different groups are than those of one group, beyond what each dataset's own level of
    /// distances explains, in standard deviations over pairs.
    pub contrast: f64,
    /// Mean contrast that the same method reaches on matrices without structure: never 0, a clustering finds groups in noise.
    pub null_mean: f64,
    /// Its standard deviation.
    pub null_deviation: f64,
    /// Share of matrices without structure that reach the contrast (with the given one counted in): (1 + reached) / (1 + samples).
    pub p_value: f64,
    /// Matrices without structure that were tried.
    pub samples: usize,
}

impl StructureTest {
    /// Whether the groups are told apart from chance at [`STRUCTURE_LEVEL`].
    pub fn found(&self) -> bool {
        self.p_value <= STRUCTURE_LEVEL
    }
}

/// Tests whether `cluster` finds more in `distances` than it finds in chance.
///
/// Squared distances are split into a level for each dataset (least squares d_ij² ≈ a_i + a_j: what gradients of different
/// norms that have nothing to do with each other would show) and a rest, in units of √(a_i a_j) as an inner product would be. A
/// matrix without structure keeps the levels and has the rests dealt out to other pairs. Each is clustered anew, so that the
/// freedom to choose groups counts on both sides. A dataset that is merely far from all others is therefore not structure.
///
/// What it does not tell: whether groups are *separate* or cut out of a continuum (look at the silhouette), and whether they
/// would be the same for another seed of the model.
///
/// `None` where there is nothing to test: fewer than 4 datasets, one group, all groups singletons.
///
/// # Errors
/// Those of `cluster`.
pub fn structure_test(
    distances: &Distances,
    samples: usize,
    seed: u64,
    cluster: impl Fn(&Distances) -> Result<Partition, GroupingError>,
) -> Result<Option<StructureTest>, GroupingError> {
    let datasets = distances.len();
    if datasets < 4 || samples == 0 {
        return Ok(None);
    }
    let order = distances.canonical_order();
    let distances = distances.arranged(&order).in_own_unit();
    let (levels, rest) = split_levels(distances.squared());
    let scales = scales(&levels);
    let Some(contrast) = contrast(&rest, &cluster(&distances)?) else {
        return Ok(None);
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dealt = rest.clone();
    let mut reached = 0;
    let mut nulls = Vec::with_capacity(samples);
    for _ in 0..samples {
        dealt.shuffle(&mut rng);
        let mut squared = Array2::zeros((datasets, datasets));
        for ((i, j), value) in pairs(datasets).zip(&dealt) {
            squared[(i, j)] = levels[i] + levels[j] + scales[i] * scales[j] * value;
            squared[(j, i)] = squared[(i, j)];
        }
        let null = Distances::named(squared.mapv(|d: f64| d.max(0.0).sqrt()), distances.names().to_vec())?
            .with_weights(distances.weights())?
            .with_squared(squared)?;
        let (_, null_rest) = split_levels(null.squared());
        // A null that falls into one group has no contrast and counts as one that did not reach.
        let found = self::contrast(&null_rest, &cluster(&null)?).unwrap_or(0.0);
        reached += usize::from(found >= contrast);
        nulls.push(found);
    }
    let mean = nulls.iter().sum::<f64>() / samples as f64;
    let variance = nulls.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / samples as f64;
    Ok(Some(StructureTest {
        contrast,
        null_mean: mean,
        null_deviation: variance.sqrt(),
        p_value: (1 + reached) as f64 / (1 + samples) as f64,
        samples,
    }))
}

fn pairs(datasets: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..datasets).flat_map(move |i| (i + 1..datasets).map(move |j| (i, j)))
}

/// The level a_i of each of three or more datasets (least squares over d_ij² ≈ a_i + a_j), and what it leaves of each pair i < j
/// in units of √(a_i a_j).
fn split_levels(squared: &Array2<f64>) -> (Vec<f64>, Vec<f64>) {
    let datasets = squared.nrows();
    let sums: Vec<f64> = (0..datasets).map(|i| (0..datasets).filter(|j| *j != i).map(|j| squared[(i, j)]).sum()).collect();
    let all: f64 = sums.iter().sum::<f64>() / (2.0 * (datasets as f64 - 1.0));
    let levels: Vec<f64> = sums.iter().map(|sum| (sum - all) / (datasets as f64 - 2.0)).collect();
    let scales = scales(&levels);
    let rest = pairs(datasets).map(|(i, j)| (squared[(i, j)] - levels[i] - levels[j]) / (scales[i] * scales[j])).collect();
    (levels, rest)
}

/// √a_i, with a floor; 1 where no level is above 0.
fn scales(levels: &[f64]) -> Vec<f64> {
    let floor = LEAST_LEVEL * levels.iter().sum::<f64>() / levels.len() as f64;
    levels.iter().map(|level| if floor > 0.0 { level.max(floor).sqrt() } else { 1.0 }).collect()
}

/// Mean rest between groups less mean rest inside them, over the deviation of all; `None` when one of the two kinds of pairs is missing.
fn contrast(rest: &[f64], partition: &Partition) -> Option<f64> {
    let labels = partition.labels();
    let (mut inside, mut between) = ((0.0, 0_usize), (0.0, 0_usize));
    for ((i, j), value) in pairs(labels.len()).zip(rest) {
        let side = if labels[i] == labels[j] { &mut inside } else { &mut between };
        *side = (side.0 + value, side.1 + 1);
    }
    if inside.1 == 0 || between.1 == 0 {
        return None;
    }
    let mean = rest.iter().sum::<f64>() / rest.len() as f64;
    let deviation = (rest.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / rest.len() as f64).sqrt();
    let difference = between.0 / between.1 as f64 - inside.0 / inside.1 as f64;
    Some(if deviation > 0.0 { difference / deviation } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_unrelated_gradients_are_their_squared_norms() {
        let norms = [1.0, 2.0, 0.5, 3.0, 1.5];
        let squared =
            Array2::from_shape_fn((5, 5), |(i, j)| if i == j { 0.0 } else { norms[i] * norms[i] + norms[j] * norms[j] });
        let (levels, rest) = split_levels(&squared);
        assert!(levels.iter().zip(norms).all(|(level, norm)| (level - norm * norm).abs() < 1e-12), "{levels:?}");
        assert!(rest.iter().all(|x| x.abs() < 1e-12));
    }

    #[test]
    fn contrast_by_hand() {
        // Three pairs: one inside at -1, two between at 0 and 1.
        let found = contrast(&[-1.0, 0.0, 1.0], &Partition::from_labels(&[0, 0, 1])).unwrap();
        assert!((found - 1.5 / (2.0_f64 / 3.0).sqrt()).abs() < 1e-12, "{found}");
        assert_eq!(contrast(&[1.0, 1.0, 1.0], &Partition::singletons(3)), None);
        assert_eq!(contrast(&[1.0, 1.0, 1.0], &Partition::single(3)), None);
        assert_eq!(contrast(&[0.0, 0.0, 0.0], &Partition::from_labels(&[0, 0, 1])), Some(0.0));
    }
}
