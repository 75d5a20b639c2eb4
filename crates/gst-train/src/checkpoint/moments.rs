//! The state of an optimizer (for AdamW: both moments and the step count of every parameter) to and from safetensors.
//!
//! Burn keys this state by `ParamId`, which is drawn anew for every model that is made: read back into another process it
//! would fit no parameter, and be dropped without a word. Here every entry is named by the *path* of its parameter
//! (`decoder.blocks.0.attention.query.weight.momentum.moment_1`), and an entry that fits no parameter is an error.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::tensor::{Bytes, DType, Tensor};
use burn_store::burn_pack::{self, Reader, Scalar, Writer};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::TrainError;

/// Writes the state of `optimizer` to `path`. Equal states give equal files.
///
/// # Errors
/// [`TrainError::Moments`] or [`TrainError::Io`] when it cannot be written.
pub fn save<M: Module>(optimizer: &ModuleOptimizer, model: &M, path: &Path) -> Result<(), TrainError> {
    let refuse = |reason: String| TrainError::Moments { path: path.to_owned(), reason };
    let paths: HashMap<String, String> = paths(model).into_iter().map(|(path, id)| (id, path)).collect();
    let by_path = |name: &str| {
        let (id, field) = name.split_once('.').unwrap_or((name, ""));
        let path = paths.get(id).ok_or_else(|| refuse(format!("Burn's record has an entry `{name}` of no parameter")))?;
        Ok::<_, TrainError>(format!("{path}.{field}"))
    };
    let record = optimizer.to_record().into_bytes().map_err(|error| refuse(error.to_string()))?;
    let reader = Reader::from_bytes(record).map_err(|error| refuse(error.to_string()))?;
    let mut entries: BTreeMap<String, (Dtype, Vec<usize>, Bytes)> = BTreeMap::new();
    for (name, &value) in reader.scalars() {
        let number = i64::try_from(value).map_err(|_| refuse(format!("`{name}` is no whole number")))?;
        entries.insert(by_path(name)?, (Dtype::I64, Vec::new(), Bytes::from_bytes_vec(number.to_le_bytes().to_vec())));
    }
    for tensor in reader.into_tensors().map_err(|error| refuse(error.to_string()))? {
        let (name, dtype, shape, _, bytes) = tensor.into_parts().map_err(|error| refuse(error.to_string()))?;
        let dtype = stored(dtype).ok_or_else(|| refuse(format!("`{name}` is {dtype:?}, which is not stored")))?;
        entries.insert(by_path(&name)?, (dtype, shape.to_vec(), bytes));
    }
    let views = entries.iter().map(|(name, (dtype, shape, bytes))| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, _>>().map_err(|error: safetensors::SafeTensorError| refuse(error.to_string()))?;
    safetensors::serialize_to_file(views, None, path).map_err(|error| match error {
        safetensors::SafeTensorError::IoError(source) => TrainError::Io { path: path.to_owned(), source },
        other => refuse(other.to_string()),
    })
}

/// Gives `optimizer`, which must be made for `model`, the state in `path`.
///
/// # Errors
/// [`TrainError::Moments`] when the file is none of [`save`]'s, or belongs to another model; [`TrainError::Io`].
pub fn load<M: Module>(optimizer: ModuleOptimizer, model: &M, path: &Path) -> Result<ModuleOptimizer, TrainError> {
    let refuse = |reason: String| TrainError::Moments { path: path.to_owned(), reason };
    let ids = paths(model);
    let bytes = std::fs::read(path).map_err(TrainError::io(path))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| refuse(error.to_string()))?;
    let mut tensors = Vec::new();
    let mut scalars = Vec::new();
    for (name, view) in file.tensors() {
        // The longest prefix that is a parameter's path; what follows is the field.
        let dots = name.match_indices('.').map(|(at, _)| at);
        let split = dots.rev().find_map(|at| ids.get(&name[..at]).map(|id| (id, &name[at + 1..])));
        let (id, field) = split.ok_or_else(|| refuse(format!("it holds `{name}`, and the model has no such parameter")))?;
        let key = format!("{id}.{field}");
        if view.dtype() == Dtype::I64 {
            let number = view.data().try_into().map(i64::from_le_bytes);
            let number = number.map_err(|_| refuse(format!("`{name}` is no single number")))?;
            scalars.push((key, Scalar::UInt(u64::try_from(number).unwrap_or_default())));
        } else {
            let dtype = loaded(view.dtype()).ok_or_else(|| refuse(format!("`{name}` is {:?}", view.dtype())))?;
            let bytes = Bytes::from_bytes_vec(view.data().to_vec());
            tensors.push(burn_pack::Tensor::new(key, dtype, view.shape().to_vec(), id.parse().ok(), bytes));
        }
    }
    let found = tensors.len();
    let mut writer = Writer::new(tensors);
    for (key, value) in scalars {
        writer = writer.with_scalar(&key, value);
    }
    for (path, id) in &ids {
        writer = writer.with_metadata(id, path);
    }
    let bytes = writer.into_bytes().map_err(|error| refuse(error.to_string()))?;
    let record = OptimizerRecord::from_bytes(bytes).map_err(|error| refuse(error.to_string()))?;
    let optimizer = optimizer.load_record(record);
    // Burn passes over what it cannot use; an optimizer that lost its moments would train on and look well.
    let kept = optimizer.to_record().len();
    if kept != found {
        return Err(refuse(format!("{found} tensors, of which this optimizer can use {kept}: it is of another optimizer")));
    }
    Ok(optimizer)
}

/// Path to identity, as text, of every parameter.
fn paths<M: Module>(model: &M) -> HashMap<String, String> {
    let mut paths = Paths { stack: Vec::new(), found: HashMap::new() };
    model.visit(&mut paths);
    paths.found
}

struct Paths {
    stack: Vec<String>,
    found: HashMap<String, String>,
}

impl ModuleVisitor for Paths {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.stack.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.stack.join("."), param.id.val().to_string());
    }
}

fn stored(dtype: DType) -> Option<Dtype> {
    Some(match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        _ => return None,
    })
}

fn loaded(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::GradientsParams;
    use burn::tensor::Device;

    use super::*;
    use crate::TrainConfig;
    use crate::optimizer::adamw;

    fn step(optimizer: &mut ModuleOptimizer, model: Linear, input: f32) -> Linear {
        let device = Device::flex().autodiff();
        let loss = model.forward(Tensor::<2>::from_floats([[input, 1.0]], &device)).powi_scalar(2).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        optimizer.step(0.1, model, gradients)
    }

    fn weights(model: &Linear) -> Vec<f32> {
        model.weight.val().into_data().iter::<f32>().collect()
    }

    /// The same values under other identities, as another process would have them.
    fn made_anew(model: &Linear) -> Linear {
        let mut other = LinearConfig::new(2, 3).init(&Device::flex().autodiff());
        other.weight = Param::from_tensor(model.weight.val().detach());
        other.bias = model.bias.as_ref().map(|bias| Param::from_tensor(bias.val().detach()));
        assert_ne!(other.weight.id, model.weight.id);
        other
    }

    #[test]
    fn moments_and_step_counts_survive_under_other_identities() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("optimizer.safetensors");
        let mut model = LinearConfig::new(2, 3).init(&Device::flex().autodiff());
        let mut optimizer = adamw(&model, &TrainConfig::default()).unwrap();
        for input in [1.0, -2.0, 0.5] {
            model = step(&mut optimizer, model, input);
        }
        save(&optimizer, &model, &path).unwrap();
        let other = made_anew(&model);
        let fresh = step(&mut adamw(&other, &TrainConfig::default()).unwrap(), made_anew(&model), 3.0);
        let mut loaded = load(adamw(&other, &TrainConfig::default()).unwrap(), &other, &path).unwrap();
        let again = folder.path().join("again.safetensors");
        save(&loaded, &other, &again).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(again).unwrap());
        let (expected, found) = (step(&mut optimizer, model, 3.0), step(&mut loaded, other, 3.0));
        assert_eq!(weights(&found), weights(&expected));
        assert_ne!(weights(&fresh), weights(&expected), "without moments the step is another one");
    }

    #[test]
    fn another_model_or_another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("optimizer.safetensors");
        let model = LinearConfig::new(2, 3).init(&Device::flex().autodiff());
        let mut optimizer = adamw(&model, &TrainConfig::default()).unwrap();
        let model = step(&mut optimizer, model, 1.0);
        save(&optimizer, &model, &path).unwrap();
        let bare = LinearConfig::new(2, 3).with_bias(false).init(&Device::flex().autodiff());
        let error = load(adamw(&bare, &TrainConfig::default()).unwrap(), &bare, &path).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("`bias.") && error.contains("no such parameter"), "{error}");
        std::fs::write(&path, "no tensors").unwrap();
        assert!(matches!(load(adamw(&bare, &TrainConfig::default()).unwrap(), &bare, &path), Err(TrainError::Moments { .. })));
    }
}
