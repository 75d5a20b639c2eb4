//! Spectral clustering: the paper's way to group datasets.
//!
//! Distances become similarities ([`Kernel`]), similarities a graph, and the graph's normalised Laplacian
//! L = I − D^(−½) W D^(−½) an embedding: the eigenvectors of its K smallest eigenvalues, each row scaled by 1/√degree (Shi and
//! Malik 2000, as scikit-learn does). k-means divides the embedded datasets. The eigenvalues themselves tell how many groups
//! there are: as many as are near zero before the first wide gap.

mod eigen;
mod k_means;
mod kernel;

use ndarray::{Array1, Array2, Axis, Slice};

pub use self::kernel::Kernel;
use crate::{Distances, GroupingError, Partition};

/// A dataset whose similarities sum to less than this is joined to no other: sums of squares of what such a degree would divide
/// by would not be finite.
const LEAST_DEGREE: f64 = 1e-100;

/// The low end of a graph Laplacian's spectrum, from which any number of groups up to `values().len()` can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    values: Array1<f64>,
    rows: Array2<f64>,
}

impl Embedding {
    /// The `size` smallest eigenvalues and their vectors for the datasets of `distances`. Above some 160 datasets they come
    /// from an iterative solver, started from `seed`.
    ///
    /// # Errors
    /// [`GroupingError::Parameter`] for a kernel out of range, [`GroupingError::Numeric`] when the eigensolver fails.
    pub fn new(distances: &Distances, kernel: Kernel, size: usize, seed: u64) -> Result<Self, GroupingError> {
        Self::of_similarities(kernel.similarities(distances)?, size, seed)
    }

    /// The same from similarities `[D, D]`: symmetric, finite, 0 or more. The diagonal is left out.
    ///
    /// # Errors
    /// [`GroupingError`] `Shape`, `Parameter` (an entry below 0 or not finite) or `Numeric`.
    pub fn of_similarities(mut similarities: Array2<f64>, size: usize, seed: u64) -> Result<Self, GroupingError> {
        let (rows, columns) = similarities.dim();
        if rows != columns {
            return Err(GroupingError::Shape { what: "the similarity matrix", rows, columns, expected: rows });
        }
        if let Some(bad) = similarities.iter().find(|w| !w.is_finite() || **w < 0.0) {
            let (found, expected) = (bad.to_string(), "finite and 0 or more");
            return Err(GroupingError::Parameter { field: "a similarity", found, expected });
        }
        similarities.diag_mut().fill(0.0);
        let degrees = similarities.sum_axis(Axis(1));
        let alone = degrees.mapv(|d| d < LEAST_DEGREE);
        let scales = degrees.mapv(|d| if d < LEAST_DEGREE { 1.0 } else { 1.0 / d.sqrt() });
        for ((i, j), w) in similarities.indexed_iter_mut() {
            // A dataset that is like no other is a group of its own: eigenvalue 1 here, 0 of the Laplacian.
            *w = match (alone[i], alone[j]) {
                (false, false) => *w * scales[i] * scales[j],
                _ => f64::from(u8::from(i == j)),
            };
        }
        let (values, mut vectors) = eigen::largest(similarities, size, seed)?;
        for (mut row, scale) in vectors.rows_mut().into_iter().zip(&scales) {
            row *= *scale;
        }
        Ok(Self { values: values.mapv(|v| (1.0 - v).clamp(0.0, 2.0)), rows: vectors })
    }

    /// The smallest eigenvalues of the normalised Laplacian, ascending, each between 0 and 2.
    pub fn values(&self) -> &[f64] {
        self.values.as_slice().unwrap_or_default()
    }

    /// Divides the datasets into `groups` groups by k-means over the first `groups` eigenvectors.
    ///
    /// # Errors
    /// `ZeroGroups`, `TooManyGroups`, [`GroupingError::Parameter`] when the embedding holds fewer vectors, or
    /// [`GroupingError::Numeric`] from k-means.
    pub fn groups(&self, groups: usize, seed: u64) -> Result<Partition, GroupingError> {
        let datasets = self.rows.nrows();
        match groups {
            0 => Err(GroupingError::ZeroGroups { datasets }),
            _ if groups > datasets => Err(GroupingError::TooManyGroups { groups, datasets }),
            1 => Ok(Partition::single(datasets)),
            _ if groups == datasets => Ok(Partition::singletons(datasets)),
            _ if groups > self.rows.ncols() => Err(GroupingError::Parameter {
                field: "the number of groups",
                found: groups.to_string(),
                expected: "at most the number of eigenvectors in the embedding",
            }),
            _ => k_means::cluster(self.rows.slice_axis(Axis(1), Slice::from(..groups)).to_owned(), groups, seed),
        }
    }
}

/// Divides datasets into `groups` groups, 1 to D.
///
/// # Arguments
/// * `kernel`: how distances become similarities.
/// * `seed`: of k-means and of the iterative eigensolver; equal seeds give equal groups, however the datasets are listed.
///
/// # Complexity
/// O(D³) up to some 160 datasets, O(D² K) above.
///
/// # Errors
/// `ZeroGroups` or `TooManyGroups`, and those of [`Embedding::new`].
pub fn spectral(distances: &Distances, groups: usize, kernel: Kernel, seed: u64) -> Result<Partition, GroupingError> {
    distances.check_groups(groups)?;
    distances.canonically(|arranged| Embedding::new(arranged, kernel, groups, seed)?.groups(groups, seed))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn as_many_zero_eigenvalues_as_parts() {
        let mut similarities = Array2::zeros((5, 5));
        for (i, j, w) in [(0, 2, 1.0), (1, 3, 0.2)] {
            similarities[(i, j)] = w;
            similarities[(j, i)] = w;
        }
        let embedding = Embedding::of_similarities(similarities, 5, 0).unwrap();
        let zeros = embedding.values().iter().filter(|v| **v < 1e-12).count();
        assert_eq!(zeros, 3, "{:?}", embedding.values());
        assert_eq!(embedding.groups(3, 0).unwrap().labels(), [0, 1, 0, 1, 2]);
    }

    #[test]
    fn hundreds_of_datasets_take_the_iterative_solver() {
        let at = |n: usize| (n % 5) as f64 * 10.0 + (n as f64 * 0.618).fract();
        let distances = Distances::new(Array2::from_shape_fn((400, 400), |(i, j)| (at(i) - at(j)).abs())).unwrap();
        let expected = Partition::from_labels(&(0..400).map(|n| n % 5).collect::<Vec<_>>());
        assert_eq!(spectral(&distances, 5, Kernel::SelfTuning, 0).unwrap(), expected);
        assert_eq!(spectral(&distances, 5, Kernel::Median(0.2), 9).unwrap(), expected);
    }

    #[test]
    fn bad_similarities_are_refused() {
        for bad in [array![[0.0, -1.0], [-1.0, 0.0]], array![[0.0, f64::NAN], [f64::NAN, 0.0]], Array2::zeros((2, 3))] {
            assert!(Embedding::of_similarities(bad, 2, 0).is_err());
        }
        let embedding = Embedding::of_similarities(Array2::ones((4, 4)), 2, 0).unwrap();
        for groups in [0, 3, 5] {
            assert!(embedding.groups(groups, 0).is_err(), "{groups}");
        }
    }
}
