//! Answers, token by token: greedy, sampled, or by beam search, with a cache of keys and values.
//!
//! A sample in a batch gets the answer it would get alone: padding is masked, and a sampled token hangs on the seed and the
//! sample's own prompt, not on its place in the batch.

mod beam;
mod pick;

use std::ops::ControlFlow;

use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::lm::{Cache, LanguageModel, indices};
use pick::Picker;

/// How an answer is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "strategy")]
pub enum Decoding {
    /// The likeliest token each time.
    Greedy,
    /// The likeliest answer among those that a search of this width finds.
    Beam {
        /// Answers that are followed at one time, at least 1.
        width: usize,
        /// Scores are divided by the length to this power: above 0 favours long answers.
        length_penalty: f64,
    },
    /// Tokens drawn at random.
    Sample {
        /// What logits are divided by, above 0: below 1 sharpens.
        temperature: f64,
        /// Only the likeliest tokens that together reach this probability are drawn from, in (0, 1].
        top_p: f64,
        /// Equal seeds draw equal answers.
        seed: u64,
    },
}

/// What an answer may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// How it is chosen.
    pub decoding: Decoding,
    /// Tokens at most.
    pub max_tokens: usize,
    /// Tokens that end it; they are not part of it.
    pub stops: Vec<u32>,
}

/// Why [`Generation`] was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("generation: `{field}` is {found}, expected {expected}")]
pub struct GenerationError {
    field: &'static str,
    found: String,
    expected: &'static str,
}

impl Generation {
    /// Checks that every number is in its range.
    ///
    /// # Errors
    /// [`GenerationError`] names the first that is not.
    pub fn check(&self) -> Result<(), GenerationError> {
        let refuse = |field, found: String, expected| Err(GenerationError { field, found, expected });
        match self.decoding {
            Decoding::Beam { width: 0, .. } => refuse("width", "0".into(), "at least 1"),
            Decoding::Beam { length_penalty, .. } if !length_penalty.is_finite() => {
                refuse("length_penalty", length_penalty.to_string(), "a finite number")
            }
            Decoding::Sample { temperature, .. } if !(temperature > 0.0 && temperature.is_finite()) => {
                refuse("temperature", temperature.to_string(), "a positive number")
            }
            Decoding::Sample { top_p, .. } if !(top_p > 0.0 && top_p <= 1.0) => {
                refuse("top_p", top_p.to_string(), "a probability in (0, 1]")
            }
            _ => Ok(()),
        }
    }
}

/// The prompts of a batch as embeddings, padded on the left.
#[derive(Debug, Clone)]
pub struct Prompts {
    /// `[batch, length, width]`.
    pub embeddings: Tensor<3>,
    /// Slots at the left of each prompt that hold nothing.
    pub padding: Vec<usize>,
    /// What tells one prompt's random draws from another's.
    pub keys: Vec<u64>,
}

impl LanguageModel {
    /// Answers to `prompts`. `on_token` is told each token of each sample as it is chosen, and may stop everything; a beam
    /// search, which knows its answer at the end only, tells it then.
    ///
    /// # Errors
    /// [`GenerationError`] when a number is out of range.
    pub fn generate(
        &self,
        prompts: &Prompts,
        generation: &Generation,
        on_token: &mut dyn FnMut(usize, u32) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<u32>>, GenerationError> {
        generation.check()?;
        if generation.max_tokens == 0 {
            return Ok(vec![Vec::new(); prompts.padding.len()]);
        }
        if let Decoding::Beam { width, length_penalty } = generation.decoding {
            let answers = self.beam_search(prompts, generation, width, length_penalty);
            for (row, answer) in answers.iter().enumerate() {
                if answer.iter().any(|&token| on_token(row, token).is_break()) {
                    break;
                }
            }
            return Ok(answers);
        }
        let rows = prompts.padding.len();
        let mut pickers: Vec<Picker> = prompts.keys.iter().map(|&key| Picker::new(&generation.decoding, key)).collect();
        let mut answers = vec![Vec::new(); rows];
        let mut done = vec![false; rows];
        let mut cache = self.cache();
        let mut logits = self.last_logits(prompts.embeddings.clone(), &prompts.padding, &mut cache);
        loop {
            let chosen = pick::choose(logits, &mut pickers);
            for (row, &token) in chosen.iter().enumerate() {
                done[row] |= generation.stops.contains(&token);
                if !done[row] {
                    answers[row].push(token);
                    if on_token(row, token).is_break() {
                        return Ok(answers);
                    }
                    done[row] |= answers[row].len() == generation.max_tokens;
                }
            }
            if done.iter().all(|&done| done) {
                return Ok(answers);
            }
            logits = self.last_logits(self.embed(&chosen).unsqueeze_dim(1), &prompts.padding, &mut cache);
        }
    }

    /// Logits `[batch, vocabulary]` in f32 of what follows `x` `[batch, length, width]`.
    fn last_logits(&self, x: Tensor<3>, padding: &[usize], cache: &mut Cache) -> Tensor<2> {
        let hidden = self.forward(x.inner(), padding, Some(cache));
        let [batch, length, width] = hidden.dims();
        let last = hidden.slice_dim(1, length - 1..length).reshape([batch, width]);
        self.logits(last).cast(DType::F32).inner()
    }

    /// Prompts of token ids alone.
    pub fn prompts(&self, texts: &[&[u32]]) -> Prompts {
        let length = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let padding: Vec<usize> = texts.iter().map(|text| length - text.len()).collect();
        let padded: Vec<u32> = texts
            .iter()
            .zip(&padding)
            .flat_map(|(text, &padding)| std::iter::repeat_n(0, padding).chain(text.iter().copied()))
            .collect();
        let embeddings = self.embed(&padded).reshape([texts.len(), length, self.config().width]);
        Prompts { embeddings, padding, keys: texts.iter().map(|text| key(text)).collect() }
    }
}

/// A number that hangs on every token of a prompt (FNV-1a, 64 bits).
#[must_use]
pub fn key(tokens: &[u32]) -> u64 {
    let bytes = tokens.iter().flat_map(|token| token.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Rows `rows` of `[batch, …]`.
fn select_rows(x: Tensor<2>, rows: &[usize]) -> Tensor<2> {
    let device = x.device();
    x.select(0, indices(rows.iter().copied(), &device))
}
