//! How questions and answers become the tokens that a model reads and writes.

use std::fmt;
use std::sync::Arc;

use super::{TextError, TextTokenizer};

/// The way in which a model is asked and answers. Used from many threads.
pub trait Dialogue: fmt::Debug + Send + Sync {
    /// Tokens of the prompt for `question`.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    fn question(&self, question: &str) -> Result<Vec<u32>, TextError>;

    /// Tokens of `answer`, the one that ends it last.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    fn answer(&self, answer: &str) -> Result<Vec<u32>, TextError>;

    /// The token that ends an answer.
    fn eos(&self) -> u32;
}

/// The question as it is, the answer behind a space, so that a whole word can be one token.
#[derive(Debug, Clone)]
pub struct Plain(pub Arc<TextTokenizer>);

impl Dialogue for Plain {
    fn question(&self, question: &str) -> Result<Vec<u32>, TextError> {
        self.0.encode(question.trim())
    }

    fn answer(&self, answer: &str) -> Result<Vec<u32>, TextError> {
        let mut tokens = self.0.encode(&format!(" {}", answer.trim()))?;
        tokens.push(self.0.eos_id());
        Ok(tokens)
    }

    fn eos(&self) -> u32 {
        self.0.eos_id()
    }
}
