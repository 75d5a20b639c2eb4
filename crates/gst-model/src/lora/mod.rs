//! Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) in the file format of PEFT.

mod config;
mod peft;
mod projection;

pub use config::{LoraConfig, Targets};
pub use projection::{Adapter, Projection};

use crate::lm::LanguageModel;
use crate::pretrained::PretrainedError;

impl LanguageModel {
    /// Attaches fresh adapters to the layers that `config` names. They are the model's only trainable parameters when it was
    /// frozen before.
    ///
    /// # Errors
    /// [`PretrainedError`] when a number is out of range or no layer is named.
    pub fn adapt(&mut self, config: &LoraConfig) -> Result<(), PretrainedError> {
        config.check()?;
        let chosen = config.matcher()?;
        let mut adapted = 0;
        for (path, projection) in self.projections() {
            if chosen.matches(&path) {
                projection.adapt(config);
                adapted += 1;
            }
        }
        if adapted == 0 {
            return Err(config.refuse("targets", format!("{:?}", config.targets), "a pattern that names at least one layer"));
        }
        Ok(())
    }

    /// Adds every adapter's product to the weights it belongs to and drops the adapters.
    pub fn merge(&mut self) {
        self.projections().into_iter().for_each(|(_, projection)| projection.merge());
    }
}
