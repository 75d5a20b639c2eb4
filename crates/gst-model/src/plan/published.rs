//! Sizes that the authors of some checkpoints published, so that a model can be planned before anything is downloaded.

use std::path::Path;

use crate::ModelError;
use crate::beats::BeatsConfig;
use crate::lm::LmConfig;
use crate::pretrained::PretrainedError;
use crate::salmonn::{Parts, PretrainedConfig};
use crate::whisper::WhisperConfig;

/// The encoders' part of `config.json`, by the folder's name in a preset.
const WHISPER: &[(&str, &str)] = &[
    (
        "whisper-tiny",
        r#"{"num_mel_bins": 80, "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536}"#,
    ),
    (
        "whisper-large-v2",
        r#"{"num_mel_bins": 80, "d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120}"#,
    ),
];

/// The language models' `config.json`, as far as sizes go, by the folder's name in a preset.
const LANGUAGE: &[(&str, &str)] = &[
    (
        "vicuna-7b-v1.5",
        r#"{"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2}"#,
    ),
    (
        "vicuna-13b-v1.1",
        r#"{"model_type": "llama", "vocab_size": 32000, "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40,
            "num_attention_heads": 40, "rms_norm_eps": 1e-6, "bos_token_id": 1, "eos_token_id": 2}"#,
    ),
    (
        "qwen2.5-0.5b-instruct",
        r#"{"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
            "num_attention_heads": 14, "num_key_value_heads": 2, "rms_norm_eps": 1e-6, "tie_word_embeddings": true,
            "rope_theta": 1000000.0, "bos_token_id": 151643, "eos_token_id": 151645}"#,
    ),
];

impl PretrainedConfig {
    /// The sizes that follow from the checkpoints' published configurations; BEATs is the published base model.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a checkpoint whose sizes are not known here.
    pub fn published(&self) -> Result<Parts, ModelError> {
        let whisper = find(WHISPER, "whisper", &self.audio.whisper)?;
        let refuse = |error: serde_json::Error| PretrainedError::format(&self.audio.whisper, error.to_string());
        let whisper: WhisperConfig = serde_json::from_str(whisper).map_err(refuse)?;
        let beats = self.audio.beats.as_ref().map(|_| BeatsConfig::default());
        let path = &self.language_model.path;
        let language = LmConfig::parse(find(LANGUAGE, "language_model.path", path)?, path)?;
        Ok(self.sized(whisper, beats, language))
    }
}

fn find(known: &[(&'static str, &'static str)], field: &'static str, path: &Path) -> Result<&'static str, ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    known.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let expected = format!("{}, or the folder of the checkpoints (--weights DIR)", names.join(", "));
        ModelError::Config { field, found: path.display().to_string(), expected }
    })
}
