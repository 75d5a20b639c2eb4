//! What one clip is like.

use std::{fs::File, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    audio::{self, SAMPLE_RATE, Waveform},
    hash::ContentHash,
};

/// A clip whose peak stays below this (-60 dB of full scale) is called silent.
pub const SILENCE_PEAK: f32 = 1e-3;

/// A sample at or above this counts as clipped.
pub const CLIPPED_LEVEL: f32 = 0.999;

/// A clip with more than this share of clipped samples is called clipped.
pub const CLIPPED_SHARE: f64 = 1e-3;

/// Samples of the stretches that are silent or not: 10 ms.
const STRETCH: usize = SAMPLE_RATE as usize / 100;

/// What decoding a clip tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClipFacts {
    /// SHA-256 of the file's bytes.
    pub file_hash: ContentHash,
    /// SHA-256 of the decoded audio: 16 kHz mono in 16 bits, so that one recording in two lossless formats has one hash.
    pub audio_hash: ContentHash,
    /// Length in seconds.
    pub seconds: f64,
    /// Rate of the file in Hz.
    pub rate: u32,
    /// Channels of the file.
    pub channels: u32,
    /// Largest sample, full scale being 1.
    pub peak: f32,
    /// Share of the 10 ms stretches whose peak is below [`SILENCE_PEAK`], in `[0, 1]`.
    pub silence: f64,
    /// Share of the samples at or above [`CLIPPED_LEVEL`], in `[0, 1]`.
    pub clipped: f64,
}

/// What became of a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Examined {
    /// It decodes.
    Good(ClipFacts),
    /// Its bytes are those of the hash that was given: nothing new.
    Same,
    /// It cannot be used.
    Bad {
        /// SHA-256 of the file's bytes, where it could be read.
        file_hash: Option<ContentHash>,
        /// Why, with the path.
        reason: String,
    },
}

/// Decodes a clip in this process, unless its bytes have the hash `known`.
pub fn examine(path: &Path, known: Option<&ContentHash>) -> Examined {
    let bad = |file_hash, reason: String| Examined::Bad { file_hash, reason };
    let file_hash = match File::open(path).and_then(ContentHash::of) {
        Ok(hash) if known == Some(&hash) => return Examined::Same,
        Ok(hash) => hash,
        Err(error) => return bad(None, format!("{}: cannot be read: {error}", path.display())),
    };
    let waveform = match audio::decode(path) {
        Ok(waveform) => waveform,
        Err(error) => return bad(Some(file_hash), error.to_string()),
    };
    let Waveform { samples, source_rate, source_channels, seconds } = waveform;
    let peak = |samples: &[f32]| samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    let silent = samples.chunks(STRETCH).filter(|stretch| peak(stretch) < SILENCE_PEAK).count();
    let clipped = samples.iter().filter(|sample| sample.abs() >= CLIPPED_LEVEL).count();
    let mut bytes = Vec::with_capacity(samples.len() * 2);
    for sample in &samples {
        bytes.extend_from_slice(&((sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16).to_le_bytes());
    }
    match ContentHash::of(bytes.as_slice()) {
        Err(error) => bad(Some(file_hash), error.to_string()),
        Ok(audio_hash) => Examined::Good(ClipFacts {
            file_hash,
            audio_hash,
            seconds,
            rate: source_rate,
            channels: u32::try_from(source_channels).unwrap_or(u32::MAX),
            peak: peak(&samples),
            silence: silent as f64 / samples.len().div_ceil(STRETCH).max(1) as f64,
            clipped: clipped as f64 / samples.len().max(1) as f64,
        }),
    }
}
