//! A tiny combination of pretrained parts, and batches for it.

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use gst_data::mel::Features;
use gst_data::text::TextTokenizer;
use gst_model::lm::{LanguageModel, LmConfig};
use gst_model::salmonn::{Pretrained, PretrainedConfig};
use gst_model::{Batch, Sample, weights};

use crate::golden::folder;

pub(crate) const TINY: &str = r#"
preset = "tiny"
prompt = "{bos}USER: <Speech>{audio}</Speech> {question}\nASSISTANT:"
[audio]
whisper = "whisper"
[bridge]
kind = "window-q-former"
queries = 2
window = 5
stride = 5
size = [12, 2, 3, 20]
[language_model]
path = "lm"
[language_model.lora]
rank = 2
alpha = 4.0
dropout = 0.0
targets = ["q_proj", "v_proj"]
"#;

/// A folder of checkpoints, for one test at a time: on the CPU Burn draws weights and masks from one generator for the whole
/// process, so what a seed gives holds only while nobody else draws.
pub(crate) struct Checkpoints {
    root: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Checkpoints {
    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }
}

/// The golden Whisper, a random language model, a tokenizer trained on a few words.
pub(crate) fn checkpoints() -> Checkpoints {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed has failed: the others take their turns.
    let alone = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let root = tempfile::tempdir().unwrap();
    for part in ["whisper", "lm"] {
        std::fs::create_dir(root.path().join(part)).unwrap();
    }
    let whisper = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/whisper");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(whisper.join(file), root.path().join("whisper").join(file)).unwrap();
    }
    let lm = root.path().join("lm");
    let texts = ["what do you hear", "a dog", "rain on a roof", "USER: ASSISTANT:"];
    let tokenizer = TextTokenizer::train(texts.into_iter(), 300).unwrap();
    tokenizer.save(&lm.join("tokenizer.json")).unwrap();
    let config = std::fs::read_to_string(folder("llama").join("config.json")).unwrap();
    std::fs::write(lm.join("config.json"), config.replace("\"vocab_size\": 67", "\"vocab_size\": 304")).unwrap();
    let device = Device::flex();
    device.seed(3);
    let model = LanguageModel::new(LmConfig::read(&lm).unwrap(), &device);
    // Its parameters are named and laid out as in published checkpoints.
    weights::save(&model, &lm.join("model.safetensors")).unwrap();
    Checkpoints { root, _alone: alone }
}

pub(crate) fn tiny(root: &Path, device: &Device) -> Pretrained {
    PretrainedConfig::parse(TINY, Path::new("tiny.toml")).unwrap().load(root, 7, device).unwrap()
}

pub(crate) fn sound(frames: usize, phase: f32) -> Features {
    let value = |index: usize| (index as f32 * 0.61 + phase).sin();
    Features { frames, mels: 8, values: (0..frames * 8).map(value).collect() }
}

pub(crate) fn batch(tiny: &Pretrained, questions: &[&str], answers: &[&str]) -> Batch {
    let sounds: Vec<Features> = (0..questions.len()).map(|index| sound(10 + 7 * index, index as f32)).collect();
    let prompts: Vec<Vec<u32>> =
        questions.iter().map(|question| tiny.prompt.encode(&tiny.tokenizer, tiny.bos, question).unwrap()).collect();
    let answers: Vec<Vec<u32>> = (0..questions.len())
        .map(|row| answers.get(row).map_or(Vec::new(), |text| [tiny.tokenizer.encode(text).unwrap(), vec![tiny.eos]].concat()))
        .collect();
    let sample = |row: usize| Sample { features: &sounds[row], prompt: &prompts[row], answer: &answers[row] };
    let samples: Vec<Sample<'_>> = (0..questions.len()).map(sample).collect();
    Batch::collate(&samples, tiny.eos).unwrap()
}
