//! An audio language model put together from pretrained parts, as SALMONN is (Tang et al. 2024, arXiv 2310.13289): Whisper and,
//! if wanted, BEATs hear; a window-level Q-Former or a projector turns what they heard into embeddings; a language model with
//! low-rank adapters reads these among the words of a prompt. Only the norms behind the encoders, the bridge and the adapters
//! are trained.
//!
//! [`PretrainedConfig`] is the preset, a TOML file; [`Parts`] are the sizes that follow from it and from the checkpoints'
//! own `config.json`, enough to count parameters without allocating one; a [`Combination`] is a preset whose files are at hand;
//! [`PretrainedAudioLm`] is the model;
//! [`PromptTemplate`] says where in a prompt the audio stands.

mod combination;
mod config;
mod hearing;
mod parts;
mod prompt;
mod published;
mod reading;
mod trained;

use std::ops::ControlFlow;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Gradients, Tensor};

pub use combination::Combination;
pub use config::{AudioPart, BridgePart, LanguagePart, PRESETS, Pretrained, PretrainedConfig};
pub use hearing::Hearing;
pub use parts::{Bridge, BridgeConfig, Parts};
pub use prompt::{AUDIO, PromptTemplate};

use crate::generate::{Generation, GenerationError, Prompts, key};
use crate::lm::{LanguageModel, indices};
use crate::lora::LoraConfig;
use crate::{AnswerLogits, Answers, AudioLm, Batch, ModelError};
use reading::Reading;

/// Pretrained encoders, a bridge and a language model with adapters.
#[derive(Module, Debug)]
pub struct PretrainedAudioLm {
    hearing: Hearing,
    bridge: Bridge,
    language_model: LanguageModel,
    #[module(skip)]
    lora: Option<LoraConfig>,
    #[module(skip)]
    generation: Generation,
    recompute: bool,
}

impl PretrainedAudioLm {
    /// Whether `batch` has what the encoders need.
    ///
    /// # Errors
    /// [`ModelError::Batch`] when the mel bands differ, or BEATs is there and filter banks are not.
    pub fn check(&self, batch: &Batch) -> Result<(), ModelError> {
        self.hearing.check(batch)
    }

    /// The language model.
    #[must_use]
    pub fn language_model(&self) -> &LanguageModel {
        &self.language_model
    }

    /// Adds the adapters to the weights they belong to: the answers stay, training ends.
    pub fn merge(&mut self) {
        self.language_model.merge();
        self.lora = None;
    }

    /// Answers chosen as `generation` says, told token by token; see [`LanguageModel::generate`].
    ///
    /// # Errors
    /// [`GenerationError`] when a number is out of range.
    pub fn answer(
        &self,
        batch: &Batch,
        generation: &Generation,
        on_token: &mut dyn FnMut(usize, u32) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<u32>>, GenerationError> {
        let model = self.valid();
        let audio = model.listen(batch);
        let reading = Reading::new(&batch.prompts, &[], audio.dims()[1], model.language_model.config().bos);
        let embeddings = model.embed(&reading, audio);
        let keys = batch.prompts.iter().map(|prompt| key(prompt)).collect();
        let prompts = Prompts { embeddings, padding: reading.padding, keys };
        model.language_model.generate(&prompts, generation, on_token)
    }

    /// Audio embeddings `[batch, embeddings, width of the language model]`.
    fn listen(&self, batch: &Batch) -> Tensor<3> {
        self.bridge.forward(self.hearing.forward(batch, &self.device()))
    }

    fn device(&self) -> Device {
        self.devices().into_iter().next().unwrap_or_default()
    }

    /// Text and audio in the order in which they are read, `[batch, length, width]`.
    fn embed(&self, reading: &Reading, audio: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = audio.dims();
        let text = self.language_model.embed(&reading.text);
        let audio = audio.reshape([batch * length, width]).cast(text.dtype());
        let device = text.device();
        let order = indices(reading.order.iter().copied(), &device);
        Tensor::cat(vec![text, audio], 0).select(0, order).reshape([batch, reading.length, width])
    }

    /// What is read, and its embeddings `[batch, length, width]`.
    fn read(&self, batch: &Batch) -> (Reading, Tensor<3>) {
        let audio = self.listen(batch);
        let reading = Reading::new(&batch.prompts, &batch.answers, audio.dims()[1], self.language_model.config().bos);
        let embeddings = self.embed(&reading, audio);
        (reading, embeddings)
    }

    /// Hidden states `[answer tokens, width]` of the positions that predict an answer token.
    fn predicting(&self, batch: &Batch) -> Tensor<2> {
        let (reading, embeddings) = self.read(batch);
        select(self.language_model.forward(embeddings, &reading.padding, None), &reading)
    }

    /// Losses and likeliest tokens at `hidden` `[answer tokens, width]`.
    fn answered(&self, batch: &Batch, hidden: Tensor<2>) -> Answers {
        let targets = batch.answers.concat();
        let (losses, squares, predicted) = self.language_model.token_losses(hidden, &targets);
        Answers { losses, squares, predicted, targets, lengths: batch.answers.iter().map(Vec::len).collect() }
    }
}

/// Those of `hidden` `[batch, length, width]` that predict an answer token.
fn select(hidden: Tensor<3>, reading: &Reading) -> Tensor<2> {
    let [rows, length, width] = hidden.dims();
    let device = hidden.device();
    hidden.reshape([rows * length, width]).select(0, indices(reading.predicting.iter().copied(), &device))
}

impl AudioLm for PretrainedAudioLm {
    fn answer_logits(&self, batch: &Batch) -> AnswerLogits {
        AnswerLogits {
            logits: self.language_model.logits(self.predicting(batch)).cast(burn::tensor::DType::F32),
            targets: batch.answers.concat(),
            lengths: batch.answers.iter().map(Vec::len).collect(),
        }
    }

    fn answers(&self, batch: &Batch) -> Answers {
        self.answered(batch, self.predicting(batch))
    }

    /// With `recompute` in the preset, the language model keeps the activations of one layer at a time.
    fn gradients(&self, batch: &Batch, tokens: f64) -> (Answers, GradientsParams) {
        if !self.recompute {
            let answers = self.answers(batch);
            let gradients = answers.token_losses().sum().div_scalar(tokens).backward();
            return (answers, GradientsParams::from_grads(gradients, self));
        }
        let mut sum = GradientsAccumulator::new();
        let mut take = |gradients: Gradients| sum.accumulate(self, GradientsParams::from_grads(gradients, self));
        let (reading, embeddings) = self.read(batch);
        let (top, inputs) = self.language_model.ascend(embeddings.clone(), &reading.padding);
        let answers = self.answered(batch, select(self.language_model.norm(top.clone()), &reading));
        let mut gradients = answers.token_losses().sum().div_scalar(tokens).backward();
        let slope = top.grad_remove(&mut gradients).unwrap_or_else(|| top.inner().zeros_like());
        take(gradients);
        let slope = self.language_model.descend(inputs, slope, &mut take);
        take((embeddings * Tensor::from_inner(slope)).sum().backward());
        (answers, sum.grads())
    }

    /// Answers chosen as the preset says.
    fn stream(&self, batch: &Batch, max_tokens: usize, on_token: &mut dyn FnMut(usize, u32) -> ControlFlow<()>) -> Vec<Vec<u32>> {
        let mut generation = Generation { max_tokens, ..self.generation.clone() };
        if !generation.stops.contains(&batch.eos) {
            generation.stops.push(batch.eos);
        }
        // The preset's numbers were checked when the model was made.
        let answers = self.answer(batch, &generation, on_token);
        answers.unwrap_or_else(|_| vec![Vec::new(); batch.len()])
    }

    fn vocabulary(&self) -> usize {
        self.language_model.config().vocabulary
    }
}
