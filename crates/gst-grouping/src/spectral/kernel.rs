//! From distances to similarities.

use std::fmt;
use std::str::FromStr;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Distances, GroupingError, names};

/// Largest neighbour whose distance sets a dataset's own width (the 7 of Zelnik-Manor and Perona).
const MOST_NEIGHBOURS: usize = 7;
/// A width is at least this share of the largest distance, so that equal datasets do not divide by zero.
const LEAST_WIDTH: f64 = 1e-9;

/// How a distance d becomes a similarity between 0 and 1. As text `self-tuning`, `neighbour:7`, `median:0.5`, `fixed:2.0`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kernel {
    /// exp(−d_ij² / (s_i s_j)), s_i the distance of i to its m-th nearest neighbour (Zelnik-Manor and Perona 2004), with
    /// m = √D − 1 rounded up, from 1 to 7: their 7 would reach past the groups of a dozen datasets.
    #[default]
    SelfTuning,
    /// The same with a given m, 1 to D − 1 (larger values count as D − 1).
    Neighbour(usize),
    /// exp(−d² / 2s²) with s the given share of the median distance; above 0. Below 0.5 is a sharp kernel.
    Median(f64),
    /// exp(−d² / 2s²) with this s, in the unit of the distances; above 0.
    Fixed(f64),
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfTuning => f.pad("self-tuning"),
            Self::Neighbour(m) => write!(f, "neighbour:{m}"),
            Self::Median(share) => write!(f, "median:{share}"),
            Self::Fixed(width) => write!(f, "fixed:{width}"),
        }
    }
}

impl FromStr for Kernel {
    type Err = GroupingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let kernel = match (name, value) {
            ("self-tuning", "") => Some(Self::SelfTuning),
            ("neighbour", m) => m.parse().ok().map(Self::Neighbour),
            ("median", share) => share.parse().ok().map(Self::Median),
            ("fixed", width) => width.parse().ok().map(Self::Fixed),
            _ => None,
        };
        let Some(kernel) = kernel else {
            let known = ["self-tuning", "neighbour:7", "median:0.5", "fixed:2.0"].map(|name| ((), name));
            return Err(names::unknown("kernel", text, &known));
        };
        kernel.check().map(|()| kernel)
    }
}

impl Kernel {
    /// Refuses widths that are not finite numbers above 0, and a neighbour 0.
    pub(crate) fn check(self) -> Result<(), GroupingError> {
        match self {
            Self::Neighbour(0) => Err(GroupingError::Parameter {
                field: "the neighbour that sets the kernel's width",
                found: "0".to_owned(),
                expected: "1 or more",
            }),
            Self::Median(width) | Self::Fixed(width) if !(width.is_finite() && width > 0.0) => Err(GroupingError::Parameter {
                field: "the kernel's width",
                found: width.to_string(),
                expected: "a finite number above 0",
            }),
            _ => Ok(()),
        }
    }

    /// Similarities `[D, D]`: symmetric, 0 to 1, with a diagonal of 0 (a dataset's likeness to itself says nothing). Equal
    /// datasets have similarity 1.
    ///
    /// # Errors
    /// [`GroupingError::Parameter`] for a width or a neighbour out of range.
    pub fn similarities(self, distances: &Distances) -> Result<Array2<f64>, GroupingError> {
        self.check()?;
        let values = distances.values();
        let datasets = distances.len();
        let floor = LEAST_WIDTH * values.iter().copied().fold(0.0, f64::max);
        if floor == 0.0 {
            return Ok(Array2::from_shape_fn((datasets, datasets), |(i, j)| f64::from(u8::from(i != j))));
        }
        let widths: Vec<f64> = match self {
            Self::SelfTuning => {
                let root = (datasets as f64).sqrt().ceil() as usize;
                neighbour_distances(values, root.saturating_sub(1).clamp(1, MOST_NEIGHBOURS))
            }
            Self::Neighbour(m) => neighbour_distances(values, m),
            // Two widths multiply to 2s², so that one formula serves all kernels.
            Self::Median(share) => vec![share * median_distance(values) * std::f64::consts::SQRT_2; datasets],
            Self::Fixed(width) => vec![width * std::f64::consts::SQRT_2; datasets],
        };
        let widths: Vec<f64> = widths.into_iter().map(|w| w.max(floor)).collect();
        Ok(Array2::from_shape_fn((datasets, datasets), |(i, j)| {
            if i == j { 0.0 } else { (-(values[(i, j)] / widths[i]) * (values[(i, j)] / widths[j])).exp() }
        }))
    }
}

fn neighbour_distances(values: &Array2<f64>, m: usize) -> Vec<f64> {
    let m = m.min(values.nrows().saturating_sub(1));
    values
        .rows()
        .into_iter()
        .map(|row| {
            let mut row = row.to_vec();
            // Position 0 is the dataset's distance to itself.
            *row.select_nth_unstable_by(m, f64::total_cmp).1
        })
        .collect()
}

/// The median over pairs of different datasets; 0 for one dataset.
fn median_distance(values: &Array2<f64>) -> f64 {
    let datasets = values.nrows();
    let mut pairs: Vec<f64> = (0..datasets).flat_map(|i| (i + 1..datasets).map(move |j| (i, j))).map(|p| values[p]).collect();
    if pairs.is_empty() {
        return 0.0;
    }
    let middle = pairs.len() / 2;
    let upper = *pairs.select_nth_unstable_by(middle, f64::total_cmp).1;
    if pairs.len() % 2 == 1 {
        return upper;
    }
    let lower = pairs[..middle].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower / 2.0 + upper / 2.0
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn line() -> Distances {
        Distances::new(array![[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]).unwrap()
    }

    #[test]
    fn known_similarities() {
        for (kernel, pair, expected) in [
            (Kernel::Fixed(1.0), (0, 1), -0.5),
            (Kernel::Fixed(2.0), (0, 2), -9.0 / 8.0),
            (Kernel::Median(1.0), (1, 2), -0.5),
            (Kernel::Neighbour(1), (0, 2), -9.0 / 2.0),
            (Kernel::Neighbour(99), (0, 2), -9.0 / 9.0),
            (Kernel::SelfTuning, (0, 1), -1.0),
        ] {
            let similarity = kernel.similarities(&line()).unwrap()[pair];
            assert!((similarity.ln() - expected).abs() < 1e-12, "{kernel:?} {similarity}");
        }
    }

    #[test]
    fn equal_datasets_are_fully_alike() {
        let equal = Distances::new(Array2::zeros((3, 3))).unwrap();
        assert_eq!(Kernel::SelfTuning.similarities(&equal).unwrap()[(0, 1)], 1.0);
        let two_equal = Distances::new(array![[0.0, 0.0, 2.0], [0.0, 0.0, 2.0], [2.0, 2.0, 0.0]]).unwrap();
        let similarities = Kernel::SelfTuning.similarities(&two_equal).unwrap();
        assert_eq!(similarities[(0, 1)], 1.0);
        assert!(similarities.iter().all(|s| s.is_finite()));
    }

    #[test]
    fn kernels_read_as_they_are_written() {
        for kernel in [Kernel::SelfTuning, Kernel::Neighbour(7), Kernel::Median(0.5), Kernel::Fixed(2.0)] {
            assert_eq!(kernel.to_string().parse::<Kernel>().unwrap(), kernel);
        }
        for text in ["", "median", "median:-1", "neighbour:0", "fixed:nan", "self-tuning:3"] {
            assert!(text.parse::<Kernel>().is_err(), "{text}");
        }
    }

    #[test]
    fn widths_out_of_range_are_refused() {
        for kernel in [Kernel::Fixed(0.0), Kernel::Fixed(f64::NAN), Kernel::Median(-1.0), Kernel::Neighbour(0)] {
            assert!(kernel.similarities(&line()).is_err(), "{kernel:?}");
        }
    }
}
