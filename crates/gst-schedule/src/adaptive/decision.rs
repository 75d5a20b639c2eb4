//! Decisions and what they change.

use super::Policy;
use crate::plan::{ahead_name, ahead_of_all, mixture, ramp};
use crate::schedule::check_partition;
use crate::weighting::integers;
use crate::{Schedule, ScheduleError, Stage, Strategy};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// One decision taken in a run, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Optimizer steps done when it was taken; it holds from this step on.
    pub step: u64,
    /// What changes.
    #[serde(flatten)]
    pub change: Change,
    /// Why, with the numbers behind it, for people.
    pub reason: String,
}

/// What a decision changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// The stage ends here; the steps it had left go to the last stage.
    Advance,
    /// The rest of the stage is drawn with these weights, one for each of the stage's datasets; it becomes a stage of its own.
    Reweight {
        /// The new integer weights.
        weights: Vec<u64>,
    },
    /// At the start of a stage after the first group's: the datasets not yet in come in as these groups, in this order, from here on.
    Regroup {
        /// Dataset indices; together the datasets not yet in.
        groups: Vec<Vec<usize>>,
    },
    /// All datasets are mixed for the rest of the run.
    MixAll,
}

impl Change {
    /// The kind of change, as in the file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Advance => "advance",
            Self::Reweight { .. } => "reweight",
            Self::Regroup { .. } => "regroup",
            Self::MixAll => "mix-all",
        }
    }
}

impl Schedule {
    /// The schedule with a decision applied and logged. Steps before the decision's, and so their draws, stay as they are; the number of
    /// steps of the run stays too.
    ///
    /// # Errors
    /// [`ScheduleError::BadDecision`] if it does not fit: outside the run, older than one already applied, not possible in the stage, or what
    /// would come out is no schedule.
    pub fn apply(&self, decision: &Decision) -> Result<Self, ScheduleError> {
        let step = decision.step;
        let refuse = |reason: String| ScheduleError::BadDecision { change: decision.change.name(), step, reason };
        if step >= self.steps {
            return Err(refuse(format!("the run has {} steps", self.steps)));
        }
        if let Some(last) = self.decisions.last().filter(|last| last.step > step) {
            return Err(refuse(format!("a decision of step {} was applied before", last.step)));
        }
        let mut changed = self.clone();
        let at = self.stage_at(step);
        let done = step - self.boundaries()[at];
        match &decision.change {
            Change::Advance if done == 0 => return Err(refuse(format!("stage {at} only starts there"))),
            Change::Advance if at + 1 == self.stages.len() => return Err(refuse(format!("stage {at} is the last"))),
            Change::Advance => {
                let left = changed.stages[at].steps - done;
                changed.stages[at].shorten(done);
                if let Some(last) = changed.stages.last_mut() {
                    last.steps += left;
                }
            }
            Change::Reweight { weights } => {
                let mut stage = self.stages[at].clone();
                if weights.len() != stage.datasets.len() {
                    return Err(refuse(format!("{} weights for the stage's {} datasets", weights.len(), stage.datasets.len())));
                }
                stage.weights.clone_from(weights);
                stage.ramp.clear();
                stage.steps -= done;
                let name = stage.name.split(", from step").next().unwrap_or_default();
                stage.name = format!("{name}, from step {step}");
                if done == 0 {
                    changed.stages[at] = stage;
                } else {
                    stage.reset = false;
                    changed.stages[at].shorten(done);
                    changed.stages.insert(at + 1, stage);
                }
            }
            Change::Regroup { groups } => {
                // In reverse, the groups that are in are not the first ones.
                if !self.strategy.grows() || self.strategy == Strategy::GstReverse {
                    return Err(refuse(format!("{} does not introduce groups one by one, the first one first", self.strategy)));
                }
                let policy = self.policy.as_ref().ok_or_else(|| refuse("the schedule has no policy".to_owned()))?;
                if done > 0 || at <= policy.first_group() {
                    return Err(refuse("it is no start of a stage after the first group's".to_owned()));
                }
                changed.regroup(at, groups, policy).map_err(|error| refuse(error.to_string()))?;
            }
            Change::MixAll => {
                let policy = self.policy.as_ref().ok_or_else(|| refuse("the schedule has no policy".to_owned()))?;
                changed.mix_all(at, done, step, policy).map_err(|error| refuse(error.to_string()))?;
            }
        }
        changed.decisions.push(decision.clone());
        changed.check().map_err(|error| refuse(error.to_string()))?;
        Ok(changed)
    }

    /// The schedule after a log of decisions, oldest first: what a run that took them followed.
    ///
    /// # Errors
    /// As [`Schedule::apply`], for the first decision that does not fit.
    pub fn replay(&self, log: &[Decision]) -> Result<Self, ScheduleError> {
        log.iter().try_fold(self.clone(), |schedule, decision| schedule.apply(decision))
    }

    /// Replaces the stages from `at` on by ones that add `groups` one by one.
    fn regroup(&mut self, at: usize, groups: &[Vec<usize>], policy: &Policy) -> Result<(), ScheduleError> {
        let introduced = self.stages[at - 1].groups.clone();
        let mut old: Vec<usize> = introduced.iter().flat_map(|&group| self.groups[group].iter().copied()).collect();
        let mut all: Vec<Vec<usize>> = introduced.iter().map(|&group| self.groups[group].clone()).collect();
        all.extend(groups.iter().cloned());
        check_partition(&all, &self.datasets)?;
        let replaced = self.stages.split_off(at);
        let left: u64 = replaced.iter().map(|stage| stage.steps).sum();
        if (groups.len() as u64) > left {
            return Err(ScheduleError::TooFewSteps { steps: left, stages: groups.len() });
        }
        // The lengths that were planned, where there are as many stages; else that of the first for each, as far as the steps go.
        let early = groups.len().saturating_sub(1) as u64;
        let planned = |number: usize| match replaced.len() {
            same if same == groups.len() => replaced[number].steps,
            1 => left / groups.len() as u64,
            _ => replaced[0].steps,
        };
        let most = ((left - 1) / early.max(1)).max(1);
        let shares = policy.shares();
        let mut spent = 0;
        self.groups = all;
        for (number, group) in groups.iter().enumerate() {
            let last = number + 1 == groups.len();
            let steps = if last { left - spent } else { planned(number).clamp(1, most) };
            let (name, (active, mixture)) = if policy.mix_floor > 0.0 && !last {
                let name = ahead_name(introduced.len() + number);
                (name.clone(), ahead_of_all(&shares, group, policy.mix_floor, &name)?)
            } else {
                let name = format!("groups 1..{}", introduced.len() + number + 1);
                (name.clone(), mixture(&shares, &old, group, true, policy.replay_floor, &name)?)
            };
            let mut stage = Stage::new(name.as_str(), active, integers(&mixture, &name)?, steps);
            stage.groups = (0..=introduced.len() + number).collect();
            self.append(stage, policy)?;
            spent += steps;
            old.extend(group);
        }
        Ok(())
    }

    /// Replaces all steps from `step` (`done` steps into stage `at`) on by one stage of all datasets.
    fn mix_all(&mut self, at: usize, done: u64, step: u64, policy: &Policy) -> Result<(), ScheduleError> {
        self.stages.truncate(if done == 0 { at } else { at + 1 });
        if done > 0
            && let Some(stage) = self.stages.last_mut()
        {
            stage.shorten(done);
        }
        let all: Vec<usize> = (0..self.datasets.len()).collect();
        let mut stage = Stage::new("all datasets", all, policy.weights.clone(), self.steps - step);
        stage.groups = (0..self.groups.len()).collect();
        self.append(stage, policy)
    }

    fn append(&mut self, mut stage: Stage, policy: &Policy) -> Result<(), ScheduleError> {
        if let Some(before) = self.stages.last()
            && policy.ramp_steps > 0
        {
            let steps = policy.ramp_steps.min(stage.steps);
            ramp(before, &mut stage, steps)?;
        }
        self.stages.push(stage);
        Ok(())
    }

    /// The datasets of the groups that stages from `at` on bring in and earlier ones did not, in order of introduction.
    ///
    /// By groups, not by datasets: a stage of a group that is ahead draws from all datasets, and a ramp from those that leave.
    pub(crate) fn to_come(&self, at: usize) -> Vec<usize> {
        let (before, from) = self.stages.split_at(at.min(self.stages.len()));
        let groups = |stages: &[Stage]| stages.iter().flat_map(|stage| stage.groups.clone()).collect::<Vec<usize>>();
        let mut seen: HashSet<usize> = groups(before).into_iter().collect();
        let coming = groups(from).into_iter().filter(|group| seen.insert(*group));
        coming.flat_map(|group| self.groups[group].iter().copied()).collect()
    }
}

impl Stage {
    /// The datasets that it draws from after its ramp.
    pub(super) fn drawn(&self) -> Vec<usize> {
        self.datasets.iter().zip(&self.weights).filter(|(_, weight)| **weight > 0).map(|(dataset, _)| *dataset).collect()
    }

    /// Ends the stage after `steps` steps.
    fn shorten(&mut self, steps: u64) {
        self.steps = steps;
        let mut left = steps;
        self.ramp.retain_mut(|piece| {
            piece.steps = piece.steps.min(left);
            left -= piece.steps;
            piece.steps > 0
        });
    }
}
