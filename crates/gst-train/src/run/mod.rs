//! The run folder.
//!
//! | file | holds |
//! |---|---|
//! | `config.toml` | the settings ([`TrainConfig`]) |
//! | `schedule.json` | the schedule that was followed, with the decisions taken on the way |
//! | `tokenizer.json`, `model.json` | what is needed to use the weights |
//! | `weights.json` | the checkpoints that the model is put together from, with their hashes; there only when it is ([`WeightFiles`]) |
//! | `metrics.jsonl` | every step and evaluation ([`crate::ledger`]) |
//! | `quarantine.jsonl` | broken samples; there only when there are any ([`crate::quarantine`]) |
//! | `checkpoints/step-N/` | everything that is needed to go on after step N ([`crate::checkpoint`]) |
//! | `run.lock` | the process at work, while it is ([`lock`]) |
//! | `fork.json` | where a forked run comes from ([`fork`]) |
//! | `result.json` | final scores and cost; there only when the run is complete |

pub mod difference;
pub mod fork;
pub mod lock;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use gst_affinity::artifact::Document;
use gst_data::mel::LogMel;
use gst_data::text::TextTokenizer;
use gst_data::{Dialogue, FrontEnd, Plain};
use gst_model::{AudioModel, AudioModelConfig};
use gst_schedule::Schedule;

use crate::checkpoint::{self, Checkpoint};
use crate::files::{read_artifact, sync, write};
use crate::ledger::RunResult;
use crate::setup::{WeightFiles, Weights};
use crate::{Setup, TrainConfig, TrainError};
use lock::RunLock;

/// A folder that one training run owns.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// A new run at `root`; nothing is written yet. A run that was killed before its first checkpoint is overwritten.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] when there is a run with a checkpoint, or something else; [`TrainError::Io`] when it cannot be read.
    pub fn create(root: &Path) -> Result<Self, TrainError> {
        let folder = Self { root: root.to_owned() };
        if root.exists() {
            folder.refuse_finished()?;
            if let Some(last) = checkpoint::list(&folder.checkpoints())?.last() {
                let reason = format!(
                    "it holds a run with a checkpoint of step {}; continue it with `gst train --resume {}`, choose another --out or \
                     delete it",
                    last.step,
                    root.display()
                );
                return Err(folder.refuse(reason));
            }
            let ours = folder.config_path().exists() || folder.lock_path().exists();
            if !ours && fs::read_dir(root).map_err(TrainError::io(root))?.next().is_some() {
                return Err(folder.refuse("it is not empty and holds no run (no config.toml); choose another --out".into()));
            }
        }
        Ok(folder)
    }

    /// An existing run at `root`.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] when there is none.
    pub fn open(root: &Path) -> Result<Self, TrainError> {
        let folder = Self { root: root.to_owned() };
        if folder.config_path().is_file() {
            return Ok(folder);
        }
        Err(folder.refuse("there is no run here (no config.toml); give the folder that `gst train --out` made".into()))
    }

    /// # Errors
    /// [`TrainError::RunFolder`] when the run is finished.
    pub fn refuse_finished(&self) -> Result<(), TrainError> {
        match self.result_path().exists() {
            true => Err(self.refuse("it holds a finished run; choose another --out or delete it".into())),
            false => Ok(()),
        }
    }

    fn refuse(&self, reason: String) -> TrainError {
        TrainError::RunFolder { path: self.root.clone(), reason }
    }

    /// Keeps every other process from writing to the run until the lock is dropped.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] when another process is at work on the run; [`TrainError::Io`].
    pub fn lock(&self) -> Result<RunLock, TrainError> {
        fs::create_dir_all(&self.root).map_err(TrainError::io(&self.root))?;
        RunLock::take(&self.lock_path())
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config.toml`.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// `schedule.json`.
    #[must_use]
    pub fn schedule_path(&self) -> PathBuf {
        self.root.join("schedule.json")
    }

    /// `metrics.jsonl`.
    #[must_use]
    pub fn metrics_path(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// `quarantine.jsonl`.
    #[must_use]
    pub fn quarantine_path(&self) -> PathBuf {
        self.root.join("quarantine.jsonl")
    }

    /// `tensorboard/`.
    #[must_use]
    pub fn tensorboard(&self) -> PathBuf {
        self.root.join("tensorboard")
    }

    /// `result.json`.
    #[must_use]
    pub fn result_path(&self) -> PathBuf {
        self.root.join("result.json")
    }

    /// `checkpoints/`.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("run.lock")
    }

    fn model_path(&self) -> PathBuf {
        self.root.join("model.json")
    }

    /// `tokenizer.json`.
    #[must_use]
    pub fn tokenizer_path(&self) -> PathBuf {
        self.root.join("tokenizer.json")
    }

    /// `weights.json`.
    #[must_use]
    pub fn weights_path(&self) -> PathBuf {
        self.root.join("weights.json")
    }

    /// Writes everything that is known before step 0, `config.toml` last.
    ///
    /// # Errors
    /// [`TrainError::Io`] when a file cannot be written.
    pub fn begin(&self, setup: &Setup, config: &TrainConfig, schedule: &Document<Schedule>) -> Result<(), TrainError> {
        let checkpoints = self.checkpoints();
        fs::create_dir_all(&checkpoints).map_err(TrainError::io(&checkpoints))?;
        checkpoint::clean(&checkpoints)?;
        let model = serde_json::to_string_pretty(&setup.model).map_err(std::io::Error::from);
        write(&self.model_path(), &model.map_err(TrainError::io(&self.model_path()))?)?;
        if let Some(weights) = &setup.weights {
            write(&self.weights_path(), &Document::new(weights.files()?.clone()).to_json()?)?;
        }
        setup.source.tokenizer().save(&self.tokenizer_path())?;
        sync(&self.tokenizer_path())?;
        self.keep(config, schedule)
    }

    /// Writes the settings and the schedule that the run follows from here on.
    ///
    /// # Errors
    /// [`TrainError::Io`] when a file cannot be written.
    pub fn keep(&self, config: &TrainConfig, schedule: &Document<Schedule>) -> Result<(), TrainError> {
        self.resolve(schedule)?;
        write(&self.config_path(), &config.to_toml(&self.config_path())?)
    }

    /// Writes the schedule as resolved so far.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn resolve(&self, schedule: &Document<Schedule>) -> Result<(), TrainError> {
        write(&self.schedule_path(), &schedule.to_json()?)
    }

    /// Writes `result.json`, the mark of a finished run.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn finish(&self, result: &Document<RunResult>) -> Result<(), TrainError> {
        write(&self.result_path(), &result.to_json()?)
    }

    /// The settings of the run.
    ///
    /// # Errors
    /// [`TrainError::Config`] when they cannot be read.
    pub fn config(&self) -> Result<TrainConfig, TrainError> {
        TrainConfig::read(&self.config_path())
    }

    /// `config` with which the run's data is opened: with the run's own tokenizer, where no checkpoint has one.
    #[must_use]
    pub fn opened(&self, config: &TrainConfig) -> TrainConfig {
        let tokenizer = config.weights.is_none().then(|| self.tokenizer_path());
        TrainConfig { tokenizer, ..config.clone() }
    }

    /// The sizes or parts of the run's model; nothing when the run was killed before they were written.
    ///
    /// # Errors
    /// [`TrainError::Config`] when they cannot be read.
    pub fn model(&self) -> Result<Option<AudioModelConfig>, TrainError> {
        let path = self.model_path();
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(TrainError::io(&path))?;
        let model = serde_json::from_str(&text);
        model.map(Some).map_err(|error| TrainError::Config { path, reason: error.to_string() })
    }

    /// Compares checkpoints with those that the run began with; a model that trains from scratch has none.
    ///
    /// # Errors
    /// [`TrainError::OtherWeights`] names the files that differ.
    pub fn check_weights(&self, weights: Option<&Weights>) -> Result<(), TrainError> {
        let Some(weights) = weights else { return Ok(()) };
        let kept: Document<WeightFiles> = read_artifact(&self.weights_path())?;
        let found = weights.files()?;
        let files = kept.body.differing(found);
        if files.is_empty() {
            return Ok(());
        }
        let (root, run) = (found.root.clone(), self.root.clone());
        Err(TrainError::OtherWeights { root, run, trained_on: kept.body.root, files })
    }

    /// The schedule of the run.
    ///
    /// # Errors
    /// When it is absent or not a schedule.
    pub fn schedule(&self) -> Result<Document<Schedule>, TrainError> {
        read_artifact(&self.schedule_path())
    }

    /// The run's newest checkpoint, or that of `step`, its files checked against their hashes.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] when there is none, [`TrainError::Damaged`] when a file is not as it was written.
    pub fn checkpoint(&self, step: Option<u64>) -> Result<Checkpoint, TrainError> {
        let all = checkpoint::list(&self.checkpoints())?;
        let steps = all.iter().map(|checkpoint| checkpoint.step.to_string()).collect::<Vec<_>>().join(", ");
        let found = all.into_iter().rev().find(|checkpoint| step.is_none_or(|step| step == checkpoint.step));
        let checkpoint = found.ok_or_else(|| match step {
            Some(step) if !steps.is_empty() => self.refuse(format!("it has no checkpoint of step {step}; it has {steps}")),
            _ => self.refuse("it has no complete checkpoint; train it with `gst train` first".into()),
        })?;
        checkpoint.verify()?;
        Ok(checkpoint)
    }

    /// Copies what was trained, as it is at the run's newest checkpoint or that of `step`, and what is needed to use it into a new folder: the moving
    /// average where one was kept, else the weights. Adapters are in PEFT's format (`adapter/`). Returns the names of the files.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] when the folder holds something or there is no checkpoint; [`TrainError::Io`].
    pub fn export(&self, step: Option<u64>, to: &Path) -> Result<Vec<String>, TrainError> {
        if to.exists() && fs::read_dir(to).map_err(TrainError::io(to))?.next().is_some() {
            return Err(TrainError::RunFolder { path: to.to_owned(), reason: "it is not empty; choose another --out".into() });
        }
        let checkpoint = self.checkpoint(step)?;
        let trained = checkpoint::evaluated_files(&checkpoint)?.into_iter().map(|(from, name)| (checkpoint.file(&from), name));
        let beside = [self.model_path(), self.tokenizer_path(), self.weights_path()].into_iter().filter(|path| path.is_file());
        let beside = beside.map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (path, name)
        });
        let mut names = Vec::new();
        for (from, name) in trained.chain(beside) {
            let bytes = fs::read(&from).map_err(TrainError::io(&from))?;
            write(&to.join(&name), bytes)?;
            names.push(name);
        }
        names.sort();
        Ok(names)
    }

    /// Model, tokenizer and features of the run at its newest checkpoint, or that of `step`, ready to answer on `device`. Checkpoints that the model
    /// is put together from lie in `weights`, or where the run found them.
    ///
    /// # Errors
    /// When a file is absent, or the weights are of another model.
    pub fn load(&self, step: Option<u64>, weights: Option<&Path>, device: &Device) -> Result<Trained, TrainError> {
        let model = self.model()?.ok_or_else(|| self.refuse("it has no model.json".into()))?;
        match model {
            AudioModelConfig::Mini(config) => {
                let tokenizer = TextTokenizer::from_file(&self.tokenizer_path())?;
                if tokenizer.vocab_size() != config.vocabulary {
                    let reason = format!(
                        "its tokenizer.json has {} tokens, its model.json {}: they are of different runs",
                        tokenizer.vocab_size(),
                        config.vocabulary
                    );
                    return Err(self.refuse(reason));
                }
                let checkpoint = self.checkpoint(step)?;
                let model = checkpoint::load_average(AudioModel::Mini(config.init(0, device)?), &checkpoint)?;
                let front_end = FrontEnd::new(LogMel::new(config.mels)?);
                let dialogue = Arc::new(Plain(Arc::new(tokenizer.clone())));
                Ok(Trained { model, tokenizer, dialogue, front_end, step: checkpoint.step })
            }
            AudioModelConfig::Pretrained(preset) => {
                let own = self.config()?.weights;
                let root = weights.or(own.as_deref()).ok_or_else(|| self.refuse("its config.toml names no `weights`".into()))?;
                let weights = Weights::open(*preset, root)?;
                self.check_weights(Some(&weights))?;
                let checkpoint = self.checkpoint(step)?;
                let model = AudioModel::Pretrained(weights.model(0, device)?);
                let model = checkpoint::load_average(model, &checkpoint)?;
                let combination = &weights.combination;
                let (front_end, dialogue) = (combination.front_end()?, combination.dialogue());
                let tokenizer = combination.tokenizer.clone();
                Ok(Trained { model, tokenizer, dialogue, front_end, step: checkpoint.step })
            }
        }
    }
}

/// A trained model and what it needs to listen and to speak.
pub struct Trained {
    /// The model, not in training.
    pub model: AudioModel,
    /// Text to tokens and back.
    pub tokenizer: TextTokenizer,
    /// How it is asked.
    pub dialogue: Arc<dyn Dialogue>,
    /// Audio to features.
    pub front_end: FrontEnd,
    /// Optimizer steps it was trained for.
    pub step: u64,
}
