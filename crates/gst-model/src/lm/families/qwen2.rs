//! Qwen2 and Qwen2.5: biases on query, key and value.

use std::path::Path;

use super::Raw;
use crate::lm::LmConfig;
use crate::pretrained::PretrainedError;

pub(super) fn read(raw: &Raw, path: &Path) -> Result<LmConfig, PretrainedError> {
    Ok(LmConfig { query_bias: true, windows: raw.layer_windows(path)?, ..raw.base(path)? })
}
