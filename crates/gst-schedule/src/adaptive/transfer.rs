//! Does a stage help what is yet to come? If not, staging is given up.

use super::evaluation::Evaluation;
use super::reweight::relative_drop;
use crate::ScheduleError;
use serde::{Deserialize, Serialize};

/// Staging can pay where one dataset teaches what another needs: then training on the datasets that are in lowers the loss of those
/// that are not. At the end of a stage the relative loss drop outside (datasets yet to come) is compared with the one inside; below
/// `min_ratio`, or without any progress inside, `gst-adaptive` mixes everything from there on.
///
/// Ours, read off the run itself at no extra cost. The default threshold is a guess that waits for calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransferRule {
    /// Least drop outside, relative to the drop inside; finite.
    pub min_ratio: f64,
}

/// Relative loss drops over a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transfer {
    /// Mean over the datasets that are in.
    pub inside: f64,
    /// Mean over the datasets yet to come.
    pub outside: f64,
}

impl Default for TransferRule {
    fn default() -> Self {
        Self { min_ratio: 0.1 }
    }
}

impl TransferRule {
    /// The drops between two evaluations, weighted by `shares` (by dataset index). `None` where a side has no dataset with both losses.
    #[must_use]
    pub fn measure(
        inside: &[usize],
        outside: &[usize],
        shares: &[f64],
        before: &Evaluation,
        after: &Evaluation,
    ) -> Option<Transfer> {
        let mean = |datasets: &[usize]| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for &dataset in datasets {
                let share = shares.get(dataset).copied().unwrap_or(0.0);
                if let (Some(before), Some(after)) = (before.loss(dataset), after.loss(dataset)) {
                    sum += share * relative_drop(before, after);
                    weight += share;
                }
            }
            (weight > 0.0).then(|| sum / weight)
        };
        Some(Transfer { inside: mean(inside)?, outside: mean(outside)? })
    }

    /// Whether the drops speak for going on with stages.
    #[must_use]
    pub fn pays(&self, transfer: &Transfer) -> bool {
        transfer.inside > 0.0 && transfer.outside >= self.min_ratio * transfer.inside
    }

    pub(crate) fn check(&self) -> Result<(), ScheduleError> {
        if self.min_ratio.is_finite() {
            Ok(())
        } else {
            let (found, expected) = (self.min_ratio.to_string(), "a finite number");
            Err(ScheduleError::BadParameter { field: "transfer: min_ratio", found, expected })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfer() {
        let evaluation = |step, losses: [f64; 3]| Evaluation { step, losses: losses.map(Some).to_vec(), ..Evaluation::default() };
        let check = |after: [f64; 3], pays: bool| {
            let shares = [0.5, 0.25, 0.25];
            let before = evaluation(0, [2.0, 2.0, 2.0]);
            let found = TransferRule::measure(&[0], &[1, 2], &shares, &before, &evaluation(9, after)).unwrap();
            assert_eq!(TransferRule::default().pays(&found), pays, "{found:?}");
        };
        check([1.0, 1.9, 1.9], true);
        check([1.0, 2.0, 2.0], false);
        check([1.0, 2.5, 1.9], false);
        check([2.0, 1.0, 1.0], false);
    }

    #[test]
    fn unknown_losses_measure_nothing() {
        let known = Evaluation { step: 0, losses: vec![Some(1.0), None], ..Evaluation::default() };
        assert_eq!(TransferRule::measure(&[0], &[1], &[0.5, 0.5], &known, &known), None);
        assert_eq!(TransferRule::measure(&[0], &[7], &[0.5, 0.5], &known, &known), None);
    }
}
