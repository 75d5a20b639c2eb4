//! The memory of [`MiniAudioLm`], counted along its code.

use burn::tensor::Device;

use super::part::Activations;
use super::{Load, Number, Part, Plan};
use crate::encoder::{MERGE, PATCH, PATCH_STRIDE, STRIDE, encoder_frames};
use crate::{ModelConfig, ModelError};

impl Plan {
    /// The plan of a model that trains from scratch; `device` is only asked for parameters that are never allocated.
    ///
    /// # Errors
    /// [`ModelError::Config`] when a size cannot be built or the load is empty or endless.
    pub fn from_scratch(config: &ModelConfig, load: Load, device: &Device) -> Result<Self, ModelError> {
        let model = config.lazy(device)?;
        let sizes = Sizes { config, load };
        let parts = vec![
            Part::trained("encoder", &model.encoder).with_activations(sizes.encoder(), Number::F32),
            Part::trained("bridge", &model.bridge).with_activations(sizes.bridge(), Number::F32),
            Part::trained("summary", &model.summary).with_activations(sizes.summary(), Number::F32),
            Part::trained("decoder", &model.decoder).with_activations(sizes.decoder(), Number::F32),
            Part { name: "logits".into(), ..Part::default() }.with_activations(sizes.logits(), Number::F32),
        ];
        Self::new(load, parts)
    }
}

struct Sizes<'a> {
    config: &'a ModelConfig,
    load: Load,
}

impl Sizes<'_> {
    fn frames(&self) -> usize {
        encoder_frames(self.load.frames()).next_multiple_of(self.config.window)
    }

    fn embeddings(&self) -> usize {
        self.frames() / self.config.window * self.config.queries
    }

    fn encoder(&self) -> Activations {
        let ModelConfig { mels, channels, width, encoder_layers, .. } = *self.config;
        let (batch, frames) = (self.load.batch, self.frames());
        let patches = batch * frames * MERGE * (mels / PATCH_STRIDE);
        // Patches; of each layer what goes into its ReLU, and what comes out in the order in which the next reads it.
        let layers = patches * (PATCH * PATCH + 2 * channels[0]) + 2 * batch * frames * (mels / STRIDE) * channels[1];
        let block = self.block(frames);
        // Two norms, which keep what goes in and what they make of it.
        Activations { kept: layers + encoder_layers * block.kept + 4 * batch * frames * width, ..block }
    }

    fn bridge(&self) -> Activations {
        let ModelConfig { width, heads, hidden, window, .. } = *self.config;
        let (frames, queries) = (self.load.batch * self.frames(), self.load.batch * self.embeddings());
        let scores = queries * heads * window;
        Activations {
            kept: 3 * frames * width + queries * (9 * width + 2 * hidden) + 3 * scores,
            working: 2 * frames * width + 3 * scores,
        }
    }

    fn summary(&self) -> Activations {
        let ModelConfig { mels, hidden, summaries, width, .. } = *self.config;
        Activations { kept: self.load.batch * (3 * mels + 2 * hidden + 3 * summaries * width), working: 0 }
    }

    fn decoder(&self) -> Activations {
        let length = self.config.summaries + self.embeddings() + self.load.prompt + self.load.answer - 1;
        let block = self.block(length);
        Activations { kept: self.config.decoder_layers * block.kept + 2 * self.load.batch * length * self.config.width, ..block }
    }

    fn logits(&self) -> Activations {
        let rows = self.load.batch * self.load.answer;
        let logits = rows * self.config.vocabulary;
        Activations { kept: rows * self.config.width + 2 * logits, working: 2 * logits }
    }

    /// One [`crate::attention::Block`] over `length` places that all look at each other.
    fn block(&self, length: usize) -> Activations {
        let ModelConfig { width, heads, hidden, dropout, .. } = *self.config;
        let places = self.load.batch * length;
        let scores = places * heads * length;
        // Two norms keep three each (what goes in, normed, scaled); query, key, value, what is mixed of them; dropout its draws.
        let vectors = if dropout > 0.0 { 12 } else { 10 };
        Activations {
            // The ReLU keeps what goes in and the layer behind it what comes out; softmax its two steps and their result.
            kept: places * (vectors * width + 2 * hidden) + 3 * scores,
            working: 3 * scores + places * (4 * width + hidden),
        }
    }
}
