//! Does any plan find the ladders? Metrics, groupings, numbers of groups and orders, held against worlds whose right plan is known.
//!
//! Planning costs a probe and no training, so here the whole grid can be looked at, of which `cargo xtask map` trains a few arms. `run` keeps a
//! row a plan; `report` makes the page from the rows alone.

mod page;
mod rows;
mod run;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

pub(crate) use page::write_report;
pub(crate) use rows::FILE;

/// Hold every plan against worlds whose right plan is known, or make the page again.
#[derive(Debug, Subcommand)]
pub(crate) enum Planning {
    /// Probe the worlds with dependence of the built-in map, make every plan, add rows, make the page.
    #[command(after_help = "Examples:\n  cargo xtask planning run\n  cargo xtask planning run --worlds 4 --points 300")]
    Run(Run),
    /// Make the page again from the rows in a folder.
    Report {
        /// The folder, for instance docs/results/planning.
        folder: PathBuf,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    /// Only the first N worlds with dependence of the map's design.
    #[arg(long, value_name = "N", default_value_t = 8)]
    worlds: usize,
    /// Probe points, each a measurement of its own.
    #[arg(long, value_delimiter = ',', value_name = "STEPS", default_value = "20,120")]
    points: Vec<u64>,
    /// Probe batches a dataset, of four samples.
    #[arg(long, value_name = "N", default_value_t = 4)]
    batches: u64,
    /// Where rows and page go.
    #[arg(long, value_name = "DIR", default_value = "docs/results/planning")]
    out: PathBuf,
    /// Where the probes lie [default: target/experiments/planning].
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Use this gst program instead of building one.
    #[arg(long, value_name = "FILE")]
    gst: Option<PathBuf>,
}

/// Does what the command line says.
pub(crate) fn run(task: Planning) -> Result<()> {
    let folder = match task {
        Planning::Run(options) => {
            run::run(&options)?;
            options.out
        }
        Planning::Report { folder } => folder,
    };
    let page = write_report(&folder)?;
    eprintln!("planning: {}", page.display());
    Ok(())
}
