//! The causal decoder over `[audio][question][answer]`.

use burn::module::{Initializer, Module, Param};
use burn::nn::{RmsNorm, RmsNormConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::ModelConfig;
use crate::attention::{Block, MASKED, sinusoids};
use crate::lora::LoraConfig;

/// A pre-norm transformer with tied input and output embeddings.
#[derive(Module, Debug)]
pub struct Decoder {
    embedding: Param<Tensor<2>>,
    blocks: Vec<Block>,
    norm: RmsNorm,
    width: usize,
}

impl Decoder {
    /// Fresh weights.
    #[must_use]
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        Self {
            embedding: Initializer::Normal { mean: 0.0, std: 1.0 / (config.width as f64).sqrt() }
                .init([config.vocabulary, config.width], device),
            blocks: (0..config.decoder_layers)
                .map(|_| Block::new(config.width, config.heads, config.hidden, config.dropout, device))
                .collect(),
            norm: RmsNormConfig::new(config.width).init(device),
            width: config.width,
        }
    }

    /// The same, frozen, with fresh adapters in the attention of every block; in training nothing else of it drops out or moves.
    pub(crate) fn adapted(self, config: &LoraConfig) -> Self {
        let frozen = self.freeze();
        Self { blocks: frozen.blocks.into_iter().map(|block| block.adapted(config)).collect(), ..frozen }
    }

    /// Hidden states, `[batch, audio + text, width]`.
    ///
    /// `audio` `[batch, audio, width]` of which the first `audio_used[b]` count; `texts` the tokens that follow. A sample's
    /// positions run on from its own audio to its own text, whatever padding lies between.
    pub fn forward(&self, audio: Tensor<3>, audio_used: &[usize], texts: &[&[u32]]) -> Tensor<3> {
        let text = self.embedded(texts, &audio.device());
        let layout = Layout { audio_length: audio.dims()[1], audio_used, texts };
        self.through_blocks(Tensor::cat(vec![audio, text], 1), &layout)
    }

    /// [`Decoder::forward`] with words in the place of audio.
    pub(crate) fn read(&self, words: &[&[u32]], texts: &[&[u32]], device: &Device) -> Tensor<3> {
        let used: Vec<usize> = words.iter().map(|words| words.len()).collect();
        self.forward(self.embedded(words, device), &used, texts)
    }

    /// `[batch, text, width]`.
    fn embedded(&self, texts: &[&[u32]], device: &Device) -> Tensor<3> {
        let text_length = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let tokens: Vec<i32> = texts
            .iter()
            .flat_map(|text| {
                let padding = text_length - text.len();
                text.iter().map(|&token| i32::try_from(token).unwrap_or(0)).chain(std::iter::repeat_n(0, padding))
            })
            .collect();
        let tokens = Tensor::<1, Int>::from_data(TensorData::new(tokens, [texts.len() * text_length]), device);
        let text = self.embedding.val().select(0, tokens).reshape([texts.len(), text_length, self.width]);
        // Embeddings are small so that tied logits start small; positions have unit size.
        text.mul_scalar((self.width as f64).sqrt())
    }

    fn through_blocks(&self, x: Tensor<3>, layout: &Layout<'_>) -> Tensor<3> {
        let device = x.device();
        let mut x = x + layout.positions(self.width, &device);
        let mask = layout.mask(&device);
        for block in &self.blocks {
            x = block.forward(x, Some(mask.clone()));
        }
        self.norm.forward(x)
    }

    /// Logits `[positions, vocabulary]` of the hidden states at `rows` of the flattened `[batch · length, width]`.
    pub fn logits(&self, hidden: Tensor<3>, rows: &[usize]) -> Tensor<2> {
        let [batch, length, width] = hidden.dims();
        let rows: Vec<i32> = rows.iter().map(|&row| i32::try_from(row).unwrap_or(0)).collect();
        let count = rows.len();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &hidden.device());
        let hidden = hidden.reshape([batch * length, width]).select(0, rows);
        hidden.matmul(self.embedding.val().transpose())
    }
}

/// Where the audio and the text of each sample lie in the padded sequence.
struct Layout<'a> {
    audio_length: usize,
    audio_used: &'a [usize],
    texts: &'a [&'a [u32]],
}

impl Layout<'_> {
    fn text_length(&self) -> usize {
        self.texts.iter().map(|text| text.len()).max().unwrap_or(0)
    }

    /// Slots of the padded sequence.
    fn length(&self) -> usize {
        self.audio_length + self.text_length()
    }

    /// Position of sequence slot `at` in sample `row`, or none for padding.
    fn position(&self, row: usize, at: usize) -> Option<usize> {
        let used = self.audio_used[row];
        if at < self.audio_length {
            (at < used).then_some(at)
        } else {
            let at = at - self.audio_length;
            (at < self.texts[row].len()).then_some(used + at)
        }
    }

    fn positions(&self, width: usize, device: &Device) -> Tensor<3> {
        let length = self.length();
        let table = sinusoids(self.audio_used.iter().max().unwrap_or(&0) + self.text_length(), width);
        let mut values = vec![0.0f32; self.texts.len() * length * width];
        for (slot, out) in values.chunks_exact_mut(width).enumerate() {
            if let Some(position) = self.position(slot / length, slot % length) {
                out.copy_from_slice(&table[position * width..][..width]);
            }
        }
        Tensor::from_data(TensorData::new(values, [self.texts.len(), length, width]), device)
    }

    /// `[batch, 1, length, length]`: 0 where a slot may look at another, [`MASKED`] elsewhere.
    fn mask(&self, device: &Device) -> Tensor<4> {
        let (batch, length) = (self.texts.len(), self.length());
        let mut values = vec![MASKED; batch * length * length];
        for row in 0..batch {
            for to in 0..length {
                let line = &mut values[(row * length + to) * length..][..length];
                for (from, value) in line.iter_mut().enumerate().take(to + 1) {
                    if from == to || self.position(row, from).is_some() {
                        *value = 0.0;
                    }
                }
            }
        }
        Tensor::from_data(TensorData::new(values, [batch, 1, length, length]), device)
    }
}
