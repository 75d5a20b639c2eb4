//! Training audio language models on many datasets, in the order a schedule gives.
//!
//! The crate joins the two wings of the workspace: what to train on when (`gst-schedule`) and what to train (`gst-data`,
//! `gst-model`). [`Setup`] opens the data, [`probe::measure`] finds how far its datasets' gradients are apart, [`Trainer`]
//! follows a schedule and leaves a run folder. The `gst` command is a thin face of these.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use gst_affinity::artifact::Document;
//! use gst_schedule::{Schedule, ScheduleParams, Strategy};
//! use gst_train::{RunFolder, Setup, TrainConfig, Trainer, progress::Progress, trainer::Outcome};
//!
//! let config = TrainConfig { data: "data".into(), ..TrainConfig::default() };
//! let setup = Setup::open(&config)?;
//! let params = ScheduleParams { strategy: Strategy::MixAll, steps: 500, ..ScheduleParams::default() };
//! let schedule = Document::new(Schedule::new(&setup.facts()?, None, &params)?);
//! let mut trainer = Trainer::new(&setup, &config, schedule, RunFolder::create("run".as_ref())?)?;
//! if let Outcome::Finished(result) = trainer.run(&AtomicBool::new(false), &Progress::hidden())? {
//!     println!("{:.3}", result.test.weighted.exact_match);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`config`], [`setup`] | what a run is told, and the data, tokenizer and model it follows from that |
//! | [`batches`], [`augment`] | the draws of one step, as padded batches |
//! | [`trainer`], [`optimizer`], [`rate`] | the loop |
//! | [`evaluate`], [`ledger`] | accuracy per dataset; `metrics.jsonl` and `result.json` |
//! | [`quarantine`] | broken samples: counted, listed, too many an error |
//! | [`probe`] | gradients of every dataset after a warm-up |
//! | [`run`], [`checkpoint`] | folders on disk |
//! | [`device`] | the one place that names backends |
//! | [`seed`], [`progress`] | seeds from seeds; bars on a terminal |

pub mod augment;
pub mod batches;
pub mod checkpoint;
pub mod config;
pub mod device;
pub mod error;
pub mod evaluate;
mod learner;
pub mod ledger;
pub mod optimizer;
mod plan;
pub mod probe;
pub mod progress;
pub mod quarantine;
pub mod rate;
pub mod run;
pub mod seed;
pub mod setup;
pub mod trainer;
mod validation;

pub use config::TrainConfig;
pub use error::TrainError;
pub use run::RunFolder;
pub use setup::Setup;
pub use trainer::Trainer;
