//! What was trained, in files beside the checkpoints it belongs to.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::PretrainedAudioLm;
use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError, write_whole};

/// Norms and bridge.
const BRIDGE: &str = "bridge.safetensors";
/// The folder of the adapters, in PEFT's format.
const ADAPTER: &str = "adapter";

impl PretrainedAudioLm {
    /// Writes what is trained to `folder`: norms and bridge to `bridge.safetensors`, adapters to `adapter/` in PEFT's format.
    /// `base` names the language model.
    ///
    /// # Errors
    /// [`PretrainedError::Io`] when a file cannot be written.
    pub fn save_trained(&self, base: &str, folder: &Path) -> Result<(), PretrainedError> {
        std::fs::create_dir_all(folder).map_err(PretrainedError::io(folder))?;
        let mut collect = Collect { path: Vec::new(), found: Vec::new() };
        self.valid().visit(&mut collect);
        let path = folder.join(BRIDGE);
        let refuse = |error: safetensors::SafeTensorError| PretrainedError::format(&path, error.to_string());
        let mut views = Vec::with_capacity(collect.found.len());
        for (name, shape, bytes) in &collect.found {
            views.push((name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(refuse)?));
        }
        let none: Option<HashMap<String, String>> = None;
        write_whole(&path, &safetensors::serialize(views, none).map_err(refuse)?)?;
        match &self.lora {
            Some(lora) => self.language_model.save_adapters(lora, base, &folder.join(ADAPTER)),
            None => Ok(()),
        }
    }

    /// Reads what [`PretrainedAudioLm::save_trained`] wrote.
    ///
    /// # Errors
    /// [`PretrainedError`] when a file is absent or of another model.
    pub fn load_trained(mut self, folder: &Path) -> Result<Self, PretrainedError> {
        let loading =
            Loading { name: &|path| trained(path).then(|| path.to_owned()), unused: &|_| false, precision: Precision::F32 };
        // As Burn lays the weights out, so neither names nor axes change.
        self = Checkpoint::open(&folder.join(BRIDGE))?.load_as_is(self, &loading)?;
        if self.lora.is_some() {
            let (model, lora) = self.language_model.load_adapters(&folder.join(ADAPTER))?;
            self.language_model = model;
            self.lora = Some(lora);
        }
        Ok(self)
    }
}

/// Whether a parameter belongs to `bridge.safetensors`.
fn trained(path: &str) -> bool {
    ["hearing.ln_", "bridge."].iter().any(|start| path.starts_with(start))
}

pub(super) fn is_trained(path: &str) -> bool {
    trained(path) || path.contains(".lora.")
}

impl PretrainedAudioLm {
    /// Whether the parameter at `path` is trained.
    #[must_use]
    pub fn is_trained(path: &str) -> bool {
        is_trained(path)
    }

    /// Parameters that are trained. Counting allocates none.
    #[must_use]
    pub fn trained_params(&self) -> usize {
        let mut count = Count { path: Vec::new(), trained: 0 };
        self.visit(&mut count);
        count.trained
    }
}

struct Count {
    path: Vec<String>,
    trained: usize,
}

impl ModuleVisitor for Count {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if PretrainedAudioLm::is_trained(&self.path.join(".")) {
            self.trained += param.lazy_shape().num_elements();
        }
    }
}

struct Collect {
    path: Vec<String>,
    found: Vec<(String, Vec<usize>, Vec<u8>)>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        if trained(&path) {
            let tensor = param.val();
            let shape = tensor.dims().to_vec();
            self.found.push((path, shape, tensor.into_data().iter::<f32>().flat_map(f32::to_le_bytes).collect()));
        }
    }
}
