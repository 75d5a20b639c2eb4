//! Language models of the Llama family, from published checkpoints: Llama 2 and 3, Vicuna, TinyLlama, Mistral, Qwen2, Qwen2.5,
//! Qwen3.
//!
//! [`LmConfig::read`] reads a checkpoint's own `config.json`; [`FAMILIES`] is the list of what it understands.
//! [`LanguageModel::load`] builds the model and fills it.

mod attention;
mod config;
mod families;
mod loss;
mod model;
mod norm;
mod recompute;
mod rope;
mod sequence;

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;

pub use config::LmConfig;
pub use families::{FAMILIES, Raw};
pub(crate) use loss::CHUNK;
pub(crate) use model::indices;
pub use model::{Cache, LanguageModel};
pub use rope::{Rope, Scaling};

use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError};

impl LanguageModel {
    /// The model of a checkpoint folder (`config.json` and safetensors), frozen.
    ///
    /// # Errors
    /// [`PretrainedError`]: a file is absent or damaged, the configuration cannot be built, tensors do not fit it.
    pub fn load(folder: &Path, precision: Precision, device: &Device) -> Result<Self, PretrainedError> {
        let config = LmConfig::read(folder)?;
        // Frozen before it is filled: nothing is ever tracked.
        Self::new(config, device).freeze().fill(&Checkpoint::open(folder)?, precision)
    }

    /// The same model with the weights of a checkpoint; adapters stay as they are.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn fill(self, checkpoint: &Checkpoint, precision: Precision) -> Result<Self, PretrainedError> {
        let tied = self.config().tied;
        let loading = Loading {
            name: &|path| (!path.contains(".lora.")).then(|| path.to_owned()),
            // Old files keep the rotary frequencies; files of tied models may keep the output layer too.
            unused: &|name| name.ends_with("rotary_emb.inv_freq") || (tied && name == "lm_head.weight"),
            precision,
        };
        checkpoint.load(self, &loading)
    }
}
