//! Worlds: small generated collections in which it is known how far datasets conflict and which of them others need.
//!
//! Twelve datasets of short clips lie on a board of four columns and three rungs. On each place stands either a *skill of its own*
//! (how many hits, which way a tone glides, …) or a piece of the column's *ladder*: one sound of the column's alphabet of four on the
//! lowest rung, two such sounds on the second, three on the third, where the answer is how the last differs from the first.
//!
//! - *Dependence* decides how many of the upper eight places are pieces of a ladder. A composed answer says nothing about any of
//!   its sounds alone, so it is learned on top of the rungs below, and they do not need it.
//! - *Conflict* decides how many places of two columns repeat what their partner columns ask: the same sounds and the same questions,
//!   answered under another convention, so that no clip has the right answer of its twin. Only the background tells which holds.
//! - *Inequality* is the ratio of the largest dataset to the smallest, *difficulty* how far apart the datasets' signal-to-noise
//!   ratios lie. Which dataset gets what is the seed's choice alone.
//!
//! Nothing else changes with a knob: names, questions, number of clips in all, lengths. The page `docs/generated-suite.md` has the
//! tables.

mod board;
mod clip;
mod ladder;
#[cfg(test)]
mod learner;
mod params;
mod skill;
#[cfg(test)]
mod tests;

pub use board::WorldDataset;
pub use params::WorldParams;

pub(super) use board::{Place, board, truth};
pub(super) use clip::make;

/// Version of the recipe of worlds; raised by every change that alters a clip or a line.
pub const WORLD_VERSION: u32 = 2;

/// Answers of every dataset of a world.
pub(super) const ANSWERS: usize = 4;
/// Sample rate of the files in Hz.
pub(super) const RATE: u32 = 16_000;
