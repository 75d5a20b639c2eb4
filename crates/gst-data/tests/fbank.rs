//! The filter bank equals torchaudio's Kaldi one; `xtask/reference/audio_encoders_golden.py` made the golden file.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use fixture::golden;
use gst_data::{audio::decode, fbank::KaldiFbank, mel::MelError};

/// Agreement asked for; the features are about -16 to 20.
const TOLERANCE: f32 = 1e-4;

#[test]
fn equals_kaldi() {
    let samples = decode(&golden("logmel.wav")).unwrap().samples;
    let found = KaldiFbank::new(128).unwrap().extract(&samples, samples.len() + 1_600);
    let bytes = std::fs::read(golden("fbank.f32")).unwrap();
    let expected: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let every_third = (0..found.frames).step_by(3).flat_map(|frame| found.frame(frame));
    assert_eq!(expected.len(), found.frames.div_ceil(3) * 128);
    let worst = every_third.zip(&expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
    eprintln!("largest difference {worst:e}");
    assert!(worst <= TOLERANCE, "{worst}");
}

#[test]
fn silence_behind_a_clip_is_the_floor_and_does_not_change_whole_frames() {
    let samples: Vec<f32> = (0..4_000).map(|n| (n as f32 * 0.1).sin() * 0.3).collect();
    let fbank = KaldiFbank::new(128).unwrap();
    let (alone, padded) = (fbank.extract(&samples, samples.len()), fbank.extract(&samples, 16_000));
    assert_eq!(padded.values[..alone.values.len()], alone.values);
    let floor = f32::EPSILON.ln();
    assert!(padded.values[25 * 128..].iter().all(|&value| (value - floor).abs() < 1e-5));
    assert!(padded.values[24 * 128..25 * 128].iter().any(|&value| value > floor + 1.0));
    assert_eq!(fbank.extract(&samples, 2_000).values, fbank.extract(&samples[..2_000], 2_000).values);
}

#[test]
fn only_whole_frames_count() {
    let fbank = KaldiFbank::new(80).unwrap();
    for (samples, frames) in [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (480_000, 2_998)] {
        assert_eq!(KaldiFbank::frames(samples), frames, "{samples} samples");
    }
    assert_eq!(fbank.extract(&[0.1; 559], 559).values.len(), 80);
    assert_eq!(KaldiFbank::new(0).unwrap_err(), MelError::Bands { found: 0 });
    assert_eq!(KaldiFbank::new(129).unwrap_err(), MelError::Bands { found: 129 });
}
