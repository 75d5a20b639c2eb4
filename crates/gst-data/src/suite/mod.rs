//! The built-in suite: 14 generated AudioQA datasets, for trying the whole path without a download.
//!
//! Speech-like clips (a voice made of glottal pulses and formants), music (additive, frequency-modulation and plucked-string
//! instruments) and environment-like sounds (noises, impacts, hits) ask for different skills: [`catalogue`] lists them. What is
//! not asked for (speaker, instrument, key, level, background) varies at random, and some of it takes values in the test half
//! that never occur in training. The page `docs/generated-suite.md` describes every dataset.
//!
//! ```no_run
//! use gst_data::suite::{SuiteParams, generate};
//!
//! let report = generate("data".as_ref(), &SuiteParams { seed: 7, scale: 1.0 }, |_done, _total| {})?;
//! println!("{} clips, {:.0} MB", report.clips, report.bytes as f64 / 1e6);
//! # Ok::<(), gst_data::suite::SuiteError>(())
//! ```
//!
//! [`generate_world`] makes smaller collections instead, in which the conflict between datasets and their dependence on one another
//! are known.
//!
//! The same seed and scale give the same files bit for bit, whatever the number of threads: every clip has random numbers of its
//! own, keyed by seed, dataset, half and number. A smaller scale gives the first clips of a larger one. Between platforms the
//! sine and the power of the system's math library may differ in the last of 53 bits, which rounding to 16 bits hides but for
//! rare samples.

mod clip;
mod contents;
mod dice;
mod error;
mod generate;
mod marker;
mod report;
mod scene;
mod sound;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod world;

pub use error::SuiteError;
pub use generate::{SuiteParams, generate, generate_world};
pub use marker::MARKER_FILE;
pub use report::{DatasetReport, SuiteReport, World, catalogue};
pub use world::{WORLD_VERSION, WorldDataset, WorldParams};

/// Version of the recipe; raised by every change that alters a clip or a line, so that suites made before are made anew.
pub const RECIPE_VERSION: u32 = 1;
/// Smallest scale: below it no dataset gets more than one clip of each answer anyway.
pub const MIN_SCALE: f64 = 0.01;
/// Largest scale: about 11 GB.
pub const MAX_SCALE: f64 = 100.0;
