//! The memory of a frozen language model with adapters, counted along the code of `lm` and `lora`.

use burn::module::Module;
use burn::tensor::Device;

use super::{Activations, Load, Number, Part};
use crate::ModelError;
use crate::lm::{CHUNK, LanguageModel, LmConfig};
use crate::lora::LoraConfig;

/// Tensors of `[rows, vocabulary]` that exist at one time while a few rows' loss is computed: logits, their logarithms of
/// probabilities, and what one is made of the other.
const LOGITS: f64 = 4.0;

/// How a language model is held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The number format of its weights.
    pub number: Number,
    /// Whether its layers are run again on the way back.
    pub recompute: bool,
}

/// The language model, frozen, its adapters, and the loss, over `embeddings` of audio among the tokens of `load`.
///
/// A frozen weight keeps neither a gradient nor what it was multiplied by; what stays of a layer is what its norms, its attention and
/// the product in its feed-forward part need to carry gradients through it to the adapters and the audio below.
///
/// # Errors
/// [`ModelError::Pretrained`] when an adapter cannot be built.
pub fn language_model(
    config: &LmConfig,
    lora: Option<&LoraConfig>,
    embeddings: usize,
    load: &Load,
    held: Held,
    device: &Device,
) -> Result<Vec<Part>, ModelError> {
    let Held { number, recompute } = held;
    let mut model = LanguageModel::new(config.clone(), device);
    let frozen = Part::frozen("language model", &model, number);
    let sizes = Sizes::new(config, embeddings, load);
    let mut adapters = Part { name: "adapters".into(), ..Part::default() };
    let mut adapted = Vec::new();
    if let Some(lora) = lora {
        let before = model.num_params();
        model.adapt(lora)?;
        let factors: Vec<[usize; 2]> =
            model.projections().iter().filter_map(|(_, layer)| layer.adapter()).map(|adapter| adapter.sizes()).collect();
        let largest = factors.iter().map(|[input, output]| lora.rank * (*input).max(*output)).max().unwrap_or(0);
        adapters = Part::of_trained("adapters", (model.num_params() - before) as u64, largest as u64);
        adapted = factors.into_iter().map(|[input, _]| input).collect();
    }
    let kept: f64 = adapted.iter().map(|&input| sizes.adapter(input, lora)).sum();
    let mut layers = sizes.layers(number);
    // Adapters compute in f32.
    let mut given = Activations { kept, working: 0.0 };
    if recompute {
        // One layer's at a time, and what goes into each of them.
        let inputs = sizes.batch * sizes.length * sizes.width * (sizes.layers + 1.0);
        let single = Number::F32.bytes() as f64 / number.bytes() as f64;
        layers = Activations { kept: inputs, working: layers.working + (layers.kept + kept * single) / sizes.layers };
        given = Activations::default();
    }
    let adapters = adapters.with_activations(given, Number::F32);
    let loss = Part { name: "loss".into(), ..Part::default() };
    Ok(vec![frozen.with_activations(layers, number), adapters, loss.with_activations(sizes.loss(), Number::F32)])
}

/// Sizes as floats.
struct Sizes {
    batch: f64,
    /// Slots of a sample.
    length: f64,
    answer: f64,
    layers: f64,
    width: f64,
    hidden: f64,
    heads: f64,
    /// Values of all query heads, and of all key heads, of a slot.
    queries: f64,
    keys: f64,
    vocabulary: f64,
}

impl Sizes {
    fn new(config: &LmConfig, embeddings: usize, load: &Load) -> Self {
        Self {
            batch: load.batch as f64,
            // The last answer token is not read.
            length: (embeddings + load.prompt + load.answer - 1) as f64,
            answer: load.answer as f64,
            layers: config.layers() as f64,
            width: config.width as f64,
            hidden: config.hidden as f64,
            heads: config.heads as f64,
            queries: (config.heads * config.head_size) as f64,
            keys: (config.key_value_heads * config.head_size) as f64,
            vocabulary: config.vocabulary as f64,
        }
    }

    /// Of all layers, in numbers of the weights' format.
    fn layers(&self, number: Number) -> Activations {
        let slots = self.batch * self.length;
        let scores = slots * self.heads * self.length;
        // What is computed in f32 whatever the weights are held in.
        let single = Number::F32.bytes() as f64 / number.bytes() as f64;
        // Each of two norms keeps what goes in; the scores need queries and keys, their mixture values.
        let vectors = slots * (2.0 * self.width * single + self.queries + 2.0 * self.keys);
        // gate, its sigmoid, their product, and what it is multiplied by.
        let fed = slots * 4.0 * self.hidden;
        // The softmax keeps what its exponentials are of and these themselves, in f32, and the mixture what they became.
        let attended = scores * (2.0 * single + 1.0);
        Activations {
            kept: self.layers * (vectors + fed + attended) + slots * self.width * single,
            working: (slots * 4.0 * self.hidden).max(3.0 * scores * single) + slots * 4.0 * self.width,
        }
    }

    /// An adapter of a layer of `input` values: what it was given, less what was dropped, and which that was.
    fn adapter(&self, input: usize, lora: Option<&LoraConfig>) -> f64 {
        let slots = self.batch * self.length;
        let (rank, drops) = lora.map_or((0, false), |lora| (lora.rank, lora.dropout > 0.0));
        slots * (input as f64 * if drops { 2.0 } else { 1.0 } + rank as f64)
    }

    fn loss(&self) -> Activations {
        let rows = self.batch * self.answer;
        Activations { kept: 2.0 * rows * self.width, working: LOGITS * rows.min(CHUNK as f64) * self.vocabulary }
    }
}
