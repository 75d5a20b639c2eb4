use std::path::PathBuf;

use clap::Args;
use gst_affinity::artifact::Document;
use gst_affinity::{Affinity, Metric};
use gst_train::files;

use super::Shared;
use super::saved::Saved;

/// Measure how far the datasets' gradients are apart.
///
/// Warms a fresh model up on all datasets, takes gradients of each at the probe points, and writes every affinity table with
/// its intervals to affinity.json. Grouping follows one of them: by default cosine, which found planted groups where the paper's
/// gradient-distance followed the gradients' norms. The others stand beside it in the file.
///
/// Examples:
///   gst affinity --data DATA --model mini --out affinity.json
///   gst affinity --gradients grads.npy --names names.txt --metric cosine --out affinity.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AffinityArgs {
    #[cfg(feature = "model")]
    #[command(flatten)]
    measured: super::measured::Measured,
    #[command(flatten)]
    saved: Saved,
    /// Metric that grouping will follow.
    #[arg(long, default_value_t = Metric::default())]
    metric: Metric,
    /// Values of a gradient's sketch; 0 keeps gradients exact [default: exact up to a million parameters, else 8192].
    #[arg(long, value_name = "K")]
    sketch_size: Option<usize>,
    /// Where to write.
    #[arg(long, value_name = "FILE", default_value = "affinity.json")]
    out: PathBuf,
}

impl AffinityArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let seed = self.seed(shared)?;
        let document = match self.saved.affinity(self.metric, self.sketch_size.unwrap_or_default(), seed)? {
            Some(affinity) => Document::new(affinity),
            None => self.measure(shared)?,
        };
        files::write(&self.out, &document.to_json()?)?;
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

    #[cfg(feature = "model")]
    fn seed(&self, shared: &Shared) -> anyhow::Result<u64> {
        self.measured.seed(shared)
    }

    #[cfg(not(feature = "model"))]
    fn seed(&self, shared: &Shared) -> anyhow::Result<u64> {
        Ok(shared.seed.unwrap_or_default())
    }

    #[cfg(feature = "model")]
    fn measure(&self, shared: &Shared) -> anyhow::Result<Document<Affinity>> {
        self.measured.affinity(shared, self.metric, self.sketch_size)
    }

    #[cfg(not(feature = "model"))]
    fn measure(&self, _shared: &Shared) -> anyhow::Result<Document<Affinity>> {
        anyhow::bail!(
            "this build of gst has no model to take gradients of: give --gradients, or build gst with its feature `model`"
        )
    }
}
