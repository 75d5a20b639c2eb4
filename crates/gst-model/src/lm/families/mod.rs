//! The families of language models, and how each writes its `config.json`.
//!
//! To add a family whose layers are Llama's up to the switches of [`LmConfig`]: a file with a function like those here, and its
//! line in [`FAMILIES`].

mod llama;
mod mistral;
mod qwen2;
mod qwen3;

use std::path::Path;

use serde::Deserialize;

use super::LmConfig;
use super::rope::{Rope, Scaling};
use crate::pretrained::{PretrainedError, read_json};

type Reader = fn(&Raw, &Path) -> Result<LmConfig, PretrainedError>;

/// The `model_type` of each family and what reads its configuration.
pub const FAMILIES: &[(&str, Reader)] =
    &[("llama", llama::read), ("mistral", mistral::read), ("qwen2", qwen2::read), ("qwen3", qwen3::read)];

impl LmConfig {
    /// Reads `config.json` (and `generation_config.json`, where there is one, for the tokens that end an answer) of `folder`.
    ///
    /// # Errors
    /// [`PretrainedError`] when a file is absent or damaged, the family is not in [`FAMILIES`], or a size cannot be built.
    pub fn read(folder: &Path) -> Result<Self, PretrainedError> {
        let path = folder.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(PretrainedError::io(&path))?;
        let mut config = Self::parse(&text, &path)?;
        let generation = folder.join("generation_config.json");
        if generation.is_file() {
            let stops: Stops = read_json(&generation)?;
            if let Some(tokens) = stops.eos_token_id {
                config.stops = tokens.into();
            }
        }
        Ok(config)
    }

    /// What the text of a `config.json` says; `path` is where it comes from.
    ///
    /// # Errors
    /// As [`LmConfig::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, PretrainedError> {
        let raw: Raw = serde_json::from_str(text).map_err(|error| PretrainedError::format(path, error.to_string()))?;
        let Some((_, read)) = FAMILIES.iter().find(|(name, _)| *name == raw.model_type) else {
            let known: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
            return Err(PretrainedError::config(path, "model_type", &raw.model_type, known.join(", ")));
        };
        if let Some(found) = raw.hidden_act.as_ref().filter(|found| *found != "silu") {
            return Err(PretrainedError::config(path, "hidden_act", found, "silu"));
        }
        read(&raw, path)?.checked(path)
    }
}

/// `config.json` before a family has made sense of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Raw {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    rms_norm_eps: Option<f64>,
    max_position_embeddings: Option<usize>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    rope_theta: Option<f64>,
    #[serde(alias = "rope_parameters")]
    rope_scaling: Option<RawRope>,
    use_sliding_window: Option<bool>,
    // Absent and null differ: Mistral has a window unless it says null.
    #[serde(default, deserialize_with = "present")]
    sliding_window: Option<Option<usize>>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    bos_token_id: Option<Tokens>,
    eos_token_id: Option<Tokens>,
}

#[derive(Debug, Clone, Deserialize)]
struct RawRope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
    attention_factor: Option<f64>,
    beta_fast: Option<f64>,
    beta_slow: Option<f64>,
    mscale: Option<f64>,
    mscale_all_dim: Option<f64>,
    truncate: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
struct Stops {
    eos_token_id: Option<Tokens>,
}

/// One token or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Tokens {
    One(u32),
    Several(Vec<u32>),
}

impl From<Tokens> for Vec<u32> {
    fn from(tokens: Tokens) -> Self {
        match tokens {
            Tokens::One(token) => vec![token],
            Tokens::Several(tokens) => tokens,
        }
    }
}

fn present<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Option<usize>>, D::Error> {
    Option::<usize>::deserialize(input).map(Some)
}

impl Raw {
    /// What all families have in common; a family sets the rest.
    fn base(&self, path: &Path) -> Result<LmConfig, PretrainedError> {
        let tokens = |tokens: &Option<Tokens>| tokens.clone().map_or(Vec::new(), Vec::from);
        Ok(LmConfig {
            family: self.model_type.clone(),
            vocabulary: self.vocab_size,
            width: self.hidden_size,
            hidden: self.intermediate_size,
            heads: self.num_attention_heads,
            key_value_heads: self.num_key_value_heads.unwrap_or(self.num_attention_heads),
            head_size: self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1)),
            norm_epsilon: self.rms_norm_eps.unwrap_or(1e-6),
            rope: self.rope(path)?,
            tied: self.tie_word_embeddings.unwrap_or(false),
            query_bias: false,
            output_bias: false,
            feed_forward_bias: false,
            query_key_norm: false,
            windows: vec![None; self.num_hidden_layers],
            bos: tokens(&self.bos_token_id).first().copied(),
            stops: tokens(&self.eos_token_id),
        })
    }

    /// Qwen's windows: off unless asked for, and then from layer `max_window_layers` on, or as `layer_types` says.
    fn layer_windows(&self, path: &Path) -> Result<Vec<Option<usize>>, PretrainedError> {
        let layers = self.num_hidden_layers;
        let window = self.sliding_window.unwrap_or(Some(4096)).filter(|_| self.use_sliding_window.unwrap_or(false));
        let Some(kinds) = &self.layer_types else {
            let first = self.max_window_layers.unwrap_or(28);
            return Ok((0..layers).map(|layer| window.filter(|_| layer >= first)).collect());
        };
        if kinds.len() != layers {
            return Err(PretrainedError::config(path, "layer_types", format!("{} kinds", kinds.len()), format!("{layers}")));
        }
        let kind = |kind: &String| match kind.as_str() {
            "full_attention" => Ok(None),
            "sliding_attention" => Ok(window),
            other => Err(PretrainedError::config(path, "layer_types", other, "full_attention or sliding_attention")),
        };
        kinds.iter().map(kind).collect()
    }

    fn rope(&self, path: &Path) -> Result<Rope, PretrainedError> {
        let raw = self.rope_scaling.as_ref();
        let theta = raw.and_then(|raw| raw.rope_theta).or(self.rope_theta).unwrap_or(10_000.0);
        let needed = |field: &str| PretrainedError::config(path, &format!("rope_scaling.{field}"), "absent", "a number");
        let positive = |field: &str, value: Option<f64>| match value {
            Some(value) if value > 0.0 && value.is_finite() => Ok(value),
            Some(value) => Err(PretrainedError::config(path, &format!("rope_scaling.{field}"), value, "a positive number")),
            None => Err(needed(field)),
        };
        if !(theta > 1.0 && theta.is_finite()) {
            return Err(PretrainedError::config(path, "rope_theta", theta, "a number above 1"));
        }
        let Some(raw) = raw else { return Ok(Rope { theta, scaling: Scaling::None }) };
        let positions = || {
            self.max_position_embeddings
                .filter(|&positions| positions > 0)
                .ok_or_else(|| PretrainedError::config(path, "max_position_embeddings", "absent or 0", "a positive number"))
        };
        let original = || raw.original_max_position_embeddings.filter(|&original| original > 0).map_or_else(positions, Ok);
        let scaling = match raw.rope_type.as_deref().unwrap_or("default") {
            "default" => Scaling::None,
            "linear" => Scaling::Linear { factor: positive("factor", raw.factor)? },
            "dynamic" => Scaling::Dynamic { factor: positive("factor", raw.factor)?, original: positions()? },
            "llama3" => {
                let low = positive("low_freq_factor", raw.low_freq_factor)?;
                let high = positive("high_freq_factor", raw.high_freq_factor)?;
                if low >= high {
                    return Err(PretrainedError::config(path, "rope_scaling.high_freq_factor", high, "above `low_freq_factor`"));
                }
                Scaling::Llama3 { factor: positive("factor", raw.factor)?, low, high, original: original()? }
            }
            "yarn" => {
                let factor = match raw.factor {
                    None => positions()? as f64 / original()? as f64,
                    found => positive("factor", found)?,
                };
                let temperature = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
                let attention = raw.attention_factor.unwrap_or(match (raw.mscale, raw.mscale_all_dim) {
                    (Some(scale), Some(all)) if scale != 0.0 && all != 0.0 => temperature(scale) / temperature(all),
                    _ => temperature(1.0),
                });
                Scaling::Yarn {
                    factor,
                    fast: raw.beta_fast.unwrap_or(32.0),
                    slow: raw.beta_slow.unwrap_or(1.0),
                    original: original()?,
                    attention,
                    truncate: raw.truncate.unwrap_or(true),
                }
            }
            other => {
                let expected = "default, linear, dynamic, llama3 or yarn";
                return Err(PretrainedError::config(path, "rope_scaling.rope_type", other, expected));
            }
        };
        Ok(Rope { theta, scaling })
    }
}
