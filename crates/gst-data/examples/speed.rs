//! How fast one thread decodes, resamples and extracts features: by itself, or asked line by line by another program, so that a
//! reference can be measured alternately (`xtask/reference/speed.py`).
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::{
    collections::HashMap,
    error::Error,
    hint::black_box,
    io::BufRead,
    path::Path,
    time::{Duration, Instant},
};

use gst_data::{audio, mel::LogMel};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "--serve") {
        return serve();
    }
    let mel = LogMel::new(80)?;
    for seconds in [1, 10, 30] {
        let samples = signal(16_000 * seconds);
        let took = best(|| {
            black_box(mel.extract(&samples));
            Ok(())
        });
        report(&format!("log-mel of {seconds} s"), f64::from(seconds), took?);
    }
    for rate in [22_050, 44_100, 48_000] {
        let samples = signal(10 * rate);
        let took = best(|| {
            black_box(audio::resample(samples.clone(), rate)?);
            Ok(())
        });
        report(&format!("10 s from {rate} Hz to 16 kHz"), 10.0, took?);
    }
    Ok(())
}

/// Does `COUNT logmel FILE`, `COUNT resample FILE RATE` (files of 32-bit floats) or `COUNT decode FILE` so many times, then says
/// `done`.
fn serve() -> Result<(), Box<dyn Error>> {
    let mel = LogMel::new(80)?;
    let mut kept: HashMap<String, Vec<f32>> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[count, command, file, ..] = words.as_slice() else {
            return Err("a count, a command and a file are expected".into());
        };
        if command != "decode" && !kept.contains_key(file) {
            let bytes = std::fs::read(file)?;
            kept.insert(file.to_owned(), bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
        }
        let samples = kept.get(file).map_or(&[][..], Vec::as_slice);
        for _ in 0..count.parse::<usize>()? {
            match command {
                "logmel" => drop(black_box(mel.extract(samples))),
                "resample" => {
                    let rate = words.get(3).ok_or("a rate is expected")?.parse()?;
                    drop(black_box(audio::resample(samples.to_vec(), rate)?));
                }
                "decode" => drop(black_box(audio::decode(Path::new(file))?)),
                other => return Err(format!("`{other}`: expected logmel, resample or decode").into()),
            }
        }
        println!("done");
    }
    Ok(())
}

/// Two tones, so that no frame is silent.
fn signal(samples: u32) -> Vec<f32> {
    (0..samples).map(|n| (n as f32 * 0.05).sin() * 0.4 + (n as f32 * 0.31).sin() * 0.2).collect()
}

/// The shortest of several calls, the first of which makes the plans.
fn best(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn report(what: &str, audio_seconds: f64, took: Duration) {
    println!("{what:28} {:8.2} ms, {:6.0} times real time", took.as_secs_f64() * 1e3, audio_seconds / took.as_secs_f64());
}
