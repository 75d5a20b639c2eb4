//! A D×D table of affinities with an interval for each entry.

use serde::{Deserialize, Serialize};

/// Affinities between D datasets, each with an interval. Row i, column j; directed metrics read "of i on j".
///
/// A value is `None` (`null` in JSON) where it is *undetermined*: a debiased norm is not positive, so the data cannot tell. An
/// interval is `None` there too, and where a single repeat of a directed measurement gives none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Estimates, `[D][D]`.
    pub values: Vec<Vec<Option<f64>>>,
    /// Lower ends of the intervals, `[D][D]`.
    pub low: Vec<Vec<Option<f64>>>,
    /// Upper ends of the intervals, `[D][D]`.
    pub high: Vec<Vec<Option<f64>>>,
    /// The half width that the sketch alone makes and that no further batch takes away, `[D][D]`; 0 for exact gradients.
    #[serde(default)]
    pub sketch: Vec<Vec<Option<f64>>>,
}

/// How entries (i, j) and (j, i) become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symmetrize {
    /// Their mean.
    Mean,
    /// The smaller one: both ways at least this.
    Min,
    /// The larger one: one way at least this.
    Max,
}

/// How many more probe batches an interval needs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoreBatches {
    /// The interval is as narrow as wanted.
    Enough,
    /// About so many more, for each dataset and probe point.
    More(u64),
    /// No number of batches does: the sketch alone makes an interval of this width. Use a larger sketch, or exact gradients.
    Never {
        /// Width of the interval that would be left.
        floor: f64,
    },
}

impl Table {
    /// Number of datasets D.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the table holds no dataset.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The estimate at (i, j); `None` where undetermined or out of range.
    pub fn get(&self, i: usize, j: usize) -> Option<f64> {
        at(&self.values, i, j)
    }

    /// The interval at (i, j); `None` where there is none, or out of range.
    pub fn interval(&self, i: usize, j: usize) -> Option<(f64, f64)> {
        Some((at(&self.low, i, j)?, at(&self.high, i, j)?))
    }

    /// Determined estimates of all pairs i < j, in the order of the rows.
    pub fn pairs(&self) -> Vec<f64> {
        let pairs = (0..self.len()).flat_map(|i| (i + 1..self.len()).map(move |j| (i, j)));
        pairs.filter_map(|(i, j)| self.get(i, j)).collect()
    }

    /// The same table with (i, j) and (j, i) made one. An entry undetermined one way is undetermined both ways.
    ///
    /// The interval's ends are combined as the values are: for `Mean` that is wider than the interval of the mean would be.
    #[must_use]
    pub fn symmetrize(&self, how: Symmetrize) -> Self {
        let both = |rows: &Vec<Vec<Option<f64>>>| -> Vec<Vec<Option<f64>>> {
            let one = |i: usize, j: usize| {
                let (a, b) = (at(rows, i, j)?, at(rows, j, i)?);
                Some(match how {
                    Symmetrize::Mean => (a + b) / 2.0,
                    Symmetrize::Min => a.min(b),
                    Symmetrize::Max => a.max(b),
                })
            };
            (0..rows.len()).map(|i| (0..rows.len()).map(|j| one(i, j)).collect()).collect()
        };
        Self { values: both(&self.values), low: both(&self.low), high: both(&self.high), sketch: both(&self.sketch) }
    }

    /// How many more batches (of the same size, for each dataset) bring the interval at (i, j) to `width`, when `batches` were
    /// used so far. The part that batches make shrinks with 1/√n, or faster where noise dominates; the sketch's part stays.
    ///
    /// `None` where the entry is undetermined, or `width` is not above 0.
    pub fn more_batches(&self, i: usize, j: usize, width: f64, batches: usize) -> Option<MoreBatches> {
        let (low, high) = self.interval(i, j)?;
        if width.is_nan() || width <= 0.0 {
            return None;
        }
        let (now, floor) = (high - low, 2.0 * at(&self.sketch, i, j).unwrap_or(0.0));
        if now <= width {
            return Some(MoreBatches::Enough);
        }
        if width <= floor {
            return Some(MoreBatches::Never { floor });
        }
        let needed = batches as f64 * (now * now - floor * floor).max(0.0) / (width * width - floor * floor);
        let more = (needed - batches as f64).ceil().max(1.0);
        Some(MoreBatches::More(more as u64))
    }

    /// As [`more_batches`](Self::more_batches), for a share (0 to 1) of all determined pairs. `None` where no pair is determined.
    pub fn more_batches_for_share(&self, share: f64, width: f64, batches: usize) -> Option<MoreBatches> {
        let pairs = (0..self.len()).flat_map(|i| (0..self.len()).filter(move |j| *j != i).map(move |j| (i, j)));
        let mut needs: Vec<MoreBatches> = pairs.filter_map(|(i, j)| self.more_batches(i, j, width, batches)).collect();
        let order = |need: &MoreBatches| match need {
            MoreBatches::Enough => 0.0,
            MoreBatches::More(more) => *more as f64,
            MoreBatches::Never { floor } => 1e30 * (1.0 + floor),
        };
        needs.sort_by(|a, b| order(a).total_cmp(&order(b)));
        let last = ((share.clamp(0.0, 1.0) * needs.len() as f64).ceil() as usize).max(1) - 1;
        needs.get(last).copied()
    }
}

pub(crate) fn at(rows: &[Vec<Option<f64>>], i: usize, j: usize) -> Option<f64> {
    rows.get(i)?.get(j).copied().flatten()
}
