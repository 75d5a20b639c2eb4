//! Flags that stand for keys of the configuration.

use std::path::PathBuf;

use clap::Args;
use gst_train::{Setup, TrainConfig};

use super::Shared;

/// Where settings come from: defaults, then `--config`, then flags.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// TOML with any of the settings that a run's config.toml lists; flags go before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with one folder a dataset (NAME/audio, NAME/train.jsonl, NAME/test.jsonl), or a TOML file that lists datasets.
    #[arg(long, value_name = "PATH")]
    pub(super) data: Option<PathBuf>,
    /// Only these datasets, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Option<Vec<String>>,
    /// Model: a preset, or a TOML file (`gst model show mini` prints one to copy).
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    /// Folder of the checkpoints that a pretrained model is put together from.
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Folder of `gst pretrain`: a model that trains from scratch begins with its encoder, decoder and tokenizer.
    #[arg(long, value_name = "DIR")]
    start: Option<PathBuf>,
    /// With --start: train bridge, clip statistics and adapters of this rank only; 0 trains everything [default: 0].
    #[arg(long, value_name = "RANK")]
    adapters: Option<usize>,
    /// Tokenizer file; one is trained on the training texts when absent.
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Share of each dataset's training clips held out for validation.
    #[arg(long, value_name = "SHARE")]
    validation_share: Option<f64>,
    /// At most so many training samples a dataset.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Leave out training clips that are in a test split of the datasets used, as `gst data check` lists them.
    #[arg(long)]
    exclude_overlap: bool,
    /// Folder with the verified.jsonl and quarantine.jsonl of `gst data check` [default: the data folder].
    #[arg(long, value_name = "DIR")]
    checks: Option<PathBuf>,
    /// Peak learning rate.
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Largest number of samples in one forward pass; a larger batch is worked off in parts.
    #[arg(long, value_name = "N")]
    micro_batch: Option<usize>,
    /// Compute activations again in the backward pass where that is cheap: less memory, the same results.
    #[arg(long)]
    gradient_checkpointing: bool,
    /// Threads that prepare batches ahead of the loop.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Folder that keeps features between runs [default: none].
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Largest share of broken records that a run replaces before it stops.
    #[arg(long, value_name = "SHARE")]
    max_broken_share: Option<f64>,
}

impl Settings {
    /// The seed that these flags and files give.
    pub(crate) fn seed(&self, shared: &Shared) -> anyhow::Result<u64> {
        Ok(shared.seed.unwrap_or(self.read()?.seed))
    }

    fn read(&self) -> anyhow::Result<TrainConfig> {
        Ok(self.config.as_deref().map_or_else(|| Ok(TrainConfig::default()), TrainConfig::read)?)
    }

    /// The configuration that these flags and files give.
    pub(crate) fn config(&self, shared: &Shared) -> anyhow::Result<TrainConfig> {
        self.over(self.read()?, shared)
    }

    /// The same for a run that has settings of its own: they stand where nothing is given.
    pub(crate) fn config_over(&self, own: &TrainConfig, shared: &Shared) -> anyhow::Result<TrainConfig> {
        let base = self.config.as_deref().map_or_else(|| Ok(own.clone()), TrainConfig::read)?;
        self.over(base, shared)
    }

    fn over(&self, mut config: TrainConfig, shared: &Shared) -> anyhow::Result<TrainConfig> {
        let set = |field: &mut PathBuf, value: &Option<PathBuf>| {
            if let Some(value) = value {
                field.clone_from(value);
            }
        };
        set(&mut config.data, &self.data);
        if config.data.as_os_str().is_empty() {
            anyhow::bail!("no data: give `--data DIR` or a `data` key in --config; `gst data generate DIR` makes a suite");
        }
        config.tokenizer = self.tokenizer.clone().or(config.tokenizer);
        config.only = self.only.clone().unwrap_or(config.only);
        config.model = self.model.clone().unwrap_or(config.model);
        config.weights = self.weights.clone().or(config.weights);
        config.start = self.start.clone().or(config.start);
        config.adapters = self.adapters.unwrap_or(config.adapters);
        config.validation_share = self.validation_share.unwrap_or(config.validation_share);
        config.limit = self.limit.or(config.limit);
        config.exclude_overlap |= self.exclude_overlap;
        config.checks = self.checks.clone().or(config.checks);
        config.learning_rate = self.learning_rate.unwrap_or(config.learning_rate);
        config.micro_batch = self.micro_batch.unwrap_or(config.micro_batch);
        config.gradient_checkpointing |= self.gradient_checkpointing;
        config.workers = self.workers.unwrap_or(config.workers);
        config.cache_dir = self.cache_dir.clone().or(config.cache_dir);
        config.max_broken_share = self.max_broken_share.unwrap_or(config.max_broken_share);
        config.seed = shared.seed.unwrap_or(config.seed);
        config.device = shared.device.clone().unwrap_or(config.device);
        Ok(config)
    }

    /// The configuration and what it opens.
    pub(crate) fn open(&self, shared: &Shared) -> anyhow::Result<(TrainConfig, Setup)> {
        let config = self.config(shared)?;
        let setup = open(&config)?;
        Ok((config, setup))
    }
}

/// What a configuration opens; records that are there and not used are counted on standard error.
pub(crate) fn open(config: &TrainConfig) -> anyhow::Result<Setup> {
    let setup = Setup::open(config)?;
    let left_out = setup.source.collection().left_out();
    if left_out.records() > 0 {
        eprintln!("{left_out}");
    }
    Ok(setup)
}
