//! What a training loop waits for: decoding, resampling, features, tokens, the loader, opening a manifest.

use std::{fmt::Write, fs, path::PathBuf};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gst_data::{Collection, OpenParams, audio, loader::Prefetch, mel::LogMel, text::TextTokenizer};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/gst-data/tests/golden")).join(name)
}

/// A sum of tones, so that no frame is silent.
fn signal(rate: u32, seconds: u32) -> Vec<f32> {
    (0..rate * seconds).map(|n| (n as f32 * 0.05).sin() * 0.4 + (n as f32 * 0.31).sin() * 0.2).collect()
}

fn decode(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("decode");
    for name in ["logmel.wav", "tone_16000_mono.flac", "tone_44100_stereo.ogg", "tone_44100_stereo.mp3"] {
        let path = golden(name);
        let Ok(waveform) = audio::decode(&path) else { continue };
        group.throughput(Throughput::Elements(waveform.samples.len() as u64));
        group.bench_function(name, |bench| bench.iter(|| audio::decode(&path)));
    }
    group.finish();
}

fn resample(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("resample_10s");
    group.throughput(Throughput::Elements(160_000));
    for rate in [22_050, 44_100, 48_000] {
        let input = signal(rate, 10);
        group.bench_with_input(BenchmarkId::from_parameter(rate), &input, |bench, input| {
            bench.iter(|| audio::resample(input.clone(), rate));
        });
    }
    group.finish();
}

fn log_mel(bench: &mut Criterion) {
    let Ok(mel) = LogMel::new(80) else { return };
    let mut group = bench.benchmark_group("log_mel");
    for seconds in [1, 30] {
        let samples = signal(16_000, seconds);
        group.throughput(Throughput::Elements(samples.len() as u64));
        group.bench_with_input(BenchmarkId::new("as_is_s", seconds), &samples, |bench, samples| {
            bench.iter(|| mel.extract(samples));
        });
    }
    let second = signal(16_000, 1);
    group.bench_function("1_s_padded_to_30_s", |bench| bench.iter(|| mel.extract_padded(&second, 30.0)));
    group.finish();
}

fn tokenizer(bench: &mut Criterion) {
    let texts = ["Which animal do you hear?", "What is the pitch of the note?", " washing machine", " two to six months"];
    let train = || TextTokenizer::train(texts.into_iter().cycle().take(400), 400);
    bench.bench_function("tokenizer/train", |bench| bench.iter(train));
    if let Ok(tokenizer) = train() {
        bench.bench_function("tokenizer/encode", |bench| bench.iter(|| texts.map(|text| tokenizer.encode(text))));
    }
}

fn prefetch(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("prefetch_10000");
    group.throughput(Throughput::Elements(10_000));
    for workers in [0, 1, 2, 4] {
        group.bench_function(BenchmarkId::from_parameter(workers), |bench| {
            bench.iter(|| Prefetch::new(workers, 64, 0..10_000u64, |n| n * n).sum::<u64>());
        });
    }
    group.finish();
}

fn open(bench: &mut Criterion) {
    let root = std::env::temp_dir().join(format!("gst-data-bench-{}", std::process::id()));
    if write_dataset(&root).is_err() {
        return;
    }
    let mut group = bench.benchmark_group("open");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("10000_records", |bench| bench.iter(|| Collection::open(&root, &OpenParams::default())));
    group.finish();
    // A leftover in the temporary folder is no reason to fail.
    let _ = fs::remove_dir_all(&root);
}

/// One dataset of 10,000 training records about 100 clips.
fn write_dataset(root: &std::path::Path) -> std::io::Result<()> {
    let folder = root.join("pitch");
    fs::create_dir_all(folder.join("audio"))?;
    let manifest = |first: usize, count: usize| {
        (first..first + count).fold(String::new(), |mut text, id| {
            let clip = if first == 0 { id % 100 } else { 100 };
            let _ = writeln!(
                text,
                r#"{{"id": "{id}", "audio": "audio/{clip}.wav", "question": "How high?", "answer": "low", "choices": ["low", "high"], "domain": "music"}}"#
            );
            text
        })
    };
    for clip in 0..=100 {
        fs::copy(golden("logmel.wav"), folder.join(format!("audio/{clip}.wav")))?;
    }
    fs::write(folder.join("train.jsonl"), manifest(0, 10_000))?;
    fs::write(folder.join("test.jsonl"), manifest(10_000, 1))
}

criterion_group!(benches, decode, resample, log_mel, tokenizer, prefetch, open);
criterion_main!(benches);
