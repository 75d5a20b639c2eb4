//! Decisions on the way: when a stage ends, how weights move, when staging is given up.
//!
//! Everything here is a pure function of the schedule and of recorded [`Evaluation`]s. A trainer evaluates, appends to its record, and asks
//! [`Schedule::decide`](crate::Schedule::decide); a [`Decision`] it gets is applied with
//! [`Schedule::apply`](crate::Schedule::apply), which changes only steps from the decision's step on. Decisions are kept in the schedule, so
//! the checkpointed schedule is complete; [`Schedule::replay`](crate::Schedule::replay) makes it again from the first schedule and the log.
//!
//! One decision needs more than evaluations: regrouping. Where the policy asks for it, [`Schedule::to_regroup`](crate::Schedule::to_regroup)
//! names the datasets not yet in; the trainer measures affinity, groups them, and applies a [`Change::Regroup`], which the log keeps with
//! its groups, so that a replay measures nothing.
//!
//! The rules are ours, not the paper's. How often the plateau rule errs under noise was measured on synthetic curves ([`PlateauRule`]); the
//! defaults of [`ReweightRule`] were chosen on three generated worlds, those of [`TransferRule`] are not calibrated.

mod decide;
mod decision;
mod evaluation;
mod order;
mod plateau;
mod reweight;
mod transfer;

pub use decision::{Change, Decision};
pub use evaluation::Evaluation;
pub use order::{Learned, OrderRule};
pub use plateau::{Plateau, PlateauRule};
pub use reweight::{ReweightBy, ReweightRule};
pub use transfer::{Transfer, TransferRule};

use crate::{ScheduleError, ScheduleParams, StageEnd, Strategy};
use serde::{Deserialize, Serialize};

/// How `mix-adaptive` and `gst-adaptive` decide; other strategies read only `plateau`, where a stage ends by
/// [`StageEnd::Plateau`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdaptiveParams {
    /// When a stage has stopped learning.
    pub plateau: PlateauRule,
    /// How the weights follow the losses, in `mix-adaptive` and where `gst-adaptive` has no stages.
    pub reweight: ReweightRule,
    /// When `gst-adaptive` gives up staging and mixes everything, where its stages hold datasets back
    /// ([`mix_floor`](crate::ScheduleParams::mix_floor) 0); `None` never.
    pub transfer: Option<TransferRule>,
    /// Whether `gst-adaptive` mixes everything first and asks the run for the order that it was told; `None`: it believes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderRule>,
    /// Whether `gst-adaptive` measures affinity again at stage ends and regroups what is not yet in. It overrides the order that was given.
    pub regroup: bool,
}

impl Default for AdaptiveParams {
    fn default() -> Self {
        Self {
            plateau: PlateauRule::default(),
            reweight: ReweightRule::default(),
            transfer: Some(TransferRule::default()),
            order: None,
            regroup: false,
        }
    }
}

impl AdaptiveParams {
    pub(crate) fn check(&self) -> Result<(), ScheduleError> {
        self.plateau.check()?;
        self.reweight.check()?;
        self.order.as_ref().map_or(Ok(()), OrderRule::check)?;
        self.transfer.as_ref().map_or(Ok(()), TransferRule::check)
    }
}

/// The rules a schedule's decisions follow, with what is needed to make new stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Base weight of every dataset; stages made by a decision restrict it to their datasets.
    pub weights: Vec<u64>,
    /// The least share of earlier stages' datasets in stages made by a decision.
    pub replay_floor: f64,
    /// The share of all datasets in stages that have a group ahead; 0 where stages hold datasets back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mix_floor: f64,
    /// Steps of the ramp into a stage made by a decision (shorter where the stage is).
    pub ramp_steps: u64,
    /// Ends a stage early when its datasets stop learning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<PlateauRule>,
    /// Moves the weights of a stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reweight: Option<ReweightRule>,
    /// Gives up staging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferRule>,
    /// Gives up the order at the end of the first stage, which mixes all datasets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderRule>,
    /// Whether datasets not yet in are grouped again at stage ends.
    #[serde(default)]
    pub regroup: bool,
}

impl Policy {
    /// The policy of checked parameters, if the strategy decides anything; `weights` are the base weights of all datasets.
    pub(crate) fn of(params: &ScheduleParams, stages: usize, weights: &[u64]) -> Option<Self> {
        let staged = stages > 1 && params.strategy != Strategy::Individual;
        let adaptive = params.strategy == Strategy::GstAdaptive;
        let by_weight = params.strategy == Strategy::MixAdaptive || (adaptive && !staged);
        let by_plateau = match params.stage_end {
            Some(StageEnd::Plateau(_)) => true,
            None => adaptive,
            Some(_) => false,
        };
        let policy = Self {
            weights: weights.to_vec(),
            replay_floor: params.replay_floor,
            mix_floor: if staged && params.strategy.grows() { params.mix_floor() } else { 0.0 },
            ramp_steps: params.ramp_steps,
            plateau: (staged && by_plateau).then(|| params.adaptive.plateau.clone()),
            reweight: by_weight.then(|| params.adaptive.reweight.clone()),
            // Where nothing is held back, what is yet to come is taught too, and its loss says nothing of transfer.
            transfer: params.adaptive.transfer.clone().filter(|_| staged && adaptive && params.mix_floor() == 0.0),
            order: params.order_rule().cloned().filter(|_| staged),
            regroup: staged && adaptive && params.adaptive.regroup,
        };
        let rules = [policy.plateau.is_some(), policy.reweight.is_some(), policy.transfer.is_some(), policy.order.is_some()];
        let decides = policy.regroup || rules.contains(&true);
        decides.then_some(policy)
    }

    /// The stage that brings the first group in: a stage that only looks for the order brings none in.
    pub(crate) fn first_group(&self) -> usize {
        usize::from(self.order.is_some())
    }

    /// The base weights as shares, sum 1.
    pub(crate) fn shares(&self) -> Vec<f64> {
        let sum = self.weights.iter().map(|&weight| weight as f64).sum::<f64>().max(1.0);
        self.weights.iter().map(|&weight| weight as f64 / sum).collect()
    }

    pub(crate) fn check(&self, datasets: usize) -> Result<(), ScheduleError> {
        if self.weights.len() != datasets {
            return Err(ScheduleError::inconsistent("policy: weights", self.weights.len(), format!("{datasets}, one a dataset")));
        }
        if self.weights.iter().all(|&weight| weight == 0) {
            return Err(ScheduleError::WithoutWeight { stage: "policy".to_owned() });
        }
        if !(0.0..1.0).contains(&self.replay_floor) {
            return Err(ScheduleError::inconsistent("policy: replay_floor", self.replay_floor, "0 to below 1"));
        }
        if !(0.0..1.0).contains(&self.mix_floor) {
            return Err(ScheduleError::inconsistent("policy: mix_floor", self.mix_floor, "0 to below 1"));
        }
        self.plateau.as_ref().map_or(Ok(()), PlateauRule::check)?;
        self.reweight.as_ref().map_or(Ok(()), |rule| rule.check_for(datasets))?;
        self.order.as_ref().map_or(Ok(()), OrderRule::check)?;
        self.transfer.as_ref().map_or(Ok(()), TransferRule::check)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}
