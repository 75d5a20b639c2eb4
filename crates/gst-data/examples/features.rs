//! Times what a training loop waits for: opening, decoding and log-mel of every clip of a folder, then the same from the cache.
//! `cargo run -p gst-data --example features -- DIR [WORKERS]`

use std::{error::Error, path::Path, sync::Arc, time::Instant};

use gst_data::{
    Collection, DataError, ExampleSource, OpenParams, Split, loader::Prefetch, mel::LogMel, text::TextTokenizer, training_texts,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or("usage: features DIR [WORKERS]")?;
    let workers = arguments.next().map_or(Ok(2), |text| text.parse())?;

    let start = Instant::now();
    let collection = Arc::new(Collection::open(Path::new(&root), &OpenParams::default())?);
    eprintln!("opened {} datasets in {:.2?}", collection.datasets.len(), start.elapsed());

    let start = Instant::now();
    let tokenizer = Arc::new(TextTokenizer::try_train(training_texts(&collection, 4), 1024)?);
    eprintln!("trained a tokenizer of {} tokens in {:.2?}", tokenizer.vocab_size(), start.elapsed());

    let source = Arc::new(ExampleSource::new(Arc::clone(&collection), tokenizer, LogMel::new(80)?));
    for pass in ["decoded", "from the cache"] {
        let start = Instant::now();
        let (mut examples, mut seconds, mut single) = (0, 0.0, 0);
        for example in all(&source, workers) {
            let example = example?;
            examples += 1;
            seconds += example.audio_seconds;
            single += usize::from(example.answer.len() == 2);
        }
        let took = start.elapsed().as_secs_f64();
        eprintln!(
            "{examples} examples, {:.1} minutes, {pass} in {took:.2} s with {workers} workers ({:.0}x real time); {single} one-token answers",
            seconds / 60.0,
            seconds / took
        );
    }
    eprintln!("cache: {:.0} MiB, {:?}", source.cache().bytes() as f64 / f64::from(1 << 20), source.cache().counts());
    Ok(())
}

/// Every example of every split, in order.
fn all(source: &Arc<ExampleSource>, workers: usize) -> impl Iterator<Item = Result<gst_data::Example, DataError>> {
    let collection = source.collection().clone();
    let jobs = collection.datasets.into_iter().enumerate().flat_map(|(number, dataset)| {
        Split::ALL
            .into_iter()
            .flat_map(move |split| (0..dataset.len(split)).map(move |index| (split, number, index)).collect::<Vec<_>>())
    });
    let source = Arc::clone(source);
    Prefetch::new(workers, 64, jobs, move |(split, dataset, index)| source.load(split, dataset, index))
}
