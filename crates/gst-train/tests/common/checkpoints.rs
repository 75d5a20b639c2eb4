//! Tiny random checkpoints under published names: a Whisper, a Llama in two shards with its tokenizer, and a preset of them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use gst_data::text::TextTokenizer;
use safetensors::tensor::{Dtype, TensorView};

/// A window of one second, so that a step takes milliseconds.
const WHISPER: &str = r#"{"model_type": "whisper", "num_mel_bins": 16, "d_model": 16, "encoder_layers": 1,
    "encoder_attention_heads": 2, "encoder_ffn_dim": 32, "max_source_positions": 50, "activation_function": "gelu"}"#;

const LLAMA: &str = r#"{"model_type": "llama", "vocab_size": 420, "hidden_size": 24, "intermediate_size": 40,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "hidden_act": "silu",
    "bos_token_id": 1, "eos_token_id": 2}"#;

pub(crate) const PRESET: &str = r#"
preset = "tiny"
prompt = "{bos}USER: <Speech>{audio}</Speech> {question}\nASSISTANT:"
[audio]
whisper = "whisper"
[bridge]
kind = "window-q-former"
queries = 1
window = 10
stride = 10
size = [12, 1, 2, 20]
[language_model]
path = "llama"
[language_model.lora]
rank = 2
alpha = 4.0
dropout = 0.1
targets = ["q_proj", "v_proj"]
"#;

/// Parameters that [`PRESET`] trains: two vectors of a norm; the Q-Former of one layer (query, its norm, self-attention,
/// cross-attention from 16 values, two dense layers, three norms) and the layer behind it; adapters of two layers.
pub(crate) const TRAINED: u64 = {
    let (heard, width, hidden, language) = (16, 12, 20, 24);
    let norm = 2 * width;
    let square = width * width + width;
    let crossed = width * heard + width;
    let fed = width * hidden + hidden + hidden * width + width;
    let qformer = width + norm + (4 * square + norm) + (2 * square + 2 * crossed + norm) + (fed + norm);
    let bridge = qformer + width * language + language;
    let (rank, keys) = (2, 12);
    let adapters = 2 * ((rank * language + language * rank) + (rank * language + keys * rank));
    2 * heard + bridge + adapters
};

/// Names, shapes and values of a checkpoint in the making.
struct Tensors {
    state: u64,
    found: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
}

impl Tensors {
    fn new(seed: u64) -> Self {
        Self { state: seed, found: BTreeMap::new() }
    }

    /// Uniform in ±`size` around `middle` (a linear congruential generator, Knuth's constants).
    fn add(&mut self, name: String, shape: &[usize], middle: f32, size: f32) {
        let values = (0..shape.iter().product::<usize>()).flat_map(|_| {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (self.state >> 40) as f32 / (1 << 24) as f32;
            (middle + size * (2.0 * unit - 1.0)).to_le_bytes()
        });
        let bytes = values.collect();
        self.found.insert(name, (shape.to_vec(), bytes));
    }

    fn matrix(&mut self, name: String, output: usize, input: usize) {
        self.add(name, &[output, input], 0.0, (3.0 / input as f32).sqrt());
    }

    fn linear(&mut self, name: &str, output: usize, input: usize, bias: bool) {
        self.matrix(format!("{name}.weight"), output, input);
        if bias {
            self.add(format!("{name}.bias"), &[output], 0.0, 0.1);
        }
    }

    fn norm(&mut self, name: &str, width: usize, bias: bool) {
        self.add(format!("{name}.weight"), &[width], 1.0, 0.1);
        if bias {
            self.add(format!("{name}.bias"), &[width], 0.0, 0.1);
        }
    }

    /// Writes those tensors that `chosen` says into one file; returns their names.
    fn save(&self, path: &Path, chosen: impl Fn(&str) -> bool) -> Vec<String> {
        let views = self
            .found
            .iter()
            .filter(|(name, _)| chosen(name))
            .map(|(name, (shape, bytes))| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
        let views: Vec<_> = views.collect();
        let names = views.iter().map(|(name, _)| name.clone()).collect();
        safetensors::serialize_to_file(views, None, path).unwrap();
        names
    }
}

fn whisper(seed: u64) -> Tensors {
    let (width, mels, hidden) = (16, 16, 32);
    let mut tensors = Tensors::new(seed);
    tensors.add("model.encoder.conv1.weight".into(), &[width, mels, 3], 0.0, 0.2);
    tensors.add("model.encoder.conv1.bias".into(), &[width], 0.0, 0.1);
    tensors.add("model.encoder.conv2.weight".into(), &[width, width, 3], 0.0, 0.2);
    tensors.add("model.encoder.conv2.bias".into(), &[width], 0.0, 0.1);
    tensors.add("model.encoder.embed_positions.weight".into(), &[50, width], 0.0, 0.3);
    let layer = "model.encoder.layers.0";
    for (name, bias) in [("q_proj", true), ("k_proj", false), ("v_proj", true), ("out_proj", true)] {
        tensors.linear(&format!("{layer}.self_attn.{name}"), width, width, bias);
    }
    tensors.norm(&format!("{layer}.self_attn_layer_norm"), width, true);
    tensors.linear(&format!("{layer}.fc1"), hidden, width, true);
    tensors.linear(&format!("{layer}.fc2"), width, hidden, true);
    tensors.norm(&format!("{layer}.final_layer_norm"), width, true);
    tensors.norm("model.encoder.layer_norm", width, true);
    // A published checkpoint has the decoder too.
    tensors.matrix("model.decoder.embed_tokens.weight".into(), 8, width);
    tensors
}

fn llama(seed: u64) -> Tensors {
    let (width, hidden, keys) = (24, 40, 12);
    let mut tensors = Tensors::new(seed);
    tensors.add("model.embed_tokens.weight".into(), &[420, width], 0.0, 1.0);
    for index in 0..2 {
        let layer = format!("model.layers.{index}");
        tensors.norm(&format!("{layer}.input_layernorm"), width, false);
        for (name, output) in [("q_proj", width), ("k_proj", keys), ("v_proj", keys), ("o_proj", width)] {
            tensors.linear(&format!("{layer}.self_attn.{name}"), output, width, false);
        }
        tensors.norm(&format!("{layer}.post_attention_layernorm"), width, false);
        for (name, output, input) in [("gate_proj", hidden, width), ("up_proj", hidden, width), ("down_proj", width, hidden)] {
            tensors.linear(&format!("{layer}.mlp.{name}"), output, input, false);
        }
    }
    tensors.norm("model.norm", width, false);
    tensors.matrix("lm_head.weight".into(), 420, width);
    tensors
}

/// Writes `root/whisper` and `root/llama`, whose tokenizer knows `texts`.
pub(crate) fn write(root: &Path, seed: u64, texts: &[String]) {
    let [whisper_folder, llama_folder] = ["whisper", "llama"].map(|name| root.join(name));
    for (folder, config) in [(&whisper_folder, WHISPER), (&llama_folder, LLAMA)] {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("config.json"), config).unwrap();
    }
    whisper(seed).save(&whisper_folder.join("model.safetensors"), |_| true);
    // In two shards with an index, as large models are published.
    let tensors = llama(seed + 1);
    let shard = |number: usize| format!("model-{number:05}-of-00002.safetensors");
    let first = |name: &str| name.starts_with("model.layers.0") || name.starts_with("model.embed");
    let mut index: HashMap<String, String> = HashMap::new();
    for (number, half) in [(1, true), (2, false)] {
        let names = tensors.save(&llama_folder.join(shard(number)), |name| first(name) == half);
        index.extend(names.into_iter().map(|name| (name, shard(number))));
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": index });
    std::fs::write(llama_folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    TextTokenizer::train(texts.iter().map(String::as_str), 400).unwrap().save(&llama_folder.join("tokenizer.json")).unwrap();
}
