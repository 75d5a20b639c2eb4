//! Adapters to and from the two files that PEFT keeps them in.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use super::{LoraConfig, Targets};
use crate::lm::LanguageModel;
use crate::pretrained::{Checkpoint, Loading, Precision, PretrainedError, read_json, write_whole};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// PEFT wraps the model twice.
const PREFIX: &str = "base_model.model.";

/// `adapter_config.json`, as far as it concerns a plain adapter.
#[derive(Debug, Serialize, Deserialize)]
struct PeftConfig {
    peft_type: String,
    task_type: Option<String>,
    base_model_name_or_path: Option<String>,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    target_modules: Targets,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default = "none")]
    bias: String,
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default)]
    inference_mode: bool,
    #[serde(default, skip_serializing)]
    use_dora: bool,
    #[serde(default, skip_serializing)]
    modules_to_save: Option<Vec<String>>,
    #[serde(default, skip_serializing)]
    rank_pattern: HashMap<String, usize>,
    #[serde(default, skip_serializing)]
    alpha_pattern: HashMap<String, f64>,
}

fn none() -> String {
    "none".into()
}

impl LanguageModel {
    /// Attaches the adapters that PEFT or [`LanguageModel::save_adapters`] left in `folder`, and says what they are.
    ///
    /// # Errors
    /// [`PretrainedError`] when a file is absent or damaged, the adapters are of a kind that is not supported, or they do not
    /// fit the model.
    pub fn load_adapters(self, folder: &Path) -> Result<(Self, LoraConfig), PretrainedError> {
        let path = folder.join(CONFIG);
        let peft: PeftConfig = read_json(&path)?;
        let refuse = |field, found: String, expected| Err(PretrainedError::config(&path, field, found, expected));
        if peft.peft_type != "LORA" {
            return refuse("peft_type", peft.peft_type, "LORA");
        }
        if peft.bias != "none" {
            return refuse("bias", peft.bias, "none");
        }
        let unsupported = [
            ("use_dora", peft.use_dora),
            ("fan_in_fan_out", peft.fan_in_fan_out),
            ("modules_to_save", peft.modules_to_save.is_some_and(|modules| !modules.is_empty())),
            ("rank_pattern", !peft.rank_pattern.is_empty()),
            ("alpha_pattern", !peft.alpha_pattern.is_empty()),
        ];
        if let Some((field, _)) = unsupported.into_iter().find(|(_, used)| *used) {
            return refuse(field, "used".into(), "an adapter without it");
        }
        let config = LoraConfig {
            rank: peft.r,
            alpha: peft.lora_alpha,
            dropout: peft.lora_dropout,
            targets: peft.target_modules,
            rank_stabilized: peft.use_rslora,
        };
        let mut model = self;
        model.adapt(&config)?;
        let loading = Loading { name: &tensor_name, unused: &|_| false, precision: Precision::F32 };
        let model = Checkpoint::open(&folder.join(WEIGHTS))?.load(model, &loading)?;
        Ok((model, config))
    }

    /// Writes the adapters to `folder` as PEFT does, which then reads them; `base` names the model they belong to.
    ///
    /// # Errors
    /// [`PretrainedError::Io`] when a file cannot be written, [`PretrainedError::Format`] when there is no adapter.
    pub fn save_adapters(&self, config: &LoraConfig, base: &str, folder: &Path) -> Result<(), PretrainedError> {
        let mut factors = Vec::new();
        for (path, projection) in self.clone().valid().projections() {
            if let Some(adapter) = projection.adapter() {
                factors.push((format!("{PREFIX}{path}.lora_A.weight"), values(&adapter.lora_a)));
                factors.push((format!("{PREFIX}{path}.lora_B.weight"), values(&adapter.lora_b)));
            }
        }
        if factors.is_empty() {
            return Err(PretrainedError::format(folder, "there is no adapter to write"));
        }
        let targets = match &config.targets {
            // PEFT's list is a set: sorted, so that equal adapters give equal files.
            Targets::Names(names) => Targets::Names(names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()),
            pattern => pattern.clone(),
        };
        let peft = PeftConfig {
            peft_type: "LORA".into(),
            task_type: Some("CAUSAL_LM".into()),
            base_model_name_or_path: Some(base.into()),
            r: config.rank,
            lora_alpha: config.alpha,
            lora_dropout: config.dropout,
            target_modules: targets,
            use_rslora: config.rank_stabilized,
            bias: none(),
            fan_in_fan_out: false,
            inference_mode: true,
            use_dora: false,
            modules_to_save: None,
            rank_pattern: HashMap::new(),
            alpha_pattern: HashMap::new(),
        };
        fs::create_dir_all(folder).map_err(PretrainedError::io(folder))?;
        let json = serde_json::to_vec_pretty(&peft).map_err(|error| PretrainedError::format(folder, error.to_string()))?;
        let mut views = Vec::with_capacity(factors.len());
        for (name, (shape, bytes)) in &factors {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes);
            views.push((name, view.map_err(|error| PretrainedError::format(folder, error.to_string()))?));
        }
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let weights = safetensors::serialize(views, Some(metadata));
        let weights = weights.map_err(|error| PretrainedError::format(folder, error.to_string()))?;
        write_whole(&folder.join(WEIGHTS), &weights)?;
        write_whole(&folder.join(CONFIG), &json)
    }
}

/// The tensor of an adapter's factor; nothing for the parameters of the frozen model.
fn tensor_name(path: &str) -> Option<String> {
    let factor = |end: &str, name: &str| path.strip_suffix(end).map(|path| format!("{PREFIX}{path}.{name}.weight"));
    factor(".lora.lora_a", "lora_A").or_else(|| factor(".lora.lora_b", "lora_B"))
}

fn values(param: &Param<Tensor<2>>) -> ([usize; 2], Vec<u8>) {
    let tensor = param.val();
    (tensor.dims(), tensor.into_data().iter::<f32>().flat_map(f32::to_le_bytes).collect())
}
