//! What one clip is like.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::audio::{self, Waveform};

/// A clip whose peak stays below this (-60 dB of full scale) is called silent.
pub const SILENCE_PEAK: f32 = 1e-3;

/// A sample at or above this counts as clipped.
pub const CLIPPED_LEVEL: f32 = 0.999;

/// A clip with more than this share of clipped samples is called clipped.
pub const CLIPPED_SHARE: f64 = 1e-3;

/// What decoding a clip tells.
#[derive(Debug, Clone)]
pub(super) enum ClipFacts {
    /// It decodes.
    Good { seconds: f64, rate: u32, channels: usize, peak: f32, clipped: f64, hash: [u8; 32] },
    /// It does not, for this reason.
    Bad(String),
}

pub(super) fn examine(path: &Path) -> ClipFacts {
    let waveform = match audio::decode(path) {
        Ok(waveform) => waveform,
        Err(error) => return ClipFacts::Bad(error.to_string()),
    };
    let Waveform { samples, source_rate, source_channels, seconds } = waveform;
    let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    let clipped = samples.iter().filter(|sample| sample.abs() >= CLIPPED_LEVEL).count();
    let mut hasher = Sha256::new();
    let mut bytes = Vec::with_capacity(samples.len() * 2);
    // In 16 bits, so that one recording in two lossless formats has one hash.
    for sample in &samples {
        bytes.extend_from_slice(&((sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16).to_le_bytes());
    }
    hasher.update(&bytes);
    ClipFacts::Good {
        seconds,
        rate: source_rate,
        channels: source_channels,
        peak,
        clipped: clipped as f64 / samples.len().max(1) as f64,
        hash: hasher.finalize().into(),
    }
}
