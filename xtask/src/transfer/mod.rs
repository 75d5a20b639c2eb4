//! Does affinity predict transfer? Every metric of `gst affinity` against measured transferability, pair by pair.
//!
//! `run` calls `gst affinity` once a seed and probe point, with all directed metrics, and keeps what it measured as small CSV files; `report`
//! makes the page from these alone.

mod analysis;
mod metrics;
mod page;
mod rows;
mod run;
mod sketches;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
pub(crate) use page::write_report;

/// Measure whether affinity predicts transfer, or make the page again.
#[derive(Debug, Subcommand)]
pub(crate) enum Transfer {
    /// Measure what is missing, add its rows, make the page.
    #[command(
        after_help = "Examples:\n  cargo xtask transfer run --seeds 5 --points 20,80,200\n  cargo xtask transfer run --name recorded --data DIR --seeds 3"
    )]
    Run(Box<Run>),
    /// Make the page again from the rows in a folder.
    Report {
        /// The folder, for instance docs/results/transfer/suite.
        folder: PathBuf,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    /// Name of the data on the page and of the folders.
    #[arg(long, default_value = "suite")]
    name: String,
    /// Folder of datasets; the generated suite when absent.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Number of seeds, from 0: of weights, order of the data and probe batches.
    #[arg(long, value_name = "N", default_value_t = 5)]
    seeds: u64,
    /// Probe points, each with fine-tunes of its own.
    #[arg(long, value_delimiter = ',', value_name = "STEPS", default_value = "20,80,200")]
    points: Vec<u64>,
    /// At most so many training samples a dataset; all when absent.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Probe batches a dataset.
    #[arg(long, value_name = "N", default_value_t = 4)]
    batches: u64,
    /// Samples a probe batch.
    #[arg(long, value_name = "N", default_value_t = 4)]
    batch_size: u64,
    /// Steps of each fine-tune, of 32 samples.
    #[arg(long, value_name = "N", default_value_t = 10)]
    transfer_steps: u64,
    /// Fine-tunes of each dataset, with other orders of its samples, at the first seed: what noise there is. One at the others.
    #[arg(long, value_name = "N", default_value_t = 2)]
    transfer_repeats: u64,
    /// Where rows and page go [default: docs/results/transfer/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the runs lie [default: target/experiments/transfer-NAME].
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Use this gst program instead of building one.
    #[arg(long, value_name = "FILE")]
    gst: Option<PathBuf>,
}

/// Does what the command line says.
pub(crate) fn run(task: Transfer) -> Result<()> {
    let folder = match task {
        Transfer::Run(options) => run::run(&options)?,
        Transfer::Report { folder } => folder,
    };
    let page = write_report(&folder)?;
    eprintln!("transfer: {}", page.display());
    Ok(())
}
