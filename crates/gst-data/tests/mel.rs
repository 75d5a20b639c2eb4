//! Log-mel equals transformers' `WhisperFeatureExtractor`; `xtask/reference/logmel_golden.py` made the golden files.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use fixture::golden;
use gst_data::{
    audio::decode,
    mel::{Features, LogMel, MelError},
};

/// Agreement asked for; the features are about -1 to 1.5.
const TOLERANCE: f32 = 1e-4;

fn clip() -> Vec<f32> {
    decode(&golden("logmel.wav")).unwrap().samples
}

fn check(found: &Features, frames: &[usize], name: &str) {
    let bytes = std::fs::read(golden(name)).unwrap();
    let expected: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    assert_eq!(expected.len(), frames.len() * found.mels, "{name}");
    let worst = frames
        .iter()
        .flat_map(|&frame| found.frame(frame))
        .zip(&expected)
        .map(|(found, expected)| (found - expected).abs())
        .fold(0.0, f32::max);
    eprintln!("{name}: largest difference {worst:e}");
    assert!(worst <= TOLERANCE, "{name}: {worst}");
}

#[test]
fn equals_whisper_without_padding() {
    let features = LogMel::new(80).unwrap().extract(&clip());
    assert_eq!((features.frames, features.mels, features.values.len()), (81, 80, 81 * 80));
    check(&features, &(0..81).collect::<Vec<_>>(), "logmel_clip80.f32");
}

#[test]
fn equals_whisper_padded_to_30_seconds() {
    let features = LogMel::new(80).unwrap().extract_padded(&clip(), 30.0);
    assert_eq!(features.frames, 3000);
    check(&features, &[0, 1, 2, 40, 78, 79, 80, 81, 82, 1500, 2999], "logmel_padded80.f32");
}

#[test]
fn equals_whisper_with_128_bands() {
    check(&LogMel::new(128).unwrap().extract(&clip()), &[0, 1, 20, 40, 60, 79], "logmel_clip128.f32");
}

#[test]
fn equals_whisper_on_a_clip_shorter_than_a_frame() {
    check(&LogMel::new(80).unwrap().extract(&clip()[..170]), &[0], "logmel_short80.f32");
}

#[test]
fn longer_than_the_window_is_cut() {
    let samples: Vec<f32> = clip().repeat(2);
    let mel = LogMel::new(80).unwrap();
    assert_eq!(mel.extract_padded(&samples, 0.5).values, mel.extract_padded(&samples[..8000], 0.5).values);
    assert_eq!(mel.extract_padded(&samples, 0.5).frames, 50);
}

#[test]
fn frames_are_whole_hops() {
    let mel = LogMel::new(80).unwrap();
    for (samples, frames) in [(0, 0), (1, 0), (159, 0), (160, 1), (319, 1), (320, 2), (1600, 10)] {
        let features = mel.extract(&vec![0.1; samples]);
        assert_eq!((features.frames, features.values.len()), (frames, frames * 80), "{samples} samples");
        assert!(features.values.iter().all(|value| value.is_finite()));
    }
}

#[test]
fn silence_is_flat_and_finite() {
    // log10 of the floor is -10, which is its own top: (-10 + 4) / 4.
    assert!(LogMel::new(80).unwrap().extract(&[0.0; 1600]).values.iter().all(|&value| value == -1.5));
}

#[test]
fn impossible_bands_are_refused() {
    for bands in [0, 129, usize::MAX] {
        assert_eq!(LogMel::new(bands).unwrap_err(), MelError::Bands { found: bands });
    }
}
