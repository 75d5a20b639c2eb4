//! From an audio file to 16 kHz mono samples.
//!
//! WAV, FLAC, OGG/Vorbis and MP3, any rate and channel count: channels are averaged, then the rate is changed with a
//! windowed sinc. Every bound on hostile input is a named constant here.

mod decode;
mod error;
mod patience;
mod resample;
mod source;

pub use decode::{Waveform, decode, duration};
pub use error::AudioError;
pub use resample::resample;

/// Rate of every [`Waveform`], in Hz: what Whisper-like front ends take.
pub const SAMPLE_RATE: u32 = 16_000;

/// Longest clip taken, in seconds: 30 minutes of samples are 115 MB, and no AudioQA clip comes near.
pub const MAX_CLIP_SECONDS: u32 = 1_800;

/// Most samples a channel decoded before resampling: [`MAX_CLIP_SECONDS`] at 48 kHz (346 MB), less time at higher rates. A file
/// of a few kilobytes can stand for gigabytes of silence.
pub const MAX_SOURCE_SAMPLES: u64 = MAX_CLIP_SECONDS as u64 * 48_000;

/// Shortest clip taken, in samples at 16 kHz: one feature frame (10 ms).
pub const MIN_CLIP_SAMPLES: usize = 160;

/// Largest audio file opened, in bytes: 30 minutes of 48 kHz stereo in 24 bits with room to spare.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// Lowest sample rate taken, in Hz; below, even speech is unintelligible and the header is likely wrong.
pub const MIN_SOURCE_RATE: u32 = 2_000;

/// Highest sample rate taken, in Hz.
pub const MAX_SOURCE_RATE: u32 = 768_000;

/// Longest clip taken at `rate` Hz, in seconds.
fn max_seconds(rate: u32) -> f64 {
    (MAX_SOURCE_SAMPLES as f64 / f64::from(rate.max(1))).min(f64::from(MAX_CLIP_SECONDS))
}

/// Most channels taken.
pub const MAX_CHANNELS: usize = 32;

/// Largest sample value taken, full scale being 1: float files may overshoot a little, but not by 36 dB.
pub const MAX_SAMPLE: f32 = 64.0;

/// Packets without a sample that may follow each other before a decoder counts as stuck.
pub const MAX_EMPTY_PACKETS: usize = 4_096;

/// How many times its own size may be read from a file before a demuxer counts as stuck.
pub const MAX_REREADS: u64 = 4;

/// Longest time that decoding one file may take, in seconds: a thousand times what a long clip needs on a busy machine. A decoder
/// that computes for ever is left behind in its thread, and the file is refused from then on.
pub const MAX_DECODE_SECONDS: u64 = 120;
