//! Experiments: strategies × seeds, each cell a `gst` process of its own, then the report.

mod fingerprint;
mod gst;
mod plan;
mod process;
mod progress;
mod record;
mod run;
mod settings;
mod worker;

pub(crate) use fingerprint::hash_file;
pub(crate) use plan::reads_groups;
pub(crate) use progress::MetricsTail;
pub(crate) use record::{Record, Status, write_whole};
pub(crate) use run::{Manifest, Options, run};
pub(crate) use settings::{BUILT_IN, Settings};
