//! The run folder.
//!
//! | file | holds |
//! |---|---|
//! | `config.toml` | the settings ([`TrainConfig`]) |
//! | `schedule.json` | the schedule that was followed, with the decisions taken on the way |
//! | `tokenizer.json`, `model.json` | what is needed to use the weights |
//! | `metrics.jsonl` | every step and evaluation ([`crate::ledger`]) |
//! | `quarantine.jsonl` | broken samples; there only when there are any ([`crate::quarantine`]) |
//! | `checkpoints/step-N/` | weights ([`crate::checkpoint`]) |
//! | `result.json` | final scores and cost; there only when the run is complete |

use std::fs;
use std::path::{Path, PathBuf};

use gst_affinity::artifact::{Artifact, Document};
use gst_data::mel::LogMel;
use gst_data::text::TextTokenizer;
use gst_model::{MiniAudioLm, ModelConfig, weights};
use gst_schedule::Schedule;

use crate::checkpoint::{self, Checkpoint};
use crate::ledger::RunResult;
use crate::{Setup, TrainConfig, TrainError};

/// A folder that one training run owns.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// A new run at `root`. A run that never finished is overwritten, a finished one is refused; nothing is written yet.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] when there is a finished run or something else; [`TrainError::Io`] when it cannot be read.
    pub fn create(root: &Path) -> Result<Self, TrainError> {
        let refuse = |reason: &str| TrainError::RunFolder { path: root.to_owned(), reason: reason.into() };
        let folder = Self { root: root.to_owned() };
        if root.exists() {
            if folder.result_path().exists() {
                return Err(refuse("it holds a finished run; choose another --out or delete it"));
            }
            let foreign = fs::read_dir(root).map_err(TrainError::io(root))?.next().is_some() && !folder.config_path().exists();
            if foreign {
                return Err(refuse("it is not empty and holds no run (no config.toml); choose another --out"));
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
        let reason = "there is no run here (no config.toml); give the folder that `gst train --out` made".into();
        Err(TrainError::RunFolder { path: root.to_owned(), reason })
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

    fn model_path(&self) -> PathBuf {
        self.root.join("model.json")
    }

    /// `tokenizer.json`.
    #[must_use]
    pub fn tokenizer_path(&self) -> PathBuf {
        self.root.join("tokenizer.json")
    }

    /// Writes everything that is known before step 0, and removes the checkpoints of a run that never finished.
    ///
    /// # Errors
    /// [`TrainError::Io`] when a file cannot be written.
    pub fn begin(&self, setup: &Setup, config: &TrainConfig, schedule: &Document<Schedule>) -> Result<(), TrainError> {
        let checkpoints = self.checkpoints();
        if checkpoints.exists() {
            fs::remove_dir_all(&checkpoints).map_err(TrainError::io(&checkpoints))?;
        }
        fs::create_dir_all(&checkpoints).map_err(TrainError::io(&checkpoints))?;
        write(&self.config_path(), &config.to_toml(&self.config_path())?)?;
        write(&self.schedule_path(), &schedule.to_json()?)?;
        let model = serde_json::to_string_pretty(&setup.model).map_err(std::io::Error::from);
        write(&self.model_path(), &model.map_err(TrainError::io(&self.model_path()))?)?;
        setup.source.tokenizer().save(&self.tokenizer_path())?;
        Ok(())
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

    /// The schedule of the run.
    ///
    /// # Errors
    /// When it is absent or not a schedule.
    pub fn schedule(&self) -> Result<Document<Schedule>, TrainError> {
        read_artifact(&self.schedule_path())
    }

    /// The run's newest checkpoint.
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] when there is none.
    pub fn latest(&self) -> Result<Checkpoint, TrainError> {
        checkpoint::latest(&self.checkpoints())?.ok_or_else(|| TrainError::RunFolder {
            path: self.root.clone(),
            reason: "it has no complete checkpoint; train it with `gst train` first".into(),
        })
    }

    /// Model, tokenizer and features of the run at its newest checkpoint, ready to answer on `device`.
    ///
    /// # Errors
    /// When a file is absent, or the weights are of another model.
    pub fn load(&self, device: &burn::tensor::Device) -> Result<Trained, TrainError> {
        let path = self.model_path();
        let text = fs::read_to_string(&path).map_err(TrainError::io(&path))?;
        let config: ModelConfig =
            serde_json::from_str(&text).map_err(|error| TrainError::Config { path: path.clone(), reason: error.to_string() })?;
        let tokenizer = TextTokenizer::from_file(&self.tokenizer_path())?;
        if tokenizer.vocab_size() != config.vocabulary {
            let reason = format!(
                "its tokenizer.json has {} tokens, its model.json {}: they are of different runs",
                tokenizer.vocab_size(),
                config.vocabulary
            );
            return Err(TrainError::RunFolder { path: self.root.clone(), reason });
        }
        let checkpoint = self.latest()?;
        let mut model = config.init(0, device)?;
        weights::load(&mut model, &checkpoint.weights())?;
        let mel = LogMel::new(config.mels)?;
        Ok(Trained { model, tokenizer, mel, step: checkpoint.step })
    }
}

/// A trained model and what it needs to listen and to speak.
pub struct Trained {
    /// The model, not in training.
    pub model: MiniAudioLm,
    /// Text to tokens and back.
    pub tokenizer: TextTokenizer,
    /// Audio to features.
    pub mel: LogMel,
    /// Optimizer steps it was trained for.
    pub step: u64,
}

/// Reads a file that one step left for the next.
///
/// # Errors
/// [`TrainError::Io`] when it is absent, [`TrainError::Artifact`] when it is something else.
pub fn read_artifact<T: Artifact>(path: &Path) -> Result<Document<T>, TrainError> {
    let text = fs::read_to_string(path).map_err(TrainError::io(path))?;
    Ok(Document::from_json(&text, &path.display().to_string())?)
}

/// Writes a file whole or not at all: aside first, then renamed.
///
/// # Errors
/// [`TrainError::Io`] when that fails.
pub fn write(path: &Path, text: &str) -> Result<(), TrainError> {
    let aside = path.with_extension("partial");
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
    }
    fs::write(&aside, text).map_err(TrainError::io(&aside))?;
    fs::rename(&aside, path).map_err(TrainError::io(path))
}
