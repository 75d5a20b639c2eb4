//! The memory of a [`crate::PretrainedAudioLm`]: its parts in the order of the forward pass.

use burn::tensor::Device;

use super::{Activations, Load, Number, Part, Plan, encoders, language};
use crate::ModelError;
use crate::pretrained::Precision;
use crate::salmonn::{BridgeConfig, Parts, PretrainedConfig};

impl Plan {
    /// The plan of a model that is put together from checkpoints of these sizes; `config` says in which formats they are held.
    /// `device` is only asked for parameters that are never allocated.
    ///
    /// # Errors
    /// [`ModelError`] when a size cannot be built or the load is empty or endless.
    pub fn pretrained(config: &PretrainedConfig, sizes: &Parts, load: Load, device: &Device) -> Result<Self, ModelError> {
        load.check()?;
        let audio = number(config.audio.precision);
        // Whisper hears whole windows.
        let frames = sizes.whisper.max_source_positions;
        let mut parts = vec![encoders::whisper(&sizes.whisper, &load, audio, device)?];
        if let Some(beats) = &sizes.beats {
            parts.push(encoders::beats(beats, &load, Number::F32, device)?);
        }
        parts.push(norms(sizes, frames, &load));
        let embeddings = match &sizes.bridge {
            BridgeConfig::WindowQFormer(bridge) => {
                parts.push(encoders::window_qformer(bridge, frames, &load, device)?);
                bridge.embeddings(frames)
            }
            BridgeConfig::Projector(bridge) => {
                parts.push(encoders::projector(bridge, frames, &load, device)?);
                bridge.embeddings(frames)
            }
        };
        let language = &sizes.language_model;
        let held = language::Held { number: number(config.language_model.precision), recompute: sizes.recompute };
        parts.extend(language::language_model(language, sizes.lora.as_ref(), embeddings, &load, held, device)?);
        Self::new(load, parts)
    }
}

/// The trained norms behind the encoders. What goes in is a constant, so only the normed values stay, for the scale.
fn norms(sizes: &Parts, frames: usize, load: &Load) -> Part {
    let width = sizes.heard_width();
    let kept = (load.batch * frames * width) as f64;
    Part::of_trained("norms", 2 * width as u64, width as u64).with_activations(Activations { kept, working: kept }, Number::F32)
}

fn number(precision: Precision) -> Number {
    match precision {
        Precision::F32 => Number::F32,
        Precision::Bf16 | Precision::F16 => Number::Half,
    }
}
