//! Does an order that was told show in the run? If not, it is given up before it is followed.

use super::evaluation::Evaluation;
use crate::ScheduleError;
use serde::{Deserialize, Serialize};

/// Before any group goes ahead, all datasets are mixed for a while as `mix-all` mixes them. Where the first group prepares the others, it has begun
/// to be learned by then and they have not. Unless that is so, `gst-adaptive` keeps mixing everything.
///
/// Ours, read off the run itself at no cost but that the order is followed later. It reads right answers and not losses: losses fall by as much
/// while nothing but the form of the answers is learned. An order that shows may still be wrong in its later groups, or the first group may only be
/// easier. The bounds were chosen on eight generated worlds that are judged nowhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderRule {
    /// The share of the run's steps that mixes everything first, above 0 and below 1.
    pub after: f64,
    /// How much more must be learned of the first group than of the others; finite. See [`Evaluation::learned`] for the unit.
    pub min_lead: f64,
    /// How much may be learned of the others at most; finite.
    pub max_others: f64,
}

/// What is learned by the end of the mix, in the unit of [`Evaluation::learned`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// Mean over the first group.
    pub first: f64,
    /// Mean over all other datasets.
    pub others: f64,
}

impl Default for OrderRule {
    fn default() -> Self {
        Self { after: 0.1, min_lead: 0.1, max_others: 0.06 }
    }
}

impl OrderRule {
    /// What is learned of the `first` group and of all other datasets, weighted by `shares` (by dataset index). `None` where that is not known of a
    /// single dataset of a side.
    #[must_use]
    pub fn measure(first: &[usize], shares: &[f64], evaluation: &Evaluation) -> Option<Learned> {
        let others: Vec<usize> = (0..shares.len()).filter(|dataset| !first.contains(dataset)).collect();
        let mean = |datasets| evaluation.mean_learned(datasets, shares);
        Some(Learned { first: mean(first)?, others: mean(&others)? })
    }

    /// Whether that speaks for the order.
    #[must_use]
    pub fn shows(&self, learned: &Learned) -> bool {
        learned.first - learned.others >= self.min_lead && learned.others <= self.max_others
    }

    pub(crate) fn check(&self) -> Result<(), ScheduleError> {
        let bad = |field, found: f64, expected| Err(ScheduleError::BadParameter { field, found: found.to_string(), expected });
        if !(self.after > 0.0 && self.after < 1.0) {
            return bad("order: after", self.after, "a share of the steps above 0 and below 1");
        }
        if !self.min_lead.is_finite() {
            return bad("order: min_lead", self.min_lead, "a finite number");
        }
        if !self.max_others.is_finite() {
            return bad("order: max_others", self.max_others, "a finite number");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_has_begun_and_the_others_have_not() {
        let check = |learned: [f64; 3], shows: bool| {
            let evaluation = Evaluation { step: 50, losses: vec![None; 3], learned: learned.map(Some).to_vec() };
            let found = OrderRule::measure(&[0], &[0.5, 0.25, 0.25], &evaluation);
            assert_eq!(found.is_some_and(|found| OrderRule::default().shows(&found)), shows, "{found:?}");
        };
        check([0.2, 0.0, 0.1], true);
        check([0.5, -0.3, 0.0], true);
        check([0.02, -0.2, 0.0], true);
        check([0.1, 0.0, 0.1], false);
        check([0.5, 0.3, 0.0], false);
        check([f64::NAN, 0.0, 0.0], false);
        check([0.5, 0.0, f64::NAN], true);
    }

    #[test]
    fn losses_alone_say_nothing() {
        let losses = Evaluation { step: 50, losses: vec![Some(1.0); 2], ..Evaluation::default() };
        assert_eq!(OrderRule::measure(&[0], &[0.5, 0.5], &losses), None);
    }
}
