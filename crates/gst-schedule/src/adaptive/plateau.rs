//! When a loss no longer falls.

use crate::ScheduleError;
use serde::{Deserialize, Serialize};

/// A loss has reached a plateau when its moving average has not fallen below `(1 − min_improvement) ·` its best for `patience`
/// evaluations in a row.
///
/// The default (3 evaluations, 1 %, half of the past) was chosen on synthetic curves that fall to a floor: where each evaluation's loss is
/// off by 2 % it ends about 1 stage in 100 too early (with a tenth of the fall yet to come), at 5 % of noise 13, at 10 % 41; the
/// validation loss of a mixture of recorded datasets was off by 0.4 to 4 % from one evaluation to the next. More noise calls for more patience.
/// Real curves are not exponentials: this says how the rule bears noise, not that a stage should end there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlateauRule {
    /// Evaluations without improvement, at least 1.
    pub patience: usize,
    /// The relative improvement that counts, from 0 to below 1.
    pub min_improvement: f64,
    /// Share of the past in the exponential moving average, from 0 (no smoothing) to below 1.
    pub smoothing: f64,
}

/// What [`PlateauRule::reached`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plateau {
    /// The best smoothed loss.
    pub best: f64,
    /// Which evaluation had it (0-based).
    pub best_at: usize,
    /// The last smoothed loss.
    pub last: f64,
}

impl Default for PlateauRule {
    fn default() -> Self {
        Self { patience: 3, min_improvement: 0.01, smoothing: 0.5 }
    }
}

impl PlateauRule {
    /// Whether the losses, oldest first, end in a plateau. Entries that are not finite are left out.
    #[must_use]
    pub fn reached(&self, losses: &[f64]) -> Option<Plateau> {
        let mut losses = losses.iter().copied().filter(|loss| loss.is_finite());
        let first = losses.next()?;
        let (mut last, mut best, mut best_at, mut count) = (first, first, 0, 1_usize);
        for loss in losses {
            last = self.smoothing * last + (1.0 - self.smoothing) * loss;
            if last < best - self.min_improvement * best.abs() {
                (best, best_at) = (last, count);
            }
            count += 1;
        }
        (count - 1 - best_at >= self.patience).then_some(Plateau { best, best_at, last })
    }

    pub(crate) fn check(&self) -> Result<(), ScheduleError> {
        let bad = |field, found: String, expected| Err(ScheduleError::BadParameter { field, found, expected });
        if self.patience == 0 {
            return bad("plateau: patience", "0".to_owned(), "1 evaluation or more");
        }
        if !(0.0..1.0).contains(&self.min_improvement) {
            return bad("plateau: min_improvement", self.min_improvement.to_string(), "a share from 0 to below 1");
        }
        if !(0.0..1.0).contains(&self.smoothing) {
            return bad("plateau: smoothing", self.smoothing.to_string(), "a share from 0 to below 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plateaus() {
        let rule = PlateauRule { patience: 2, min_improvement: 0.1, smoothing: 0.0 };
        let check = |losses: &[f64], expected: Option<usize>| {
            assert_eq!(rule.reached(losses).map(|plateau| plateau.best_at), expected, "{losses:?}");
        };
        check(&[], None);
        check(&[1.0], None);
        check(&[1.0, 0.5, 0.4], None);
        check(&[1.0, 0.5, 0.49, 0.48], Some(1));
        check(&[1.0, 1.1, 1.2], Some(0));
        check(&[1.0, 0.95, 0.5], None);
        // Slow but steady improvement is measured against the best that counted, not against the evaluation before.
        check(&[1.0, 0.95, 0.89, 0.85], None);
        check(&[1.0, f64::NAN, 1.0, f64::INFINITY, 1.0], Some(0));
        check(&[0.0, 0.0, 0.0], Some(0));
    }

    #[test]
    fn smoothing_outlasts_a_spike() {
        let losses = [1.0, 0.8, 1.5, 0.6, 0.5, 0.4];
        let rule = PlateauRule { patience: 2, min_improvement: 0.01, smoothing: 0.5 };
        assert_eq!(rule.reached(&losses), None);
        assert!(rule.reached(&losses[..4]).is_some());
    }
}
