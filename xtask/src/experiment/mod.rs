//! Experiments: strategies × seeds, each cell a `gst` process of its own, then the report.

mod dry_run;
mod fingerprint;
mod gst;
mod oracle;
mod plan;
mod process;
mod progress;
mod queue;
mod record;
mod run;
mod settings;
mod sweep;
mod worker;

pub(crate) use dry_run::dry_run;
pub(crate) use fingerprint::{hash_file, of_data as fingerprint_of};
pub(crate) use gst::Gst;
pub(crate) use oracle::partition as right_groups;
pub(crate) use plan::{Ground, Job, generation, jobs as plan_jobs, probe_jobs, reads_groups};
pub(crate) use process::Interrupt;
pub(crate) use progress::{Board, MetricsTail};
pub(crate) use record::{Record, Status, write_whole};
pub(crate) use run::{Manifest, Options, cores, given_weights, program, run, run_cells};
pub(crate) use settings::{BASELINE, BUILT_IN, Generate, Grouping, Probe, Regime, Settings, check_folder};
pub(crate) use sweep::{Choice, Chosen, swept_name};
pub(crate) use worker::{Outcome, Worker};
