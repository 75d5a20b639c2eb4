//! Does any plan find the ladders? Metrics, groupings, numbers of groups and orders, held against worlds whose right plan is known.
//!
//! Planning costs a probe and no training, so here the whole grid can be looked at, of which `cargo xtask map` trains a few arms. `run` keeps a
//! row a plan; `report` makes the page from the rows alone.

mod page;
mod rows;
mod run;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};

pub(crate) use page::write_report;
pub(crate) use rows::FILE;

/// Hold every plan against worlds whose right plan is known, or make the page again.
#[derive(Debug, Subcommand)]
pub(crate) enum Planning {
    /// Probe the worlds with dependence of a map, make every plan, add rows, make the page.
    #[command(
        after_help = "Examples:\n  cargo xtask planning run\n  cargo xtask planning run --worlds 4 --points 300\n  cargo xtask planning run --config experiments/map-pretrained.toml"
    )]
    Run(Run),
    /// Make the page again from the rows in a folder.
    Report {
        /// The folder, for instance docs/results/planning.
        folder: PathBuf,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    /// The map whose worlds are probed and whose model is, with its pretext if it has one [default: the built-in map].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only the first N worlds with dependence of the map's design.
    #[arg(long, value_name = "N", default_value_t = 8)]
    worlds: usize,
    /// Probe points, each a measurement of its own.
    #[arg(long, value_delimiter = ',', value_name = "STEPS", default_value = "20,120")]
    points: Vec<u64>,
    /// Probe batches a dataset, of four samples.
    #[arg(long, value_name = "N", default_value_t = 4)]
    batches: u64,
    /// Peak learning rate before the probe [default: the map's, else that of `gst affinity`].
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Where rows and page go [default: docs/results/planning, for another map planning-NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the probes lie [default: a folder of that name under target/experiments].
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Use this gst program instead of building one.
    #[arg(long, value_name = "FILE")]
    gst: Option<PathBuf>,
}

impl Run {
    fn name(&self) -> String {
        let stem = self.config.as_deref().and_then(Path::file_stem);
        stem.map_or_else(|| "planning".into(), |stem| format!("planning-{}", stem.to_string_lossy()))
    }

    fn out(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new("docs/results").join(self.name()))
    }
}

/// Does what the command line says.
pub(crate) fn run(task: Planning) -> Result<()> {
    let folder = match task {
        Planning::Run(options) => {
            run::run(&options)?;
            options.out()
        }
        Planning::Report { folder } => folder,
    };
    let page = write_report(&folder)?;
    eprintln!("planning: {}", page.display());
    Ok(())
}
