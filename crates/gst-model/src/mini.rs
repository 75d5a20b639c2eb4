//! A small audio language model that trains from scratch.

use std::ops::ControlFlow;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::bridge::WindowBridge;
use crate::decoder::Decoder;
use crate::encoder::{Encoder, encoder_frames};
use crate::summary::Summary;
use crate::{AnswerLogits, AudioLm, Batch, ModelConfig};

/// Strided layers and transformer encoder → window-level queries and clip statistics → projector → causal decoder.
#[derive(Module, Debug)]
pub struct MiniAudioLm {
    pub(crate) encoder: Encoder,
    pub(crate) bridge: WindowBridge,
    pub(crate) summary: Summary,
    pub(crate) decoder: Decoder,
    window: usize,
    vocabulary: usize,
}

impl MiniAudioLm {
    /// Fresh weights for sizes that [`ModelConfig::init`] has checked.
    pub(crate) fn new(config: &ModelConfig, device: &Device) -> Self {
        let (mut encoder, mut decoder) = (Encoder::new(config, device), Decoder::new(config, device));
        if let Some(adapters) = config.lora() {
            (encoder, decoder) = (encoder.freeze(), decoder.adapted(&adapters));
        }
        Self {
            encoder,
            bridge: WindowBridge::new(config, device),
            summary: Summary::new(config, device),
            decoder,
            window: config.window,
            vocabulary: config.vocabulary,
        }
    }

    /// Embeddings of a clip of `frames` log-mel frames, which stand before its question.
    pub(crate) fn embeddings(&self, frames: usize) -> usize {
        self.summary.embeddings() + self.bridge.embeddings(encoder_frames(frames))
    }

    /// Audio embeddings `[batch, audio, width]` and how many of them each sample uses.
    fn listen(&self, batch: &Batch) -> (Tensor<3>, Vec<usize>) {
        let device = self.devices().into_iter().next().unwrap_or_default();
        let frames = self.encoder.forward(batch, self.window, &device);
        let used: Vec<usize> = batch.frames.iter().map(|&frames| encoder_frames(frames)).collect();
        let audio = Tensor::cat(vec![self.summary.forward(batch, &device), self.bridge.forward(frames, &used)], 1);
        (audio, batch.frames.iter().map(|&frames| self.embeddings(frames)).collect())
    }
}

impl AudioLm for MiniAudioLm {
    fn answer_logits(&self, batch: &Batch) -> AnswerLogits {
        let (audio, audio_used) = self.listen(batch);
        let audio_length = audio.dims()[1];
        // The last answer token predicts nothing, so it is not read.
        let texts: Vec<Vec<u32>> = batch
            .prompts
            .iter()
            .zip(&batch.answers)
            .map(|(prompt, answer)| prompt.iter().chain(answer.iter().rev().skip(1).rev()).copied().collect())
            .collect();
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let hidden = self.decoder.forward(audio, &audio_used, &texts);
        let length = hidden.dims()[1];
        let rows: Vec<usize> = (0..batch.len())
            .flat_map(|row| {
                let first = row * length + audio_length + batch.prompts[row].len() - 1;
                first..first + batch.answers[row].len()
            })
            .collect();
        AnswerLogits {
            logits: self.decoder.logits(hidden, &rows),
            targets: batch.answers.concat(),
            lengths: batch.answers.iter().map(Vec::len).collect(),
        }
    }

    fn stream(&self, batch: &Batch, max_tokens: usize, on_token: &mut dyn FnMut(usize, u32) -> ControlFlow<()>) -> Vec<Vec<u32>> {
        let (audio, audio_used) = self.listen(batch);
        let audio_length = audio.dims()[1];
        let mut texts = batch.prompts.clone();
        let mut done = vec![false; batch.len()];
        'tokens: for _ in 0..max_tokens {
            let views: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let hidden = self.decoder.forward(audio.clone(), &audio_used, &views);
            let length = hidden.dims()[1];
            let rows: Vec<usize> =
                texts.iter().enumerate().map(|(row, text)| row * length + audio_length + text.len() - 1).collect();
            let next = self.decoder.logits(hidden, &rows).argmax(1).into_data();
            for (row, token) in next.iter::<i64>().enumerate() {
                let token = u32::try_from(token).unwrap_or(batch.eos);
                done[row] |= token == batch.eos;
                if !done[row] {
                    texts[row].push(token);
                    if on_token(row, token).is_break() {
                        break 'tokens;
                    }
                }
            }
            if done.iter().all(|&done| done) {
                break;
            }
        }
        texts.into_iter().zip(&batch.prompts).map(|(text, prompt)| text[prompt.len()..].to_vec()).collect()
    }

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }
}
