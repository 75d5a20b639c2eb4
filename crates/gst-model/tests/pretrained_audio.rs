//! Encoders and bridges against their references; `xtask/reference/audio_encoders_golden.py` made the golden files.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::path::PathBuf;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use gst_model::beats::{BeatsConfig, used_frames};
use gst_model::pretrained::{Checkpoint, Precision, PretrainedError, read_json};
use gst_model::projector::ProjectorConfig;
use gst_model::qformer::{QFormerConfig, WindowQFormerConfig};
use gst_model::whisper::WhisperConfig;

/// Agreement asked for between hidden states; theirs are of size one.
const ABSOLUTE: f32 = 1e-4;
/// Agreement asked for between gradients, relative to the largest value of the parameter's gradient.
const RELATIVE: f32 = 1e-3;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn model(name: &str) -> Checkpoint {
    Checkpoint::open(&folder(name)).unwrap()
}

fn golden<const D: usize>(name: &str, tensor: &str, device: &Device) -> Tensor<D> {
    Checkpoint::open(&folder(name).join("golden.safetensors")).unwrap().tensor(tensor, Precision::F32, device).unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn farthest(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max)
}

fn check<const D: usize>(what: &str, found: Tensor<D>, expected: Tensor<D>) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let worst = farthest(&values(found), &values(expected));
    eprintln!("{what}: largest difference {worst:e}");
    assert!(worst <= ABSOLUTE, "{what}: {worst}");
}

/// Values of all parameters, or of their gradients, in the order of a traversal.
struct Gather<'a> {
    gradients: Option<&'a GradientsParams>,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for Gather<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = match self.gradients {
            Some(gradients) => gradients.get::<D>(param.id).unwrap(),
            None => param.val().inner(),
        };
        self.found.push(values(tensor));
    }
}

fn gather<M: Module>(module: &M, gradients: Option<&GradientsParams>) -> Vec<Vec<f32>> {
    let mut gather = Gather { gradients, found: Vec::new() };
    module.visit(&mut gather);
    gather.found
}

/// The gradients of `found · direction` against those in the folder, which `expected` holds in the place of weights.
fn check_gradients<M: Module, const D: usize>(name: &str, module: &M, found: Tensor<D>, expected: &M) {
    let direction = golden::<D>(name, "direction", &found.device());
    let gradients = GradientsParams::from_grads((found * direction).sum().backward(), module);
    let (found, expected) = (gather(module, Some(&gradients)), gather(expected, None));
    assert_eq!(found.len(), expected.len());
    let largest = |values: &[f32]| values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    // The bias of the keys moves every score alike, so its gradient is zero but for rounding.
    let floor = 1e-3 * expected.iter().map(|values| largest(values)).fold(0.0, f32::max);
    let worst = found.iter().zip(&expected).map(|(found, expected)| farthest(found, expected) / largest(expected).max(floor));
    let worst = worst.fold(0.0, f32::max);
    eprintln!("{name}: largest relative difference of {} gradients {worst:e}", expected.len());
    assert!(worst <= RELATIVE, "{name}: {worst}");
}

#[test]
fn whisper_equals_transformers() {
    let device = Device::flex();
    let config = WhisperConfig::read(&folder("whisper").join("config.json")).unwrap();
    let encoder = config.init(&device).unwrap().load(&model("whisper"), Precision::F32).unwrap();
    let (input, output) = (golden::<3>("whisper", "input", &device), golden::<3>("whisper", "output", &device));
    assert_eq!(input.dims()[2], config.window());
    check("whisper", encoder.forward(input.clone()), output.clone());
    let training = encoder.train();
    check("whisper, frozen on an autodiff device", training.forward_frozen(input.clone()), output.clone());
    check("whisper, recorded for gradients", training.forward(input.autodiff()).inner(), output);
}

#[test]
fn a_shorter_input_uses_the_first_positions() {
    let config = WhisperConfig::read(&folder("whisper").join("config.json")).unwrap();
    let encoder = config.init(&Device::flex()).unwrap();
    assert_eq!(encoder.forward(Tensor::ones([1, 8, 10], &Device::flex())).dims(), [1, 5, 16]);
}

#[test]
fn the_bridge_of_salmonn_equals_transformers_on_unfolded_windows() {
    let name = "salmonn_bridge";
    let device = Device::flex().autodiff();
    let config: WindowQFormerConfig = read_json(&folder(name).join("config.json")).unwrap();
    let bridge = config.init(&device).unwrap().load(&model(name), Precision::F32).unwrap();
    let input = golden::<3>(name, "input", &device).require_grad();
    let found = bridge.forward(input.clone());
    assert_eq!(found.dims()[1], config.embeddings(input.dims()[1]));
    check(name, found.clone().inner(), golden(name, "output", &Device::flex()));

    let loss = (found.clone() * golden::<3>(name, "direction", &device)).sum();
    let gradient = input.grad(&loss.backward()).unwrap();
    let expected = golden::<3>(name, "input_gradient", &Device::flex());
    let largest = expected.clone().abs().max().into_scalar::<f32>();
    assert!(farthest(&values(gradient), &values(expected)) <= RELATIVE * largest);

    let gradients = Checkpoint::open(&folder(name).join("gradients.safetensors")).unwrap();
    let expected = config.init(&Device::flex()).unwrap().load(&gradients, Precision::F32).unwrap();
    check_gradients(name, &bridge, bridge.forward(golden(name, "input", &device)), &expected);
}

#[test]
fn a_qformer_with_cross_attention_in_every_second_layer_equals_transformers() {
    let name = "qformer";
    let device = Device::flex().autodiff();
    let config = QFormerConfig::read(&folder(name).join("config.json")).unwrap();
    let qformer = config.init(&device).unwrap().load(&model(name), Precision::F32).unwrap();
    let found = qformer.forward(golden(name, "queries", &device), golden(name, "input", &device));
    check(name, found.clone().inner(), golden(name, "output", &Device::flex()));
    let gradients = Checkpoint::open(&folder(name).join("gradients.safetensors")).unwrap();
    let expected = config.init(&Device::flex()).unwrap().load(&gradients, Precision::F32).unwrap();
    check_gradients(name, &qformer, found, &expected);
}

#[test]
fn projectors_equal_transformers() {
    for name in ["voxtral_projector", "qwen2_audio_projector"] {
        let device = Device::flex().autodiff();
        let prefix = "multi_modal_projector.";
        let config: ProjectorConfig = read_json(&folder(name).join("config.json")).unwrap();
        let projector = config.init(&device).unwrap().load(&model(name), prefix, Precision::F32).unwrap();
        let input = golden::<3>(name, "input", &device);
        let embeddings = config.embeddings(input.dims()[1]);
        let found = projector.forward(input);
        assert_eq!(found.dims()[1], embeddings);
        check(name, found.clone().inner(), golden(name, "output", &Device::flex()));
        let gradients = Checkpoint::open(&folder(name).join("gradients.safetensors")).unwrap();
        let expected = config.init(&Device::flex()).unwrap().load(&gradients, prefix, Precision::F32).unwrap();
        check_gradients(name, &projector, found, &expected);
    }
}

#[test]
fn beats_equals_the_published_code_with_and_without_padding() {
    let device = Device::flex();
    let config = BeatsConfig::read(&folder("beats").join("config.json")).unwrap();
    let beats = config.init(&device).unwrap().load(&model("beats"), Precision::F32).unwrap();
    let fbank = golden::<3>("beats", "fbank", &device);
    let frames = fbank.dims()[1];
    let samples: Vec<usize> = values(golden::<1>("beats", "samples", &device)).into_iter().map(|value| value as usize).collect();
    let used: Vec<usize> = samples.iter().map(|&samples| used_frames(samples, 10_400, frames)).collect();
    let output = golden::<3>("beats", "output", &device);
    assert_eq!(output.dims()[1], config.patches(frames));
    check("beats", beats.forward(fbank.clone(), &used), output.clone());
    check("beats, frozen on an autodiff device", beats.clone().train().forward_frozen(fbank.clone(), &used), output);
    let alone = beats.forward(fbank.slice_dim(0, 1..2), &used[1..]);
    check("beats, nothing padded", alone, golden("beats", "alone", &device));
}

#[test]
fn what_does_not_fit_is_listed() {
    let device = Device::flex();
    let config = WhisperConfig::read(&folder("whisper").join("config.json")).unwrap();
    let wider = WhisperConfig { encoder_ffn_dim: 32, encoder_layers: 3, ..config.clone() };
    let error = wider.init(&device).unwrap().load(&model("whisper"), Precision::F32).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`model.encoder.layers.0.fc1.weight` is [24, 16], expected [32, 16]"), "{text}");
    assert!(text.contains("`model.encoder.layers.2.fc1.weight` is missing, expected [32, 16]"), "{text}");
    assert!(matches!(WhisperConfig::read(&folder("qformer").join("config.json")), Err(PretrainedError::Config { .. })));
    assert!(WhisperConfig { encoder_attention_heads: 3, ..config.clone() }.init(&device).is_err());
    assert!(WhisperConfig { activation_function: "relu".into(), ..config }.init(&device).is_err());
    assert!(BeatsConfig { deep_norm: false, ..BeatsConfig::default() }.check().is_err());
    assert!(BeatsConfig { max_distance: 80, ..BeatsConfig::default() }.check().is_err());
}
