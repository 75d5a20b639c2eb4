//! The checked input of every clustering: distances between datasets, and how much each dataset counts.

use ndarray::Array2;

use crate::{GroupingError, Partition};

/// Relative difference up to which the two directions of a distance count as equal; half of the two is then used.
const SYMMETRY_TOLERANCE: f64 = 1e-9;

/// Largest distance: sums and products of a few squares stay finite up to it.
const MAX_DISTANCE: f64 = 1e100;

/// Distances between D datasets, checked once: `[D, D]`, finite, 0 or more, symmetric, zero on the diagonal; with the weight
/// p_i of each dataset (normalised to sum 1) and its name.
///
/// ```
/// # fn main() -> Result<(), gst_grouping::GroupingError> {
/// use ndarray::array;
/// let distances = gst_grouping::Distances::new(array![[0.0, 1.0, 4.0], [1.0, 0.0, 4.0], [4.0, 4.0, 0.0]])?;
/// let groups = gst_grouping::Partition::from_labels(&[0, 0, 1]);
/// assert!((distances.within(&groups) - 1.0 / 6.0).abs() < 1e-12);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Distances {
    values: Array2<f64>,
    squared: Array2<f64>,
    weights: Vec<f64>,
    names: Vec<String>,
}

impl Distances {
    /// Distances `[D, D]` between datasets of equal weight, called `#0`, `#1`, … in messages.
    ///
    /// # Errors
    /// [`GroupingError`] `NoDatasets`, `Shape`, `NotFinite`, `Negative`, `TooLarge` (above 1e100), `NotSymmetric` or `Diagonal`, naming
    /// the pair.
    pub fn new(values: Array2<f64>) -> Result<Self, GroupingError> {
        let names = (0..values.nrows()).map(|n| format!("#{n}")).collect();
        Self::named(values, names)
    }

    /// As [`Distances::new`], with names for messages. Names are labels here and may repeat.
    ///
    /// # Errors
    /// As [`Distances::new`], and `Count` when the number of names is not D.
    pub fn named(mut values: Array2<f64>, names: Vec<String>) -> Result<Self, GroupingError> {
        let datasets = names.len();
        if values.is_empty() {
            return Err(GroupingError::NoDatasets);
        }
        if values.nrows() != values.ncols() {
            let (rows, columns) = values.dim();
            return Err(GroupingError::Shape { what: "the distance matrix", rows, columns, expected: rows });
        }
        if values.nrows() != datasets {
            return Err(GroupingError::Count { what: "names", found: datasets, expected: values.nrows() });
        }
        for i in 0..datasets {
            for j in i..datasets {
                let distance = checked_pair(&values, &names, i, j)?;
                values[(i, j)] = distance;
                values[(j, i)] = distance;
            }
        }
        let squared = values.mapv(|d| d * d);
        Ok(Self { values, squared, weights: vec![1.0 / datasets as f64; datasets], names })
    }

    /// The same with the weight p_i of each dataset: finite, 0 or more, not all 0; scaled to sum 1.
    ///
    /// # Errors
    /// `Count`, `Weight` or `ZeroWeights`.
    pub fn with_weights(mut self, weights: &[f64]) -> Result<Self, GroupingError> {
        if weights.len() != self.len() {
            return Err(GroupingError::Count { what: "weights", found: weights.len(), expected: self.len() });
        }
        if let Some(bad) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(GroupingError::Weight { name: self.names[bad].clone(), value: weights[bad] });
        }
        let largest = weights.iter().copied().fold(0.0, f64::max);
        if largest == 0.0 {
            return Err(GroupingError::ZeroWeights { datasets: self.len() });
        }
        // Scaled by the largest first, so that the sum of very large weights stays finite.
        let total: f64 = weights.iter().map(|w| w / largest).sum();
        self.weights = weights.iter().map(|w| w / largest / total).collect();
        Ok(self)
    }

    /// The same with squared distances `[D, D]` of their own for the within term, where they were estimated as squares: debiased
    /// d² may be below 0, which a distance cannot show. Both triangles must hold the same finite numbers; the diagonal is not used.
    ///
    /// # Errors
    /// `Shape`, `NotFinite`, `TooLarge` (above 1e200) or `NotSymmetric`.
    pub fn with_squared(mut self, mut squared: Array2<f64>) -> Result<Self, GroupingError> {
        let (rows, columns) = squared.dim();
        if rows != self.len() || columns != self.len() {
            return Err(GroupingError::Shape { what: "the matrix of squared distances", rows, columns, expected: self.len() });
        }
        for i in 0..self.len() {
            squared[(i, i)] = 0.0;
            for j in i + 1..self.len() {
                let value = finite_symmetric(&squared, &self.names, "the squared distance", MAX_DISTANCE * MAX_DISTANCE, (i, j))?;
                squared[(i, j)] = value;
                squared[(j, i)] = value;
            }
        }
        self.squared = squared;
        Ok(self)
    }

    /// The distances, `[D, D]`.
    pub fn values(&self) -> &Array2<f64> {
        &self.values
    }

    /// The squared distances, `[D, D]`; may hold numbers below 0 after [`Distances::with_squared`].
    pub fn squared(&self) -> &Array2<f64> {
        &self.squared
    }

    /// The weight of each dataset, summing to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The name of each dataset.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// D, at least 1.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never true: an empty matrix is refused.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// ζ² = ½ Σ_ij p_i p_j d_ij², the heterogeneity as far as these distances are distances between gradients.
    pub fn total(&self) -> f64 {
        self.within(&Partition::single(self.len()))
    }

    /// The within term Σ_k (1 / 2P_k) Σ_{i,j∈k} p_i p_j d_ij² of a partition of these datasets, in the unit of d². 0 for
    /// singletons, [`Distances::total`] for one group. Groups of weight 0 count nothing.
    pub fn within(&self, partition: &Partition) -> f64 {
        partition.groups().iter().map(|members| self.within_group(members)).sum()
    }

    /// The share of one group in the within term.
    pub(crate) fn within_group(&self, members: &[usize]) -> f64 {
        let mass: f64 = members.iter().filter_map(|&i| self.weights.get(i)).sum();
        let mut sum = 0.0;
        for (n, &i) in members.iter().enumerate() {
            for &j in &members[n + 1..] {
                if i < self.len() && j < self.len() {
                    sum += self.weights[i] * self.weights[j] * self.squared[(i, j)];
                }
            }
        }
        if mass > 0.0 { sum / mass } else { 0.0 }
    }

    /// Refuses a number of groups that these datasets cannot be divided into.
    pub(crate) fn check_groups(&self, groups: usize) -> Result<(), GroupingError> {
        match groups {
            0 => Err(GroupingError::ZeroGroups { datasets: self.len() }),
            _ if groups > self.len() => Err(GroupingError::TooManyGroups { groups, datasets: self.len() }),
            _ => Ok(()),
        }
    }

    /// An order of the datasets that does not depend on the order they came in: by the sorted distances of each to all
    /// others, then by weight. Only datasets that are alike in all of these keep the order they came in.
    pub(crate) fn canonical_order(&self) -> Vec<usize> {
        let profiles: Vec<Vec<f64>> = self
            .values
            .rows()
            .into_iter()
            .map(|row| {
                let mut profile = row.to_vec();
                profile.sort_by(f64::total_cmp);
                profile
            })
            .collect();
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| {
            let by_profile = profiles[a].iter().zip(&profiles[b]).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
            by_profile.unwrap_or_else(|| self.weights[a].total_cmp(&self.weights[b]))
        });
        order
    }

    /// The same datasets in another order: dataset `n` of the result is dataset `order[n]` here.
    pub(crate) fn arranged(&self, order: &[usize]) -> Self {
        let pick = |matrix: &Array2<f64>| Array2::from_shape_fn(matrix.dim(), |(i, j)| matrix[(order[i], order[j])]);
        Self {
            values: pick(&self.values),
            squared: pick(&self.squared),
            weights: order.iter().map(|&i| self.weights[i]).collect(),
            names: order.iter().map(|&i| self.names[i].clone()).collect(),
        }
    }

    /// The same in the unit of the largest distance, so that what is made of them stays in range.
    pub(crate) fn in_own_unit(mut self) -> Self {
        let largest = self.values.fold(0.0_f64, |a, d| a.max(*d));
        let unit = self.squared.fold(0.0_f64, |a, d| a.max(d.abs())).sqrt().max(largest);
        if unit > 0.0 {
            self.values.mapv_inplace(|d| d / unit);
            // Divided twice: the square of a small unit would be 0.
            self.squared.mapv_inplace(|d| d / unit / unit);
        }
        self
    }

    /// Runs a clustering on the datasets in canonical order and gives its result in the order they came in, so that no
    /// tie-break inside the clustering can depend on the latter.
    pub(crate) fn canonically<E>(&self, cluster: impl FnOnce(&Self) -> Result<Partition, E>) -> Result<Partition, E> {
        let order = self.canonical_order();
        let partition = cluster(&self.arranged(&order))?;
        let mut back = vec![0; order.len()];
        for (position, &dataset) in order.iter().enumerate() {
            back[dataset] = position;
        }
        Ok(partition.arranged(&back))
    }
}

fn checked_pair(values: &Array2<f64>, names: &[String], i: usize, j: usize) -> Result<f64, GroupingError> {
    let value = finite_symmetric(values, names, "the distance", MAX_DISTANCE, (i, j))?;
    if value < 0.0 {
        return Err(GroupingError::Negative { first: names[i].clone(), second: names[j].clone(), value });
    }
    if i == j && value != 0.0 {
        return Err(GroupingError::Diagonal { name: names[i].clone(), value });
    }
    Ok(value)
}

/// The mean of the two directions of a pair, once both are finite, no larger than `limit`, and agree.
fn finite_symmetric(
    values: &Array2<f64>,
    names: &[String],
    what: &'static str,
    limit: f64,
    (i, j): (usize, usize),
) -> Result<f64, GroupingError> {
    let (forward, backward) = (values[(i, j)], values[(j, i)]);
    let (first, second) = (names[i].clone(), names[j].clone());
    if let Some(&value) = [forward, backward].iter().find(|v| !v.is_finite()) {
        return Err(GroupingError::NotFinite { what, first, second, value });
    }
    if let Some(&value) = [forward, backward].iter().find(|v| v.abs() > limit) {
        return Err(GroupingError::TooLarge { what, first, second, value, limit });
    }
    if (forward - backward).abs() > SYMMETRY_TOLERANCE * forward.abs().max(backward.abs()) {
        return Err(GroupingError::NotSymmetric { first, second, forward, backward });
    }
    Ok(forward / 2.0 + backward / 2.0)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn bad_matrices_are_named() {
        let fault = |values: Array2<f64>| Distances::new(values).unwrap_err().to_string();
        for (values, expected) in [
            (Array2::zeros((0, 0)), "no datasets"),
            (Array2::zeros((2, 3)), "2 rows and 3 columns"),
            (array![[0.0, f64::NAN], [f64::NAN, 0.0]], "between \"#0\" and \"#1\" is NaN"),
            (array![[0.0, f64::INFINITY], [1.0, 0.0]], "is inf"),
            (array![[0.0, 1e200], [1e200, 0.0]], "expected at most"),
            (array![[0.0, -1.0], [-1.0, 0.0]], "is -1, expected 0 or more"),
            (array![[0.0, 1.0], [2.0, 0.0]], "is 1 but 2 the other way"),
            (array![[0.5]], "to itself is 0.5"),
        ] {
            assert!(fault(values.clone()).contains(expected), "{}", fault(values));
        }
    }

    #[test]
    fn bad_weights_are_named() {
        let pair = || Distances::new(array![[0.0, 1.0], [1.0, 0.0]]).unwrap();
        for (weights, expected) in [
            (vec![1.0], "1 weights for 2 datasets"),
            (vec![1.0, f64::NAN], "the weight of \"#1\" is NaN"),
            (vec![-1.0, 1.0], "the weight of \"#0\" is -1"),
            (vec![0.0, 0.0], "all 2 datasets are 0"),
        ] {
            assert!(pair().with_weights(&weights).unwrap_err().to_string().contains(expected));
        }
        assert_eq!(pair().with_weights(&[f64::MAX, f64::MAX]).unwrap().weights(), [0.5, 0.5]);
    }

    #[test]
    fn the_within_term_runs_from_nothing_to_all() {
        let points = [0.0_f64, 1.0, 5.0, 7.0];
        let distances = Distances::new(Array2::from_shape_fn((4, 4), |(i, j)| (points[i] - points[j]).abs())).unwrap();
        let distances = distances.with_weights(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        let mean: f64 = points.iter().zip(distances.weights()).map(|(x, p)| x * p).sum();
        let variance: f64 = points.iter().zip(distances.weights()).map(|(x, p)| p * (x - mean).powi(2)).sum();
        assert!((distances.total() - variance).abs() < 1e-12);
        assert_eq!(distances.within(&Partition::singletons(4)), 0.0);
    }

    #[test]
    fn canonical_order_forgets_the_order_of_arrival() {
        let points = [0.0_f64, 1.0, 5.0, 7.5, 11.0];
        let distances = Distances::new(Array2::from_shape_fn((5, 5), |(i, j)| (points[i] - points[j]).abs())).unwrap();
        let shuffled = distances.arranged(&[3, 0, 4, 1, 2]);
        let (a, b) = (distances.canonical_order(), shuffled.canonical_order());
        assert_eq!(distances.arranged(&a).values(), shuffled.arranged(&b).values());
    }
}
