//! A pretext task: what encoder and decoder can learn from sounds and questions before any answer is shown.
//!
//! Encoder: spans of log-mel frames are hidden, and a linear layer, thrown away afterwards, says from the encoder's output what stood
//! there (masked prediction, as in Baevski et al. 2020, arXiv 2006.11477, and He et al. 2021, arXiv 2111.06377; here of log-mels).
//! Decoder: each token of a question from those before it, without the sound. No answer is looked at.

use std::path::Path;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use crate::config::draw;
use crate::encoder::{FEATURE_MEAN, STRIDE, encoder_frames, normalised};
use crate::linear::linear;
use crate::{AnswerLogits, Batch, MiniAudioLm, ModelConfig, ModelError, weights};

/// Encoder frames (80 ms each) of one hidden span.
const SPAN: usize = 3;

/// Spans are hidden until about this share of a clip is, overlaps aside.
const HIDDEN_SHARE: f64 = 0.4;

/// Parameters that the pretext trains, by path.
const TRAINED: &str = r"^(encoder|decoder)\.";

/// A model and the layer that guesses what was hidden from its encoder.
#[derive(Module, Debug)]
pub struct Pretext {
    model: MiniAudioLm,
    /// `width` → the log-mel frames of one encoder frame.
    head: Linear,
}

/// Sums over a batch, to be divided by what they are sums of.
#[derive(Debug, Clone)]
pub struct PretextLosses {
    /// Squared errors of the hidden log-mel values, `[1]`.
    pub masked_frames: Tensor<1>,
    /// Cross-entropies of the questions' tokens in nats, `[1]`.
    pub question_text: Tensor<1>,
}

impl Pretext {
    /// Fresh weights that depend on `seed` alone; those of the model are the ones that [`ModelConfig::init`] draws.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size cannot be built.
    pub fn init(config: &ModelConfig, seed: u64, device: &Device) -> Result<Self, ModelError> {
        let model = config.clone().with_adapters(0).init(seed, device)?;
        let pretext = Self { model, head: linear(config.width, STRIDE * config.mels, device) };
        draw(&pretext, seed, device);
        Ok(pretext)
    }

    /// Both losses of `batch`, of which `masks` hides some.
    pub fn losses(&self, batch: &Batch, masks: &Masks) -> PretextLosses {
        let device = self.devices().into_iter().next().unwrap_or_default();
        PretextLosses {
            masked_frames: self.masked_frames(batch, masks, &device),
            question_text: self.question_text(batch, &device),
        }
    }

    fn masked_frames(&self, batch: &Batch, masks: &Masks, device: &Device) -> Tensor<1> {
        let frames = self.model.encoder.forward(&masks.hide(batch), 1, device);
        let [rows, length, width] = frames.dims();
        let places: Vec<i32> = masks.places().map(|(row, at)| i32::try_from(row * length + at).unwrap_or(0)).collect();
        let count = places.len();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [count]), device);
        let found = self.head.forward(frames.reshape([rows * length, width]).select(0, places));
        let (expected, counts) = masks.hidden(batch);
        let table = |values| Tensor::<2>::from_data(TensorData::new::<f32, _>(values, [count, STRIDE * batch.mels]), device);
        let error = (found - table(expected)) * table(counts);
        error.clone().mul(error).sum()
    }

    fn question_text(&self, batch: &Batch, device: &Device) -> Tensor<1> {
        let (read, targets) = questions(batch);
        if targets.is_empty() {
            return Tensor::zeros([1], device);
        }
        // At the places that they have behind their sounds.
        let first: Vec<usize> = batch.frames.iter().map(|&frames| self.model.embeddings(frames)).collect();
        let hidden = self.model.decoder.read(&first, &read, device);
        let length = hidden.dims()[1];
        let rows: Vec<usize> = read.iter().enumerate().flat_map(|(row, text)| row * length..row * length + text.len()).collect();
        let logits = self.model.decoder.logits(hidden, &rows);
        AnswerLogits { logits, targets, lengths: read.iter().map(|text| text.len()).collect() }.token_losses().sum()
    }

    /// Writes encoder and decoder to `path`, for [`MiniAudioLm::begin_with`].
    ///
    /// # Errors
    /// [`ModelError::Weights`] when the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        weights::save_part(&self.model, TRAINED, path)
    }
}

impl MiniAudioLm {
    /// Takes encoder and decoder from a file of [`Pretext::save`]; everything else, adapters among it, stays as it is.
    ///
    /// # Errors
    /// [`ModelError::Weights`] when the file cannot be read, or is of other sizes.
    pub fn begin_with(&mut self, path: &Path) -> Result<(), ModelError> {
        let pretrained =
            |path: &str| (path.starts_with("encoder.") || path.starts_with("decoder.")) && !path.contains("_adapter.");
        weights::load_part(self, &pretrained, path)
    }
}

/// Each question but for its last token, and what follows each token of it, question by question.
fn questions(batch: &Batch) -> (Vec<&[u32]>, Vec<u32>) {
    let read = batch.prompts.iter().map(|prompt| &prompt[..prompt.len().saturating_sub(1)]).collect();
    (read, batch.prompts.iter().flat_map(|prompt| prompt.iter().skip(1).copied()).collect())
}

/// Tokens of the questions of `batch` that are predicted: all but the first of each.
#[must_use]
pub fn question_tokens(batch: &Batch) -> usize {
    questions(batch).1.len()
}

/// Which encoder frames of each sample of a batch are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masks(Vec<Vec<bool>>);

impl Masks {
    /// Spans in each sample of `batch`, at least one, that depend on its length and `seed` alone.
    #[must_use]
    pub fn draw(batch: &Batch, seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut sample = |&frames: &usize| {
            let length = encoder_frames(frames);
            let mut hidden = vec![false; length];
            let spans = ((HIDDEN_SHARE * length as f64 / SPAN as f64).round() as usize).max(1);
            for _ in 0..spans {
                let places = length.saturating_sub(SPAN) + 1;
                let first = usize::try_from(random.next_u64() % places as u64).unwrap_or(0);
                hidden.iter_mut().skip(first).take(SPAN).for_each(|hidden| *hidden = true);
            }
            hidden
        };
        Self(batch.frames.iter().map(&mut sample).collect())
    }

    /// Hidden log-mel values that are in `batch`: padding is not.
    #[must_use]
    pub fn values(&self, batch: &Batch) -> usize {
        self.places().map(|(row, at)| self.frames(batch, row, at).len() * batch.mels).sum()
    }

    /// Sample and encoder frame of everything hidden.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let rows = self.0.iter().enumerate();
        rows.flat_map(|(row, hidden)| hidden.iter().enumerate().filter(|(_, hidden)| **hidden).map(move |(at, _)| (row, at)))
    }

    /// The log-mel frames of an encoder frame, those of the clip only.
    fn frames(&self, batch: &Batch, row: usize, at: usize) -> std::ops::Range<usize> {
        at * STRIDE..((at + 1) * STRIDE).min(batch.frames[row])
    }

    /// `batch` with the mean of all sounds in the hidden places.
    fn hide(&self, batch: &Batch) -> Batch {
        let mut hidden = batch.clone();
        for (row, at) in self.places() {
            let frames = self.frames(batch, row, at);
            hidden.features_mut(row)[frames.start * batch.mels..frames.end * batch.mels].fill(FEATURE_MEAN);
        }
        hidden
    }

    /// What is hidden, normalised, and 1 where it counts, 0 behind the end of a clip: both `[hidden encoder frames, STRIDE · mels]`.
    fn hidden(&self, batch: &Batch) -> (Vec<f32>, Vec<f32>) {
        let (mut expected, mut counts) = (Vec::new(), Vec::new());
        for (row, at) in self.places() {
            let frames = self.frames(batch, row, at);
            let end = expected.len() + STRIDE * batch.mels;
            let values = &batch.features(row)[frames.start * batch.mels..frames.end * batch.mels];
            expected.extend(values.iter().map(|&value| normalised(value)));
            counts.resize(expected.len(), 1.0);
            expected.resize(end, 0.0);
            counts.resize(end, 0.0);
        }
        (expected, counts)
    }
}
