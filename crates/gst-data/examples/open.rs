//! Opens a folder of datasets, trains a tokenizer on its texts and counts its answers, and says how long that took and how much memory:
//! `cargo run -p gst-data --example open -- DIR`. With `--rows N --clips M`
//! it writes one dataset of N training records about M one-byte files to DIR first (no audio: opening does not decode).

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

use gst_data::{Collection, OpenParams, Split, text::TextTokenizer, training_texts};

const WORDS: [&str; 12] = ["rain", "falls", "on", "a", "metal", "roof", "while", "distant", "engines", "hum", "and", "birds"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(arguments.first().ok_or("usage: open DIR [--rows N --clips M]")?);
    if let [_, rows, count, clips, clip_count] = arguments.as_slice()
        && rows == "--rows"
        && clips == "--clips"
    {
        write(&root.join("big"), count.parse()?, clip_count.parse()?)?;
    }
    let start = Instant::now();
    let collection = Collection::open(root, &OpenParams::default())?;
    let opened = start.elapsed();
    let records: usize =
        collection.datasets.iter().map(|dataset| Split::ALL.map(|split| dataset.len(split)).iter().sum::<usize>()).sum();
    eprintln!("{records} records in {} datasets opened in {opened:.2?}", collection.datasets.len());
    let start = Instant::now();
    let Some(dataset) = collection.datasets.first() else { return Ok(()) };
    let reads = 100_000;
    for number in 0..reads {
        dataset.record(Split::Train, number * 7_919 % dataset.len(Split::Train))?;
    }
    eprintln!("a record read here and there takes {:.2?}{}", start.elapsed() / reads as u32, peak());
    let start = Instant::now();
    let tokenizer = TextTokenizer::try_train(training_texts(&collection, 8), 1024)?;
    eprintln!("a tokenizer of {} tokens trained in {:.2?}{}", tokenizer.vocab_size(), start.elapsed(), peak());
    let start = Instant::now();
    let answers = dataset.majority_answers()?;
    eprintln!("most frequent answers of {} slots counted in {:.2?}{}", answers.len(), start.elapsed(), peak());
    Ok(())
}

/// Highest memory so far, where the system says.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(String::new, |line| format!("; peak memory so far {}", line.trim()))
}

fn write(folder: &Path, rows: usize, clips: usize) -> Result<(), Box<dyn Error>> {
    let clip = |number: usize| format!("audio/{:03}/{number:07}.flac", number / 1_000);
    for number in 0..=clips {
        let path = folder.join(clip(number));
        if number % 1_000 == 0 {
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
        }
        fs::write(path, "x")?;
    }
    // Another text for every seed: its digits to the base 12, in another order.
    let text = |seed: usize, words: usize| {
        let mixed = seed * 2_654_435_761 % 12_usize.pow(8);
        (0..words as u32).map(|word| WORDS[mixed / 12_usize.pow(word % 8) % 12]).collect::<Vec<_>>().join(" ")
    };
    for (file, range) in [("train.jsonl", 0..rows), ("test.jsonl", rows..rows + 1)] {
        let mut out = BufWriter::new(File::create(folder.join(file))?);
        for row in range {
            let (audio, question, answer) = (clip(row * clips / rows), text(row, 10), text(row / 3, 14));
            writeln!(
                out,
                r#"{{"id": "q{row:07}", "audio": "{audio}", "question": "{question}?", "answer": "{answer}.", "domain": "environment", "source": "youtube:{:011}"}}"#,
                row * clips / rows
            )?;
        }
    }
    Ok(())
}
