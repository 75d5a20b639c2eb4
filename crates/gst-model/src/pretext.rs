//! A pretext: what encoder and decoder can learn from sounds and questions before any answer is shown.
//!
//! - *Masked frames.* Spans of log-mel frames are hidden, and a linear layer, thrown away afterwards, says from the encoder's output what
//!   stood there (masked prediction, as in Baevski et al. 2020, arXiv 2006.11477, and He et al. 2021, arXiv 2111.06377; here of log-mels).
//! - *Question text.* The decoder tells each token of a question from those before it, without the sound.
//! - *Repeated word.* Where the sound's embeddings will stand, a token drawn from the whole vocabulary stands instead; behind the question
//!   the decoder says it and ends. So it can say every token before it is frozen, also those that only answers have, and to answer is to
//!   put the right word in the sound's place: what a bridge to a frozen language model learns.

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

/// Sums over a batch, each `[1]`; [`Exercise::counts`] says of how many values.
#[derive(Debug, Clone)]
pub struct PretextLosses {
    /// Squared errors of the hidden log-mel values.
    pub masked_frames: Tensor<1>,
    /// Cross-entropies of the questions' tokens in nats.
    pub question_text: Tensor<1>,
    /// Those of the repeated words, end-of-sequence included.
    pub repeated_word: Tensor<1>,
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

    /// The losses of `batch` in `exercise`, which was drawn for it.
    pub fn losses(&self, batch: &Batch, exercise: &Exercise) -> PretextLosses {
        let device = self.devices().into_iter().next().unwrap_or_default();
        let (question_text, repeated_word) = self.texts(batch, exercise, &device);
        PretextLosses { masked_frames: self.masked_frames(batch, exercise, &device), question_text, repeated_word }
    }

    fn masked_frames(&self, batch: &Batch, exercise: &Exercise, device: &Device) -> Tensor<1> {
        let frames = self.model.encoder.forward(&exercise.hide(batch), 1, device);
        let [rows, length, width] = frames.dims();
        let places: Vec<i32> = exercise.places().map(|(row, at)| i32::try_from(row * length + at).unwrap_or(0)).collect();
        let count = places.len();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [count]), device);
        let found = self.head.forward(frames.reshape([rows * length, width]).select(0, places));
        let (expected, counts) = exercise.hidden(batch);
        let table = |values| Tensor::<2>::from_data(TensorData::new::<f32, _>(values, [count, STRIDE * batch.mels]), device);
        let error = (found - table(expected)) * table(counts);
        error.clone().mul(error).sum()
    }

    /// Losses of questions and of repeated words.
    fn texts(&self, batch: &Batch, exercise: &Exercise, device: &Device) -> (Tensor<1>, Tensor<1>) {
        let samples = || batch.prompts.iter().zip(&exercise.words).zip(&batch.frames);
        let stands: Vec<Vec<u32>> = samples().map(|((_, &word), &frames)| vec![word; self.model.embeddings(frames)]).collect();
        let read: Vec<Vec<u32>> = samples().map(|((prompt, &word), _)| [&prompt[..], &[word]].concat()).collect();
        let targets: Vec<u32> = read.iter().flat_map(|text| text.iter().skip(1).copied().chain([batch.eos])).collect();
        // The last two of each text are the word and its end.
        let said = |text: &Vec<u32>| (0..text.len()).map(|at| if at + 2 < text.len() { 0.0 } else { 1.0 }).collect::<Vec<f32>>();
        let said: Vec<f32> = read.iter().flat_map(said).collect();
        let said = Tensor::<1>::from_data(TensorData::new(said, [targets.len()]), device);

        let before = stands.iter().map(Vec::len).max().unwrap_or(0);
        let lengths: Vec<usize> = read.iter().map(Vec::len).collect();
        let [stands, texts] = [&stands, &read].map(|texts| texts.iter().map(Vec::as_slice).collect::<Vec<&[u32]>>());
        let hidden = self.model.decoder.read(&stands, &texts, device);
        let length = hidden.dims()[1];
        let rows =
            lengths.iter().enumerate().flat_map(|(row, &tokens)| (before..before + tokens).map(move |at| row * length + at));
        let logits = self.model.decoder.logits(hidden, &rows.collect::<Vec<_>>());
        let losses = AnswerLogits { logits, targets, lengths }.token_losses();
        let words = (losses.clone() * said).sum();
        (losses.sum() - words.clone(), words)
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

/// What one pass hides of each sample of a batch, and what it has repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exercise {
    /// Whether each encoder frame is hidden.
    spans: Vec<Vec<bool>>,
    /// The token that stands in the sound's place.
    words: Vec<u32>,
}

impl Exercise {
    /// Spans, at least one a sample, and words out of `vocabulary` tokens: they depend on the lengths of the clips and on `seed` alone.
    #[must_use]
    pub fn draw(batch: &Batch, vocabulary: usize, seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut below = |count: usize| usize::try_from(random.next_u64() % count.max(1) as u64).unwrap_or(0);
        let (mut spans, mut words) = (Vec::new(), Vec::new());
        for &frames in &batch.frames {
            let length = encoder_frames(frames);
            let mut hidden = vec![false; length];
            for _ in 0..((HIDDEN_SHARE * length as f64 / SPAN as f64).round() as usize).max(1) {
                let first = below(length.saturating_sub(SPAN) + 1);
                hidden.iter_mut().skip(first).take(SPAN).for_each(|hidden| *hidden = true);
            }
            spans.push(hidden);
            words.push(u32::try_from(below(vocabulary)).unwrap_or(0));
        }
        Self { spans, words }
    }

    /// What the losses of `batch` are sums of: hidden log-mel values (padding is none), question tokens (the first of a question is told
    /// from nothing, and not asked for), and tokens of repeated words with their ends.
    #[must_use]
    pub fn counts(&self, batch: &Batch) -> [usize; 3] {
        let values = self.places().map(|(row, at)| self.frames(batch, row, at).len() * batch.mels).sum();
        [values, batch.prompts.iter().map(|prompt| prompt.len().saturating_sub(1)).sum(), 2 * batch.len()]
    }

    /// Sample and encoder frame of everything hidden.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let rows = self.spans.iter().enumerate();
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

#[cfg(test)]
mod tests {
    use gst_data::mel::Features;

    use super::*;
    use crate::Sample;

    const MELS: usize = 16;

    fn config() -> ModelConfig {
        let mini = ModelConfig::preset("mini").unwrap().with_vocabulary(40);
        ModelConfig { mels: MELS, channels: [4, 4], width: 8, heads: 2, hidden: 8, dropout: 0.0, ..mini }
    }

    /// Clips of these lengths, in frames.
    fn batch(lengths: &[usize]) -> Batch {
        let sound = |&frames: &usize| {
            let values = (0..frames * MELS).map(|index| (index as f32 * 0.37).sin()).collect();
            Features { frames, mels: MELS, values }
        };
        let sounds: Vec<Features> = lengths.iter().map(sound).collect();
        let sample = |features| Sample { features, prompt: &[5, 6, 7], answer: &[8, 2] };
        Batch::collate(&sounds.iter().map(sample).collect::<Vec<_>>(), 2).unwrap()
    }

    fn value(loss: &Tensor<1>) -> f64 {
        loss.clone().into_data().iter::<f64>().next().unwrap()
    }

    /// A squared error of so many values that rise by c, about predictions that do not, has the second difference 2 · count · c².
    #[test]
    fn what_is_hidden_is_not_seen_and_only_that_is_counted() {
        let pretext = Pretext::init(&config(), 3, &Device::flex()).unwrap();
        // The last encoder frame of the first clip has 3 of its 8 log-mel frames.
        let batch = batch(&[43, 80]);
        for seed in 0..8 {
            let exercise = Exercise::draw(&batch, 40, seed);
            let risen = |by: f32| {
                let mut risen = batch.clone();
                for (row, at) in exercise.places() {
                    let frames = exercise.frames(&batch, row, at);
                    risen.features_mut(row)[frames.start * MELS..frames.end * MELS].iter_mut().for_each(|value| *value += by);
                }
                value(&pretext.losses(&risen, &exercise).masked_frames)
            };
            let by = 2.0;
            let [hidden, ..] = exercise.counts(&batch);
            let expected = 2.0 * hidden as f64 * f64::from(normalised(by) - normalised(0.0)).powi(2);
            let found = risen(2.0 * by) - 2.0 * risen(by) + risen(0.0);
            assert!((found - expected).abs() < 1e-4 * expected, "seed {seed}: {found}, not {expected}");
        }
    }

    #[test]
    fn what_is_hidden_follows_the_seed_and_leaves_something_to_see() {
        let batch = batch(&[80, 8, 200]);
        let draw = |seed| Exercise::draw(&batch, 40, seed);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        for seed in 0..20 {
            let share = |hidden: &Vec<bool>| hidden.iter().filter(|hidden| **hidden).count() as f64 / hidden.len() as f64;
            let shares: Vec<f64> = draw(seed).spans.iter().map(share).collect();
            assert!(shares[0] > 0.2 && shares[0] < 0.6 && shares[1] == 1.0 && shares[2] < 0.6, "{shares:?}");
        }
    }

    #[test]
    fn answers_are_not_looked_at() {
        let pretext = Pretext::init(&config(), 3, &Device::flex()).unwrap();
        let one = batch(&[43, 80]);
        let exercise = Exercise::draw(&one, 40, 1);
        let other = Batch { answers: vec![vec![9, 10, 2], vec![11, 2]], ..one.clone() };
        let all = |batch: &Batch| {
            let losses = pretext.losses(batch, &exercise);
            [losses.masked_frames, losses.question_text, losses.repeated_word].map(|loss| value(&loss))
        };
        assert_eq!(all(&one), all(&other));
        assert_ne!(all(&one), all(&Batch { prompts: vec![vec![5, 7, 6]; 2], ..one.clone() }));
    }
}
