//! The data, tokenizer, model sizes and device that follow from a configuration.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use gst_affinity::DatasetFacts;
use gst_data::mel::LogMel;
use gst_data::text::TextTokenizer;
use gst_data::{Collection, DiskCache, ExampleSource, FeatureCache, OpenParams, Split, training_texts};
use gst_model::{MiniAudioLm, ModelConfig};

use crate::cores::Cores;
use crate::device::DeviceName;
use crate::{TrainConfig, TrainError};

/// How often an answer counts beside a question when a tokenizer is trained, so that answers become single tokens first.
const ANSWER_WEIGHT: usize = 8;

/// Everything a run stands on, opened and checked before step 0.
pub struct Setup {
    /// Datasets, tokenizer and features.
    pub source: ExampleSource,
    /// Sizes of the model, the tokenizer's among them.
    pub model: ModelConfig,
    /// The device, with autodiff on.
    pub device: Device,
    /// Whether the device is the CPU.
    pub on_cpu: bool,
    /// The cores that passes run on side by side; on another device than the CPU one at a time.
    pub cores: Cores,
    /// Hash of the data.
    pub fingerprint: String,
}

impl Setup {
    /// Opens what `config` names.
    ///
    /// # Errors
    /// The first thing that is missing or out of range; every message says where and what was expected.
    pub fn open(config: &TrainConfig) -> Result<Self, TrainError> {
        config.check()?;
        let model = ModelConfig::open(&config.model)?;
        let name = config.device.parse::<DeviceName>()?;
        let on_cpu = name == DeviceName::Cpu;
        let device = name.open()?.autodiff();
        let cores = if on_cpu { Cores::of_machine()? } else { Cores::new(1)? };
        let params = OpenParams {
            only: (!config.only.is_empty()).then(|| config.only.clone()),
            validation_share: config.validation_share,
            limit_per_dataset: config.limit,
            exclude_overlap: config.exclude_overlap,
            checks: config.checks.clone(),
            ..OpenParams::default()
        };
        let collection = Collection::open(&config.data, &params)?;
        let tokenizer = match &config.tokenizer {
            Some(path) => TextTokenizer::from_file(path)?,
            None => {
                let texts = training_texts(&collection, ANSWER_WEIGHT)?;
                TextTokenizer::train(texts.iter().map(String::as_str), config.vocabulary)?
            }
        };
        let model = model.with_vocabulary(tokenizer.vocab_size());
        let fingerprint = collection.fingerprint();
        let mut source = ExampleSource::new(Arc::new(collection), Arc::new(tokenizer), LogMel::new(model.mels)?)
            .with_cache(Arc::new(FeatureCache::new(config.cache_mib << 20)));
        if let Some(folder) = &config.cache_dir {
            source = source.with_disk_cache(Arc::new(DiskCache::open(folder, config.cache_dir_gib << 30)?));
        }
        Ok(Self { source, model, device, on_cpu, cores, fingerprint })
    }

    /// The datasets, sorted by name.
    #[must_use]
    pub fn datasets(&self) -> &[gst_data::Dataset] {
        &self.source.collection().datasets
    }

    /// What planning needs to know of each dataset, in the order of [`Setup::datasets`]. Weights are proportional to size.
    ///
    /// # Errors
    /// When the header of a clip cannot be read or a text not encoded.
    pub fn facts(&self) -> Result<Vec<DatasetFacts>, TrainError> {
        let facts = |(index, dataset): (usize, &gst_data::Dataset)| {
            let means = self.source.means(index)?;
            let mut facts = DatasetFacts::new(dataset.name.clone(), dataset.len(Split::Train) as u64);
            facts.domain.clone_from(&dataset.domain);
            facts.mean_tokens = means.tokens;
            facts.mean_audio_seconds = means.audio_seconds;
            Ok(facts)
        };
        let mut datasets = self.datasets().iter().enumerate().map(facts).collect::<Result<Vec<_>, TrainError>>()?;
        DatasetFacts::weigh_by_size(&mut datasets);
        Ok(datasets)
    }

    /// A model with fresh weights that depend on `seed` alone: they are drawn on the CPU whatever the device.
    ///
    /// # Errors
    /// [`TrainError::Model`] when its sizes cannot be built.
    pub fn fresh_model(&self, seed: u64) -> Result<MiniAudioLm, TrainError> {
        Ok(self.model.init(seed, &Device::flex().autodiff())?.fork(&self.device))
    }

    /// Number of records of one split of dataset `dataset`.
    #[must_use]
    pub fn records(&self, dataset: usize, split: Split) -> usize {
        self.datasets()[dataset].len(split)
    }
}
