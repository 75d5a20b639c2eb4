//! The data, tokenizer, model sizes and device that follow from a configuration.

mod weights;

use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, GradientCheckpointingStrategy};
use gst_affinity::DatasetFacts;
use gst_affinity::artifact::{Artifact, Document};
use gst_data::mel::LogMel;
use gst_data::text::TextTokenizer;
use gst_data::{Collection, DiskCache, ExampleSource, FeatureCache, OpenParams, Split, training_texts};
use gst_model::plan::{Load, Plan};
use gst_model::salmonn::PretrainedConfig;
use gst_model::{AudioModel, AudioModelConfig, ModelConfig};

pub use weights::{WeightFiles, Weights};

use crate::batches::collate;
use crate::cores::Cores;
use crate::device::DeviceName;
use crate::trainer::pretrain::Start;
use crate::{TrainConfig, TrainError};

/// How often an answer counts beside a question when a tokenizer is trained, so that answers become single tokens first.
const ANSWER_WEIGHT: usize = 8;

/// Samples of one forward pass when a model that trains from scratch is evaluated.
const EVALUATION_BATCH: usize = 32;

/// Everything a run stands on, opened and checked before step 0.
pub struct Setup {
    /// Datasets, tokenizer and features.
    pub source: ExampleSource,
    /// Sizes of the model, the tokenizer's among them, or the checkpoints it is put together from.
    pub model: AudioModelConfig,
    /// Those checkpoints.
    pub weights: Option<Weights>,
    /// What a model that trains from scratch begins with instead of fresh weights.
    pub start: Option<Start>,
    /// Most samples of one forward pass of an evaluation.
    pub evaluation_batch: usize,
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
        let model = AudioModelConfig::open(&config.model)?;
        let name = config.device.parse::<DeviceName>()?;
        let on_cpu = name == DeviceName::Cpu;
        let device = in_training(name.open()?, config.gradient_checkpointing);
        let cores = if on_cpu { Cores::of_machine()? } else { Cores::new(1)? };
        if let (AudioModelConfig::Pretrained(_), Some(path)) = (&model, &config.start) {
            let expected = "none: this model begins with its checkpoints";
            return Err(TrainError::Setting { field: "start", found: path.display().to_string(), expected });
        }
        let weights = match &model {
            AudioModelConfig::Mini(_) => None,
            AudioModelConfig::Pretrained(preset) => Some(open_weights(preset, config)?),
        };
        if let (None, Some(path)) = (&weights, &config.weights) {
            let expected = "none: this model trains from scratch";
            return Err(TrainError::Setting { field: "weights", found: path.display().to_string(), expected });
        }
        let start = config.start.as_deref().map(Start::open).transpose()?;
        let params = OpenParams {
            only: (!config.only.is_empty()).then(|| config.only.clone()),
            validation_share: config.validation_share,
            limit_per_dataset: config.limit,
            exclude_overlap: config.exclude_overlap,
            checks: config.checks.clone(),
            ..OpenParams::default()
        };
        let collection = Collection::open(&config.data, &params)?;
        let fingerprint = collection.fingerprint();
        let (model, mut source) = match (&weights, model) {
            (Some(weights), model) => (model, pretrained_source(weights, collection, config)?),
            (None, AudioModelConfig::Mini(model)) => {
                let (model, source) = own_source(model, collection, config, start.as_ref())?;
                (AudioModelConfig::Mini(model), source)
            }
            (None, AudioModelConfig::Pretrained(preset)) => return Err(no_weights(&preset)),
        };
        source = source.with_cache(Arc::new(FeatureCache::new(config.cache_mib << 20)));
        if let Some(folder) = &config.cache_dir {
            source = source.with_disk_cache(Arc::new(DiskCache::open(folder, config.cache_dir_gib << 30)?));
        }
        let evaluation_batch = if weights.is_some() { config.micro_batch } else { EVALUATION_BATCH };
        Ok(Self { source, model, weights, start, evaluation_batch, device, on_cpu, cores, fingerprint })
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

    /// A model before training. What is trained depends on `seed` alone. One that trains from scratch is drawn on the CPU whatever
    /// the device; checkpoints are read once, and every model made of them shares what is frozen.
    ///
    /// # Errors
    /// [`TrainError::Model`] when its sizes cannot be built, or its checkpoints not read.
    pub fn fresh_model(&self, seed: u64) -> Result<AudioModel, TrainError> {
        match (&self.weights, &self.model) {
            (Some(weights), _) => Ok(AudioModel::Pretrained(weights.model(seed, &self.device)?)),
            (None, AudioModelConfig::Mini(model)) => {
                let mut model = model.init(seed, &self.drawing())?;
                if let Some(start) = &self.start {
                    start.give(&mut model)?;
                }
                Ok(AudioModel::Mini(model.fork(&self.device)))
            }
            (None, AudioModelConfig::Pretrained(preset)) => Err(no_weights(preset)),
        }
    }

    /// Where weights are drawn: on the CPU, so that they do not depend on the device.
    pub(crate) fn drawing(&self) -> Device {
        let again = self.device.gradient_checkpointing_strategy() == Some(GradientCheckpointingStrategy::Balanced);
        in_training(Device::flex(), again)
    }

    /// Parameters and memory of a step of `load` on this device.
    ///
    /// # Errors
    /// [`TrainError::Model`] when the sizes cannot be built or read.
    pub fn plan(&self, load: Load) -> Result<Plan, TrainError> {
        Ok(match (&self.model, &self.weights) {
            (AudioModelConfig::Mini(model), _) => Plan::from_scratch(model, load, &self.device)?,
            (AudioModelConfig::Pretrained(preset), Some(weights)) => {
                Plan::pretrained(preset, &preset.parts(&weights.combination.root)?, load, &self.device)?
            }
            (AudioModelConfig::Pretrained(preset), None) => return Err(no_weights(preset)),
        })
    }

    /// `document` with the hashes of what is opened here: the data and, where there are any, the checkpoints or what a model begins with.
    ///
    /// # Errors
    /// [`TrainError::Io`] when a checkpoint cannot be read.
    pub fn sign<T: Artifact>(&self, document: Document<T>) -> Result<Document<T>, TrainError> {
        let mut document = document.from_source("data", self.fingerprint.clone());
        if let Some(start) = &self.start {
            document = document.from_source("start", start.hash());
        }
        match &self.weights {
            Some(weights) => Ok(document.from_source("weights", weights.files()?.hash())),
            None => Ok(document),
        }
    }

    /// What the frozen language model is called in the files of its adapters.
    pub(crate) fn base(&self) -> String {
        self.weights.as_ref().map(|weights| weights.combination.base()).unwrap_or_default()
    }

    /// Whether `model` can hear and read what this setup gives it.
    ///
    /// # Errors
    /// [`TrainError::Model`] says what is missing.
    pub(crate) fn check(&self, model: &AudioModel) -> Result<(), TrainError> {
        if self.weights.is_none() || self.datasets().is_empty() {
            return Ok(());
        }
        let (example, _) = self.source.load_usable(Split::Train, 0, 0)?;
        Ok(model.check(&collate([&example].into_iter(), self.source.dialogue().eos())?)?)
    }

    /// Number of records of one split of dataset `dataset`.
    #[must_use]
    pub fn records(&self, dataset: usize, split: Split) -> usize {
        self.datasets()[dataset].len(split)
    }
}

/// The source of a model that trains from scratch, and its sizes with those of the tokenizer.
fn own_source(
    model: ModelConfig,
    collection: Collection,
    config: &TrainConfig,
    start: Option<&Start>,
) -> Result<(ModelConfig, ExampleSource), TrainError> {
    if let (Some(start), Some(given)) = (start, &config.tokenizer) {
        start.check_tokenizer(given)?;
    }
    let tokenizer = match config.tokenizer.clone().or_else(|| start.map(Start::tokenizer)) {
        Some(path) => TextTokenizer::from_file(&path)?,
        None => TextTokenizer::try_train(training_texts(&collection, ANSWER_WEIGHT), config.vocabulary)?,
    };
    let model = model.with_vocabulary(tokenizer.vocab_size()).with_adapters(config.adapters);
    start.map_or(Ok(()), |start| start.check_sizes(&model))?;
    let mel = LogMel::new(model.mels)?;
    Ok((model, ExampleSource::new(Arc::new(collection), Arc::new(tokenizer), mel)))
}

/// The source of a model whose checkpoints say how it hears and reads.
fn pretrained_source(weights: &Weights, collection: Collection, config: &TrainConfig) -> Result<ExampleSource, TrainError> {
    let combination = &weights.combination;
    let (front_end, tokenizer) = (combination.front_end()?, Arc::new(combination.tokenizer.clone()));
    let source = ExampleSource::new(Arc::new(collection), tokenizer, LogMel::new(front_end.mels())?);
    let banks = Arc::new(FeatureCache::new(config.cache_mib << 20));
    Ok(source.with_front_end(front_end, banks).with_dialogue(combination.dialogue()))
}

fn open_weights(preset: &PretrainedConfig, config: &TrainConfig) -> Result<Weights, TrainError> {
    if let Some(path) = &config.tokenizer {
        let expected = "none: a pretrained language model has its own";
        return Err(TrainError::Setting { field: "tokenizer", found: path.display().to_string(), expected });
    }
    let root: &Path = config.weights.as_deref().ok_or_else(|| no_weights(preset))?;
    Weights::open(preset.clone(), root)
}

fn no_weights(preset: &PretrainedConfig) -> TrainError {
    let found = format!("none, and the model is `{}`", preset.preset);
    TrainError::Setting { field: "weights", found, expected: "the folder that its checkpoints lie in (--weights DIR)" }
}

/// A device whose tensors can be differentiated; `again`: whether activations are computed again for that instead of kept.
fn in_training(device: Device, again: bool) -> Device {
    if again { device.autodiff().gradient_checkpointing() } else { device.autodiff() }
}
