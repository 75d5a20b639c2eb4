//! Language models against `transformers` and PEFT: see `xtask/reference/lm_golden.py`.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod golden;

use std::ops::ControlFlow;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use golden::{Golden, close, folder, values};
use gst_model::generate::{Decoding, Generation};
use gst_model::lm::{LanguageModel, LmConfig, Scaling};
use gst_model::lora::{LoraConfig, Targets};
use gst_model::pretrained::{Misfit, Precision, PretrainedError};

const FAMILIES: [&str; 4] = ["llama", "qwen2", "qwen3", "mistral"];
const LENGTH: usize = 14;
const PADDING: usize = 5;
const NEW: usize = 10;

fn model(name: &str, device: &Device) -> LanguageModel {
    LanguageModel::load(&folder(name), Precision::F32, device).unwrap()
}

/// The two texts of a golden file, without padding.
fn texts(golden: &Golden) -> [Vec<u32>; 2] {
    let tokens: Vec<u32> = golden.integers("tokens").into_iter().map(|token| token as u32).collect();
    [tokens[..LENGTH].to_vec(), tokens[LENGTH + PADDING..].to_vec()]
}

fn generation(decoding: Decoding) -> Generation {
    Generation { decoding, max_tokens: NEW, stops: vec![3] }
}

fn quiet() -> impl FnMut(usize, u32) -> ControlFlow<()> {
    |_, _| ControlFlow::Continue(())
}

#[test]
fn hidden_states_and_logits_are_the_references() {
    for name in FAMILIES {
        let (model, golden) = (model(name, &Device::flex()), Golden::open(name));
        let texts = texts(&golden);
        let prompts = model.prompts(&[&texts[0], &texts[1]]);
        let hidden = model.forward(prompts.embeddings, &prompts.padding, None);
        let [batch, length, width] = hidden.dims();
        let logits = model.logits(hidden.clone().reshape([batch * length, width]));
        // The reference has zeros where there is padding; what stands there is nobody's concern.
        let used = |values: Vec<f32>, width: usize| [&values[..LENGTH * width], &values[(LENGTH + PADDING) * width..]].concat();
        close(&used(values(hidden), width), &used(golden.floats("hidden"), width), 1e-4, name);
        close(&used(values(logits), 67), &used(golden.floats("logits"), 67), 1e-4, name);
    }
}

#[test]
fn losses_are_the_references() {
    for name in FAMILIES {
        let (model, golden) = (model(name, &Device::flex()), Golden::open(name));
        let text = &texts(&golden)[0];
        let prompts = model.prompts(&[text]);
        let hidden: Tensor<2> = model.forward(prompts.embeddings, &[0], None).squeeze_dim(0);
        let (losses, ..) = model.token_losses(hidden.slice_dim(0, 0..LENGTH - 1), &text[1..]);
        close(&values(losses), &golden.floats("losses")[..LENGTH - 1], 1e-4, name);
    }
}

#[test]
fn greedy_and_beam_answers_are_the_references_token_for_token() {
    for name in FAMILIES {
        let (model, golden) = (model(name, &Device::flex()), Golden::open(name));
        let texts = texts(&golden);
        let beam = Decoding::Beam { width: 4, length_penalty: 1.0 };
        for (key, decoding) in [("greedy", Decoding::Greedy), ("beam", beam)] {
            let expected = golden.integers(key);
            let expected: Vec<Vec<u32>> = expected
                .chunks(NEW)
                .map(|row| row.iter().filter(|&&token| token >= 0).map(|&token| token as u32).collect())
                .collect();
            let settings = generation(decoding);
            let both = model.generate(&model.prompts(&[&texts[0], &texts[1]]), &settings, &mut quiet()).unwrap();
            assert_eq!(both, expected, "{name} {key}");
            for (text, expected) in texts.iter().zip(&expected) {
                let alone = model.generate(&model.prompts(&[text]), &settings, &mut quiet()).unwrap();
                assert_eq!(alone[0], *expected, "{name} {key} alone");
            }
        }
    }
}

#[test]
fn a_drawn_answer_depends_on_the_seed_and_the_prompt_but_not_on_its_neighbours() {
    let (model, golden) = (model("llama", &Device::flex()), Golden::open("llama"));
    let texts = texts(&golden);
    let draw = |texts: &[&[u32]], seed| {
        let settings = generation(Decoding::Sample { temperature: 1.5, top_p: 0.95, seed });
        model.generate(&model.prompts(texts), &settings, &mut quiet()).unwrap()
    };
    let both = draw(&[&texts[0], &texts[1]], 1);
    assert_eq!(both[1], draw(&[&texts[1]], 1)[0]);
    assert_eq!(both[0], draw(&[&texts[1], &texts[0]], 1)[1]);
    assert_ne!(both, draw(&[&texts[0], &texts[1]], 2));
    // Next to no temperature: the likeliest.
    let settings = generation(Decoding::Sample { temperature: 1e-4, top_p: 1.0, seed: 1 });
    let cold = model.generate(&model.prompts(&[&texts[0]]), &settings, &mut quiet()).unwrap();
    let greedy = model.generate(&model.prompts(&[&texts[0]]), &generation(Decoding::Greedy), &mut quiet()).unwrap();
    assert_eq!(cold, greedy);
}

#[test]
fn tokens_are_told_as_they_come_and_may_stop_the_answer() {
    let (model, golden) = (model("qwen3", &Device::flex()), Golden::open("qwen3"));
    let texts = texts(&golden);
    let prompts = model.prompts(&[&texts[0], &texts[1]]);
    let mut told = vec![Vec::new(); 2];
    let settings = generation(Decoding::Greedy);
    let answers = model.generate(&prompts, &settings, &mut |row, token| {
        told[row].push(token);
        ControlFlow::Continue(())
    });
    assert_eq!(answers.unwrap(), told);
    let mut left = 3;
    let cut = model.generate(&prompts, &settings, &mut |_, _| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(cut.unwrap(), vec![told[0][..2].to_vec(), told[1][..1].to_vec()]);
    for (decoding, field) in [
        (Decoding::Beam { width: 0, length_penalty: 1.0 }, "width"),
        (Decoding::Sample { temperature: 0.0, top_p: 1.0, seed: 0 }, "temperature"),
        (Decoding::Sample { temperature: 1.0, top_p: 1.5, seed: 0 }, "top_p"),
    ] {
        let error = model.generate(&prompts, &generation(decoding), &mut quiet()).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}`")), "{error}");
    }
}

/// Loss over the last four tokens, as the reference takes it.
fn answer_loss(model: &LanguageModel, tokens: &[u32]) -> Tensor<1> {
    let hidden: Tensor<2> = model.forward(model.prompts(&[tokens]).embeddings, &[0], None).squeeze_dim(0);
    let (losses, ..) = model.token_losses(hidden.slice_dim(0, LENGTH - 5..LENGTH - 1), &tokens[LENGTH - 4..]);
    losses.mean()
}

#[test]
fn an_adapter_of_peft_gives_its_logits_and_gradients() {
    for (device, kind) in
        [(Device::flex().autodiff(), "plain"), (Device::flex().autodiff().gradient_checkpointing(), "recomputed")]
    {
        let (mut model, config) = model("llama", &device).load_adapters(&folder("lora")).unwrap();
        assert_eq!((config.rank, config.alpha, config.dropout), (3, 12.0, 0.1));
        let golden = Golden::open("lora");
        let tokens: Vec<u32> = golden.integers("tokens").into_iter().map(|token| token as u32).collect();
        // Dropout is PEFT's and on in training; the reference is without.
        let valid = model.valid();
        let hidden: Tensor<2> = valid.forward(valid.prompts(&[&tokens]).embeddings, &[0], None).squeeze_dim(0);
        close(&values(valid.logits(hidden)), &golden.floats("logits"), 1e-4, kind);

        let config = LoraConfig { dropout: 0.0, ..config };
        let kept = tempfile::tempdir().unwrap();
        model.save_adapters(&config, "", kept.path()).unwrap();
        (model, _) = model.load_adapters(kept.path()).unwrap();
        let loss = answer_loss(&model, &tokens);
        close(&values(loss.clone()), &golden.floats("loss"), 1e-5, kind);
        let gradients = loss.backward();
        for (path, projection) in model.projections() {
            let Some(adapter) = projection.adapter() else { continue };
            for (factor, gradient) in [("A", adapter.a().grad(&gradients)), ("B", adapter.b().grad(&gradients))] {
                let expected = golden.floats(&format!("grad.base_model.model.{path}.lora_{factor}.weight"));
                let size = expected.iter().fold(0f32, |size, value| size.max(value.abs()));
                close(&values(gradient.unwrap()), &expected, 1e-3 * size, &path);
            }
        }
    }
}

#[test]
fn merged_and_unmerged_adapters_agree_and_files_keep_them() {
    let device = Device::flex();
    let (adapted, config) = model("llama", &device).load_adapters(&folder("lora")).unwrap();
    let tokens = &texts(&Golden::open("llama"))[0];
    let logits = |model: &LanguageModel| {
        let hidden: Tensor<2> = model.forward(model.prompts(&[tokens]).embeddings, &[0], None).squeeze_dim(0);
        values(model.logits(hidden))
    };
    let mut merged = adapted.clone();
    merged.merge();
    assert!(merged.projections().iter().all(|(_, projection)| projection.adapter().is_none()));
    assert_eq!(merged.num_params(), model("llama", &device).num_params());
    close(&logits(&merged), &logits(&adapted), 1e-4, "merged");

    let kept = tempfile::tempdir().unwrap();
    adapted.save_adapters(&config, "llama", kept.path()).unwrap();
    let (again, same) = model("llama", &device).load_adapters(kept.path()).unwrap();
    assert_eq!(logits(&again), logits(&adapted));
    assert_eq!(same.scale(), config.scale());
}

#[test]
fn adapters_are_written_as_the_file_that_peft_was_seen_to_read() {
    // `lm_golden.py --check` lets PEFT read this folder and compares its logits with those of `lora`.
    let (model, config) = model("llama", &Device::flex()).load_adapters(&folder("lora")).unwrap();
    let kept = tempfile::tempdir().unwrap();
    let ours = if std::env::var_os("GST_WRITE_FIXTURES").is_some() { folder("lora_ours") } else { kept.path().to_owned() };
    model.save_adapters(&config, "", &ours).unwrap();
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        let bytes = |folder: &std::path::Path| std::fs::read(folder.join(file)).unwrap();
        assert_eq!(bytes(&ours), bytes(&folder("lora_ours")), "{file}");
    }
}

#[test]
fn only_adapters_have_gradients_and_optimizer_state() {
    let device = Device::flex().autodiff();
    let mut model = model("qwen2", &device);
    model.adapt(&LoraConfig { rank: 2, targets: Targets::Pattern(r".*\.(q|v)_proj".into()), ..LoraConfig::default() }).unwrap();
    let adapters = model.projections().iter().filter(|(_, projection)| projection.adapter().is_some()).count();
    assert_eq!(adapters, 4);
    let tokens = &texts(&Golden::open("qwen2"))[0];
    let gradients = GradientsParams::from_grads(answer_loss(&model, tokens).backward(), &model);
    assert_eq!(gradients.len(), 2 * adapters);
    let before = model.num_params();
    let mut optimizer = burn::optim::ModuleOptimizer::from(burn::optim::AdamWConfig::new().build());
    let model = optimizer.step(0.1, model, gradients);
    assert_eq!(model.num_params(), before);
    // Two moments for each of them.
    assert_eq!(optimizer.to_record().len(), 2 * 2 * adapters);
}

#[test]
fn a_trainable_output_layer_gets_the_gradient_that_the_chunks_do_not_change() {
    // Unfrozen, the loss goes through autodiff alone; frozen, through slopes taken at once. Hidden states must not notice.
    let device = Device::flex().autodiff();
    let frozen = model("mistral", &device);
    let free = frozen.clone().unfreeze();
    let tokens: Vec<u32> = (0..150).map(|token| token % 60 + 4).collect();
    let hidden = Tensor::<2>::random([150, 24], burn::tensor::Distribution::Normal(0.0, 1.0), &device);
    let gradient = |model: &LanguageModel| {
        let hidden = hidden.clone().detach().require_grad();
        let (losses, _, predicted) = model.token_losses(hidden.clone(), &tokens);
        let weights = Tensor::<1, burn::tensor::Int>::arange(0..150, &device).float();
        let total = values(losses.clone());
        let gradients = (losses * weights).sum().backward();
        (values(hidden.grad(&gradients).unwrap()), total, predicted)
    };
    let (frozen, free) = (gradient(&frozen), gradient(&free));
    close(&frozen.0, &free.0, 1e-3, "gradients");
    close(&frozen.1, &free.1, 1e-5, "losses");
    assert_eq!(frozen.2, free.2);
}

#[test]
fn frequencies_are_the_references() {
    let golden: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(folder("rope.json")).unwrap()).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let place = tempfile::tempdir().unwrap();
        let mut config: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder("llama").join("config.json")).unwrap()).unwrap();
        config["rope_parameters"] = case["rope"].clone();
        config["max_position_embeddings"] = golden["positions"].clone();
        std::fs::write(place.path().join("config.json"), config.to_string()).unwrap();
        let config = LmConfig::read(place.path()).unwrap();
        let found = config.rope.frequencies(config.head_size, case["length"].as_u64().unwrap() as usize);
        for (found, expected) in found.iter().zip(case["frequencies"].as_array().unwrap()) {
            let expected = expected.as_f64().unwrap() as f32;
            assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{case}: {found} {expected}");
        }
        if let Scaling::Yarn { attention, .. } = config.rope.scaling {
            assert!((attention - case["attention"].as_f64().unwrap()).abs() < 1e-12);
        }
    }
}

#[test]
fn shards_are_one_checkpoint_and_what_does_not_fit_is_listed_by_name() {
    let device = Device::flex();
    let tokens = &texts(&Golden::open("llama"))[0];
    let hidden = |model: &LanguageModel| values(model.forward(model.prompts(&[tokens]).embeddings, &[0], None));
    assert_eq!(hidden(&model("sharded", &device)), hidden(&model("llama", &device)));

    let place = tempfile::tempdir().unwrap();
    let copy = |file: &str| std::fs::copy(folder("llama").join(file), place.path().join(file)).unwrap();
    copy("model.safetensors");
    let text = std::fs::read_to_string(folder("llama").join("config.json")).unwrap();
    let text = text.replace("\"intermediate_size\": 40", "\"intermediate_size\": 41");
    let text = text.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1").replace("false", "true");
    std::fs::write(place.path().join("config.json"), text).unwrap();
    let error = LanguageModel::load(place.path(), Precision::F32, &device).unwrap_err();
    let message = error.to_string();
    let PretrainedError::Misfits { misfits, .. } = error else { panic!("{message}") };
    let missing = "model.layers.0.self_attn.q_proj.bias";
    assert!(misfits.contains(&Misfit::Missing { name: missing.into(), expected: vec![24] }), "{message}");
    let gate = "model.layers.0.mlp.gate_proj.weight";
    assert!(misfits.contains(&Misfit::Shape { name: gate.into(), found: vec![40, 24], expected: vec![41, 24] }), "{message}");
    let extra = "model.layers.1.self_attn.k_proj.weight";
    assert!(misfits.contains(&Misfit::Extra { name: extra.into(), found: vec![12, 24] }), "{message}");
    assert!(message.contains("`model.layers.0.mlp.gate_proj.weight` is [40, 24], expected [41, 24]"), "{message}");
}

#[test]
fn damaged_files_and_foreign_configurations_are_refused() {
    let device = Device::flex();
    let whole = std::fs::read(folder("llama").join("model.safetensors")).unwrap();
    let config = std::fs::read_to_string(folder("llama").join("config.json")).unwrap();
    let load = |config: &str, weights: &[u8]| {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("config.json"), config).unwrap();
        std::fs::write(place.path().join("model.safetensors"), weights).unwrap();
        LanguageModel::load(place.path(), Precision::F32, &device).unwrap_err().to_string()
    };
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    for (weights, expected) in
        [(&whole[..whole.len() - 1], "bytes, expected"), (&whole[..5], "at least 8"), (&huge[..], "its header says")]
    {
        let message = load(&config, weights);
        assert!(message.contains("model.safetensors") && message.contains(expected), "{message}");
    }
    for (from, to, expected) in [
        ("\"model_type\": \"llama\"", "\"model_type\": \"mamba\"", "`model_type` is mamba, expected llama, mistral"),
        ("\"silu\"", "\"gelu\"", "`hidden_act` is gelu"),
        ("\"llama3\"", "\"spiral\"", "`rope_scaling.rope_type` is spiral"),
        ("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "`num_key_value_heads` is 3"),
        ("\"low_freq_factor\": 1.0", "\"low_freq_factor\": 9.0", "above `low_freq_factor`"),
    ] {
        let changed = config.replace(from, to);
        assert_ne!(changed, config);
        let message = load(&changed, &whole);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn half_precision_weights_with_single_precision_adapters_stay_near() {
    let device = Device::flex().autodiff();
    let golden = Golden::open("lora");
    let tokens: Vec<u32> = golden.integers("tokens").into_iter().map(|token| token as u32).collect();
    for precision in [Precision::Bf16, Precision::F16] {
        let model = LanguageModel::load(&folder("llama"), precision, &device).unwrap();
        let (model, _) = model.load_adapters(&folder("lora")).unwrap();
        let loss = answer_loss(&model.valid(), &tokens);
        let expected = golden.floats("loss")[0];
        let found = values(loss)[0];
        assert!((found - expected).abs() < 0.05 * expected, "{found} {expected}");
        let gradients = GradientsParams::from_grads(answer_loss(&model, &tokens).backward(), &model);
        assert_eq!(gradients.len(), 12);
    }
}

#[test]
fn published_sizes_have_the_published_number_of_parameters() {
    // From each model's config.json and the parameter count on its page; weights are not touched.
    let llama = r#""model_type": "llama", "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2"#;
    let llama3 = r#""rope_theta": 500000.0, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3"}"#;
    let sizes = |vocabulary: usize, width, hidden, layers, heads, key_value_heads| {
        format!(
            r#""vocab_size": {vocabulary}, "hidden_size": {width}, "intermediate_size": {hidden}, "num_hidden_layers": {layers},
            "num_attention_heads": {heads}, "num_key_value_heads": {key_value_heads}"#
        )
    };
    let tied = r#""tie_word_embeddings": true"#;
    let qwen = |kind: &str| format!(r#""model_type": "{kind}", "use_sliding_window": false, "sliding_window": 32768"#);
    for (name, fields, expected) in [
        ("Llama-2-7b", format!("{llama}, {}", sizes(32000, 4096, 11008, 32, 32, 32)), 6_738_415_616),
        ("vicuna-13b", format!("{llama}, {}", sizes(32000, 5120, 13824, 40, 40, 40)), 13_015_864_320),
        ("Llama-3-8B", format!("{llama}, {}", sizes(128_256, 4096, 14336, 32, 32, 8)), 8_030_261_248),
        ("Llama-3.2-1B", format!("{llama}, {llama3}, {tied}, {}", sizes(128_256, 2048, 8192, 16, 32, 8)), 1_235_814_400),
        ("TinyLlama-1.1B", format!("{llama}, {}", sizes(32000, 2048, 5632, 22, 32, 4)), 1_100_048_384),
        (
            "Mistral-7B",
            format!(r#""model_type": "mistral", "sliding_window": 4096, {}"#, sizes(32000, 4096, 14336, 32, 32, 8)),
            7_241_732_096,
        ),
        ("Qwen2.5-0.5B", format!("{}, {tied}, {}", qwen("qwen2"), sizes(151_936, 896, 4864, 24, 14, 2)), 494_032_768),
        (
            "Qwen3-0.6B",
            format!(r#"{}, "head_dim": 128, {tied}, {}"#, qwen("qwen3"), sizes(151_936, 1024, 3072, 28, 16, 8)),
            596_049_920,
        ),
    ] {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("config.json"), format!("{{{fields}}}")).unwrap();
        let model = LanguageModel::new(LmConfig::read(place.path()).unwrap(), &Device::flex());
        assert_eq!(model.num_params(), expected, "{name}");
    }
}
