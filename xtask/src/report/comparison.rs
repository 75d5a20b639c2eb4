//! Every strategy against the baseline: cost to a target, savings, and whether there is enough to judge by.

use super::artifacts::{Cost, Unit};
use super::convergence::Reach;
use super::evidence::Evidence;
use super::interval::Interval;
use super::saving::{Saving, Trial, null, paired, target};

/// Shares of the baseline's mean best that count as reached.
pub(crate) const SHARES: [f64; 4] = [0.90, 0.95, 0.99, 1.0];

/// Fewer evaluations on a curve than this cannot place a target.
const MIN_EVALUATIONS: usize = 8;

/// The comparison behind the tables.
pub(crate) struct Comparison<'a> {
    evidence: &'a Evidence,
    baseline: Vec<Trial<'a>>,
}

/// Savings over seeds.
pub(crate) enum Judged {
    /// Mean and interval over pairs of seeds.
    Saving { interval: Interval, savings: Vec<Saving> },
    /// Why no figure is given.
    Not(&'static str),
}

impl<'a> Comparison<'a> {
    pub(crate) fn of(evidence: &'a Evidence) -> Self {
        Self { evidence, baseline: evidence.trials(&evidence.baseline) }
    }

    /// The token accuracy to reach for a share of the baseline's mean best.
    pub(crate) fn target(&self, share: f64) -> Option<f64> {
        target(&self.baseline, share)
    }

    /// Where each seed of a strategy reached a share of the baseline's mean best, the probe counted.
    pub(crate) fn reaches(&self, strategy: &str, share: f64) -> Vec<(u64, Reach)> {
        let Some(target) = self.target(share) else { return Vec::new() };
        let trials = self.evidence.trials(strategy);
        trials.iter().filter_map(|trial| Some((trial.seed, Reach::of(trial.curve, target, &trial.before)?))).collect()
    }

    /// Why no saving can be given at all, if so.
    pub(crate) fn too_short(&self) -> Option<String> {
        if self.baseline.is_empty() {
            return Some(format!("there is no finished {} run to compare with", self.evidence.baseline));
        }
        if self.baseline.len() < 2 {
            return Some("one seed is too short to judge a saving by: it cannot tell a gain from chance".into());
        }
        let fewest = self.baseline.iter().map(|trial| trial.curve.len()).min().unwrap_or(0);
        (fewest < MIN_EVALUATIONS).then(|| {
            format!("{fewest} evaluations are too short a curve to judge a saving by: at least {MIN_EVALUATIONS} are needed")
        })
    }

    /// The saving of each seed of a strategy against the same seed of the baseline.
    pub(crate) fn savings(&self, strategy: &str, share: f64, unit: Unit) -> Vec<Saving> {
        let target = self.target(share);
        target.map_or_else(Vec::new, |target| paired(&self.evidence.trials(strategy), &self.baseline, target, unit))
    }

    /// The same if no probe had cost anything, as it nearly does not in a long run.
    pub(crate) fn savings_without_probe(&self, strategy: &str, share: f64, unit: Unit) -> Vec<Saving> {
        let free = |trial| Trial { before: Cost::default(), ..trial };
        let trials: Vec<Trial<'_>> = self.evidence.trials(strategy).into_iter().map(free).collect();
        self.target(share).map_or_else(Vec::new, |target| paired(&trials, &self.baseline, target, unit))
    }

    /// Mean saving with its interval, or why there is none.
    pub(crate) fn judge(&self, strategy: &str, share: f64, unit: Unit) -> Judged {
        if self.too_short().is_some() {
            return Judged::Not("too short to judge");
        }
        if unit == Unit::WallSeconds && self.evidence.ran_side_by_side() {
            return Judged::Not("cells ran side by side");
        }
        let savings = self.savings(strategy, share, unit);
        let values: Vec<f64> = savings.iter().map(|saving| saving.saving).collect();
        match (Interval::of(&values), values.len()) {
            (Some(interval), _) => Judged::Saving { interval, savings },
            (None, 1) => Judged::Not("too short to judge"),
            (None, _) => Judged::Not("no pair reached it"),
        }
    }

    /// The baseline against itself, each seed left out once.
    pub(crate) fn null(&self, share: f64, unit: Unit) -> Vec<Saving> {
        if self.too_short().is_some() { Vec::new() } else { null(&self.baseline, share, unit) }
    }
}

/// A figure of two runs of one seed: strategy minus baseline, by seed.
pub(crate) fn differences(
    evidence: &Evidence,
    strategy: &str,
    figure: impl Fn(&super::evidence::Run) -> Option<f64>,
) -> Vec<f64> {
    let difference = |run: &super::evidence::Run| {
        let other = evidence.runs_of(&evidence.baseline).find(|other| other.seed == run.seed)?;
        Some(figure(run)? - figure(other)?)
    };
    evidence.runs_of(strategy).filter_map(difference).collect()
}
