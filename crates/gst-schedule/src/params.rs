//! What a caller asks for.

use crate::adaptive::OrderRule;
use crate::{AdaptiveParams, ScheduleError, Strategy, Weighting};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// [`ScheduleParams::early_share`] unless given.
pub const DEFAULT_EARLY_SHARE: f64 = 0.15;

/// [`ScheduleParams::mix_floor`] of `gst-adaptive` unless given: chosen among 0.3, 0.4 and 0.5 on three generated worlds that are judged nowhere.
pub const DEFAULT_MIX_FLOOR: f64 = 0.4;

/// Most steps of a run: far beyond any training, and low enough that no count overflows.
pub const MAX_STEPS: u64 = 1 << 40;

/// Most samples in one global batch.
pub const MAX_BATCH_SIZE: u32 = 1 << 22;

/// What a schedule is made of. [`crate::Schedule::new`] checks it.
///
/// Options that a strategy has no use for change nothing; [`crate::Schedule::notes`] then says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleParams {
    /// What to train on, and when.
    pub strategy: Strategy,
    /// Optimizer steps of the whole run, all stages together; at least one for each stage. For a budget in samples, tokens or seconds of
    /// audio see [`crate::Budget::largest`].
    pub steps: u64,
    /// Samples in the global batch of one optimizer step, at least 1.
    pub batch_size: u32,
    /// Seed of the order of samples inside each dataset and epoch.
    pub seed: u64,
    /// Sampling weights inside a stage.
    pub weighting: Weighting,
    /// Share of the steps for each stage but the last, above 0; used by the strategies that grow (`gst-…`) unless `stage_end` is given. The
    /// paper does not publish its stage lengths; the default of 0.15 is ours.
    pub early_share: f64,
    /// When each stage but the last ends. `None`: `early_share` for strategies that grow (as the latest end of a plateau for
    /// `gst-adaptive`), in proportion to the weights for `sequential`, `individual` and `strict-cycle`.
    pub stage_end: Option<StageEnd>,
    /// How many times `strict-cycle` goes over the groups, at least 1.
    pub cycles: u32,
    /// The least share of the draws that the datasets of earlier stages get together in every later stage, from 0 (none) to below 1. In
    /// `sequential` and `strict-cycle` it brings earlier datasets back at exactly this share.
    pub replay_floor: f64,
    /// For strategies that grow: the share of the draws, from 0 to below 1, that each stage but the last takes from *all* datasets, at the
    /// weights of `mix-all`; the rest goes to the group that the stage brings in. Nothing is held back then, and nothing forgotten: the group
    /// is only ahead. 0 draws from the groups 1 to k alone, as the paper does. `None`: [`crate::DEFAULT_MIX_FLOOR`] for `gst-adaptive`, 0 for the
    /// others.
    pub mix_floor: Option<f64>,
    /// Steps over which the mixture moves from one stage's to the next's, 0 for a jump. The ramp is part of the stage that comes in.
    pub ramp_steps: u64,
    /// How `mix-adaptive` and `gst-adaptive` decide on the way.
    pub adaptive: AdaptiveParams,
}

impl Default for ScheduleParams {
    fn default() -> Self {
        Self {
            strategy: Strategy::MixAll,
            steps: 1000,
            batch_size: 32,
            seed: 0,
            weighting: Weighting::default(),
            early_share: DEFAULT_EARLY_SHARE,
            stage_end: None,
            cycles: 2,
            replay_floor: 0.0,
            mix_floor: None,
            ramp_steps: 0,
            adaptive: AdaptiveParams::default(),
        }
    }
}

impl ScheduleParams {
    /// [`ScheduleParams::mix_floor`], or what the strategy takes where it is `None`.
    #[must_use]
    pub fn mix_floor(&self) -> f64 {
        self.mix_floor.unwrap_or(if self.strategy == Strategy::GstAdaptive { DEFAULT_MIX_FLOOR } else { 0.0 })
    }

    /// How `gst-adaptive` asks the run for its order; `None` for other strategies.
    pub(crate) fn order_rule(&self) -> Option<&OrderRule> {
        self.adaptive.order.as_ref().filter(|_| self.strategy == Strategy::GstAdaptive)
    }

    /// The parameters if each is in its range.
    ///
    /// # Errors
    /// [`ScheduleError::BadParameter`] with the field, its value and its range.
    pub fn check(&self) -> Result<(), ScheduleError> {
        let bad = |field, found: String, expected| Err(ScheduleError::BadParameter { field, found, expected });
        if self.steps == 0 || self.steps > MAX_STEPS {
            return bad("steps", self.steps.to_string(), "1 to 2^40 optimizer steps");
        }
        if self.batch_size == 0 || self.batch_size > MAX_BATCH_SIZE {
            return bad("batch_size", self.batch_size.to_string(), "1 to 2^22 samples");
        }
        if !(self.early_share > 0.0 && self.early_share < 1.0) {
            return bad("early_share", self.early_share.to_string(), "a share of the steps above 0 and below 1");
        }
        if self.cycles == 0 {
            return bad("cycles", "0".to_owned(), "1 or more");
        }
        if !(0.0..1.0).contains(&self.replay_floor) {
            return bad("replay_floor", self.replay_floor.to_string(), "a share of the draws from 0 to below 1");
        }
        if !(0.0..1.0).contains(&self.mix_floor()) {
            return bad("mix_floor", self.mix_floor().to_string(), "a share of the draws from 0 to below 1");
        }
        if self.ramp_steps > MAX_STEPS {
            return bad("ramp_steps", self.ramp_steps.to_string(), "0 to 2^40 optimizer steps");
        }
        if let Some(end) = self.stage_end {
            end.check()?;
        }
        self.adaptive.check()
    }
}

/// When a stage before the last ends.
///
/// As text: `share:0.15`, `steps:200`, `samples:6400`, `epochs:1`, `plateau` (at the latest after `early_share`) or `plateau:0.3`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StageEnd {
    /// After this share of the run's steps (above 0, below 1).
    Share(f64),
    /// After this many optimizer steps, at least 1.
    Steps(u64),
    /// After at least this many samples, at least 1.
    Samples(u64),
    /// When the newest group (in `sequential` the dataset) has been drawn this many times over (above 0), ramp not counted as less.
    Epochs(f64),
    /// When the validation loss of the stage's datasets no longer falls ([`crate::PlateauRule`]), at the latest after this share of the
    /// run's steps (`None`: `early_share`).
    Plateau(Option<f64>),
}

impl StageEnd {
    fn check(self) -> Result<(), ScheduleError> {
        let (good, expected) = match self {
            Self::Share(share) => (share > 0.0 && share < 1.0, "a share above 0 and below 1"),
            Self::Plateau(share) => (share.is_none_or(|share| share > 0.0 && share < 1.0), "a share above 0 and below 1"),
            Self::Steps(steps) => (steps > 0, "1 step or more"),
            Self::Samples(samples) => (samples > 0, "1 sample or more"),
            Self::Epochs(epochs) => (epochs > 0.0 && epochs.is_finite(), "a finite number above 0"),
        };
        if good { Ok(()) } else { Err(ScheduleError::BadParameter { field: "stage_end", found: self.to_string(), expected }) }
    }
}

impl fmt::Display for StageEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(f, "share:{share}"),
            Self::Steps(steps) => write!(f, "steps:{steps}"),
            Self::Samples(samples) => write!(f, "samples:{samples}"),
            Self::Epochs(epochs) => write!(f, "epochs:{epochs}"),
            Self::Plateau(None) => f.write_str("plateau"),
            Self::Plateau(Some(share)) => write!(f, "plateau:{share}"),
        }
    }
}

impl FromStr for StageEnd {
    type Err = ScheduleError;

    /// # Errors
    /// [`ScheduleError::Unreadable`] with the forms that are read.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let whole = |text: &str| text.trim().parse::<u64>().ok();
        match text.split_once(':') {
            None if text == "plateau" => Some(Self::Plateau(None)),
            Some(("plateau", share)) => number(share).map(|share| Self::Plateau(Some(share))),
            Some(("share", share)) => number(share).map(Self::Share),
            Some(("steps", steps)) => whole(steps).map(Self::Steps),
            Some(("samples", samples)) => whole(samples).map(Self::Samples),
            Some(("epochs", epochs)) => number(epochs).map(Self::Epochs),
            _ => None,
        }
        .ok_or_else(|| ScheduleError::Unreadable {
            what: "stage end",
            found: text.to_owned(),
            expected: "share:NUMBER, steps:NUMBER, samples:NUMBER, epochs:NUMBER, plateau or plateau:SHARE",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_ends_read_back() {
        for text in ["share:0.15", "steps:200", "samples:6400", "epochs:1.5", "plateau", "plateau:0.3"] {
            let end: StageEnd = text.parse().unwrap();
            assert_eq!(end.to_string(), text);
            end.check().unwrap();
        }
        for text in ["", "steps", "steps:-1", "steps:1.5", "epochs:x", "eternity"] {
            assert!(matches!(text.parse::<StageEnd>(), Err(ScheduleError::Unreadable { .. })), "{text}");
        }
    }

    #[test]
    fn each_range_is_checked() {
        let check = |field: &str, change: fn(&mut ScheduleParams)| {
            let mut params = ScheduleParams::default();
            params.check().unwrap();
            change(&mut params);
            match params.check() {
                Err(ScheduleError::BadParameter { field: found, .. }) => assert_eq!(found, field),
                other => panic!("{field}: {other:?}"),
            }
        };
        check("steps", |params| params.steps = 0);
        check("steps", |params| params.steps = u64::MAX);
        check("batch_size", |params| params.batch_size = 0);
        check("early_share", |params| params.early_share = f64::NAN);
        check("early_share", |params| params.early_share = 1.0);
        check("cycles", |params| params.cycles = 0);
        check("replay_floor", |params| params.replay_floor = 1.0);
        check("replay_floor", |params| params.replay_floor = -0.1);
        check("stage_end", |params| params.stage_end = Some(StageEnd::Steps(0)));
        check("stage_end", |params| params.stage_end = Some(StageEnd::Epochs(f64::INFINITY)));
        check("stage_end", |params| params.stage_end = Some(StageEnd::Share(0.0)));
        check("stage_end", |params| params.stage_end = Some(StageEnd::Plateau(Some(2.0))));
    }
}
