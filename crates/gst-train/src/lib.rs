//! Training audio language models on many datasets, in the order a schedule gives.
//!
//! The crate joins the two wings of the workspace: what to train on when (`gst-schedule`) and what to train (`gst-data`,
//! `gst-model`). [`Setup`] opens the data, [`probe::measure`] finds how far its datasets' gradients are apart, [`Trainer`]
//! follows a schedule and leaves a run folder. The `gst` command is a thin face of these.
//!
//! ```no_run
//! use gst_affinity::artifact::Document;
//! use gst_schedule::{Schedule, ScheduleParams, Strategy};
//! use gst_train::{RunFolder, Setup, TrainConfig, Trainer, trainer::Outcome};
//!
//! let config = TrainConfig { data: "data".into(), ..TrainConfig::default() };
//! let setup = Setup::open(&config)?;
//! let params = ScheduleParams { strategy: Strategy::MixAll, steps: 500, ..ScheduleParams::default() };
//! let schedule = Document::new(Schedule::new(&setup.facts()?, None, &params)?);
//! let mut trainer = Trainer::new(&setup, &config, schedule, RunFolder::create("run".as_ref())?)?;
//! if let Outcome::Finished(result) = trainer.run(&|| false, &mut ())? {
//!     println!("{:.3}", result.test.weighted.exact_match);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`config`], [`setup`] | what a run is told, and the data, tokenizer and model it follows from that |
//! | [`batches`], [`augment`], [`cores`] | the draws of one step, as padded batches; which core or device works off which part |
//! | [`trainer`], [`optimizer`], [`rate`] | the loop |
//! | [`trainer::pretrain`] | a pretext before any answer, and the folder that runs start with |
//! | [`evaluate`], [`ledger`] | accuracy per dataset and what was lost of it; `metrics.jsonl`, TensorBoard, `result.json` |
//! | [`dashboard`] | the same for a terminal |
//! | [`quarantine`] | broken samples: counted, listed, too many an error |
//! | [`probe`] | gradients of every dataset after a warm-up |
//! | [`run`], [`files`] | the run folder: who is at work on it, what it may be continued with, how it is forked |
//! | [`checkpoint`] | what a run leaves to go on from: weights, optimizer state, everything else |
//! | [`device`] | the one place that names backends |
//! | [`seed`], [`progress`] | seeds from seeds; bars on a terminal |
//!
//! Without its default feature `model` the crate compiles no Burn and keeps what gradients of another trainer need: [`files`],
//! [`progress`], and the commands `gst affinity --gradients`, `group`, `schedule` and `data`.

#[cfg(feature = "model")]
pub mod augment;
#[cfg(feature = "model")]
pub mod batches;
#[cfg(feature = "model")]
pub mod checkpoint;
#[cfg(feature = "model")]
pub mod config;
#[cfg(feature = "model")]
pub mod cores;
#[cfg(feature = "model")]
pub mod dashboard;
#[cfg(feature = "model")]
pub mod device;
pub mod error;
#[cfg(feature = "model")]
pub mod evaluate;
pub mod files;
#[cfg(feature = "model")]
mod learner;
#[cfg(feature = "model")]
pub mod ledger;
#[cfg(feature = "model")]
pub mod optimizer;
#[cfg(feature = "model")]
mod plan;
#[cfg(feature = "model")]
pub mod probe;
pub mod progress;
#[cfg(feature = "model")]
pub mod quarantine;
#[cfg(feature = "model")]
pub mod rate;
#[cfg(feature = "model")]
pub mod run;
pub mod seed;
#[cfg(feature = "model")]
pub mod setup;
#[cfg(feature = "model")]
pub mod trainer;
#[cfg(feature = "model")]
mod validation;

pub use error::TrainError;
#[cfg(feature = "model")]
pub use {config::TrainConfig, run::RunFolder, setup::Setup, trainer::Trainer};
