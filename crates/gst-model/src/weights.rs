//! Weights to and from safetensors, named by parameter path.

use std::path::Path;

use burn::module::Module;
use burn_store::{ModuleSnapshot, SafetensorsStore};

use crate::ModelError;

/// Writes all parameters of `model` to `path`: equal weights give equal files (so no metadata, whose order is not fixed).
///
/// # Errors
/// [`ModelError::Weights`] when the file cannot be written.
pub fn save<M: Module>(model: &M, path: &Path) -> Result<(), ModelError> {
    let mut store = SafetensorsStore::from_file(path).clear_metadata().overwrite(true);
    model.save_into(&mut store).map_err(|error| ModelError::Weights { path: path.to_owned(), reason: error.to_string() })
}

/// Writes the parameters of `model` whose path `part` matches, as [`save`] does.
pub(crate) fn save_part<M: Module>(model: &M, part: &str, path: &Path) -> Result<(), ModelError> {
    let mut store = SafetensorsStore::from_file(path).clear_metadata().overwrite(true).with_regex(part);
    model.save_into(&mut store).map_err(|error| ModelError::Weights { path: path.to_owned(), reason: error.to_string() })
}

/// Replaces all parameters of `model` by those in `path`.
///
/// # Errors
/// [`ModelError::Weights`] when a parameter is missing, superfluous or of another shape, or the file cannot be read.
pub fn load<M: Module>(model: &mut M, path: &Path) -> Result<(), ModelError> {
    load_part(model, &|_| true, path)
}

/// The same where only the parameters whose path `part` chooses must be there; the others stay as they are.
pub(crate) fn load_part<M: Module>(model: &mut M, part: &dyn Fn(&str) -> bool, path: &Path) -> Result<(), ModelError> {
    let refuse = |reason: String| ModelError::Weights { path: path.to_owned(), reason };
    if !path.is_file() {
        return Err(refuse("the file does not exist".into()));
    }
    // What may be missing is for `part` to say.
    let mut store = SafetensorsStore::from_file(path).allow_partial(true);
    let result = model.load_from(&mut store).map_err(|error| refuse(error.to_string()))?;
    if let Some((path, _)) = result.missing.iter().find(|(path, _)| part(path)) {
        return Err(refuse(format!("parameter `{path}` is missing")));
    }
    if let Some(path) = result.unused.first() {
        return Err(refuse(format!("it holds `{path}`, which this model does not have")));
    }
    if let Some(error) = result.errors.first() {
        return Err(refuse(error.to_string()));
    }
    Ok(())
}
