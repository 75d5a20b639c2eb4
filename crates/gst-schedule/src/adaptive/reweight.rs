//! Weights that follow the losses.

use std::fmt;
use std::str::FromStr;

use crate::ScheduleError;
use crate::weighting::scale;
use serde::{Deserialize, Serialize};

/// How the weights of a mixture follow the recorded losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReweightRule {
    /// What draws more samples to a dataset.
    pub by: ReweightBy,
    /// The weights move at every so-many-th evaluation, at least 1.
    pub every: usize,
    /// Exponent of the signal relative to its mean, 0 to 10: 0 leaves the base weights, 1 is proportional.
    pub strength: f64,
    /// Share of the mixture that stays at the base weights, above 0, at most 1: each dataset keeps at least this part of its base share.
    pub floor: f64,
    /// For `half-learned`: the share of the run's steps, 0 to below 1, that teaches the form of the answers. The weights stay until then, and
    /// learning is measured from the first evaluation from there on: from the loss of a model that knows the answers' words and does
    /// not hear yet.
    pub after: f64,
    /// Whether the datasets of a group share one signal, the mean of theirs: less noise, and groups come and go as one.
    pub shared: bool,
    /// For `excess-loss`: the loss of each dataset that can be reached (a reference model's, or what noise leaves); 0 where `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Vec<f64>>,
}

/// What draws more samples to a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReweightBy {
    /// Its loss above the reference (as DoReMi, 2305.10429, which trains a reference model): what is still to be learned.
    ExcessLoss,
    /// Its relative loss drop since [`ReweightRule::every`] evaluations ago: what is being learned.
    LearningProgress,
    /// Its relative loss drop since the form of the answers was learned ([`ReweightRule::after`]), times what is left of the loss: most for
    /// what is half learned, nothing for what has not begun to be learned or is learned. Where some datasets prepare others, this
    /// follows the front.
    #[default]
    HalfLearned,
}

impl ReweightBy {
    const ALL: [Self; 3] = [Self::ExcessLoss, Self::LearningProgress, Self::HalfLearned];

    /// As in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExcessLoss => "excess-loss",
            Self::LearningProgress => "learning-progress",
            Self::HalfLearned => "half-learned",
        }
    }
}

impl fmt::Display for ReweightBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ReweightBy {
    type Err = ScheduleError;

    /// # Errors
    /// [`ScheduleError::BadParameter`] for other names.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let unknown = || ScheduleError::BadParameter {
            field: "reweight: by",
            found: text.to_owned(),
            expected: "excess-loss, learning-progress or half-learned",
        };
        Self::ALL.into_iter().find(|by| by.name() == text).ok_or_else(unknown)
    }
}

impl Default for ReweightRule {
    fn default() -> Self {
        Self { by: ReweightBy::default(), every: 1, strength: 2.0, floor: 0.5, after: 0.1, shared: false, reference: None }
    }
}

impl ReweightRule {
    pub(crate) fn check(&self) -> Result<(), ScheduleError> {
        let bad = |field, found: String, expected| Err(ScheduleError::BadParameter { field, found, expected });
        if self.every == 0 {
            return bad("reweight: every", "0".to_owned(), "1 evaluation or more");
        }
        if !(0.0..=10.0).contains(&self.strength) {
            return bad("reweight: strength", self.strength.to_string(), "0 to 10");
        }
        if !(self.floor > 0.0 && self.floor <= 1.0) {
            return bad("reweight: floor", self.floor.to_string(), "a share above 0 and at most 1");
        }
        if !(0.0..1.0).contains(&self.after) {
            return bad("reweight: after", self.after.to_string(), "a share of the steps, 0 to below 1");
        }
        Ok(())
    }

    pub(crate) fn check_for(&self, datasets: usize) -> Result<(), ScheduleError> {
        if let Some(reference) = &self.reference
            && reference.len() != datasets
        {
            return Err(ScheduleError::inconsistent(
                "reweight: reference",
                reference.len(),
                format!("{datasets}, one loss a dataset"),
            ));
        }
        self.check()
    }
}

/// The loss of each dataset above `reference` (0 where it is `None`); `None` for one without a loss.
pub(crate) fn excess_loss(losses: &[Option<f64>], reference: Option<&[f64]>) -> Vec<Option<f64>> {
    let reached = |dataset: usize| reference.and_then(|reference| reference.get(dataset)).copied().unwrap_or(0.0);
    losses.iter().enumerate().map(|(dataset, loss)| loss.map(|loss| loss - reached(dataset))).collect()
}

/// `(before − after) / |before|` of each dataset.
pub(crate) fn learning_progress(before: &[Option<f64>], after: &[Option<f64>]) -> Vec<Option<f64>> {
    before.iter().zip(after).map(|(before, after)| Some(relative_drop((*before)?, (*after)?))).collect()
}

/// d (1 − d) of each dataset, where d is its relative loss drop from `first` to `now`, 0 to 1.
pub(crate) fn half_learned(first: &[Option<f64>], now: &[Option<f64>]) -> Vec<Option<f64>> {
    let signal = |learned: f64| learned.clamp(0.0, 1.0) * (1.0 - learned.clamp(0.0, 1.0));
    learning_progress(first, now).into_iter().map(|learned| learned.map(signal)).collect()
}

/// Every dataset with the mean signal of its group, by base weight, over those that have one; datasets in no group keep theirs.
pub(crate) fn share_in_groups(base: &[f64], signal: &[Option<f64>], groups: &[Vec<usize>]) -> Vec<Option<f64>> {
    let mut shared = signal.to_vec();
    for group in groups {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (share, value) in
            group.iter().filter_map(|&dataset| Some((base[dataset], signal[dataset].filter(|value| value.is_finite())?)))
        {
            sum += share * value;
            weight += share;
        }
        if weight > 0.0 {
            group.iter().for_each(|&dataset| shared[dataset] = Some(sum / weight));
        }
    }
    shared
}

/// `(before − after) / |before|`; 0 where `before` is 0.
pub(crate) fn relative_drop(before: f64, after: f64) -> f64 {
    if before == 0.0 { 0.0 } else { (before - after) / before.abs() }
}

/// Shares in proportion to `base · (signal / mean signal)^strength`, mixed with the base shares by `floor`; a signal below 0 counts as 0.
///
/// One entry a dataset. A dataset without a finite signal counts as one of the mean. If no dataset has a signal above 0, the base shares are
/// returned. The result sums to 1.
pub(crate) fn follow(base: &[f64], signal: &[Option<f64>], strength: f64, floor: f64) -> Vec<f64> {
    let mut base = base.to_vec();
    scale(&mut base);
    let known = |i: usize| signal.get(i).copied().flatten().filter(|value| value.is_finite()).map(|value| value.max(0.0));
    let (mut sum, mut weight) = (0.0, 0.0);
    for (i, &share) in base.iter().enumerate() {
        if let Some(value) = known(i) {
            sum += share * value;
            weight += share;
        }
    }
    if sum <= 0.0 || !sum.is_finite() {
        return base;
    }
    let mean = sum / weight;
    let mut moved: Vec<f64> =
        base.iter().enumerate().map(|(i, &share)| share * known(i).map_or(1.0, |value| (value / mean).powf(strength))).collect();
    scale(&mut moved);
    base.iter().zip(&moved).map(|(base, moved)| floor * base + (1.0 - floor) * moved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn excess_loss_weights(
        base: &[f64],
        losses: &[Option<f64>],
        reference: Option<&[f64]>,
        strength: f64,
        floor: f64,
    ) -> Vec<f64> {
        follow(base, &excess_loss(losses, reference), strength, floor)
    }

    fn check(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}, expected {expected:?}");
    }

    #[test]
    fn half_learned_draws_most_and_neither_end_draws_anything() {
        let first = [Some(2.0), Some(2.0), Some(2.0), None];
        // Half learned, not begun, learned, unknown; one whose loss rose counts as not begun.
        check(
            &follow(&[1.0; 4], &half_learned(&first, &[Some(1.0), Some(2.1), Some(0.0), Some(1.0)]), 1.0, 0.5),
            &[0.5, 0.125, 0.125, 0.25],
        );
        check(
            &follow(&[1.0; 2], &half_learned(&[Some(1.0); 2], &[Some(0.5), Some(0.75)]), 2.0, 0.1),
            &[0.05 + 0.9 * 0.64, 0.05 + 0.9 * 0.36],
        );
        check(&follow(&[3.0, 1.0], &half_learned(&[Some(1.0); 2], &[Some(1.0); 2]), 1.0, 0.5), &[0.75, 0.25]);
    }

    #[test]
    fn excess_loss_draws() {
        let even = [1.0, 1.0];
        check(&excess_loss_weights(&even, &[Some(3.0), Some(1.0)], None, 1.0, 0.0), &[0.75, 0.25]);
        check(&excess_loss_weights(&even, &[Some(3.0), Some(1.0)], None, 1.0, 0.5), &[0.625, 0.375]);
        check(&excess_loss_weights(&even, &[Some(3.0), Some(1.0)], Some(&[2.0, 0.0]), 1.0, 0.0), &[0.5, 0.5]);
        check(&excess_loss_weights(&even, &[Some(3.0), Some(1.0)], Some(&[9.0, 0.0]), 1.0, 0.1), &[0.05, 0.95]);
        check(&excess_loss_weights(&even, &[Some(3.0), Some(1.0)], None, 0.0, 0.1), &[0.5, 0.5]);
        check(&excess_loss_weights(&[3.0, 1.0], &[Some(0.0), Some(0.0)], None, 1.0, 0.1), &[0.75, 0.25]);
        check(&excess_loss_weights(&even, &[None, Some(f64::NAN)], None, 1.0, 0.1), &[0.5, 0.5]);
        // A dataset of unknown loss counts as one of the mean.
        check(&excess_loss_weights(&[1.0; 3], &[Some(3.0), Some(1.0), None], None, 1.0, 0.0), &[0.5, 0.5 / 3.0, 1.0 / 3.0]);
    }

    #[test]
    fn progress_draws() {
        let weights =
            |before: [Option<f64>; 2], after: [Option<f64>; 2]| follow(&[1.0; 2], &learning_progress(&before, &after), 1.0, 0.2);
        check(&weights([Some(2.0), Some(2.0)], [Some(1.0), Some(2.0)]), &[0.9, 0.1]);
        check(&weights([Some(2.0), Some(2.0)], [Some(3.0), Some(2.0)]), &[0.5, 0.5]);
        check(&weights([Some(0.0), None], [Some(1.0), Some(2.0)]), &[0.5, 0.5]);
    }

    #[test]
    fn groups_share_what_they_know() {
        let signal = [Some(1.0), Some(3.0), None, Some(5.0)];
        let shared = share_in_groups(&[1.0, 3.0, 1.0, 1.0], &signal, &[vec![0, 1, 2]]);
        assert_eq!(shared, [Some(2.5), Some(2.5), Some(2.5), Some(5.0)]);
        assert_eq!(share_in_groups(&[1.0; 4], &[None; 4], &[vec![0, 1], vec![2, 3]]), [None; 4]);
        assert_eq!(share_in_groups(&[1.0; 2], &[Some(3.0), Some(f64::NAN)], &[vec![0, 1]]), [Some(3.0); 2]);
    }

    proptest! {
        #[test]
        fn shares_sum_to_one_and_keep_the_floor(
            parts in prop::collection::vec((0.01_f64..1.0, prop::option::of(0.0_f64..10.0)), 1..20), strength in 0.0_f64..10.0, floor in 0.05_f64..1.0,
        ) {
            let (base, losses): (Vec<f64>, Vec<Option<f64>>) = parts.into_iter().unzip();
            let sum: f64 = base.iter().sum();
            let shares = excess_loss_weights(&base, &losses, None, strength, floor);
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            for (share, base) in shares.iter().zip(&base) {
                prop_assert!(*share >= floor * base / sum - 1e-12);
            }
        }
    }
}
