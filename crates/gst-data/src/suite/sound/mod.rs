//! Synthesis: everything a task needs to make its clips, from phasors up to voices and instruments.
//!
//! Sounds are `Vec<f64>` of mono samples around ±1 at the rate that is handed in; their level is set once, when the clip is
//! finished ([`super::clip`]). Recursive filters run in `f64`, so that rounding to 16 bits hides differences between math
//! libraries.

pub(super) mod envelope;
pub(super) mod filter;
pub(super) mod formant;
pub(super) mod impact;
pub(super) mod instrument;
pub(super) mod mixing;
pub(super) mod noise;
pub(super) mod oscillator;
pub(super) mod percussion;
pub(super) mod phone;
pub(super) mod speaker;
