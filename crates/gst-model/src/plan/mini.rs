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
        load.check()?;
        let model = config.lazy(device)?;
        let sizes = Sizes::new(config, &load);
        let (mut encoder, mut decoder) = (Part::trained("encoder", &model.encoder), Part::trained("decoder", &model.decoder));
        let mut heard = sizes.encoder();
        if config.adapters > 0 {
            // Nothing before the bridge is walked back through.
            heard.kept = 0.0;
            encoder = Part::frozen("encoder", &model.encoder, Number::F32);
            let factor = (config.adapters * config.width) as u64;
            // Two factors of two adapters in each block.
            let adapters = Part::of_trained("decoder", 4 * factor * config.decoder_layers as u64, factor);
            let (parameters, weights) = (decoder.parameters, decoder.weights);
            decoder = Part { parameters, weights, ..adapters };
        }
        let parts = vec![
            encoder.with_activations(heard, Number::F32),
            Part::trained("bridge", &model.bridge).with_activations(sizes.bridge(), Number::F32),
            Part::trained("summary", &model.summary).with_activations(sizes.summary(), Number::F32),
            decoder.with_activations(sizes.decoder(), Number::F32),
            Part { name: "logits".into(), ..Part::default() }.with_activations(sizes.logits(), Number::F32),
        ];
        Self::new(load, parts)
    }
}

/// Sizes of a [`ModelConfig`] and a [`Load`], as floats.
struct Sizes {
    batch: f64,
    mels: f64,
    channels: [f64; 2],
    width: f64,
    heads: f64,
    hidden: f64,
    window: f64,
    summaries: f64,
    vocabulary: f64,
    encoder_layers: f64,
    decoder_layers: f64,
    /// Encoder frames of a sample.
    frames: f64,
    /// Embeddings that the bridge makes of a sample.
    embeddings: f64,
    /// Places of a sample in the decoder.
    places: f64,
    answer: f64,
    drops: bool,
}

impl Sizes {
    fn new(config: &ModelConfig, load: &Load) -> Self {
        let frames = encoder_frames(load.frames()).next_multiple_of(config.window) as f64;
        let embeddings = frames / config.window as f64 * config.queries as f64;
        Self {
            batch: load.batch as f64,
            mels: config.mels as f64,
            channels: config.channels.map(|channels| channels as f64),
            width: config.width as f64,
            heads: config.heads as f64,
            hidden: config.hidden as f64,
            window: config.window as f64,
            summaries: config.summaries as f64,
            vocabulary: config.vocabulary as f64,
            encoder_layers: config.encoder_layers as f64,
            decoder_layers: config.decoder_layers as f64,
            frames,
            embeddings,
            // The last answer token is not read.
            places: config.summaries as f64 + embeddings + load.prompt as f64 + load.answer as f64 - 1.0,
            answer: load.answer as f64,
            drops: config.dropout > 0.0,
        }
    }

    fn encoder(&self) -> Activations {
        let frames = self.batch * self.frames;
        let patches = frames * (MERGE as f64) * self.mels / (PATCH_STRIDE as f64);
        // Patches; of each layer what goes into its ReLU, and what comes out in the order in which the next reads it.
        let layers = patches * ((PATCH * PATCH) as f64 + 2.0 * self.channels[0])
            + 2.0 * frames * self.mels / (STRIDE as f64) * self.channels[1];
        let block = self.block(self.frames);
        // Two norms, which keep what goes in and what they make of it.
        Activations { kept: layers + self.encoder_layers * block.kept + 4.0 * frames * self.width, ..block }
    }

    fn bridge(&self) -> Activations {
        let (frames, queries) = (self.batch * self.frames, self.batch * self.embeddings);
        let scores = queries * self.heads * self.window;
        Activations {
            kept: 3.0 * frames * self.width + queries * (9.0 * self.width + 2.0 * self.hidden) + 3.0 * scores,
            working: 2.0 * frames * self.width + 3.0 * scores,
        }
    }

    fn summary(&self) -> Activations {
        let kept = self.batch * (3.0 * self.mels + 2.0 * self.hidden + 3.0 * self.summaries * self.width);
        Activations { kept, working: 0.0 }
    }

    fn decoder(&self) -> Activations {
        let block = self.block(self.places);
        Activations { kept: self.decoder_layers * block.kept + 2.0 * self.batch * self.places * self.width, ..block }
    }

    fn logits(&self) -> Activations {
        let rows = self.batch * self.answer;
        Activations { kept: rows * (self.width + 2.0 * self.vocabulary), working: 2.0 * rows * self.vocabulary }
    }

    /// One [`crate::attention::Block`] over `length` places that all look at each other.
    fn block(&self, length: f64) -> Activations {
        let places = self.batch * length;
        let scores = places * self.heads * length;
        // Two norms keep three each (what goes in, normed, scaled); query, key, value, what is mixed of them; dropout its draws.
        let vectors = if self.drops { 12.0 } else { 10.0 };
        Activations {
            // The ReLU keeps what goes in and the layer behind it what comes out; softmax its two steps and their result.
            kept: places * (vectors * self.width + 2.0 * self.hidden) + 3.0 * scores,
            working: 3.0 * scores + places * (4.0 * self.width + self.hidden),
        }
    }
}
