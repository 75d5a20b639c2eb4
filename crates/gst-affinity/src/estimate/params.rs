//! How to estimate.

use serde::{Deserialize, Serialize};

use crate::AffinityError;

/// The fewest resamples from which an interval is read.
pub(super) const MIN_RESAMPLES: usize = 20;

/// The most numbers a resampled matrix may have (resamples × D × D; 1 GiB of 64-bit values). Up to nine of them are held at once: of raw gradients, of
/// unit gradients and of preconditioned ones, for replicates and for intervals.
pub(super) const MAX_BOOTSTRAP_VALUES: usize = 1 << 27;

/// How to estimate an affinity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EstimateParams {
    /// Bootstrap resamples for the intervals, 20 or more.
    pub resamples: usize,
    /// How many of them are kept as [`Affinity::replicates`](crate::Affinity::replicates), at most `resamples`.
    pub replicates: usize,
    /// Level of the intervals, above 0 and below 1.
    pub level: f64,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for EstimateParams {
    /// 400 resamples, 20 kept, level 0.95, seed 0.
    fn default() -> Self {
        Self { resamples: 400, replicates: 20, level: 0.95, seed: 0 }
    }
}

/// [`EstimateParams`] that were checked against a number of datasets.
#[derive(Debug, Clone)]
pub(crate) struct EstimateValidParams {
    pub(crate) resamples: usize,
    pub(crate) replicates: usize,
    pub(crate) level: f64,
    pub(crate) seed: u64,
}

impl EstimateParams {
    pub(crate) fn check(&self, datasets: usize) -> Result<EstimateValidParams, AffinityError> {
        let bad = |field, found: String, expected| Err(AffinityError::BadParameter { field, found, expected });
        if self.resamples < MIN_RESAMPLES {
            return bad("resamples", self.resamples.to_string(), "20 or more");
        }
        let values = datasets.checked_mul(datasets).and_then(|pairs| pairs.checked_mul(self.resamples));
        if values.is_none_or(|values| values > MAX_BOOTSTRAP_VALUES) {
            let found = format!("{} for {datasets} datasets", self.resamples);
            return bad("resamples", found, "resamples × datasets² of at most 2^27");
        }
        if self.replicates > self.resamples {
            return bad("replicates", self.replicates.to_string(), "at most `resamples`");
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return bad("level", self.level.to_string(), "above 0 and below 1");
        }
        let Self { resamples, replicates, level, seed } = *self;
        Ok(EstimateValidParams { resamples, replicates, level, seed })
    }
}
