use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::Module;
use clap::Args;
use gst_data::Split;
use gst_train::RunFolder;
use gst_train::evaluate::EvaluationSet;

use super::train::table;
use super::{Shared, settings};

/// Score a trained model on a split of the data.
///
/// Example: gst evaluate RUN --split test
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct EvaluateArgs {
    /// Folder of the run.
    run: PathBuf,
    /// Folder of datasets [default: the one it was trained on].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of the checkpoints that the model is put together from [default: the one it was trained with].
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// The checkpoint of this step [default: the newest].
    #[arg(long, value_name = "N")]
    step: Option<u64>,
    /// train, validation or test.
    #[arg(long, default_value_t = Split::Test)]
    split: Split,
}

impl EvaluateArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let folder = RunFolder::open(&self.run)?;
        let mut config = folder.config()?;
        config.data = self.data.unwrap_or(config.data);
        config.device = shared.device.clone().unwrap_or(config.device);
        config.weights = self.weights.or(config.weights);
        // What it began with is in its checkpoints.
        (config.start, config.adapters) = (None, 0);
        let setup = settings::open(&folder.opened(&config))?;
        let trained = folder.load(self.step, config.weights.as_deref(), &setup.device)?;
        let all: Vec<usize> = (0..setup.datasets().len()).collect();
        let weights: BTreeMap<String, f64> = setup.facts()?.into_iter().map(|facts| (facts.name, facts.weight)).collect();
        let records = EvaluationSet::new(&setup, self.split, &all)?;
        for broken in &records.set_aside {
            eprintln!("left out: {}", broken.reason);
        }
        let scores = records.evaluate(&trained.model.valid(), &setup.cores, &weights);
        shared.result(&scores, || format!("step {}, {} split\n{}", trained.step, self.split, table(&scores)))
    }
}
