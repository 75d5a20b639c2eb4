//! Every format, rate and channel count ends as the same 16 kHz mono tone.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{f64::consts::TAU, path::Path};

use fixture::golden;
use gst_data::audio::{self, AudioError, Waveform, decode};
use tempfile::TempDir;

/// The tone of `xtask/reference/logmel_golden.py` in closed form, at 16 kHz; two channels are averaged.
fn tone(seconds: f64, channels: usize) -> Vec<f64> {
    (0..(16_000.0 * seconds).round() as usize)
        .map(|n| {
            let t = n as f64 / 16_000.0;
            let envelope = 0.5 - 0.5 * (TAU * t / seconds).cos();
            let left = 0.4 * (TAU * 440.0 * t).sin() + 0.2 * (TAU * 2000.0 * t).sin();
            let right = 0.3 * (TAU * 660.0 * t).sin();
            envelope * if channels == 2 { (left + right) / 2.0 } else { left }
        })
        .collect()
}

/// Root mean square of the difference over that of the tone.
fn distance(found: &[f32], expected: &[f64]) -> f64 {
    let length = found.len().min(expected.len());
    let error: f64 = found.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).powi(2)).sum();
    let energy: f64 = expected[..length].iter().map(|b| b * b).sum();
    (error / energy).sqrt()
}

#[test]
fn codecs() {
    // Lossless files differ by their 16 or 24 bits and the resampler, lossy ones by the codec. A shift of one sample
    // would be 0.3 of the tone, so this holds the alignment too.
    for (name, rate, channels, seconds, tolerance) in [
        ("tone_16000_mono.flac", 16_000, 1, 0.4, 1e-4),
        ("tone_22050_stereo.flac", 22_050, 2, 0.2, 1e-3),
        ("tone_48000_mono_24bit.flac", 48_000, 1, 0.08, 1e-3),
        ("tone_44100_stereo.ogg", 44_100, 2, 0.5, 0.05),
        ("tone_44100_stereo.mp3", 44_100, 2, 0.5, 0.05),
        ("tone_16000_mono.mp3", 16_000, 1, 0.5, 0.05),
    ] {
        let waveform = decode(&golden(name)).unwrap();
        assert_eq!((waveform.source_rate, waveform.source_channels), (rate, channels), "{name}");
        assert!((waveform.seconds - seconds).abs() < 1e-3, "{name}: {} s", waveform.seconds);
        let distance = distance(&waveform.samples, &tone(seconds, channels));
        println!("{name}: relative error {distance:.1e}");
        assert!(distance < tolerance, "{name}: {distance}");
        assert!((audio::duration(&golden(name)).unwrap() - seconds).abs() < 1e-3, "{name}");
    }
}

/// Writes the tone with `channels` equal channels.
fn write(path: &Path, rate: u32, channels: u16, bits: u16, sample_format: hound::SampleFormat) {
    let mut writer =
        hound::WavWriter::create(path, hound::WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format })
            .unwrap();
    let seconds = 0.3;
    for n in 0..(f64::from(rate) * seconds).round() as usize {
        let t = n as f64 / f64::from(rate);
        let value = (0.5 - 0.5 * (TAU * t / seconds).cos()) * (0.4 * (TAU * 440.0 * t).sin() + 0.2 * (TAU * 2000.0 * t).sin());
        for _ in 0..channels {
            match sample_format {
                hound::SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                hound::SampleFormat::Int => {
                    writer.write_sample((value * (2f64.powi(i32::from(bits) - 1) - 1.0)).round() as i32).unwrap();
                }
            }
        }
    }
    writer.finalize().unwrap();
}

#[test]
fn wav_widths_rates_and_channels() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tone.wav");
    let check = |rate, channels: u16, bits, format, tolerance| {
        write(&path, rate, channels, bits, format);
        let waveform = decode(&path).unwrap();
        assert_eq!((waveform.source_rate, waveform.source_channels), (rate, usize::from(channels)));
        let distance = distance(&waveform.samples, &tone(0.3, 1));
        assert!(distance < tolerance, "{rate} Hz, {channels} channels, {bits} bits, {format:?}: {distance}");
        assert!((waveform.seconds - 0.3).abs() < 1e-3);
    };
    use hound::SampleFormat::{Float, Int};
    for (bits, format, tolerance) in [(8, Int, 0.03), (16, Int, 2e-4), (24, Int, 1e-6), (32, Int, 1e-6), (32, Float, 1e-6)] {
        check(16_000, 1, bits, format, tolerance);
    }
    for rate in [8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000, 44_099, 15_999] {
        check(rate, 1, 24, Int, 5e-3);
    }
    for channels in [2, 3, 4, 6, 8] {
        check(16_000, channels, 16, Int, 2e-4);
    }
}

/// Level in dB of a `hertz` sine at `rate` after resampling, relative to before; the ends, where the filter runs in, are left out.
fn level(rate: u32, hertz: f64) -> f64 {
    let input: Vec<f32> = (0..rate as usize).map(|n| (TAU * hertz * n as f64 / f64::from(rate)).sin() as f32).collect();
    let output = audio::resample(input, rate).unwrap();
    let middle = &output[2_000..14_000];
    let power = middle.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / middle.len() as f64;
    10.0 * (power / 0.5).log10()
}

#[test]
fn resampler_pass_and_stop_band() {
    for rate in [44_100, 48_000, 22_050, 96_000, 44_099] {
        for hertz in [50.0, 1_000.0, 4_000.0, 7_000.0, 7_300.0] {
            assert!(level(rate, hertz).abs() < 0.01, "{rate} Hz: {hertz} Hz comes out at {} dB", level(rate, hertz));
        }
        for hertz in [8_050.0, 9_000.0, 10_500.0] {
            assert!(level(rate, hertz) < -100.0, "{rate} Hz: {hertz} Hz aliases at {} dB", level(rate, hertz));
        }
    }
    assert!(level(8_000, 3_600.0).abs() < 0.01);
}

#[test]
fn sixteen_kilohertz_is_passed_on_untouched() {
    let samples = vec![0.25, -0.5, 0.75];
    assert_eq!(audio::resample(samples.clone(), 16_000).unwrap(), samples);
}

#[test]
fn one_filter_serves_many_clips_alike() {
    let clip: Vec<f32> = (0..4_000).map(|n| (n as f32 * 0.05).sin()).collect();
    let first = audio::resample(clip.clone(), 44_100).unwrap();
    audio::resample(vec![1.0; 9_999], 44_100).unwrap();
    assert_eq!(audio::resample(clip, 44_100).unwrap(), first);
}

#[test]
fn format_is_told_by_content() {
    let folder = TempDir::new().unwrap();
    let misnamed = folder.path().join("clip.mp3");
    std::fs::copy(golden("tone_16000_mono.flac"), &misnamed).unwrap();
    let Waveform { samples, .. } = decode(&misnamed).unwrap();
    assert_eq!(samples, decode(&golden("tone_16000_mono.flac")).unwrap().samples);
}

/// A demuxer that guesses the length from the first frames, which are large here, would cut most of this file.
#[test]
fn mp3_of_unstated_length_is_read_to_its_end() {
    let folder = TempDir::new().unwrap();
    let mut bytes = std::fs::read(golden("fading.mp3")).unwrap();
    let tagged = decode(&golden("fading.mp3")).unwrap().seconds;
    assert_eq!(tagged, 3.0);
    let tag = bytes.windows(4).position(|window| window == b"Info" || window == b"Xing").unwrap();
    bytes[tag..tag + 4].fill(0);
    let path = folder.path().join("untagged.mp3");
    std::fs::write(&path, bytes).unwrap();
    let seconds = decode(&path).unwrap().seconds;
    // Whole frames, with the delay and padding that nothing states now.
    assert!((3.0..3.3).contains(&seconds), "{seconds} s");
    assert_eq!(audio::duration(&path).unwrap(), seconds);
}

#[test]
fn missing_file_is_named() {
    let error = decode(Path::new("nowhere/clip.wav")).unwrap_err();
    assert!(matches!(error, AudioError::Read { .. }), "{error}");
    assert!(error.to_string().contains("clip.wav"));
}
