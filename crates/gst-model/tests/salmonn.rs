//! The pretrained parts put together: counts of published sizes, a tiny combination end to end, and what is refused.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod golden;
mod parts;

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use golden::{close, values};
use gst_data::mel::Features;
use gst_data::text::TextTokenizer;
use gst_model::beats::BeatsConfig;
use gst_model::generate::{Decoding, Generation};
use gst_model::lm::{LanguageModel, LmConfig};
use gst_model::salmonn::{AUDIO, PRESETS, Parts, PretrainedConfig, PromptTemplate};
use gst_model::whisper::WhisperConfig;
use gst_model::{AudioLm, AudioModel, AudioModelConfig, Batch, ModelConfig, ModelError, PretrainedAudioLm, Sample};
use parts::{TINY, batch, checkpoints, tiny};

const LARGE_V2: &str = r#"{"num_mel_bins": 80, "d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120, "max_source_positions": 1500}"#;
const VICUNA_13B: &str = r#"{"model_type": "llama", "vocab_size": 32001, "hidden_size": 5120, "intermediate_size": 13824,
    "num_hidden_layers": 40, "num_attention_heads": 40, "rms_norm_eps": 1e-6, "bos_token_id": 1, "eos_token_id": 2}"#;

fn language_model(json: &str) -> LmConfig {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("config.json"), json).unwrap();
    LmConfig::read(place.path()).unwrap()
}

/// Paths of the parameters that have a gradient, or without gradients of those that should be trained.
struct Paths<'a> {
    path: Vec<String>,
    gradients: Option<&'a GradientsParams>,
    found: Vec<String>,
    allocated: usize,
}

impl ModuleVisitor for Paths<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.allocated += usize::from(param.is_initialized());
        let path = self.path.join(".");
        let chosen = match self.gradients {
            Some(gradients) => gradients.get::<D>(param.id).is_some(),
            None => PretrainedAudioLm::is_trained(&path),
        };
        if chosen {
            self.found.push(path);
        }
    }
}

fn paths<'a>(model: &PretrainedAudioLm, gradients: Option<&'a GradientsParams>) -> Paths<'a> {
    let mut paths = Paths { path: Vec::new(), gradients, found: Vec::new(), allocated: 0 };
    model.visit(&mut paths);
    paths
}

#[test]
fn salmonn_13b_trains_as_many_parameters_as_published() {
    let whisper: WhisperConfig = serde_json::from_str(LARGE_V2).unwrap();
    let preset = PretrainedConfig::preset("salmonn-13b").unwrap();
    let parts = |beats| preset.sized(whisper.clone(), beats, language_model(VICUNA_13B));
    // Autodiff is on, as in training; nothing is allocated.
    let count = |beats| {
        let model = parts(beats).build(&Device::flex().autodiff()).unwrap();
        let counts = (model.num_params(), model.trained_params());
        assert_eq!(paths(&model, None).allocated, 0);
        counts
    };
    let (all, trained) = count(Some(BeatsConfig::default()));
    assert_eq!(trained, 33_332_992);
    assert!((13_700_000_000..13_900_000_000).contains(&all), "{all}");
    assert_eq!(count(None).1, 30_972_160);
}

#[test]
fn presets_can_be_read() {
    for (name, _) in PRESETS {
        assert_eq!(PretrainedConfig::preset(name).unwrap().preset, *name);
    }
    let message = PretrainedConfig::preset("salmonn-1t").unwrap_err().to_string();
    assert!(message.contains("salmonn-1t") && message.contains("salmonn-13b"), "{message}");
}

const QUESTIONS: [&str; 2] = ["what do you hear", "rain"];
const ANSWERS: [&str; 2] = ["a dog", "rain on a roof"];

#[test]
fn chunked_losses_are_those_of_the_logits_and_neighbours_do_not_matter() {
    let root = checkpoints();
    let tiny = tiny(root.path(), &Device::flex());
    let both = batch(&tiny, &QUESTIONS, &ANSWERS);
    tiny.model.check(&both).unwrap();
    let (answers, logits) = (tiny.model.answers(&both), tiny.model.answer_logits(&both));
    close(&values(answers.losses.clone()), &values(logits.token_losses()), 1e-5, "losses");
    assert_eq!(answers.scores().len(), 2);
    assert_eq!(answers.predicted, gst_model::Answers::from(logits).predicted);
    let alone = tiny.model.answers(&batch(&tiny, &QUESTIONS[..1], &ANSWERS[..1]));
    close(&values(alone.losses), &values(answers.losses)[..answers.lengths[0]], 1e-4, "alone");
    // What is heard matters.
    let mut deaf = both.clone();
    deaf.features.iter_mut().for_each(|value| *value = -*value);
    assert_ne!(values(tiny.model.answers(&both).losses), values(tiny.model.answers(&deaf).losses));
}

#[test]
fn training_moves_norms_bridge_and_adapters_alone_and_their_files_bring_it_back() {
    let root = checkpoints();
    let device = Device::flex().autodiff();
    let mut tiny = tiny(root.path(), &device);
    let both = batch(&tiny, &QUESTIONS, &ANSWERS);
    let loss = |model: &PretrainedAudioLm| model.answers(&both).losses.mean();
    let frozen: usize = LanguageModel::load(&root.path().join("lm"), Default::default(), &device).unwrap().num_params();
    let mut optimizer = ModuleOptimizer::from(AdamWConfig::new().build());
    let (mut first, mut last) = (f32::NAN, f32::NAN);
    let mut trained = 0;
    for step in 0..12 {
        let value = loss(&tiny.model);
        last = values(value.clone())[0];
        if step == 0 {
            first = last;
        }
        let gradients = GradientsParams::from_grads(value.backward(), &tiny.model);
        // What is said to be trained is what has a gradient, no more and no less.
        assert_eq!(paths(&tiny.model, Some(&gradients)).found, paths(&tiny.model, None).found);
        trained = gradients.len();
        tiny.model = optimizer.step(0.02, tiny.model, gradients);
    }
    assert!(last < 0.7 * first, "{first} {last}");
    // Two moments of each, and of nothing else.
    assert_eq!(optimizer.to_record().len(), 2 * trained);
    let after = tiny.model.language_model().clone();
    let embedding = |model: &LanguageModel| values(model.embed(&[5, 6]));
    let untouched = LanguageModel::load(&root.path().join("lm"), Default::default(), &device).unwrap();
    assert_eq!(embedding(&after), embedding(&untouched));
    assert!(after.num_params() > frozen);

    let kept = tempfile::tempdir().unwrap();
    tiny.model.save_trained("lm", kept.path()).unwrap();
    assert!(kept.path().join("adapter/adapter_config.json").is_file());
    let again = self::tiny(root.path(), &device).model.load_trained(kept.path()).unwrap();
    close(&values(loss(&again.valid())), &values(loss(&tiny.model.valid())), 1e-6, "loaded");
    let mut merged = again.valid();
    merged.merge();
    close(&values(loss(&merged)), &values(loss(&tiny.model.valid())), 1e-4, "merged");
}

/// The gradients of everything that is trained, by path.
fn gradients(model: &PretrainedAudioLm, batch: &Batch) -> Vec<(String, Vec<f32>)> {
    struct Read<'a>(Vec<String>, &'a GradientsParams, Vec<(String, Vec<f32>)>);
    impl ModuleVisitor for Read<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.1.get::<D>(param.id) {
                self.2.push((self.0.join("."), gradient.into_data().iter::<f32>().collect()));
            }
        }
    }
    let (_, gradients) = model.gradients(batch, 3.0);
    let mut read = Read(Vec::new(), &gradients, Vec::new());
    model.visit(&mut read);
    read.2
}

#[test]
fn layers_run_again_give_the_same_gradients() {
    let root = checkpoints();
    let device = Device::flex().autodiff();
    // Nothing in it drops out: the two would draw other masks. `gst-train` holds runs with dropout to the bit.
    let head = TINY.split("[bridge]").next().unwrap();
    let tail = TINY.split("[language_model]").nth(1).unwrap();
    let preset = |recompute: bool| {
        let text = format!("{head}[bridge]\nkind = \"projector\"\nstack = 5\n[language_model]\nrecompute = {recompute}{tail}");
        PretrainedConfig::parse(&text, Path::new("tiny.toml")).unwrap().load(root.path(), 7, &device).unwrap()
    };
    let (kept, again) = (preset(false), preset(true));
    let both = batch(&kept, &QUESTIONS, &ANSWERS);
    let (expected, found) = (gradients(&kept.model, &both), gradients(&again.model, &both));
    let names = |all: &[(String, Vec<f32>)]| all.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&expected), names(&found));
    assert_eq!(names(&expected), paths(&kept.model, None).found);
    for ((path, expected), (_, found)) in expected.iter().zip(&found) {
        let size = expected.iter().fold(1e-6f32, |size, value| size.max(value.abs()));
        close(found, expected, 1e-5 * size.max(0.1), path);
    }
}

#[test]
fn frozen_weights_in_half_the_memory_train_adapters_in_full_precision() {
    let root = checkpoints();
    let device = Device::flex().autodiff();
    let full = tiny(root.path(), &device);
    let half = TINY.replace("whisper = \"whisper\"", "whisper = \"whisper\"\nprecision = \"bf16\"");
    let half = half.replace("path = \"lm\"", "path = \"lm\"\nprecision = \"bf16\"");
    let mut half = PretrainedConfig::parse(&half, Path::new("tiny.toml")).unwrap().load(root.path(), 7, &device).unwrap();
    assert_eq!(half.model.language_model().embed(&[1]).dtype(), burn::tensor::DType::BF16);
    let both = batch(&full, &QUESTIONS, &ANSWERS);
    let loss = |model: &PretrainedAudioLm| model.answers(&both).losses;
    // bf16 has eight bits: a relative error of 0.4 % in each product, which partly cancel.
    close(&values(loss(&half.model.valid())), &values(loss(&full.model.valid())), 0.1, "losses in bf16");
    let mut optimizer = ModuleOptimizer::from(AdamWConfig::new().build());
    let first = values(loss(&half.model).mean())[0];
    for _ in 0..12 {
        let gradients = GradientsParams::from_grads(loss(&half.model).mean().backward(), &half.model);
        assert_eq!(paths(&half.model, Some(&gradients)).found, paths(&half.model, None).found);
        half.model = optimizer.step(0.02, half.model, gradients);
    }
    let last = values(loss(&half.model).mean())[0];
    assert!(last < 0.7 * first, "{first} {last}");
}

#[test]
fn answers_are_those_of_each_sample_alone_and_stream() {
    let root = checkpoints();
    let tiny = tiny(root.path(), &Device::flex());
    let both = batch(&tiny, &QUESTIONS, &[]);
    let alone = batch(&tiny, &QUESTIONS[..1], &[]);
    for decoding in [Decoding::Greedy, Decoding::Beam { width: 3, length_penalty: 1.0 }] {
        let generation = Generation { decoding, max_tokens: 8, stops: vec![tiny.eos] };
        let mut told = vec![Vec::new(); 2];
        let mut on_token = |row: usize, token| {
            told[row].push(token);
            ControlFlow::Continue(())
        };
        let answers = tiny.model.answer(&both, &generation, &mut on_token).unwrap();
        assert_eq!(answers, told);
        let single = tiny.model.answer(&alone, &generation, &mut |_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!(single[0], answers[0]);
    }
    // Exact match under teacher forcing is the greedy answer, as the trait promises.
    let greedy = tiny.model.generate(&both, 4);
    let mut forced = both.clone();
    forced.answers = greedy.iter().map(|answer| [answer.as_slice(), &[tiny.eos]].concat()).collect();
    for (answer, scores) in forced.answers.iter().zip(tiny.model.answers(&forced).scores()) {
        assert_eq!(scores.right_tokens, answer.len() - 1);
    }
}

#[test]
fn prompts_keep_specials_out_of_questions() {
    let root = checkpoints();
    let tiny = tiny(root.path(), &Device::flex());
    let encode = |question: &str| tiny.prompt.encode(&tiny.tokenizer, tiny.bos, question).unwrap();
    let tokens = encode("a dog");
    assert_eq!(tokens[0], tiny.bos.unwrap());
    let at = tokens.iter().position(|&token| token == AUDIO).unwrap();
    let text = |tokens: &[u32]| tiny.tokenizer.decode(tokens).unwrap();
    assert_eq!(text(&tokens[1..at]), "USER: <Speech>");
    assert_eq!(text(&tokens[at + 1..]), "</Speech> a dog\nASSISTANT:");
    // `<eos>` is a special token of this tokenizer: written in a question it is five ordinary characters.
    let eos = tiny.tokenizer.eos_id();
    assert!(!encode("a <eos> dog").contains(&eos));
    let template = PromptTemplate::parse("{audio}{question}<eos>").unwrap();
    assert_eq!(template.encode(&tiny.tokenizer, None, "a dog").unwrap().last(), Some(&eos));
    for text in ["{question}", "{audio}{audio}{question}", "{audio}"] {
        assert!(PromptTemplate::parse(text).unwrap_err().to_string().contains("once"), "{text}");
    }
}

#[test]
fn a_chat_template_of_a_checkpoint_is_rendered_and_split() {
    let root = checkpoints();
    let lm = root.path().join("lm");
    let write = |template: &str| {
        let config = serde_json::json!({
            "chat_template": template, "bos_token": {"content": "<bos>"}, "eos_token": "<eos>",
        });
        std::fs::write(lm.join("tokenizer_config.json"), config.to_string()).unwrap();
    };
    write(
        "{{ bos_token }}{% for message in messages %}\n{%- if message['role'] not in ['user'] %}{{ raise_exception('no') }}{% endif %}\n\
         [{{ message.role | upper }}] {{ message['content'].strip() }}{{ eos_token }}\n{% endfor %}\n\
         {% if add_generation_prompt %}[MODEL]{% endif %}",
    );
    let tokenizer = TextTokenizer::from_file(&lm.join("tokenizer.json")).unwrap();
    let template = PromptTemplate::of_checkpoint(&lm, "Audio 1: {audio}\n{question}").unwrap();
    let tokens = template.encode(&tokenizer, None, "a dog").unwrap();
    assert_eq!((tokens[0], tokens.iter().filter(|&&token| token == AUDIO).count()), (tokenizer.bos_id(), 1));
    let at = tokens.iter().position(|&token| token == AUDIO).unwrap();
    let text = |tokens: &[u32]| tokenizer.decode(tokens).unwrap();
    assert!(text(&tokens[1..at]).ends_with("[USER] Audio 1: "), "{:?}", text(&tokens[1..at]));
    let end = tokens.iter().position(|&token| token == tokenizer.eos_id()).unwrap();
    assert_eq!(text(&tokens[at + 1..end]), "\na dog");
    assert!(text(&tokens[end + 1..]).ends_with("[MODEL]"));

    write("{{ raise_exception('only the system may speak') }}");
    let message = PromptTemplate::of_checkpoint(&lm, "{audio}{question}").unwrap_err().to_string();
    assert!(message.contains("only the system may speak") && message.contains("tokenizer_config.json"), "{message}");
    write("hello");
    let message = PromptTemplate::of_checkpoint(&lm, "{audio}{question}").unwrap_err().to_string();
    assert!(message.contains("`{audio}` once"), "{message}");
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let root = checkpoints();
    let device = Device::flex();
    let load = |text: &str| PretrainedConfig::parse(text, Path::new("tiny.toml")).unwrap().load(root.path(), 0, &device);
    let message = |text: &str| load(text).unwrap_err().to_string();
    assert!(message(&TINY.replace("rank = 2", "rank = 0")).contains("`rank` is 0"));
    assert!(message(&TINY.replace("[\"q_proj\", \"v_proj\"]", "\"nothing\"")).contains("`targets`"));
    assert!(message(&TINY.replace("window = 5", "window = 50")).contains("bridge embeddings"));
    assert!(message(&TINY.replace("{question}", "")).contains("`{question}` once"));
    let unknown = PretrainedConfig::parse(&TINY.replace("queries", "querries"), Path::new("tiny.toml")).unwrap_err();
    assert!(unknown.to_string().contains("tiny.toml"), "{unknown}");

    let mels = Batch::collate(
        &[Sample { features: &Features { frames: 1, mels: 9, values: vec![0.0; 9] }, prompt: &[1], answer: &[] }],
        2,
    );
    let error = load(TINY).unwrap().model.check(&mels.unwrap()).unwrap_err();
    assert!(matches!(error, ModelError::Batch(_)) && error.to_string().contains("9 mel bands"), "{error}");

    // A tokenizer with more tokens than the model embeds.
    let path = root.path().join("lm/config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, config.replace("\"vocab_size\": 304", "\"vocab_size\": 200")).unwrap();
    let refused = message(TINY);
    assert!(refused.contains("tokenizer.json") && refused.contains("embeds 200 tokens"), "{refused}");
}

#[test]
fn beats_adds_to_what_is_heard() {
    let root = checkpoints();
    let tiny = tiny(root.path(), &Device::flex());
    let preset = PretrainedConfig::parse(TINY, Path::new("tiny.toml")).unwrap();
    let beats = BeatsConfig {
        embed_dim: 8,
        encoder_layers: 1,
        encoder_embed_dim: 12,
        encoder_ffn_embed_dim: 16,
        encoder_attention_heads: 2,
        conv_pos: 4,
        conv_pos_groups: 2,
        ..BeatsConfig::default()
    };
    let whisper = WhisperConfig::read(&root.path().join("whisper/config.json")).unwrap();
    let parts: Parts = preset.sized(whisper, Some(beats), LmConfig::read(&root.path().join("lm")).unwrap());
    let device = Device::flex();
    device.seed(1);
    let model = parts.build(&device).unwrap();
    let without = batch(&tiny, &QUESTIONS[..1], &ANSWERS[..1]);
    assert!(model.check(&without).unwrap_err().to_string().contains("no filter banks"));
    let bank = |size: f32| Features { frames: 32, mels: 128, values: (0..32 * 128).map(|at| size * (at as f32).sin()).collect() };
    let losses = |size: f32| {
        let batch = without.clone().with_filter_banks(&[&bank(size)], &[32]).unwrap();
        model.check(&batch).unwrap();
        values(model.answers(&batch).losses)
    };
    assert_ne!(losses(1.0), losses(9.0));
    assert!(without.with_filter_banks(&[], &[]).is_err());
}

/// What SALMONN's authors published is read by their names for it: here a tiny model's own parts under those names.
#[test]
fn published_norms_bridge_and_adapters_are_where_training_starts() {
    let root = checkpoints();
    let tiny = tiny(root.path(), &Device::flex());
    let both = batch(&tiny, &QUESTIONS, &ANSWERS);
    struct Collect {
        path: Vec<(String, bool)>,
        tensors: Vec<(String, Vec<usize>, Vec<u8>)>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.push((name.to_owned(), container == "Struct:Linear"));
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let path: Vec<&str> = self.path.iter().map(|(name, _)| name.as_str()).collect();
            let path = path.join(".");
            if !PretrainedAudioLm::is_trained(&path) {
                return;
            }
            // As PyTorch would have named them and laid them out; other values than the model starts with.
            let mut name = path.replace(".gamma", ".weight").replace(".beta", ".bias").replace("hearing.", "");
            name = name.replace("bridge.WindowQFormer.query_tokens", "speech_query_tokens");
            name = name.replace("bridge.WindowQFormer.projection", "speech_llama_proj");
            name = name.replace("bridge.WindowQFormer.qformer.layernorm", "speech_Qformer.bert.embeddings.LayerNorm");
            name = name.replace("bridge.WindowQFormer.qformer", "speech_Qformer.bert.encoder").replace(".norm.", ".LayerNorm.");
            for part in ["query", "key", "value"] {
                name = name.replace(&format!("attention.{part}."), &format!("attention.self.{part}."));
            }
            name = name.replace("language_model.", "llama_model.base_model.model.");
            name = name.replace(".lora.lora_a", ".lora_A.default.weight").replace(".lora.lora_b", ".lora_B.default.weight");
            let tensor = param.val() * 0.5 + 0.25;
            let turned = D == 2 && self.path.last().is_some_and(|(_, linear)| *linear);
            let tensor = if turned { tensor.swap_dims(0, 1) } else { tensor };
            let shape = tensor.dims().to_vec();
            self.tensors.push((name, shape, tensor.into_data().iter::<f32>().flat_map(f32::to_le_bytes).collect()));
        }
    }
    let mut collect = Collect { path: Vec::new(), tensors: Vec::new() };
    tiny.model.visit(&mut collect);
    let write = |rename: &dyn Fn(&str) -> String| {
        let folder = root.path().join("published");
        std::fs::create_dir_all(&folder).unwrap();
        let views = collect.tensors.iter().map(|(name, shape, bytes)| {
            (rename(name), safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
        });
        let views: Vec<_> = views.collect();
        safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
    };
    let preset = PretrainedConfig::parse(&format!("trained = \"published\"\n{TINY}"), Path::new("tiny.toml")).unwrap();
    let losses = || values(preset.load(root.path(), 7, &Device::flex()).unwrap().model.answers(&both).losses);
    write(&str::to_owned);
    let found = losses();
    assert_ne!(found, values(tiny.model.answers(&both).losses));
    // The same whatever the seed, since nothing is drawn; and without the adapter's name.
    assert_eq!(values(preset.load(root.path(), 8, &Device::flex()).unwrap().model.answers(&both).losses), found);
    write(&|name| name.replace(".default.", "."));
    assert_eq!(losses(), found);
    write(&|name| name.replace("ln_speech", "ln_speach"));
    let message = preset.load(root.path(), 7, &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("`ln_speech.weight` is missing") && message.contains("`ln_speach.weight`"), "{message}");
}

#[test]
fn models_of_every_kind_stand_behind_one_type() {
    let root = checkpoints();
    let tiny = tiny(root.path(), &Device::flex());
    let both = batch(&tiny, &QUESTIONS, &ANSWERS);
    let pretrained = AudioModel::Pretrained(tiny.model.clone());
    assert_eq!(values(pretrained.answers(&both).losses), values(tiny.model.answers(&both).losses));
    assert_eq!(pretrained.generate(&both, 3), tiny.model.generate(&both, 3));
    assert_eq!(pretrained.vocabulary(), 304);

    let kept = tempfile::tempdir().unwrap();
    let config = ModelConfig { mels: 8, ..ModelConfig::preset("mini").unwrap().with_vocabulary(304) };
    let mini = |seed| AudioModel::Mini(config.init(seed, &Device::flex()).unwrap());
    mini(1).check(&both).unwrap();
    let mut own = both.clone();
    own.prompts.iter_mut().for_each(|prompt| prompt.retain(|&token| token != AUDIO));
    for (model, other, name) in [(mini(1), mini(2), "mini"), (pretrained, AudioModel::Pretrained(tiny.model), "pretrained")] {
        let folder = kept.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        model.save("lm", &folder).unwrap();
        let again = other.load(&folder).unwrap();
        assert_eq!(values(again.answers(&own).losses), values(model.answers(&own).losses), "{name}");
    }

    let tiny_path = root.path().join("tiny.toml");
    std::fs::write(&tiny_path, TINY).unwrap();
    let open = |model: &str| AudioModelConfig::open(model).unwrap();
    assert!(matches!(open(tiny_path.to_str().unwrap()), AudioModelConfig::Pretrained(_)));
    assert!(matches!(open("salmonn-7b"), AudioModelConfig::Pretrained(_)));
    assert!(matches!(open("mini"), AudioModelConfig::Mini(_)));
    for config in [open("mini"), open("salmonn-7b")] {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<AudioModelConfig>(&text).unwrap(), config);
    }
    assert!(AudioModelConfig::open("maxi").is_err());
    std::fs::write(&tiny_path, "preset = 3").unwrap();
    assert!(AudioModelConfig::open(tiny_path.to_str().unwrap()).unwrap_err().to_string().contains("tiny.toml"));
}
