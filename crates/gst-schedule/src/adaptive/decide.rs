//! From recorded evaluations to the next decision.

use super::evaluation::{self, Evaluation};
use super::order::{Learned, OrderRule};
use super::reweight::{excess_loss, follow, half_learned, learning_progress, share_in_groups};
use super::{Change, Decision, Policy, ReweightBy, ReweightRule, TransferRule};
use crate::weighting::integers;
use crate::{Schedule, ScheduleError, Stage};

impl Schedule {
    /// The decision to take after the last of `evaluations` (all of the run so far, oldest first), if any.
    ///
    /// A pure function of the schedule as resolved so far and of the evaluations. Ask after each evaluation and apply what comes; asking again
    /// gives `None`. In order:
    ///
    /// 1. at the end of a first stage that mixes everything: [`Change::MixAll`] unless the policy's [`OrderRule`] finds the order that was told;
    /// 2. at the end of another stage (its last step is done, or the weighted mean loss of its datasets, or of the group it has ahead, has reached a
    ///    plateau) while datasets are yet to come: [`Change::MixAll`] if the policy's [`TransferRule`] finds that staging does not pay;
    /// 3. on a plateau: [`Change::Advance`];
    /// 4. every so-many-th evaluation: [`Change::Reweight`], unless the weights stay the same.
    ///
    /// # Errors
    /// [`ScheduleError::BadEvaluation`] if the record does not fit the schedule.
    pub fn decide(&self, evaluations: &[Evaluation]) -> Result<Option<Decision>, ScheduleError> {
        evaluation::check(evaluations, self)?;
        let (Some(policy), Some(last)) = (&self.policy, evaluations.last()) else { return Ok(None) };
        let decided = self.decisions.last().is_some_and(|decision| decision.step >= last.step);
        if decided || last.step == 0 || last.step >= self.steps {
            return Ok(None);
        }
        if let Some((change, reason)) = self.stage_end(policy, evaluations) {
            return Ok(Some(Decision { step: last.step, change, reason }));
        }
        match &policy.reweight {
            Some(rule) => self.reweight(policy, rule, evaluations),
            None => Ok(None),
        }
    }

    /// The datasets to group again before step `step`: those not yet in, if the policy regroups, a stage after the first group's starts there,
    /// more than one group is to come, and it has not been done. Measure their affinity, group them, and apply a [`Change::Regroup`] of that step.
    #[must_use]
    pub fn to_regroup(&self, step: u64) -> Option<Vec<usize>> {
        let policy = self.policy.as_ref()?;
        let at = self.stage_at(step);
        let starts = at > policy.first_group() && step < self.steps && self.boundaries()[at] == step;
        let taken =
            |decision: &Decision| decision.step == step && matches!(decision.change, Change::Regroup { .. } | Change::MixAll);
        let several = self.stages.len() - at > 1;
        (policy.regroup && starts && several && !self.decisions.iter().any(taken)).then(|| self.to_come(at))
    }

    /// What the end of a stage brings, if one is reached at the last evaluation.
    fn stage_end(&self, policy: &Policy, evaluations: &[Evaluation]) -> Option<(Change, String)> {
        let now = evaluations.last()?.step;
        let before = evaluations.len().checked_sub(2).map_or(0, |i| evaluations[i].step);
        let boundaries = self.boundaries();
        let shares = policy.shares();
        // The stage of the step just done, or the one before if it ended between the evaluations.
        let mut ended = self.stage_at(now - 1);
        let mut change = None;
        if let Some(rule) = policy.order.as_ref().filter(|_| boundaries[1] > before) {
            let reason = (now >= boundaries[1]).then(|| self.without_order(rule, &shares, evaluations)).flatten()?;
            return Some((Change::MixAll, reason));
        }
        if boundaries[ended] > before && boundaries[ended + 1] > now && ended > 0 {
            ended -= 1;
        } else if boundaries[ended + 1] > now {
            let stage = &self.stages[ended];
            let inside = evaluations.iter().filter(|evaluation| evaluation.step >= boundaries[ended]);
            let watched = self.ahead(stage).map_or_else(|| stage.drawn(), <[usize]>::to_vec);
            let losses: Vec<f64> = inside.filter_map(|evaluation| evaluation.mean(&watched, &shares)).collect();
            let plateau = policy.plateau.as_ref()?.reached(&losses)?;
            if ended + 1 == self.stages.len() {
                return None;
            }
            let since = losses.len() - 1 - plateau.best_at;
            let reason = format!(
                "stage `{}`: smoothed loss {:.4}, best {:.4}, no improvement for {since} evaluations",
                stage.name, plateau.last, plateau.best
            );
            change = Some((Change::Advance, reason));
        }
        let to_come = self.to_come(ended + 1);
        if let Some(rule) = policy.transfer.as_ref().filter(|_| !to_come.is_empty())
            && let Some(reason) = self.without_transfer(rule, ended, &to_come, &shares, evaluations)
        {
            return Some((Change::MixAll, reason));
        }
        change
    }

    /// Why the order is given up, if the mix of everything that came first does not show it.
    fn without_order(&self, rule: &OrderRule, shares: &[f64], evaluations: &[Evaluation]) -> Option<String> {
        let last = evaluations.last()?;
        let Some(learned) = OrderRule::measure(self.groups.first()?, shares, last) else {
            return Some(format!("the evaluation after step {} does not say what is learned of the groups", last.step));
        };
        (!rule.shows(&learned)).then(|| {
            let (OrderRule { min_lead, max_others, .. }, Learned { first, others }) = (rule, learned);
            format!(
                "after {} steps of everything mixed {first:.2} of the first group is learned and {others:.2} of the others, which shows no order (that \
                 takes {min_lead} more, and {max_others} of the others at most)",
                last.step
            )
        })
    }

    /// The datasets of the group that a stage has ahead of all others, if it has one.
    pub(super) fn ahead(&self, stage: &Stage) -> Option<&[usize]> {
        let floor = self.policy.as_ref().map_or(0.0, |policy| policy.mix_floor);
        let group = stage.groups.last().filter(|_| floor > 0.0 && stage.groups.len() < self.groups.len())?;
        self.groups.get(*group).map(Vec::as_slice)
    }

    /// Why staging does not pay, if the stage that ended shows it.
    fn without_transfer(
        &self,
        rule: &TransferRule,
        ended: usize,
        to_come: &[usize],
        shares: &[f64],
        evaluations: &[Evaluation],
    ) -> Option<String> {
        let (start, end) = (self.boundaries()[ended], self.boundaries()[ended + 1]);
        // The last evaluation before the stage taught anything, and the last of the stage (or the first one after it).
        let first = evaluations.iter().rev().find(|evaluation| evaluation.step <= start).or(evaluations.first())?;
        let last = evaluations.iter().rev().find(|evaluation| evaluation.step <= end && evaluation.step > first.step);
        let last = last.or(evaluations.last()).filter(|last| last.step > first.step)?;
        let stage = &self.stages[ended];
        let transfer = TransferRule::measure(&stage.drawn(), to_come, shares, first, last)?;
        (!rule.pays(&transfer)).then(|| {
            format!(
                "stage `{}`, steps {} to {}: loss fell by {:.1} % on its datasets and by {:.1} % on those to come, less than {} of it",
                stage.name,
                first.step,
                last.step,
                transfer.inside * 100.0,
                transfer.outside * 100.0,
                rule.min_ratio
            )
        })
    }

    fn reweight(
        &self,
        policy: &Policy,
        rule: &ReweightRule,
        evaluations: &[Evaluation],
    ) -> Result<Option<Decision>, ScheduleError> {
        let count = evaluations.len();
        if !count.is_multiple_of(rule.every) {
            return Ok(None);
        }
        let last = &evaluations[count - 1];
        let stage = &self.stages[self.stage_at(last.step)];
        let all = policy.shares();
        let mut signal = match rule.by {
            ReweightBy::ExcessLoss => excess_loss(&last.losses, rule.reference.as_deref()),
            ReweightBy::LearningProgress => {
                let Some(before) = count.checked_sub(1 + rule.every).map(|i| &evaluations[i]) else { return Ok(None) };
                learning_progress(&before.losses, &last.losses)
            }
            ReweightBy::HalfLearned => {
                let begun = (rule.after * self.steps as f64).ceil() as u64;
                let Some(first) = evaluations.iter().find(|evaluation| evaluation.step >= begun) else { return Ok(None) };
                half_learned(&first.losses, &last.losses)
            }
        };
        if rule.shared {
            signal = share_in_groups(&all, &signal, &self.groups);
        }
        let shares = follow(&all, &signal, rule.strength, rule.floor);
        let active: Vec<f64> = stage.datasets.iter().map(|&dataset| shares[dataset]).collect();
        let weights = integers(&active, &stage.name)?;
        if weights == stage.weights {
            return Ok(None);
        }
        let largest = |pick: &dyn Fn(f64, f64) -> bool| {
            let change = |&dataset: &usize| shares[dataset] / all[dataset].max(f64::MIN_POSITIVE);
            stage.datasets.iter().copied().reduce(|a, b| if pick(change(&b), change(&a)) { b } else { a })
        };
        let (up, down) = (largest(&|b, a| b > a), largest(&|b, a| b < a));
        let part = |dataset: Option<usize>| {
            dataset.map_or_else(String::new, |dataset| {
                format!("`{}` {:.4} to {:.4}", self.datasets[dataset].name, all[dataset], shares[dataset])
            })
        };
        let signal = rule.by.name().replace('-', " ");
        let reason = format!("shares follow {signal}; most raised: {}; most lowered: {}", part(up), part(down));
        Ok(Some(Decision { step: last.step, change: Change::Reweight { weights }, reason }))
    }
}
