//! Does an order that was told show in the run? If not, it is given up before it is followed.

use super::evaluation::Evaluation;
use super::transfer::{Transfer, TransferRule};
use crate::ScheduleError;
use serde::{Deserialize, Serialize};

/// Before any group goes ahead, all datasets are mixed for a while as `mix-all` mixes them. Where the first group prepares the others it can be
/// learned by then and they cannot yet, so its loss has fallen further than theirs. Unless it has, `gst-adaptive` keeps mixing everything.
///
/// Ours, read off the run itself at no cost but that the order is followed later. An order that shows may still be wrong in its later groups, or the
/// first group may only be easier; one that does not show is wrong, or the model does not hear anything yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderRule {
    /// The share of the run's steps that mixes everything first, above 0 and below 1.
    pub after: f64,
    /// The least lead of the first group: the relative drop of its loss minus that of all others', from the first evaluation to the end of the mix;
    /// finite.
    pub min_lead: f64,
}

impl Default for OrderRule {
    fn default() -> Self {
        Self { after: 0.1, min_lead: 0.05 }
    }
}

impl OrderRule {
    /// The drops of the `first` group (inside) and of all other datasets, weighted by `shares` (by dataset index), over a record. `None` where a side
    /// has no dataset with both losses, or the record has one evaluation only.
    #[must_use]
    pub fn measure(first: &[usize], shares: &[f64], record: &[Evaluation]) -> Option<Transfer> {
        let (from, to) = (record.first()?, record.last()?);
        let others: Vec<usize> = (0..shares.len()).filter(|dataset| !first.contains(dataset)).collect();
        if from.step == to.step {
            return None;
        }
        TransferRule::measure(first, &others, shares, from, to)
    }

    /// Whether the drops speak for the order.
    #[must_use]
    pub fn shows(&self, drops: &Transfer) -> bool {
        drops.inside - drops.outside >= self.min_lead
    }

    pub(crate) fn check(&self) -> Result<(), ScheduleError> {
        let bad = |field, found: f64, expected| Err(ScheduleError::BadParameter { field, found: found.to_string(), expected });
        if !(self.after > 0.0 && self.after < 1.0) {
            return bad("order: after", self.after, "a share of the steps above 0 and below 1");
        }
        if !self.min_lead.is_finite() {
            return bad("order: min_lead", self.min_lead, "a finite number");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_has_to_lead() {
        let evaluation = |step, losses: [f64; 3]| Evaluation { step, losses: losses.map(Some).to_vec() };
        let check = |after: [f64; 3], shows: bool| {
            let record = [evaluation(50, [2.0, 1.0, 4.0]), evaluation(75, [9.0; 3]), evaluation(100, after)];
            let drops = OrderRule::measure(&[0], &[0.5, 0.25, 0.25], &record);
            assert_eq!(drops.is_some_and(|drops| OrderRule::default().shows(&drops)), shows, "{drops:?}");
        };
        check([1.0, 0.9, 3.6], true);
        check([1.0, 0.52, 2.08], false);
        check([1.0, 0.1, 0.4], false);
        check([2.2, 1.3, 5.2], true);
        check([f64::NAN, 0.9, 3.6], false);
    }

    #[test]
    fn one_evaluation_measures_nothing() {
        let only = Evaluation { step: 50, losses: vec![Some(1.0); 2] };
        assert_eq!(OrderRule::measure(&[0], &[0.5, 0.5], &[only]), None);
    }
}
