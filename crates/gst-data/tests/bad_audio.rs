//! Broken audio files: each gets an error that names the file, none a panic or an endless loop.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{fs, path::Path};

use fixture::{golden, sine, write_wav};
use gst_data::audio::{AudioError, decode};
use proptest::prelude::*;
use tempfile::TempDir;

/// A WAV header as written by hand, for values no writer would write.
fn wav(format: u16, channels: u16, rate: u32, bits: u16, stated_bytes: u32, data: &[u8]) -> Vec<u8> {
    let block = channels.wrapping_mul(bits / 8);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(stated_bytes.saturating_add(36).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(format.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend(rate.wrapping_mul(u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(stated_bytes.to_le_bytes());
    bytes.extend(data);
    bytes
}

fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    let data: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    wav(3, 1, 16_000, 32, data.len() as u32, &data)
}

fn with_one(value: f32) -> Vec<u8> {
    floats((0..1600).map(|n| if n == 700 { value } else { 0.1 }))
}

fn half(name: &str) -> Vec<u8> {
    let bytes = fs::read(golden(name)).unwrap();
    bytes[..bytes.len() / 2].to_vec()
}

/// A good FLAC file whose header is changed: `change` gets the bytes.
fn flac(change: fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = fs::read(golden("tone_16000_mono.flac")).unwrap();
    change(&mut bytes);
    bytes
}

/// Every broken file, which error it gets, and what that says.
#[test]
fn table() {
    let folder = TempDir::new().unwrap();
    let mut rows = 0;
    let mut check = |name: &str, bytes: &[u8], expected: fn(&AudioError) -> bool, message: &str| {
        rows += 1;
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        match decode(&path) {
            Ok(waveform) => panic!("{name}: decoded to {} samples", waveform.samples.len()),
            Err(error) => {
                assert!(expected(&error), "{name}: {error:?}");
                let text = error.to_string();
                assert!(text.contains(name), "{name} is not named: {text}");
                assert!(text.contains(message), "{name}: `{message}` is not in: {text}");
            }
        }
    };
    use AudioError::*;
    let pcm = |samples: usize| vec![1u8; samples * 2];
    let unknown = "not a readable WAV, FLAC, OGG/Vorbis or MP3 file";
    check("empty.wav", b"", |e| matches!(e, EmptyFile { .. }), "the file is empty");
    check("text.wav", b"this is not audio\n", |e| matches!(e, Unrecognised { .. }), unknown);
    check("zeros.flac", &[0; 5_000], |e| matches!(e, Unrecognised { .. }), unknown);
    check("magic.wav", b"RIFF\0\0\0\0WAVE", |e| matches!(e, Unrecognised { .. }), unknown);
    check("riff.avi", b"RIFF\x10\0\0\0AVI LIST\0\0\0\0", |e| matches!(e, Unrecognised { .. }), unknown);
    check("magic.flac", b"fLaC", |e| matches!(e, Unrecognised { .. }), unknown);
    check("magic.ogg", b"OggS\0\x02", |e| matches!(e, Unrecognised { .. }), unknown);
    check("tag_only.mp3", b"ID3\x04\0\0\0\0\0\0", |e| matches!(e, Unrecognised { .. }), unknown);
    check("endless_tag.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f", |e| matches!(e, Unrecognised { .. }), unknown);
    check("page.html", b"<!DOCTYPE html><html>404</html>", |e| matches!(e, Unrecognised { .. }), unknown);
    check(
        "truncated.wav",
        &wav(1, 1, 16_000, 16, 32_000, &pcm(3_000)),
        |e| matches!(e, Truncated { found: 3_000, expected: 16_000, .. }),
        "truncated: 3000 of 16000 samples",
    );
    check("truncated.flac", &half("tone_16000_mono.flac"), |e| matches!(e, Truncated { expected: 6_400, .. }), "of 6400 samples");
    check("truncated.mp3", &half("tone_44100_stereo.mp3"), |e| matches!(e, Truncated { .. }), "truncated");
    check(
        "0hz.wav",
        &wav(1, 1, 0, 16, 3_200, &pcm(1_600)),
        |e| matches!(e, Rate { rate: 0, .. } | Unrecognised { .. } | Decoder { .. }),
        "",
    );
    check(
        "1hz.wav",
        &wav(1, 1, 1, 16, 3_200, &pcm(1_600)),
        |e| matches!(e, Rate { rate: 1, .. }),
        "1 Hz; expected 2000 to 768000",
    );
    check(
        "4ghz.wav",
        &wav(1, 1, u32::MAX, 16, 3_200, &pcm(1_600)),
        |e| matches!(e, Rate { rate: u32::MAX, .. }),
        "4294967295 Hz",
    );
    check("0bits.wav", &wav(1, 1, 16_000, 0, 3_200, &pcm(1_600)), |e| !matches!(e, TooSlow { .. }), "");
    check("0channels.wav", &wav(1, 0, 16_000, 16, 3_200, &pcm(1_600)), |e| !matches!(e, TooSlow { .. }), "");
    check(
        "64channels.wav",
        &wav(1, 64, 16_000, 16, 128 * 200, &pcm(64 * 200)),
        |e| matches!(e, Channels { channels: 64, .. } | Unrecognised { .. }),
        "",
    );
    check(
        "10hours.wav",
        &wav(1, 1, 16_000, 16, 1_152_000_000, &pcm(1_600)),
        |e| matches!(e, TooLong { seconds: 36_000.0, limit: 1_800.0, .. }),
        "36000 s long; at most 1800 s",
    );
    check(
        "10minutes_at_192khz.wav",
        &wav(1, 1, 192_000, 16, 230_400_000, &pcm(1_600)),
        |e| matches!(e, TooLong { seconds: 600.0, limit: 450.0, .. }),
        "split it into clips",
    );
    // All 36 bits of the count of samples are set: 69 billion of them.
    let endless = flac(|bytes| {
        bytes[21] |= 0x0f;
        bytes[22..26].fill(0xff);
    });
    check("endless.flac", &endless, |e| matches!(e, TooLong { .. }), "4294967 s long");
    let no_rate = flac(|bytes| {
        bytes[18..20].fill(0);
        bytes[20] &= 0x0f;
    });
    check("0hz.flac", &no_rate, |e| matches!(e, Rate { .. } | Unrecognised { .. }), "");
    check(
        "nan.wav",
        &with_one(f32::NAN),
        |e| matches!(e, BadSample { index: 700, .. }),
        "sample 700 is NaN; expected a finite value",
    );
    check("inf.wav", &with_one(f32::INFINITY), |e| matches!(e, BadSample { index: 700, .. }), "sample 700 is inf");
    check("1e29.wav", &with_one(-1e29), |e| matches!(e, BadSample { index: 700, .. }), "within ±64");
    check(
        "int16_scale.wav",
        &floats((0..1600).map(|n| n as f32)),
        |e| matches!(e, BadSample { index: 65, .. }),
        "full scale is ±1",
    );
    check(
        "short.wav",
        &wav(1, 1, 16_000, 16, 318, &pcm(159)),
        |e| matches!(e, TooShort { samples: 159, .. }),
        "at least 160 (10 ms)",
    );
    check("no_samples.wav", &wav(1, 1, 16_000, 16, 0, b""), |e| matches!(e, TooShort { .. } | Unrecognised { .. }), "");
    check("adpcm.wav", &wav(0x11, 1, 16_000, 4, 1_600, &pcm(800)), |e| matches!(e, Unsupported { .. } | Unrecognised { .. }), "");
    assert!(rows >= 30);
}

#[test]
fn a_folder_is_not_a_clip() {
    let folder = TempDir::new().unwrap();
    let error = decode(folder.path()).unwrap_err();
    assert!(matches!(error, AudioError::Read { .. }), "{error:?}");
}

#[test]
fn a_stream_of_unstated_length_is_read_to_its_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("streamed.wav");
    fs::write(&path, wav(1, 1, 16_000, 16, u32::MAX, &[1; 3_200])).unwrap();
    assert_eq!(decode(&path).unwrap().samples.len(), 1_600);
}

#[test]
fn float_overshoot_is_no_error() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("loud.wav");
    fs::write(&path, with_one(1.5)).unwrap();
    assert_eq!(decode(&path).unwrap().samples[700], 1.5);
}

#[test]
fn thirty_minutes_and_not_a_second_more() {
    let folder = TempDir::new().unwrap();
    let check = |name: &str, seconds: f64| {
        let path = folder.path().join(name);
        write_wav(&path, 2_000, sine(2_000, 100.0, seconds));
        decode(&path).map(|waveform| waveform.seconds)
    };
    assert_eq!(check("fits.wav", 1_800.0).unwrap(), 1_800.0);
    assert!(matches!(check("beyond.wav", 1_801.0).unwrap_err(), AudioError::TooLong { .. }));
}

fn decode_bytes(bytes: &[u8], path: &Path) -> Result<(), TestCaseError> {
    fs::write(path, bytes).unwrap();
    if let Ok(waveform) = decode(path) {
        prop_assert!(waveform.samples.iter().all(|sample| sample.is_finite()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Flipped bytes and cut ends in every container end in samples or an error.
    #[test]
    fn damaged_files_end(
        name in prop::sample::select(vec![
            "tone_16000_mono.flac", "tone_22050_stereo.flac", "tone_44100_stereo.ogg", "tone_44100_stereo.mp3", "tone_16000_mono.mp3", "logmel.wav",
        ]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        header in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = fs::read(golden(name)).unwrap();
        let reach = if header { 200 } else { bytes.len() };
        for (at, value) in &flips {
            bytes[at.index(reach)] ^= value;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = TempDir::new().unwrap();
        decode_bytes(&bytes, &folder.path().join(name))?;
    }
}
