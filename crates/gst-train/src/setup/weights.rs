//! Checkpoints that a model is made of: read once, and known again by their hashes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use burn::tensor::Device;
use gst_affinity::artifact::{Artifact, content_hash};
use gst_model::PretrainedAudioLm;
use gst_model::salmonn::{Combination, PretrainedConfig};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::files::FileMark;

/// The body of `weights.json`: where a run's checkpoints lay when it began, and what was in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightFiles {
    /// The folder, as it was named then.
    pub root: PathBuf,
    /// Every file that the model comes from, relative to the folder.
    pub files: BTreeMap<String, FileMark>,
}

impl Artifact for WeightFiles {
    const FORMAT: &'static str = "gst-weights";
    const VERSION: u32 = 1;
}

impl WeightFiles {
    fn of(combination: &Combination) -> Result<Self, TrainError> {
        let mark = |file: PathBuf| {
            let path = combination.root.join(&file);
            let mark = FileMark::of(&path).map_err(TrainError::io(&path))?;
            // One name on every system.
            let names: Vec<String> = file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            Ok((names.join("/"), mark))
        };
        let files = combination.files()?.into_iter().map(mark).collect::<Result<_, TrainError>>()?;
        Ok(Self { root: combination.root.clone(), files })
    }

    /// Hash of what was in the files, wherever they lie.
    #[must_use]
    pub fn hash(&self) -> String {
        let lines = self.files.iter().map(|(name, mark)| format!("{}  {name}\n", mark.sha256));
        content_hash(lines.collect::<String>().as_bytes())
    }

    /// Files that are not the same here and there, or only in one.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.files.keys().chain(other.files.keys()).collect();
        names.into_iter().filter(|name| self.files.get(*name) != other.files.get(*name)).cloned().collect()
    }
}

/// The checkpoints under one folder, and the model that they make.
pub struct Weights {
    /// The preset and what its small files say.
    pub combination: Combination,
    files: OnceLock<WeightFiles>,
    /// The seed that the model's own weights were drawn from, and the model. Clones share what is frozen.
    loaded: Mutex<Option<(u64, PretrainedAudioLm)>>,
}

impl Weights {
    /// Opens what `preset` names under `root`; weights are not read yet.
    ///
    /// # Errors
    /// [`TrainError::Model`] when a file is absent or damaged, or parts do not fit.
    pub fn open(preset: PretrainedConfig, root: &Path) -> Result<Self, TrainError> {
        let combination = Combination::open(preset, root)?;
        Ok(Self { combination, files: OnceLock::new(), loaded: Mutex::new(None) })
    }

    /// What is in the files. The first call reads all of them.
    ///
    /// # Errors
    /// [`TrainError::Io`] when one cannot be read, [`TrainError::Model`] when a checkpoint is damaged.
    pub fn files(&self) -> Result<&WeightFiles, TrainError> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let files = WeightFiles::of(&self.combination)?;
        Ok(self.files.get_or_init(|| files))
    }

    /// The model as it is before training. The checkpoints are read once.
    ///
    /// # Errors
    /// [`TrainError::Model`] when a file is absent or damaged or does not fit.
    pub fn model(&self, seed: u64, device: &Device) -> Result<PretrainedAudioLm, TrainError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, model)) = loaded.as_ref().filter(|(of, _)| *of == seed) {
            return Ok(model.clone());
        }
        let model = self.combination.load(seed, device)?;
        *loaded = Some((seed, model.clone()));
        Ok(model)
    }
}
