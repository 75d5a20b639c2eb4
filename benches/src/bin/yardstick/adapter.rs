//! A step of low-rank adapters on a frozen decoder of 30 million parameters.

use std::fs;
use std::path::Path;

use anyhow::Result;
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use gst_model::lm::{LanguageModel, LmConfig, Rope, Scaling};
use gst_model::lora::{LoraConfig, Targets};
use gst_model::weights;
use gst_train::TrainConfig;
use gst_train::batches::part_size;
use gst_train::cores::Cores;
use gst_train::optimizer::{adamw, clip_by_global_norm};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::Case;

const SAMPLES: usize = 8;
const LENGTH: usize = 64;
/// Positions at the end of each sample that carry loss.
const ANSWER: usize = 8;

struct Adapters {
    model: LanguageModel,
    device: Device,
    cores: Cores,
    optimizer: ModuleOptimizer,
    tokens: Vec<u32>,
}

/// Forward, backward, clipping and AdamW of the adapters alone.
pub(crate) fn training() -> Result<Box<dyn Case>> {
    let config = LmConfig {
        family: "llama".into(),
        vocabulary: 4_096,
        width: 512,
        hidden: 1_376,
        heads: 8,
        key_value_heads: 8,
        head_size: 64,
        norm_epsilon: 1e-5,
        rope: Rope { theta: 10_000.0, scaling: Scaling::None },
        tied: false,
        query_bias: false,
        output_bias: false,
        feed_forward_bias: false,
        query_key_norm: false,
        windows: vec![None; 8],
        bos: None,
        stops: vec![0],
    };
    let device = Device::flex().autodiff();
    device.seed(0);
    let mut model = LanguageModel::new(config, &device).freeze();
    let targets = Targets::Names(["q_proj", "v_proj"].map(String::from).to_vec());
    model.adapt(&LoraConfig { rank: 8, alpha: 16.0, dropout: 0.0, targets, ..LoraConfig::default() })?;
    let optimizer = adamw(&model, &TrainConfig::default())?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let tokens = (0..SAMPLES * LENGTH).map(|_| rng.random_range(0..4_096)).collect();
    Ok(Box::new(Adapters { model, device, cores: Cores::of_machine()?, optimizer, tokens }))
}

impl Adapters {
    /// The summed loss of some whole samples, over all answer tokens of the batch.
    fn loss(model: &LanguageModel, tokens: &[u32]) -> Tensor<1> {
        let (samples, width) = (tokens.len() / LENGTH, model.config().width);
        let x = model.embed(tokens).reshape([samples, LENGTH, width]);
        let hidden = model.forward(x, &vec![0; samples], None);
        let hidden = hidden.slice_dim(1, LENGTH - 1 - ANSWER..LENGTH - 1).reshape([samples * ANSWER, width]);
        let targets: Vec<u32> = tokens.chunks(LENGTH).flat_map(|row| &row[LENGTH - ANSWER..]).copied().collect();
        model.token_losses(hidden, &targets).0.sum().div_scalar((SAMPLES * ANSWER) as f64)
    }
}

impl Case for Adapters {
    fn run(&mut self) -> Result<()> {
        let size = part_size(SAMPLES, TrainConfig::default().micro_batch);
        let parts: Vec<&[u32]> = self.tokens.chunks(size * LENGTH).collect();
        let passes = self.cores.map(&parts, |part| {
            let model = self.model.clone().fork(&self.device);
            GradientsParams::from_grads(Self::loss(&model, part).backward(), &model)
        });
        let mut sum = GradientsAccumulator::new();
        passes.into_iter().for_each(|gradients| sum.accumulate(&self.model, gradients));
        let mut gradients = sum.grads();
        clip_by_global_norm(&self.model, &mut gradients, 1.0);
        self.model = self.optimizer.step(1e-4, self.model.clone(), gradients);
        Ok(())
    }

    fn export(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        weights::save(&self.model, &folder.join("model.safetensors"))?;
        let about = json!({ "tokens": self.tokens, "samples": SAMPLES, "length": LENGTH, "answer": ANSWER,
            "loss": Self::loss(&self.model, &self.tokens).into_scalar::<f32>() });
        Ok(fs::write(folder.join("case.json"), serde_json::to_string(&about)?)?)
    }
}
