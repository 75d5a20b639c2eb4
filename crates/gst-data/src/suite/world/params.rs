//! The knobs.

use serde::{Deserialize, Serialize};

use super::super::error::SuiteError;
use super::super::{MAX_SCALE, MIN_SCALE};

/// Which world to generate. Equal parameters, equal files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WorldParams {
    /// Decides every clip, and which dataset gets which part.
    pub seed: u64,
    /// Factor on the number of clips, 0.01 to 100; 1 gives 160 training and 48 test clips a dataset on average.
    pub scale: f64,
    /// Share of the places that can ask their partner's question under another convention and do, 0 to 1 (in steps of a sixth).
    pub conflict: f64,
    /// Share of the upper places whose answer is composed of what lower rungs teach, 0 to 1 (in steps of an eighth).
    pub dependence: f64,
    /// Training clips of the largest dataset over those of the smallest, 1 to [`WorldParams::MAX_INEQUALITY`]; sizes between lie
    /// evenly on a logarithmic axis, and their sum stays (but for rounding).
    pub inequality: f64,
    /// How far apart the signal-to-noise ratios of the datasets lie, 0 (all at 24 dB) to 1 (6 to 42 dB, evenly).
    pub difficulty: f64,
}

impl Default for WorldParams {
    fn default() -> Self {
        Self { seed: 0, scale: 1.0, conflict: 0.0, dependence: 0.0, inequality: 1.0, difficulty: 0.0 }
    }
}

impl WorldParams {
    /// With 1,920 clips in all, the smallest of twelve datasets still has about nine of each answer... at a ratio of 30.
    pub const MAX_INEQUALITY: f64 = 30.0;

    /// The parameters, if each is in its range.
    pub(in crate::suite) fn check(&self) -> Result<(), SuiteError> {
        // Written so that a NaN is refused, too.
        if !(MIN_SCALE..=MAX_SCALE).contains(&self.scale) {
            return Err(SuiteError::Scale { found: self.scale });
        }
        let share = (0.0, 1.0);
        for (knob, found, (low, high)) in [
            ("conflict", self.conflict, share),
            ("dependence", self.dependence, share),
            ("inequality", self.inequality, (1.0, Self::MAX_INEQUALITY)),
            ("difficulty", self.difficulty, share),
        ] {
            if !(low..=high).contains(&found) {
                return Err(SuiteError::Knob { knob, found, low, high });
            }
        }
        Ok(())
    }
}
