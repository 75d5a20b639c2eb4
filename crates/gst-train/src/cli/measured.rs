//! Gradients that `gst affinity` takes by itself.

use std::path::PathBuf;

use clap::Args;
use gst_affinity::artifact::Document;
use gst_affinity::{Affinity, Metric};
use gst_train::files;
use gst_train::probe::{self, ProbeConfig};
use gst_train::progress::Progress;

use super::settings::Settings;
use super::{Shared, stop};

/// How gradients are taken.
#[derive(Debug, Args)]
pub(crate) struct Measured {
    #[command(flatten)]
    settings: Settings,
    /// Optimizer steps at which gradients are taken, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "STEPS", default_values_t = ProbeConfig::default().points)]
    points: Vec<u64>,
    /// The same for a single point: gradients after so many steps of warm-up.
    #[arg(long, value_name = "N", conflicts_with = "points")]
    warmup_steps: Option<u64>,
    /// Probe batches a dataset and point.
    #[arg(long, value_name = "N", default_value_t = ProbeConfig::default().batches)]
    batches: usize,
    /// Samples a probe batch.
    #[arg(long, value_name = "N", default_value_t = ProbeConfig::default().batch_size)]
    batch_size: usize,
    /// Measure also what training on one dataset does to another: lookahead, commutator, transferability, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "METRICS")]
    directed: Vec<Metric>,
    /// Steps on one dataset alone for each transferability.
    #[arg(long, value_name = "N", default_value_t = ProbeConfig::default().transfer_steps)]
    transfer_steps: u64,
    /// Repeats of the transferability, for its intervals.
    #[arg(long, value_name = "N", default_value_t = ProbeConfig::default().transfer_repeats)]
    transfer_repeats: usize,
    /// Keep the gradients (or their sketches) in this file too: `--gradients FILE` makes another affinity of them.
    #[arg(long, value_name = "FILE")]
    sketches: Option<PathBuf>,
}

impl Measured {
    /// The seed that flags and configuration give.
    pub(crate) fn seed(&self, shared: &Shared) -> anyhow::Result<u64> {
        self.settings.seed(shared)
    }

    /// Takes the gradients and estimates their affinity.
    pub(crate) fn affinity(
        &self,
        shared: &Shared,
        metric: Metric,
        sketch_size: Option<usize>,
    ) -> anyhow::Result<Document<Affinity>> {
        let (config, setup) = self.settings.open(shared)?;
        let probe = ProbeConfig {
            points: self.warmup_steps.map_or_else(|| self.points.clone(), |steps| vec![steps]),
            batches: self.batches,
            batch_size: self.batch_size,
            sketch_size,
            metric,
            directed: self.directed.clone(),
            transfer_steps: self.transfer_steps,
            transfer_repeats: self.transfer_repeats,
            ..ProbeConfig::default()
        };
        let stop = stop::flag(false)?;
        let progress = Progress::new("affinity", "batches", 0);
        let measured = probe::measure(&setup, &config, &probe, &stop, &progress)?;
        progress.finish();
        let Some(measured) = measured else { anyhow::bail!("stopped before the end: nothing was written") };
        if let Some(path) = &self.sketches {
            files::write(path, measured.sketches.to_bytes()?)?;
        }
        Ok(setup.sign(Document::new(measured.affinity))?)
    }
}
