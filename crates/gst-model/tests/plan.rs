//! Estimated against measured memory of a training step. Linux counts the peak of a whole process, so each case runs in a
//! process of its own: this program starts itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a failure here fails the test")]

use std::process::Command;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use gst_data::mel::Features;
use gst_model::lm::LmConfig;
use gst_model::plan::{Load, Number, Plan, encoders};
use gst_model::qformer::WindowQFormerConfig;
use gst_model::salmonn::{Parts, PretrainedConfig};
use gst_model::whisper::WhisperConfig;
use gst_model::{AudioLm, Batch, ModelConfig, Sample};

const EOS: u32 = 2;
const VOCABULARY: usize = 1024;

/// How far the estimate may be from what is measured.
const TOLERANCE: f64 = 0.15;

/// What is measured: sizes that the estimate is made of, and a step that is taken.
struct Case {
    name: &'static str,
    plan: fn() -> Plan,
    step: fn() -> f32,
}

const CASES: [Case; 5] = [
    Case { name: "mini, whose activations are most of it", plan: || plan("mini", MINI), step: || step("mini", MINI) },
    Case { name: "small, whose weights are most of it", plan: || plan("small", SMALL), step: || step("small", SMALL) },
    Case { name: "a frozen whisper-tiny and a bridge", plan: pretrained_plan, step: pretrained_step },
    Case {
        name: "whisper-tiny, a projector and a Llama with adapters",
        plan: || language_plan(false),
        step: || language_step(false),
    },
    Case { name: "the same, its layers run again", plan: || language_plan(true), step: || language_step(true) },
];

const MINI: Load = Load { batch: 8, seconds: 10.0, prompt: 24, answer: 8 };
const SMALL: Load = Load { batch: 2, seconds: 4.0, prompt: 24, answer: 8 };
const LANGUAGE: Load = Load { batch: 2, seconds: 30.0, prompt: 256, answer: 8 };
const PRETRAINED: Load = Load { batch: 1, seconds: 30.0, prompt: 24, answer: 8 };

fn main() {
    let wanted: Option<usize> = std::env::args().nth(1).and_then(|argument| argument.strip_prefix("case-")?.parse().ok());
    match wanted {
        Some(index) => {
            assert!((CASES[index].step)().is_finite());
            println!("{}", status("VmHWM:"));
        }
        None => (0..CASES.len()).for_each(check),
    }
}

fn check(index: usize) {
    let case = &CASES[index];
    let child = Command::new(std::env::current_exe().unwrap()).arg(format!("case-{index}")).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let measured: f64 = String::from_utf8_lossy(&child.stdout).trim().parse().unwrap();
    let estimated = (case.plan)().peak() as f64;
    let ratio = estimated / measured;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    println!("{}: {:.1} MiB estimated, {:.1} measured, ratio {ratio:.3}", case.name, mib(estimated), mib(measured));
    assert!((ratio - 1.0).abs() <= TOLERANCE, "{}: {ratio}", case.name);
}

fn config(preset: &str) -> ModelConfig {
    ModelConfig::open(preset).unwrap().with_vocabulary(VOCABULARY)
}

fn plan(preset: &str, load: Load) -> Plan {
    Plan::from_scratch(&config(preset), load, &Device::flex()).unwrap()
}

/// Two steps as the training loop takes them; the second has the optimizer's moments.
fn train<M: Module>(mut model: M, loss: impl Fn(&M) -> Tensor<1>) -> f32 {
    let mut optimizer: ModuleOptimizer = AdamWConfig::new().build().into();
    for _ in 0..2 {
        let mut accumulator = GradientsAccumulator::new();
        let loss = loss(&model);
        accumulator.accumulate(&model, GradientsParams::from_grads(loss.backward(), &model));
        model = optimizer.step(1e-4, model.clone(), accumulator.grads());
    }
    loss(&model.valid()).into_scalar::<f32>()
}

fn step(preset: &str, load: Load) -> f32 {
    let config = config(preset);
    let model = config.init(1, &Device::flex().autodiff()).unwrap();
    let frames = (load.seconds * 100.0) as usize;
    let features = Features { frames, mels: config.mels, values: vec![0.1; frames * config.mels] };
    let (prompt, answer) = (vec![5; load.prompt], vec![EOS; load.answer]);
    let samples = vec![Sample { features: &features, prompt: &prompt, answer: &answer }; load.batch];
    let batch = Batch::collate(&samples, EOS).unwrap();
    train(model, |model| model.answer_logits(&batch).token_losses().sum())
}

fn whisper_tiny() -> WhisperConfig {
    WhisperConfig {
        num_mel_bins: 80,
        d_model: 384,
        encoder_layers: 4,
        encoder_attention_heads: 6,
        encoder_ffn_dim: 1536,
        max_source_positions: 1500,
        activation_function: "gelu".into(),
    }
}

fn bridge() -> WindowQFormerConfig {
    WindowQFormerConfig::salmonn(384, 1024)
}

fn pretrained_plan() -> Plan {
    let device = Device::flex();
    let whisper = encoders::whisper(&whisper_tiny(), &PRETRAINED, Number::F32, &device).unwrap();
    let bridge = encoders::window_qformer(&bridge(), 1500, &PRETRAINED, &device).unwrap();
    Plan::new(PRETRAINED, vec![whisper, bridge]).unwrap()
}

fn pretrained_step() -> f32 {
    let device = Device::flex();
    let whisper = whisper_tiny().init(&device).unwrap();
    let features = Tensor::<3>::ones([PRETRAINED.batch, 80, 3000], &device);
    train(bridge().init(&device.autodiff()).unwrap(), |bridge| {
        bridge.forward(whisper.forward_frozen(features.clone())).powi_scalar(2).sum()
    })
}

const LLAMA: &str = r#"{"model_type": "llama", "vocab_size": 8000, "hidden_size": 512, "intermediate_size": 1376,
    "num_hidden_layers": 12, "num_attention_heads": 8, "num_key_value_heads": 4, "rms_norm_eps": 1e-5}"#;

const PRESET: &str = r#"
preset = "measured"
prompt = "{bos}{audio}{question}"
[audio]
whisper = "whisper"
[bridge]
kind = "projector"
stack = 17
[language_model]
path = "llama"
[language_model.lora]
rank = 8
dropout = 0.1
"#;

fn combination(recompute: bool) -> (PretrainedConfig, Parts) {
    let mut config = PretrainedConfig::parse(PRESET, "measured.toml".as_ref()).unwrap();
    config.language_model.recompute = recompute;
    let llama = LmConfig::parse(LLAMA, "config.json".as_ref()).unwrap();
    let parts = config.sized(whisper_tiny(), None, llama);
    (config, parts)
}

fn language_plan(recompute: bool) -> Plan {
    let (config, parts) = combination(recompute);
    Plan::pretrained(&config, &parts, LANGUAGE, &Device::flex()).unwrap()
}

fn language_step(recompute: bool) -> f32 {
    let (_, parts) = combination(recompute);
    let model = parts.build(&Device::flex().autodiff()).unwrap();
    let features = Features { frames: 3000, mels: 80, values: vec![0.1; 3000 * 80] };
    let (prompt, answer) = (vec![5; LANGUAGE.prompt], vec![EOS; LANGUAGE.answer]);
    let samples = vec![Sample { features: &features, prompt: &prompt, answer: &answer }; LANGUAGE.batch];
    let batch = Batch::collate(&samples, EOS).unwrap();
    let mut model = model;
    let mut optimizer: ModuleOptimizer = AdamWConfig::new().build().into();
    for _ in 0..2 {
        let (_, gradients) = model.gradients(&batch, 1.0);
        model = optimizer.step(1e-4, model.clone(), gradients);
    }
    model.valid().answers(&batch).token_losses().sum().into_scalar::<f32>()
}

/// A line of /proc/self/status, in bytes.
fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("a line of that name");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
