//! What a strategy saves against mix-all, and what mix-all "saves" against itself.

use super::artifacts::{Cost, Unit};
use super::convergence::{Point, Reach, best};
use super::interval::mean;

/// A run as this module sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial<'a> {
    /// Pairs runs of two strategies.
    pub(crate) seed: u64,
    /// Smoothed curve.
    pub(crate) curve: &'a [Point],
    /// Spent ahead of step 0: the probe.
    pub(crate) before: Cost,
}

/// Saving of one seed: 1 − cost / cost of mix-all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Saving {
    pub(crate) seed: u64,
    /// 1 − cost / cost of mix-all, costs cut off where mix-all ends: a run that ended before and missed the target counts as one that stays where
    /// it ended.
    pub(crate) saving: f64,
    /// Natural logarithm of the same ratio: negative is cheaper.
    pub(crate) log_ratio: f64,
    /// The strategy did not reach the target: the true saving is lower.
    pub(crate) at_most: bool,
    /// Mix-all did not reach it: the true saving is higher.
    pub(crate) at_least: bool,
}

/// `share` of the mean over seeds of the best that mix-all reaches.
pub(crate) fn target(mix_all: &[Trial<'_>], share: f64) -> Option<f64> {
    let bests: Vec<f64> = mix_all.iter().filter_map(|trial| best(trial.curve)).collect();
    mean(&bests).map(|mean| share * mean)
}

/// Savings by seed. Seeds that miss on either side are left out; so are pairs where neither run reached the target.
pub(crate) fn paired(strategy: &[Trial<'_>], mix_all: &[Trial<'_>], target: f64, unit: Unit) -> Vec<Saving> {
    let pairs =
        strategy.iter().filter_map(|trial| mix_all.iter().find(|other| other.seed == trial.seed).map(|other| (trial, other)));
    pairs.filter_map(|(trial, other)| saving(trial, std::slice::from_ref(other), target, unit)).collect()
}

/// The null: each mix-all run against the mean cost of the others, to the target that the others set (leave one out).
pub(crate) fn null(mix_all: &[Trial<'_>], share: f64, unit: Unit) -> Vec<Saving> {
    let left_out = mix_all.iter().enumerate().filter_map(|(index, trial)| {
        let others: Vec<Trial<'_>> =
            mix_all.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, trial)| *trial).collect();
        saving(trial, &others, target(&others, share)?, unit)
    });
    left_out.collect()
}

/// A run against the mean of some others, all costs cut off where the shortest of these ends (restricted mean).
///
/// `None` where neither the run nor any of the others got there, and where there are no others.
pub(crate) fn saving(trial: &Trial<'_>, others: &[Trial<'_>], target: f64, unit: Unit) -> Option<Saving> {
    let end = |trial: &Trial<'_>| trial.curve.last().map(|point| point.cost.plus(&trial.before).of(unit));
    let horizon = others.iter().map(end).try_fold(f64::INFINITY, |least, end| Some(least.min(end?)))?;
    let restricted = |trial: &Trial<'_>| {
        let reach = Reach::of(trial.curve, target, &trial.before)?;
        let missed = reach.is_censored() || reach.cost(unit) > horizon;
        Some((if missed { horizon } else { reach.cost(unit) }, missed))
    };
    let (cost, at_most) = restricted(trial)?;
    let reaches: Vec<(f64, bool)> = others.iter().map(restricted).collect::<Option<_>>()?;
    let other = mean(&reaches.iter().map(|(cost, _)| *cost).collect::<Vec<_>>())?;
    let all_missed = reaches.iter().all(|(_, missed)| *missed);
    if (at_most && all_missed) || cost <= 0.0 || other <= 0.0 {
        return None;
    }
    let at_least = reaches.iter().any(|(_, missed)| *missed);
    Some(Saving { seed: trial.seed, saving: 1.0 - cost / other, log_ratio: (cost / other).ln(), at_most, at_least })
}

#[cfg(test)]
mod tests {
    use super::super::convergence::tests::curve;
    use super::*;

    fn trial(seed: u64, curve: &[Point]) -> Trial<'_> {
        Trial { seed, curve, before: Cost::default() }
    }

    fn savings(strategy: &[Trial<'_>], mix_all: &[Trial<'_>], target: f64) -> Vec<(u64, f64, bool, bool)> {
        let paired = paired(strategy, mix_all, target, Unit::Steps);
        paired.iter().map(|s| (s.seed, (s.saving * 1e6).round() / 1e6, s.at_most, s.at_least)).collect()
    }

    #[test]
    fn the_target_is_a_share_of_the_mean_best() {
        let (a, b) = (curve(&[0.0, 0.8, 0.6]), curve(&[0.0, 0.4, 0.6]));
        assert!((target(&[trial(0, &a), trial(1, &b)], 0.9).unwrap() - 0.63).abs() < 1e-12);
        assert_eq!(target(&[], 0.9), None);
    }

    #[test]
    fn runs_are_paired_by_seed() {
        let (slow, fast) = (curve(&[0.0, 0.0, 0.0, 0.0, 1.0]), curve(&[0.0, 0.0, 1.0, 1.0, 1.0]));
        let mix = [trial(0, &slow), trial(1, &fast), trial(2, &slow)];
        assert_eq!(savings(&[trial(1, &slow), trial(0, &fast)], &mix, 1.0), [(1, -1.0, false, false), (0, 0.5, false, false)]);
        let log_ratio = paired(&[trial(0, &fast)], &mix, 1.0, Unit::Steps)[0].log_ratio;
        assert!((log_ratio - 0.5_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_miss_bounds_the_saving_from_above_and_a_miss_of_mix_all_from_below() {
        let (hit, miss) = (curve(&[0.0, 0.0, 1.0, 1.0, 1.0]), curve(&[0.0; 5]));
        assert_eq!(savings(&[trial(0, &miss)], &[trial(0, &hit)], 1.0), [(0, -1.0, true, false)]);
        assert_eq!(savings(&[trial(0, &hit)], &[trial(0, &miss)], 1.0), [(0, 0.5, false, true)]);
        assert_eq!(savings(&[trial(0, &miss)], &[trial(0, &miss)], 1.0), [], "two misses say nothing");
    }

    #[test]
    fn a_shorter_run_that_misses_is_not_spared() {
        let (short, long) = (curve(&[0.0, 0.0, 0.5]), curve(&[0.0, 0.0, 0.0, 0.0, 1.0]));
        assert_eq!(savings(&[trial(0, &short)], &[trial(0, &long)], 1.0), [(0, 0.0, true, false)], "it stays where it ended");
        assert!(!savings(&[trial(0, &short)], &[trial(0, &long)], 0.5)[0].2);
    }

    #[test]
    fn costs_are_cut_off_where_the_shorter_run_ends() {
        let (short, long) = (curve(&[0.0, 0.0, 1.0]), curve(&[0.0, 0.0, 0.0, 0.0, 1.0]));
        assert_eq!(
            savings(&[trial(0, &long)], &[trial(0, &short)], 1.0),
            [(0, 0.0, true, false)],
            "reached, but only after 200 steps"
        );
    }

    #[test]
    fn the_probe_makes_a_run_dearer() {
        let even = curve(&[0.0, 0.0, 1.0, 1.0, 1.0]);
        let probed = Trial { before: Cost { steps: 50.0, ..Cost::default() }, ..trial(0, &even) };
        assert_eq!(savings(&[probed], &[trial(0, &even)], 1.0), [(0, -0.25, false, false)]);
    }

    #[test]
    fn the_null_leaves_each_seed_out_once() {
        let (a, b, c) = (curve(&[0.0, 1.0, 1.0, 1.0, 1.0]), curve(&[0.0, 0.0, 1.0, 1.0, 1.0]), curve(&[0.0, 0.0, 0.0, 1.0, 1.0]));
        let null = null(&[trial(0, &a), trial(1, &b), trial(2, &c)], 1.0, Unit::Steps);
        let values: Vec<f64> = null.iter().map(|s| (s.saving * 100.0).round()).collect();
        assert_eq!(values, [60.0, 0.0, -100.0]);
        assert!(super::null(&[trial(0, &a)], 1.0, Unit::Steps).is_empty(), "one run has no null");
    }
}
