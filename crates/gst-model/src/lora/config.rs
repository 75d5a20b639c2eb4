//! What is adapted, and how.

use std::path::Path;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::pretrained::PretrainedError;

/// Rank, strength and place of adapters. The defaults are SALMONN's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraConfig {
    /// Rank of the product.
    pub rank: usize,
    /// Strength: the product is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Share of the input that is dropped in training, in `[0, 1)`.
    pub dropout: f64,
    /// Which layers are adapted.
    pub targets: Targets,
    /// Divide `alpha` by the square root of the rank instead (Kalajdzievski 2023, arXiv 2312.03732).
    pub rank_stabilized: bool,
}

/// Which layers are adapted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Targets {
    /// A regular expression for the whole path of a layer; `all-linear` stands for every layer but the output's.
    Pattern(String),
    /// Last parts of paths (`q_proj`, `self_attn.v_proj`).
    Names(Vec<String>),
}

impl Default for LoraConfig {
    fn default() -> Self {
        let targets = Targets::Names(vec!["q_proj".into(), "v_proj".into()]);
        Self { rank: 8, alpha: 32.0, dropout: 0.1, targets, rank_stabilized: false }
    }
}

impl LoraConfig {
    /// What the product is multiplied by.
    #[must_use]
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rank_stabilized { rank.sqrt() } else { rank }
    }

    pub(super) fn check(&self) -> Result<(), PretrainedError> {
        if self.rank == 0 {
            return Err(self.refuse("rank", "0".into(), "at least 1"));
        }
        if !self.alpha.is_finite() {
            return Err(self.refuse("alpha", self.alpha.to_string(), "a finite number"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(self.refuse("dropout", self.dropout.to_string(), "a probability in [0, 1)"));
        }
        Ok(())
    }

    pub(super) fn refuse(&self, field: &str, found: String, expected: &str) -> PretrainedError {
        PretrainedError::config(Path::new("lora"), field, found, expected)
    }

    pub(super) fn matcher(&self) -> Result<Matcher<'_>, PretrainedError> {
        match &self.targets {
            Targets::Names(names) => Ok(Matcher::Names(names)),
            Targets::Pattern(pattern) if pattern == "all-linear" => Ok(Matcher::All),
            Targets::Pattern(pattern) => Regex::new(&format!("^(?:{pattern})$"))
                .map(Matcher::Pattern)
                .map_err(|error| self.refuse("targets", error.to_string(), "a regular expression")),
        }
    }
}

/// [`Targets`], ready to be asked.
pub(super) enum Matcher<'a> {
    All,
    Pattern(Regex),
    Names(&'a [String]),
}

impl Matcher<'_> {
    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Pattern(pattern) => pattern.is_match(path),
            Self::Names(names) => names.iter().any(|name| path == name || path.ends_with(&format!(".{name}"))),
        }
    }
}
