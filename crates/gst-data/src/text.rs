//! Text to token ids and back.

mod dialogue;

pub use dialogue::{Dialogue, Plain};

use std::{
    fmt,
    path::{Path, PathBuf},
};

use tokenizers::{
    AddedToken, Tokenizer, TokenizerImpl,
    decoders::byte_level::ByteLevel as ByteLevelDecoder,
    models::bpe::{BPE, BpeTrainer},
    normalizers::NormalizerWrapper,
    pre_tokenizers::byte_level::ByteLevel,
    processors::PostProcessorWrapper,
};

use crate::caught::caught;

/// Padding, beginning and end of sequence of a trained tokenizer, with ids 0, 1 and 2.
pub const SPECIALS: [&str; 3] = ["<pad>", "<bos>", "<eos>"];

/// Smallest vocabulary that can be trained: the specials and all 256 bytes.
pub const MIN_VOCAB: usize = 256 + SPECIALS.len();

/// Largest vocabulary that can be trained.
pub const MAX_VOCAB: usize = 1 << 20;

/// Names that other tokenizers use for our specials, in order of preference.
const PAD_NAMES: &[&str] = &["<pad>", "[PAD]", "<|pad|>", "<|finetune_right_pad_id|>", "<|endoftext|>"];
const BOS_NAMES: &[&str] = &["<bos>", "<s>", "<|begin_of_text|>", "<|startoftext|>", "[CLS]", "<|endoftext|>"];
const EOS_NAMES: &[&str] = &["<eos>", "</s>", "<|end_of_text|>", "<|eot_id|>", "<|im_end|>", "[SEP]", "<|endoftext|>"];

/// Why a tokenizer cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Vocabulary size out of range.
    #[error("vocabulary of {found}; expected {MIN_VOCAB} (all bytes and the specials) to {MAX_VOCAB}")]
    VocabSize {
        /// What was asked for.
        found: usize,
    },
    /// No text to learn from.
    #[error("no text to train the tokenizer on")]
    NoText,
    /// The library's trainer failed.
    #[error("training the tokenizer failed: {reason}")]
    Train {
        /// What it said.
        reason: String,
    },
    /// A file that is no tokenizer.
    #[error("{}: not a usable tokenizer.json: {reason}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tokenizer without a token we need.
    #[error("{}: no {role} token; looked for {names}", path.display())]
    NoSpecial {
        /// The file.
        path: PathBuf,
        /// `end-of-sequence`, …
        role: &'static str,
        /// The names looked for.
        names: String,
    },
    /// The file could not be written.
    #[error("{}: cannot save the tokenizer: {reason}", path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A text could not be encoded.
    #[error("cannot encode {text:?}: {reason}")]
    Encode {
        /// The beginning of the text.
        text: String,
        /// What the tokenizer said.
        reason: String,
    },
    /// Ids that could not be decoded.
    #[error("cannot decode {count} ids: {reason}")]
    Decode {
        /// How many ids.
        count: usize,
        /// What the tokenizer said.
        reason: String,
    },
}

/// A tokenizer with known padding, begin and end tokens. Names of specials inside a text are encoded as ordinary text.
#[derive(Clone)]
pub struct TextTokenizer {
    inner: Tokenizer,
    pad: u32,
    bos: u32,
    eos: u32,
    vocab_size: usize,
}

impl fmt::Debug for TextTokenizer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TextTokenizer").field("vocab_size", &self.vocab_size()).finish_non_exhaustive()
    }
}

impl TextTokenizer {
    /// Trains a byte-level BPE of at most `vocab_size` tokens: equal texts in any order give equal tokenizers, on any
    /// number of threads. Small texts end with fewer tokens than asked for.
    ///
    /// # Errors
    /// When `vocab_size` is outside `[MIN_VOCAB, MAX_VOCAB]` or there is no text.
    pub fn train<S: AsRef<str> + Send>(texts: impl Iterator<Item = S> + Send, vocab_size: usize) -> Result<Self, TextError> {
        Self::try_train(texts.map(Ok::<_, TextError>), vocab_size)
    }

    /// As [`train`](Self::train), with texts that can fail to be read. They are read once and not kept: memory is taken by the distinct
    /// words among them.
    ///
    /// # Errors
    /// As [`train`](Self::train), and the first error among the texts.
    pub fn try_train<S: AsRef<str> + Send, E: From<TextError> + Send>(
        texts: impl Iterator<Item = Result<S, E>> + Send,
        vocab_size: usize,
    ) -> Result<Self, E> {
        if !(MIN_VOCAB..=MAX_VOCAB).contains(&vocab_size) {
            return Err(TextError::VocabSize { found: vocab_size }.into());
        }
        let (mut unread, mut any) = (None, false);
        let readable = texts.map_while(|text| text.map_err(|error| unread = Some(error)).ok());
        let trained = Self::trained(readable.inspect(|text| any |= !text.as_ref().is_empty()), vocab_size);
        match unread {
            Some(error) => Err(error),
            None if any => Ok(trained?),
            None => Err(TextError::NoText.into()),
        }
    }

    fn trained<S: AsRef<str> + Send>(texts: impl Iterator<Item = S> + Send, vocab_size: usize) -> Result<Self, TextError> {
        let specials = SPECIALS.map(|name| AddedToken::from(name, true));
        let mut trainer = BpeTrainer::builder()
            .show_progress(false)
            .vocab_size(vocab_size)
            .special_tokens(specials.to_vec())
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        let mut bpe: TokenizerImpl<BPE, NormalizerWrapper, ByteLevel, PostProcessorWrapper, ByteLevelDecoder> =
            TokenizerImpl::new(BPE::default());
        bpe.with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(false)));
        bpe.with_decoder(Some(ByteLevelDecoder::default()));
        let failed = |error: tokenizers::Error| TextError::Train { reason: error.to_string() };
        bpe.train(&mut trainer, texts).map_err(failed)?;
        // Through the file format, so that a tokenizer just trained and one loaded behave alike.
        let json = bpe.to_string(false).map_err(failed)?;
        let inner: Tokenizer = json.parse().map_err(failed)?;
        Self::new(inner, Path::new("(trained)"))
    }

    /// Reads any `tokenizer.json`. Padding and begin fall back to the end token where the file has none.
    ///
    /// # Errors
    /// When the file cannot be read, has no end-of-sequence token, or ids of [`MAX_VOCAB`] and more.
    pub fn from_file(path: &Path) -> Result<Self, TextError> {
        let load = |reason: String| TextError::Load { path: path.into(), reason };
        let bytes = std::fs::read(path).map_err(|error| load(error.to_string()))?;
        let inner = caught(|| Tokenizer::from_bytes(bytes)).map_err(load)?.map_err(|error| load(error.to_string()))?;
        Self::new(inner, path)
    }

    fn new(mut inner: Tokenizer, path: &Path) -> Result<Self, TextError> {
        inner.set_encode_special_tokens(true);
        let find = |names: &[&str]| names.iter().find_map(|name| inner.token_to_id(name));
        let eos = find(EOS_NAMES).ok_or_else(|| TextError::NoSpecial {
            path: path.into(),
            role: "end-of-sequence",
            names: EOS_NAMES.join(", "),
        })?;
        let (pad, bos) = (find(PAD_NAMES).unwrap_or(eos), find(BOS_NAMES).unwrap_or(eos));
        // Ids may have gaps: what a model needs a row for is the largest.
        let vocab_size = inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if vocab_size > MAX_VOCAB {
            let reason = format!("its ids go up to {}; at most {MAX_VOCAB} tokens are taken", vocab_size - 1);
            return Err(TextError::Load { path: path.into(), reason });
        }
        Ok(Self { inner, pad, bos, eos, vocab_size })
    }

    /// Writes `tokenizer.json`, first beside it and then renamed, so that a reader never sees half a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), TextError> {
        let failed = |reason: String| TextError::Save { path: path.into(), reason };
        let text = self.to_json()?;
        let mut aside = path.as_os_str().to_owned();
        aside.push(".part");
        std::fs::write(&aside, text).map_err(|error| failed(error.to_string()))?;
        std::fs::rename(&aside, path).map_err(|error| failed(error.to_string()))
    }

    /// The text of `tokenizer.json`.
    ///
    /// # Errors
    /// When the tokenizer cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, TextError> {
        self.inner.to_string(true).map_err(|error| TextError::Save { path: "tokenizer.json".into(), reason: error.to_string() })
    }

    /// Token ids of `text`, without specials.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TextError> {
        let failed = |reason: String| TextError::Encode { text: text.chars().take(80).collect(), reason };
        let encoding =
            caught(|| self.inner.encode_fast(text, false)).map_err(failed)?.map_err(|error| failed(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of `ids`, specials left out.
    ///
    /// # Errors
    /// When the tokenizer refuses the ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TextError> {
        let failed = |reason: String| TextError::Decode { count: ids.len(), reason };
        caught(|| self.inner.decode(ids, true)).map_err(failed)?.map_err(|error| failed(error.to_string()))
    }

    /// Id of the padding token.
    pub fn pad_id(&self) -> u32 {
        self.pad
    }

    /// Id of the begin-of-sequence token.
    pub fn bos_id(&self) -> u32 {
        self.bos
    }

    /// Id of the end-of-sequence token.
    pub fn eos_id(&self) -> u32 {
        self.eos
    }

    /// The special tokens by name, the longest first.
    #[must_use]
    pub fn special_tokens(&self) -> Vec<(String, u32)> {
        let added = self.inner.get_added_tokens_decoder();
        let special = added.into_iter().filter(|(_, token)| token.special);
        let mut tokens: Vec<(String, u32)> = special.map(|(id, token)| (token.content, id)).collect();
        tokens.sort_by(|left, right| right.0.len().cmp(&left.0.len()).then_with(|| left.cmp(right)));
        tokens
    }

    /// Rows that a model needs for the tokens, specials included: every id is below it.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }
}
