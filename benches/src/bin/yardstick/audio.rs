//! Steps of the audio language models that train from scratch.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use anyhow::Result;
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use gst_affinity::{GradientProbe, SketchParams, Sketcher};
use gst_data::mel::Features;
use gst_model::{AudioLm, Batch, MiniAudioLm, ModelConfig, Sample, dropout, weights};
use gst_train::TrainConfig;
use gst_train::batches::part_size;
use gst_train::cores::Cores;
use gst_train::optimizer::{adamw, clip_by_global_norm};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::Case;

/// Values of a sketch, as a probe of a model that is not small takes them.
const SKETCH: usize = 8_192;

/// Sizes of a batch: clips of equal length without padding, so that both programs do the same work.
struct Sizes {
    samples: usize,
    frames: usize,
    prompt: usize,
    answer: usize,
    vocabulary: usize,
}

fn sizes(preset: &str) -> Sizes {
    match preset {
        "mini" => Sizes { samples: 32, frames: 200, prompt: 12, answer: 4, vocabulary: 500 },
        _ => Sizes { samples: 16, frames: 400, prompt: 16, answer: 8, vocabulary: 2_000 },
    }
}

/// What every case works with.
struct Bed {
    config: ModelConfig,
    model: MiniAudioLm,
    device: Device,
    cores: Cores,
    whole: Batch,
    /// The batch as `gst train` would cut it.
    parts: Vec<Batch>,
}

impl Bed {
    fn new(preset: &str) -> Result<Self> {
        let sizes = sizes(preset);
        let config = ModelConfig::preset(preset)?.with_vocabulary(sizes.vocabulary);
        let device = Device::flex().autodiff();
        let model = config.init(0, &device)?;
        let examples = Example::all(&sizes, config.mels);
        let size = part_size(examples.len(), TrainConfig::default().micro_batch);
        let parts = examples.chunks(size).map(collate).collect::<Result<_>>()?;
        Ok(Self { whole: collate(&examples)?, parts, config, model, device, cores: Cores::of_machine()? })
    }

    /// Gradients of the loss of one part over `tokens`.
    fn pass(&self, part: &Batch, tokens: usize) -> GradientsParams {
        let model = self.model.clone().fork(&self.device);
        let losses = dropout::seeded(0, || model.answer_logits(part).token_losses());
        GradientsParams::from_grads(losses.sum().div_scalar(tokens as f64).backward(), &model)
    }

    /// Gradients of the mean loss, the parts of the batch side by side.
    fn gradients(&self) -> GradientsParams {
        let tokens = self.whole.answer_tokens();
        let mut sum = GradientsAccumulator::new();
        let passes = self.cores.map(&self.parts, |part| self.pass(part, tokens));
        passes.into_iter().for_each(|gradients| sum.accumulate(&self.model, gradients));
        sum.grads()
    }

    fn export(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        weights::save(&self.model, &folder.join("model.safetensors"))?;
        let bytes: Vec<u8> = self.whole.features.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(folder.join("features.f32"), bytes)?;
        let about = json!({
            "config": self.config,
            "samples": self.whole.len(),
            "parts": self.parts.len(),
            "frames": self.whole.max_frames,
            "prompts": self.whole.prompts,
            "answers": self.whole.answers,
            "loss": self.model.valid().answer_logits(&self.whole).token_losses().mean().into_scalar::<f32>(),
            "sketch": SKETCH,
        });
        Ok(fs::write(folder.join("case.json"), serde_json::to_string(&about)?)?)
    }
}

struct Example {
    features: Features,
    prompt: Vec<u32>,
    answer: Vec<u32>,
}

impl Example {
    fn all(sizes: &Sizes, mels: usize) -> Vec<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut example = |_| {
            let values = (0..sizes.frames * mels).map(|_| rng.random_range(-1.0f32..1.0)).collect();
            let mut tokens = |count: usize| (0..count).map(|_| rng.random_range(0..sizes.vocabulary as u32)).collect();
            Self {
                prompt: tokens(sizes.prompt),
                answer: tokens(sizes.answer),
                features: Features { values, frames: sizes.frames, mels },
            }
        };
        (0..sizes.samples).map(&mut example).collect()
    }
}

fn collate(examples: &[Example]) -> Result<Batch> {
    let samples: Vec<Sample<'_>> = examples
        .iter()
        .map(|example| Sample { features: &example.features, prompt: &example.prompt, answer: &example.answer })
        .collect();
    Ok(Batch::collate(&samples, 0)?)
}

/// Forward, backward, clipping and AdamW with dropout, as `gst train` does them.
pub(crate) fn training(preset: &str) -> Result<Box<dyn Case>> {
    let bed = Bed::new(preset)?;
    let optimizer = adamw(&bed.model, &TrainConfig::default())?;
    Ok(Box::new(Training { bed, optimizer }))
}

struct Training {
    bed: Bed,
    optimizer: ModuleOptimizer,
}

impl Case for Training {
    fn run(&mut self) -> Result<()> {
        let mut gradients = self.bed.gradients();
        clip_by_global_norm(&self.bed.model, &mut gradients, 1.0);
        self.bed.model = self.optimizer.step(1e-4, self.bed.model.clone(), gradients);
        Ok(())
    }

    fn export(&self, folder: &Path) -> Result<()> {
        self.bed.export(folder)
    }
}

/// Losses and predictions without autodiff.
pub(crate) fn evaluation(preset: &str) -> Result<Box<dyn Case>> {
    let mut bed = Bed::new(preset)?;
    bed.model = bed.model.valid();
    Ok(Box::new(Still {
        bed,
        work: |bed: &Bed| {
            black_box(bed.cores.map(&bed.parts, |part| bed.model.answers(part).scores()));
            Ok(())
        },
    }))
}

/// Forward and backward of every part alone, as if each were a probe batch.
pub(crate) fn backward(preset: &str) -> Result<Box<dyn Case>> {
    Ok(Box::new(Still {
        bed: Bed::new(preset)?,
        work: |bed: &Bed| {
            black_box(bed.cores.map(&bed.parts, |part| bed.pass(part, part.answer_tokens())));
            Ok(())
        },
    }))
}

/// The same with a sketch of each gradient.
pub(crate) fn probe(preset: &str) -> Result<Box<dyn Case>> {
    let sketcher = Sketcher::new(SketchParams { size: SKETCH, seed: 0 })?;
    Ok(Box::new(Still {
        bed: Bed::new(preset)?,
        work: move |bed: &Bed| {
            let sketch = |part: &Batch| {
                let model = bed.model.clone().fork(&bed.device);
                let loss = dropout::seeded(0, || model.answer_logits(part).token_losses()).mean();
                GradientProbe::all().sketch(&model, loss, &sketcher)
            };
            black_box(bed.cores.map(&bed.parts, sketch).into_iter().collect::<Result<Vec<_>, _>>()?);
            Ok(())
        },
    }))
}

/// Work that changes nothing.
struct Still<F> {
    bed: Bed,
    work: F,
}

impl<F: Fn(&Bed) -> Result<()>> Case for Still<F> {
    fn run(&mut self) -> Result<()> {
        (self.work)(&self.bed)
    }

    fn export(&self, folder: &Path) -> Result<()> {
        self.bed.export(folder)
    }
}
