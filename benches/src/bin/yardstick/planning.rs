//! What surrounds a step: features, tokens, draws, groups.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use anyhow::Result;
use gst_affinity::DatasetFacts;
use gst_data::mel::LogMel;
use gst_data::text::TextTokenizer;
use gst_grouping::{Distances, Kernel, spectral as cluster};
use gst_schedule::{Draws, Schedule, ScheduleParams, Strategy};
use ndarray::Array2;
use serde_json::json;

use crate::Case;

/// A closure, and what it is about.
struct Plain<F> {
    work: F,
    about: serde_json::Value,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl<F: FnMut() -> Result<()>> Case for Plain<F> {
    fn run(&mut self) -> Result<()> {
        (self.work)()
    }

    fn export(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for (name, bytes) in &self.files {
            fs::write(folder.join(name), bytes)?;
        }
        Ok(fs::write(folder.join("case.json"), serde_json::to_string(&self.about)?)?)
    }
}

/// Whisper's log-mel features of 10 seconds.
pub(crate) fn log_mel() -> Result<Box<dyn Case>> {
    let mel = LogMel::new(80)?;
    let samples: Vec<f32> = (0..160_000).map(|n| (n as f32 * 0.05).sin() * 0.4 + (n as f32 * 0.31).sin() * 0.2).collect();
    let bytes = samples.iter().flat_map(|value| value.to_le_bytes()).collect();
    let work = move || {
        black_box(mel.extract(&samples));
        Ok(())
    };
    Ok(Box::new(Plain { work, about: json!({}), files: vec![("samples.f32", bytes)] }))
}

/// 400 questions and answers to tokens.
pub(crate) fn tokenize() -> Result<Box<dyn Case>> {
    let texts = ["Which animal do you hear?", "What is the pitch of the note?", " washing machine", " two to six months"];
    let texts: Vec<&str> = texts.into_iter().cycle().take(400).collect();
    let tokenizer = TextTokenizer::train(texts.iter().copied(), 400)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tokenizer.json");
    tokenizer.save(&path)?;
    let files = vec![("tokenizer.json", fs::read(&path)?)];
    let about = json!({ "texts": texts });
    let work = move || {
        for text in &texts {
            black_box(tokenizer.encode(text)?);
        }
        Ok(())
    };
    Ok(Box::new(Plain { work, about, files }))
}

/// 100,000 draws over 14 datasets in proportion to their sizes.
pub(crate) fn draws() -> Result<Box<dyn Case>> {
    let sizes: Vec<u64> = (0..14).map(|i| (16_000.0 * 0.002_f64.powf(f64::from(i) / 14.0)) as u64).collect();
    let mut facts: Vec<DatasetFacts> =
        sizes.iter().enumerate().map(|(i, &size)| DatasetFacts::new(format!("dataset {i}"), size)).collect();
    DatasetFacts::weigh_by_size(&mut facts);
    let params = ScheduleParams { strategy: Strategy::MixAll, steps: 1_000_000, ..ScheduleParams::default() };
    let draws = Draws::new(&Schedule::new(&facts, None, &params)?)?;
    let about = json!({ "sizes": sizes, "count": 100_000 });
    let work = move || {
        for n in 0..100_000 {
            black_box(draws.draw(black_box(n)));
        }
        Ok(())
    };
    Ok(Box::new(Plain { work, about, files: Vec::new() }))
}

/// Five groups out of so many datasets by spectral clustering.
pub(crate) fn spectral(datasets: usize) -> Result<Box<dyn Case>> {
    let at = |n: usize| (n % 5) as f64 * 10.0 + (n as f64 * 0.618_033_988).fract();
    let distances = Distances::new(Array2::from_shape_fn((datasets, datasets), |(i, j)| (at(i) - at(j)).abs()))?;
    let work = move || {
        black_box(cluster(&distances, 5, Kernel::SelfTuning, 0)?);
        Ok(())
    };
    Ok(Box::new(Plain { work, about: json!({ "datasets": datasets, "groups": 5 }), files: Vec::new() }))
}
