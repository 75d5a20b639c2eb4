//! Mistral: every layer has the same window.

use std::path::Path;

use super::Raw;
use crate::lm::LmConfig;
use crate::pretrained::PretrainedError;

pub(super) fn read(raw: &Raw, path: &Path) -> Result<LmConfig, PretrainedError> {
    let window = raw.sliding_window.unwrap_or(Some(4096));
    let key_value_heads = raw.num_key_value_heads.unwrap_or(8);
    Ok(LmConfig { windows: vec![window; raw.num_hidden_layers], key_value_heads, ..raw.base(path)? })
}
