//! What must hold for `mini`, whatever its weights.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use gst_data::mel::Features;
use gst_model::plan::{Load, Plan};
use gst_model::{AudioLm, Batch, MiniAudioLm, ModelConfig, ModelError, PRESETS, Sample, weights};

const EOS: u32 = 2;

fn features(frames: usize, phase: f32) -> Features {
    let value = |index: usize| (index as f32 * 0.37 + phase).sin();
    Features { frames, mels: 80, values: (0..frames * 80).map(value).collect() }
}

fn config() -> ModelConfig {
    ModelConfig { dropout: 0.0, ..ModelConfig::preset("mini").unwrap().with_vocabulary(40) }
}

fn model(device: &Device) -> MiniAudioLm {
    config().init(11, device).unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn has_the_size_of_a_mini() {
    let parameters = ModelConfig::preset("mini").unwrap().with_vocabulary(1024).init(0, &Device::flex()).unwrap().num_params();
    assert!((200_000..1_000_000).contains(&parameters), "{parameters}");
}

#[test]
fn small_has_about_thirty_million_parameters() {
    let preset = ModelConfig::open("small").unwrap().with_vocabulary(1024);
    let load = Load { batch: 1, seconds: 1.0, prompt: 1, answer: 1 };
    let parameters = Plan::from_scratch(&preset, load, &Device::flex()).unwrap().parameters();
    assert!((28_000_000..34_000_000).contains(&parameters), "{parameters}");
    // Counted without a model, as with one.
    let mini = ModelConfig::preset("mini").unwrap().with_vocabulary(1024);
    let planned = Plan::from_scratch(&mini, load, &Device::flex()).unwrap().parameters();
    assert_eq!(planned, mini.init(0, &Device::flex()).unwrap().num_params() as u64);
}

#[test]
fn presets_are_files_that_say_their_name() {
    for name in PRESETS {
        let file = ModelConfig::preset_file(name).unwrap();
        assert_eq!(ModelConfig::preset(name).unwrap().preset, *name);
        let copy = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(copy.path(), file).unwrap();
        assert_eq!(ModelConfig::open(copy.path().to_str().unwrap()).unwrap(), ModelConfig::open(name).unwrap());
    }
}

#[test]
fn a_sample_is_answered_alike_alone_and_beside_a_longer_one() {
    let model = model(&Device::flex());
    let (short, long) = (features(37, 0.0), features(250, 1.0));
    let one = Sample { features: &short, prompt: &[5, 6, 7], answer: &[8, EOS] };
    let other = Sample { features: &long, prompt: &[9, 10, 11, 12, 13], answer: &[14, 15, 16, EOS] };
    let alone = values(model.answer_logits(&Batch::collate(&[one], EOS).unwrap()).logits);
    let beside = values(model.answer_logits(&Batch::collate(&[one, other], EOS).unwrap()).logits);
    for (alone, beside) in alone.iter().zip(&beside) {
        assert!((alone - beside).abs() < 1e-4, "{alone} {beside}");
    }
}

#[test]
fn predictions_do_not_see_what_follows() {
    let model = model(&Device::flex());
    let sound = features(100, 0.5);
    let first = |answer: &[u32]| {
        let batch = Batch::collate(&[Sample { features: &sound, prompt: &[5, 6], answer }], EOS).unwrap();
        values(model.answer_logits(&batch).logits)[..40].to_vec()
    };
    assert_eq!(first(&[7, 8, EOS]), first(&[9, 30, EOS]));
}

#[test]
fn the_sound_and_the_question_both_matter() {
    let model = model(&Device::flex());
    let logits = |phase: f32, prompt: &[u32]| {
        let sound = features(100, phase);
        values(model.answer_logits(&Batch::collate(&[Sample { features: &sound, prompt, answer: &[EOS] }], EOS).unwrap()).logits)
    };
    assert_ne!(logits(0.0, &[5]), logits(2.0, &[5]));
    assert_ne!(logits(0.0, &[5]), logits(0.0, &[6]));
}

#[test]
fn exact_match_under_teacher_forcing_is_the_greedy_answer() {
    let model = model(&Device::flex());
    let sounds: Vec<Features> = (0..6).map(|index| features(40 + 17 * index, index as f32)).collect();
    let prompts: Vec<Vec<u32>> = (0..6).map(|index| (3..5 + index).collect()).collect();
    let ask = |answers: &[Vec<u32>]| {
        let samples: Vec<Sample<'_>> = (0..6)
            .map(|row| Sample {
                features: &sounds[row],
                prompt: &prompts[row],
                answer: answers.get(row).map_or(&[], Vec::as_slice),
            })
            .collect();
        Batch::collate(&samples, EOS).unwrap()
    };
    let greedy = model.generate(&ask(&[]), 3);
    // The greedy answer, cut where it ended, scores all words right; with one word changed it cannot be exact.
    let mut answers: Vec<Vec<u32>> = greedy.iter().map(|answer| [answer.as_slice(), &[EOS]].concat()).collect();
    for (answer, scores) in answers.iter().zip(model.answer_logits(&ask(&answers)).scores()) {
        assert_eq!(scores.right_tokens, answer.len() - 1);
        assert_eq!(scores.exact, scores.right_eos);
    }
    answers.iter_mut().for_each(|answer| answer[0] = if answer[0] == 20 { 21 } else { 20 });
    assert!(model.answer_logits(&ask(&answers)).scores().iter().all(|scores| !scores.exact));
}

/// Collects the paths of parameters without a gradient, or with one of zero.
struct Without<'a>(&'a GradientsParams, Vec<String>, Vec<String>);
impl ModuleVisitor for Without<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.1.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.1.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let norm = self.0.get::<D>(param.id).map_or(0.0, |gradient| values(gradient.abs()).iter().sum::<f32>());
        if norm == 0.0 {
            self.2.push(self.1.join("."));
        }
    }
}

#[test]
fn every_parameter_receives_a_gradient() {
    let model = model(&Device::flex().autodiff());
    let sound = features(90, 0.3);
    let batch = Batch::collate(&[Sample { features: &sound, prompt: &[5, 6], answer: &[7, EOS] }], EOS).unwrap();
    let gradients = model.answer_logits(&batch).token_losses().mean().backward();
    let gradients = GradientsParams::from_grads(gradients, &model);
    let mut without = Without(&gradients, Vec::new(), Vec::new());
    model.visit(&mut without);
    assert_eq!(without.2, Vec::<String>::new());
}

#[test]
fn with_adapters_bridge_summary_and_adapters_alone_receive_one() {
    let device = Device::flex().autodiff();
    let adapted = ModelConfig { dropout: 0.2, ..config() }.with_adapters(3).init(11, &device).unwrap();
    let sound = features(90, 0.3);
    let batch = Batch::collate(&[Sample { features: &sound, prompt: &[5, 6], answer: &[7, EOS] }], EOS).unwrap();
    let gradients = adapted.answer_logits(&batch).token_losses().mean().backward();
    let gradients = GradientsParams::from_grads(gradients, &adapted);
    let mut without = Without(&gradients, Vec::new(), Vec::new());
    adapted.visit(&mut without);
    // A first factor has none while the second is zero.
    let frozen = |path: &String| path.starts_with("encoder.") || path.starts_with("decoder.") && !path.ends_with(".lora_b");
    assert!(without.2.iter().all(frozen) && without.2.contains(&"decoder.embedding".to_owned()), "{:?}", without.2);
    let load = Load { batch: 1, seconds: 1.0, prompt: 2, answer: 2 };
    let plan = Plan::from_scratch(&config().with_adapters(3), load, &Device::flex()).unwrap();
    assert_eq!(plan.parameters(), adapted.num_params() as u64);
    let all = Plan::from_scratch(&config(), load, &Device::flex()).unwrap();
    let adapters = 2 * 2 * 2 * 3 * config().width as u64;
    assert_eq!(plan.parameters(), all.parameters() + adapters);
    assert_eq!(plan.trainable(), all.parts[1].trainable + all.parts[2].trainable + adapters);
    assert!(plan.peak() < all.peak());
}

#[test]
fn equal_seeds_give_equal_weights_and_files_keep_them() {
    let device = Device::flex();
    let sound = features(60, 0.1);
    let batch = Batch::collate(&[Sample { features: &sound, prompt: &[5], answer: &[7, EOS] }], EOS).unwrap();
    let logits = |model: &MiniAudioLm| values(model.answer_logits(&batch).logits);
    let first = model(&device);
    assert_eq!(logits(&first), logits(&model(&device)));
    let mut other = config().init(12, &device).unwrap();
    assert_ne!(logits(&first), logits(&other));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    weights::save(&first, &path).unwrap();
    weights::load(&mut other, &path).unwrap();
    assert_eq!(logits(&first), logits(&other));
}

#[test]
fn weights_of_another_model_are_refused() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    weights::save(&model(&device), &path).unwrap();
    for other in [
        config().with_vocabulary(41),
        ModelConfig { width: 64, ..config() },
        ModelConfig { decoder_layers: 3, ..config() },
        ModelConfig { decoder_layers: 1, ..config() },
    ] {
        let mut other = other.init(0, &device).unwrap();
        let error = weights::load(&mut other, &path).unwrap_err();
        assert!(matches!(error, ModelError::Weights { .. }), "{error}");
        assert!(error.to_string().contains("model.safetensors"), "{error}");
    }
    let absent = weights::load(&mut model(&device), &folder.path().join("absent.safetensors")).unwrap_err();
    assert!(absent.to_string().contains("does not exist"), "{absent}");
}

#[test]
fn sizes_that_cannot_be_built_are_refused_by_name() {
    let device = Device::flex();
    let mini = config();
    for (config, field) in [
        (ModelConfig { vocabulary: 0, ..mini.clone() }, "vocabulary"),
        (ModelConfig { heads: 7, ..mini.clone() }, "width"),
        (ModelConfig { mels: 81, ..mini.clone() }, "mels"),
        (ModelConfig { window: 0, ..mini.clone() }, "window"),
        (ModelConfig { encoder_layers: usize::MAX, ..mini.clone() }, "encoder_layers"),
        (ModelConfig { dropout: 1.0, ..mini.clone() }, "dropout"),
    ] {
        let message = config.init(0, &device).unwrap_err().to_string();
        assert!(message.contains(&format!("`{field}`")), "{message}");
    }
    let message = ModelConfig::preset("maxi").unwrap_err().to_string();
    assert!(message.contains("maxi") && message.contains("mini"), "{message}");
}
