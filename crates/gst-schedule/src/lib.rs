//! What to train on, when: schedules over groups of datasets.
#![doc = include_str!("../README.md")]

pub mod adaptive;
mod budget;
mod draws;
mod error;
pub mod forecast;
mod interleave;
mod params;
mod permutation;
mod plan;
mod schedule;
mod simulate;
mod strategy;
mod weighting;
mod weights_table;

pub use adaptive::{
    AdaptiveParams, Change, Decision, Evaluation, OrderRule, PlateauRule, Policy, ReweightBy, ReweightRule, TransferRule,
};
pub use budget::Budget;
pub use draws::{Draw, Draws};
pub use error::ScheduleError;
pub use params::{DEFAULT_EARLY_SHARE, DEFAULT_MIX_FLOOR, MAX_BATCH_SIZE, MAX_STEPS, ScheduleParams, StageEnd};
pub use schedule::{MAX_PERIOD, MAX_SCHEDULE_WEIGHTS, RampPiece, Schedule, Stage};
pub use simulate::{DEFAULT_MAX_REPEATS, Simulation, StageUse, Use, simulate};
pub use strategy::Strategy;
pub use weighting::{PERIOD, Weighting};
pub use weights_table::write_weights_csv;
