//! Qwen3: queries and keys are normalised, heads have a width of their own.

use std::path::Path;

use super::Raw;
use crate::lm::LmConfig;
use crate::pretrained::PretrainedError;

pub(super) fn read(raw: &Raw, path: &Path) -> Result<LmConfig, PretrainedError> {
    let bias = raw.attention_bias.unwrap_or(false);
    Ok(LmConfig {
        query_bias: bias,
        output_bias: bias,
        query_key_norm: true,
        head_size: raw.head_dim.unwrap_or(128),
        windows: raw.layer_windows(path)?,
        ..raw.base(path)?
    })
}
