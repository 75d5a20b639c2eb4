use std::path::PathBuf;

use clap::Args;
use gst_affinity::artifact::Document;
use gst_affinity::{Affinity, Metric};
use gst_train::probe::{self, ProbeConfig};
use gst_train::progress::Progress;
use gst_train::run;

use super::saved::Saved;
use super::settings::Settings;
use super::{Shared, stop_flag};

/// Measure how far the datasets' gradients are apart.
///
/// Warms a fresh model up on all datasets, takes gradients of each at the probe points, and writes every affinity table with
/// its intervals to affinity.json. The paper's metric is gradient-distance; the others stand beside it in the file.
///
/// Examples:
///   gst affinity --data DATA --model mini --metric gradient-distance --out affinity.json
///   gst affinity --gradients grads.npy --names names.txt --metric cosine --out affinity.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AffinityArgs {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    saved: Saved,
    /// Metric that grouping will follow.
    #[arg(long, default_value_t = Metric::GradientDistance)]
    metric: Metric,
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
    /// Values of a gradient's sketch; 0 keeps gradients exact [default: exact up to a million parameters, else 8192].
    #[arg(long, value_name = "K")]
    sketch_size: Option<usize>,
    /// Where to write.
    #[arg(long, value_name = "FILE", default_value = "affinity.json")]
    out: PathBuf,
}

impl AffinityArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let seed = self.settings.seed(shared)?;
        let document = match self.saved.affinity(self.metric, self.sketch_size.unwrap_or_default(), seed)? {
            Some(affinity) => Document::new(affinity),
            None => self.measure(shared)?,
        };
        run::write(&self.out, &document.to_json()?)?;
        shared.result(&document.body, || {
            let affinity = &document.body;
            let mut text = format!(
                "{} datasets, {} parameters, {:.0} s, written to {}\n",
                affinity.datasets.len(),
                affinity.probe.parameters,
                affinity.probe.cost.wall_seconds,
                self.out.display()
            );
            affinity.verdict.iter().for_each(|sentence| text.push_str(&format!("  {sentence}\n")));
            text
        })
    }

    /// Takes the gradients of the datasets by itself.
    fn measure(&self, shared: &Shared) -> anyhow::Result<Document<Affinity>> {
        let (config, setup) = self.settings.open(shared)?;
        let probe = ProbeConfig {
            points: self.warmup_steps.map_or_else(|| self.points.clone(), |steps| vec![steps]),
            batches: self.batches,
            batch_size: self.batch_size,
            sketch_size: self.sketch_size,
            metric: self.metric,
            ..ProbeConfig::default()
        };
        let stop = stop_flag()?;
        let progress = Progress::new("affinity", "batches", 0);
        let affinity = probe::measure(&setup, &config, &probe, &stop, &progress)?;
        progress.finish();
        let Some(affinity) = affinity else { anyhow::bail!("stopped before the end: nothing was written") };
        Ok(Document::new(affinity).from_source("data", setup.fingerprint))
    }
}
