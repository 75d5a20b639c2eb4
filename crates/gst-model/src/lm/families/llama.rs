//! Llama 2 and 3, Vicuna, TinyLlama.

use std::path::Path;

use super::Raw;
use crate::lm::LmConfig;
use crate::pretrained::PretrainedError;

pub(super) fn read(raw: &Raw, path: &Path) -> Result<LmConfig, PretrainedError> {
    let bias = raw.attention_bias.unwrap_or(false);
    let feed_forward_bias = raw.mlp_bias.unwrap_or(false);
    Ok(LmConfig { query_bias: bias, output_bias: bias, feed_forward_bias, ..raw.base(path)? })
}
