use std::path::PathBuf;

use clap::Subcommand;
use gst_data::suite::{self, SuiteParams};
use gst_data::{OpenParams, check};
use gst_train::progress::Progress;

use super::Shared;

/// Make the generated suite, or check a folder of datasets.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Write the generated 14-dataset suite as audio files and JSONL.
    ///
    /// Example: gst data generate DATA --seed 0
    #[command(verbatim_doc_comment)]
    Generate {
        /// Folder to write to: new, empty, or an older generated suite.
        dir: PathBuf,
        /// Size of every dataset as a multiple of its default.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
    },
    /// Decode every clip and report what is there and what is wrong.
    ///
    /// Example: gst data check DATA
    #[command(verbatim_doc_comment)]
    Check {
        /// Folder with one folder a dataset.
        dir: PathBuf,
    },
}

impl DataCommand {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        match self {
            Self::Generate { dir, scale } => {
                let progress = Progress::new("generate", "clips", 0);
                let params = SuiteParams { seed: shared.seed.unwrap_or_default(), scale };
                let report = suite::generate(&dir, &params, |done, total| {
                    progress.total(total as u64);
                    progress.set(done as u64);
                })?;
                progress.finish();
                shared.result(&report, || {
                    let megabytes = report.bytes as f64 / 1e6;
                    format!("{} datasets, {} clips, {megabytes:.0} MB in {}", report.datasets.len(), report.clips, dir.display())
                })
            }
            Self::Check { dir } => {
                let progress = Progress::new("check", "clips", 0);
                let report = check::check_folder(&dir, &OpenParams::default(), |done, total| {
                    progress.total(total as u64);
                    progress.set(done as u64);
                })?;
                progress.finish();
                shared.result(&report, || report.to_string())?;
                anyhow::ensure!(report.is_good(), "{} problems found in {}", report.problems.len(), dir.display());
                Ok(())
            }
        }
    }
}
