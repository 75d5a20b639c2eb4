//! `config.json` files of published checkpoints, and the checks that their sizes share.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::ModelError;
use crate::pretrained::{PretrainedError, read_json};

/// Reads the fields of `T` out of a `config.json` whose `model_type`, where it names one, is `kind`; `check` looks at them.
pub(crate) fn read<T: DeserializeOwned>(
    path: &Path,
    kind: &str,
    check: impl FnOnce(&T) -> Result<(), ModelError>,
) -> Result<T, PretrainedError> {
    let value = read_json::<serde_json::Value>(path)?;
    // Before the fields: of another model, the wrong ones would be missed.
    if let Some(found) = value.get("model_type").and_then(serde_json::Value::as_str).filter(|&found| found != kind) {
        return Err(PretrainedError::config(path, "model_type", found, kind));
    }
    let config = serde_json::from_value(value).map_err(|error| PretrainedError::format(path, error.to_string()))?;
    match check(&config) {
        Ok(()) => Ok(config),
        Err(ModelError::Config { field, found, expected }) => Err(PretrainedError::config(path, field, found, expected)),
        Err(other) => Err(PretrainedError::format(path, other.to_string())),
    }
}

/// No size may be zero.
pub(crate) fn positive(sizes: &[(&'static str, usize)]) -> Result<(), ModelError> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some(&(field, _)) => Err(ModelError::Config { field, found: "0".into(), expected: "at least 1".into() }),
        None => Ok(()),
    }
}

/// `part` divides `whole`.
pub(crate) fn divides(part: (&'static str, usize), whole: (&'static str, usize)) -> Result<(), ModelError> {
    if whole.1.is_multiple_of(part.1) {
        return Ok(());
    }
    Err(ModelError::Config {
        field: whole.0,
        found: whole.1.to_string(),
        expected: format!("a multiple of `{}` ({})", part.0, part.1),
    })
}

/// A setting has the one value that is built here.
pub(crate) fn is<T: PartialEq + ToString + ?Sized>(field: &'static str, found: &T, expected: &T) -> Result<(), ModelError> {
    if found == expected {
        return Ok(());
    }
    Err(ModelError::Config {
        field,
        found: found.to_string(),
        expected: format!("{} (nothing else is known)", expected.to_string()),
    })
}

/// A dropout.
pub(crate) fn probability(field: &'static str, found: f64) -> Result<(), ModelError> {
    if (0.0..1.0).contains(&found) {
        return Ok(());
    }
    Err(ModelError::Config { field, found: found.to_string(), expected: "a probability in [0, 1)".into() })
}
