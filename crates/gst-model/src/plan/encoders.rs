//! Parts of models whose encoders are pretrained: a frozen encoder keeps nothing, a bridge is trained.

use burn::tensor::Device;

use super::{Activations, Load, Number, Part};
use crate::ModelError;
use crate::beats::BeatsConfig;
use crate::projector::ProjectorConfig;
use crate::qformer::WindowQFormerConfig;
use crate::whisper::WhisperConfig;

/// Whisper's encoder, frozen and run by `forward_frozen` over whole windows, whatever the clips' length.
///
/// # Errors
/// As [`WhisperConfig::check`].
pub fn whisper(config: &WhisperConfig, load: &Load, number: Number, device: &Device) -> Result<Part, ModelError> {
    let places = load.batch * config.max_source_positions;
    let working = busiest_layer(places, config.d_model, config.encoder_ffn_dim);
    Ok(Part::frozen("whisper", &config.init(device)?, number)
        .with_activations(Activations { kept: 0.0, working: working as f64 }, number))
}

/// BEATs, frozen and run by `forward_frozen`.
///
/// # Errors
/// As [`BeatsConfig::check`].
pub fn beats(config: &BeatsConfig, load: &Load, number: Number, device: &Device) -> Result<Part, ModelError> {
    let length = config.patches(load.frames());
    let layer = busiest_layer(load.batch * length, config.encoder_embed_dim, config.encoder_ffn_embed_dim);
    // The position bias, and with the gate of each sample.
    let scores = config.encoder_attention_heads * length * length;
    let working = layer.max(4 * load.batch * length * config.encoder_embed_dim + (2 * load.batch + 1) * scores);
    Ok(Part::frozen("beats", &config.init(device)?, number)
        .with_activations(Activations { kept: 0.0, working: working as f64 }, number))
}

/// The window-level Q-Former, trained, over `frames` encoder frames of each sample.
///
/// # Errors
/// As [`WindowQFormerConfig::check`].
pub fn window_qformer(config: &WindowQFormerConfig, frames: usize, load: &Load, device: &Device) -> Result<Part, ModelError> {
    let qformer = &config.qformer;
    let (width, hidden) = (qformer.hidden_size, qformer.intermediate_size);
    let queries = load.batch * config.embeddings(frames);
    let seen = queries / config.queries * config.window;
    let crossing = qformer.num_hidden_layers.div_ceil(qformer.cross_attention_frequency);
    let scores = queries * qformer.num_attention_heads;
    // A norm keeps three vectors; before it stand the residual, what is mixed, and the draws of dropout.
    let layer = queries * (16 * width + 2 * hidden) + 4 * scores * config.queries;
    let cross = 2 * seen * width + queries * 7 * width + 4 * scores * config.window;
    let kept = seen * qformer.encoder_hidden_size
        + qformer.num_hidden_layers * layer
        + crossing * cross
        + queries * (5 * width + config.output);
    // The gradients of keys and values, and what they are computed from in the order of the product.
    let working = 4 * seen * width;
    Ok(Part::trained("bridge", &config.init(device)?)
        .with_activations(Activations { kept: kept as f64, working: working as f64 }, Number::F32))
}

/// The plain projector, trained, over `frames` encoder frames of each sample.
///
/// # Errors
/// As [`ProjectorConfig::check`].
pub fn projector(config: &ProjectorConfig, frames: usize, load: &Load, device: &Device) -> Result<Part, ModelError> {
    let embeddings = load.batch * config.embeddings(frames);
    let kept = embeddings * (config.stack * config.input + 2 * config.hidden.unwrap_or(0) + config.output);
    let working = embeddings * (config.hidden.unwrap_or(0) + config.output);
    Ok(Part::trained("projector", &config.init(device)?)
        .with_activations(Activations { kept: kept as f64, working: working as f64 }, Number::F32))
}

/// A layer that keeps nothing: its input and the normed input, and of the feed-forward part what goes into GELU and comes out;
/// query, key, value and what is mixed of them are fewer.
fn busiest_layer(places: usize, width: usize, hidden: usize) -> usize {
    places * (2 * width + (2 * hidden).max(5 * width))
}
