//! From a record to what a model is fed.

use std::{path::PathBuf, sync::Arc};

use rayon::prelude::*;

use crate::{
    audio::{self, SAMPLE_RATE},
    cache::{CachedClip, DEFAULT_CACHE_BYTES, FeatureCache},
    collection::Collection,
    dataset::Dataset,
    disk_cache::{DiskCache, FeatureKey},
    error::DataError,
    mel::{Features, LogMel},
    record::{Record, Split},
    text::{TextError, TextTokenizer},
};

/// Seconds of a clip that are used unless set otherwise (Whisper's window); the rest is cut off.
pub const DEFAULT_MAX_SECONDS: f64 = 30.0;

/// Records tried in the place of a broken one before a dataset counts as unusable.
pub const MAX_BROKEN_IN_A_ROW: usize = 64;

/// One sample, ready for a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Position of the dataset in the collection.
    pub dataset: usize,
    /// Position of the record in its split.
    pub record: usize,
    /// Log-mel features `[frames, mels]`.
    pub features: Arc<Features>,
    /// Token ids of the question, without specials.
    pub prompt: Vec<u32>,
    /// Token ids of the answer with a leading space, then end-of-sequence.
    pub answer: Vec<u32>,
    /// Length of the clip as used, in seconds.
    pub audio_seconds: f64,
}

/// A record that could not be loaded, and why.
#[derive(Debug)]
pub struct Broken {
    /// Position of the record in its split.
    pub record: usize,
    /// What is wrong with its clip or its texts.
    pub error: DataError,
}

/// Means over the training records of one dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Means {
    /// Tokens a sample: question, answer and end-of-sequence.
    pub tokens: f64,
    /// Seconds of audio a sample.
    pub audio_seconds: f64,
}

/// Loads examples from any thread: decodes, extracts features (kept in a cache), encodes the texts.
#[derive(Debug, Clone)]
pub struct ExampleSource {
    collection: Arc<Collection>,
    tokenizer: Arc<TextTokenizer>,
    mel: LogMel,
    cache: Arc<FeatureCache>,
    disk: Option<Arc<DiskCache>>,
    max_seconds: f64,
    padded: bool,
}

impl ExampleSource {
    /// A source with a cache of [`DEFAULT_CACHE_BYTES`] of its own.
    pub fn new(collection: Arc<Collection>, tokenizer: Arc<TextTokenizer>, mel: LogMel) -> Self {
        let cache = Arc::new(FeatureCache::new(DEFAULT_CACHE_BYTES));
        Self { collection, tokenizer, mel, cache, disk: None, max_seconds: DEFAULT_MAX_SECONDS, padded: false }
    }

    /// Keeps features in `cache`, which only sources of equal features may share: same bands, seconds and padding.
    #[must_use]
    pub fn with_cache(mut self, cache: Arc<FeatureCache>) -> Self {
        self.cache = cache;
        self
    }

    /// Looks for features in `disk` before it decodes, and leaves there what it decodes. Any sources may share it.
    #[must_use]
    pub fn with_disk_cache(mut self, disk: Arc<DiskCache>) -> Self {
        self.disk = Some(disk);
        self
    }

    /// Uses the first `seconds` of a clip at most; below 10 ms counts as 10 ms. `padded`: silence fills it up to exactly that.
    #[must_use]
    pub fn with_seconds(mut self, seconds: f64, padded: bool) -> Self {
        self.max_seconds = seconds.max(0.01);
        self.padded = padded;
        self
    }

    /// The datasets.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// Mel bands of the features.
    pub fn mels(&self) -> usize {
        self.mel.mels()
    }

    /// The feature cache.
    pub fn cache(&self) -> &FeatureCache {
        &self.cache
    }

    /// The record behind an example.
    ///
    /// # Errors
    /// When there is none at that position, or it cannot be read any more.
    pub fn record(&self, split: Split, dataset: usize, index: usize) -> Result<(&Dataset, Record), DataError> {
        let none = || DataError::NoSuchRecord { dataset: dataset.to_string(), split, index, records: 0 };
        let found = self.collection.datasets.get(dataset).ok_or_else(none)?;
        Ok((found, found.record(split, index)?))
    }

    /// Loads one example.
    ///
    /// # Errors
    /// When there is no such record, its clip cannot be decoded, or a text cannot be encoded.
    pub fn load(&self, split: Split, dataset: usize, index: usize) -> Result<Example, DataError> {
        let (owner, record) = self.record(split, dataset, index)?;
        let text = |source: TextError| DataError::Text { dataset: owner.name.clone(), id: record.id.clone(), source };
        let clip = self.clip(owner, &record)?;
        let prompt = self.encode_question(&record.question).map_err(text)?;
        let answer = self.encode_answer(&record.answer).map_err(text)?;
        Ok(Example { dataset, record: index, features: clip.features, prompt, answer, audio_seconds: clip.seconds })
    }

    /// Loads one example; where its record is broken, the next of its split that is not, in turn from the first again after the
    /// last. So what takes a broken record's place depends on the files alone, not on threads or on what was loaded before.
    /// Also gives the broken records met on the way.
    ///
    /// # Errors
    /// When there is no such record, [`MAX_BROKEN_IN_A_ROW`] (or all) are broken, or something else than a record is.
    pub fn load_usable(&self, split: Split, dataset: usize, index: usize) -> Result<(Example, Vec<Broken>), DataError> {
        let (owner, _) = self.record(split, dataset, index)?;
        let records = owner.len(split);
        let mut broken = Vec::new();
        for offset in 0..records.min(MAX_BROKEN_IN_A_ROW) {
            let record = (index + offset) % records;
            match self.load(split, dataset, record) {
                Ok(example) => return Ok((example, broken)),
                Err(error) if error.is_of_one_record() => broken.push(Broken { record, error }),
                Err(error) => return Err(error),
            }
        }
        let (dataset, found) = (owner.name.clone(), broken.len());
        match broken.into_iter().next() {
            Some(first) => Err(DataError::BrokenInARow { dataset, split, found, records, first: Box::new(first.error) }),
            None => Err(DataError::NoSuchRecord { dataset, split, index, records }),
        }
    }

    /// Token ids of a question as [`load`](Self::load) makes them.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn encode_question(&self, question: &str) -> Result<Vec<u32>, TextError> {
        self.tokenizer.encode(question.trim())
    }

    /// Token ids of an answer as [`load`](Self::load) makes them: a leading space, and end-of-sequence behind.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn encode_answer(&self, answer: &str) -> Result<Vec<u32>, TextError> {
        let mut ids = self.tokenizer.encode(&format!(" {}", answer.trim()))?;
        ids.push(self.tokenizer.eos_id());
        Ok(ids)
    }

    /// Features of 16 kHz mono `samples`, cut and padded as for every example, and the seconds used.
    pub fn features(&self, samples: &[f32]) -> (Features, f64) {
        let most = (self.max_seconds * f64::from(SAMPLE_RATE)).round() as usize;
        let used = &samples[..samples.len().min(most)];
        let features = if self.padded { self.mel.extract_padded(used, self.max_seconds) } else { self.mel.extract(used) };
        (features, used.len() as f64 / f64::from(SAMPLE_RATE))
    }

    /// Means over the training records of a dataset, for planning; lengths are read from the audio headers. Records with a broken
    /// header or text are left out, as [`load_usable`](Self::load_usable) does.
    ///
    /// # Errors
    /// When there is no such dataset, or no record of it can be read: then what is wrong with the first.
    pub fn means(&self, dataset: usize) -> Result<Means, DataError> {
        let (owner, _) = self.record(Split::Train, dataset, 0)?;
        let facts: Vec<Result<(usize, f64), DataError>> = (0..owner.len(Split::Train))
            .into_par_iter()
            .map(|index| {
                let record = owner.record(Split::Train, index)?;
                let text = |source: TextError| DataError::Text { dataset: owner.name.clone(), id: record.id.clone(), source };
                let tokens = self.encode_question(&record.question).map_err(text)?.len()
                    + self.encode_answer(&record.answer).map_err(text)?.len();
                let seconds = audio::duration(&owner.audio_path(&record)).map_err(|source| DataError::Audio {
                    dataset: owner.name.clone(),
                    id: record.id.clone(),
                    source,
                })?;
                Ok((tokens, seconds.min(self.max_seconds)))
            })
            .collect();
        let (mut sums, mut first) = (Vec::with_capacity(facts.len()), None);
        for fact in facts {
            match fact {
                Ok(fact) => sums.push(fact),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first.filter(|_| sums.is_empty()) {
            return Err(error);
        }
        let count = sums.len() as f64;
        // Summed in order, so that the result does not depend on the threads.
        let tokens = sums.iter().map(|(tokens, _)| *tokens as f64).sum::<f64>() / count;
        let audio_seconds = sums.iter().map(|(_, seconds)| seconds).sum::<f64>() / count;
        Ok(Means { tokens, audio_seconds })
    }

    fn clip(&self, dataset: &Dataset, record: &Record) -> Result<CachedClip, DataError> {
        let path: PathBuf = dataset.audio_path(record);
        if let Some(clip) = self.cache.get(&path) {
            return Ok(clip);
        }
        let audio = |source| DataError::Audio { dataset: dataset.name.clone(), id: record.id.clone(), source };
        // A file that cannot be read is decoded all the same, for the error that says so.
        let key = || FeatureKey::new(&path, &self.mel, self.max_seconds, self.padded).ok();
        let disk = self.disk.as_ref().and_then(|disk| Some((disk, key()?)));
        let kept = disk.as_ref().and_then(|(disk, key)| disk.get(key));
        let clip = match kept {
            Some(clip) => clip,
            None => {
                let waveform = audio::decode(&path).map_err(audio)?;
                let (features, seconds) = self.features(&waveform.samples);
                let clip = CachedClip { features: Arc::new(features), seconds };
                if let Some((disk, key)) = disk {
                    disk.put(&key, &clip);
                }
                clip
            }
        };
        self.cache.put(path, clip.clone());
        Ok(clip)
    }
}

/// The texts of the training records as examples spell them, for [`TextTokenizer::train`]: every question once, and every
/// answer `weight` times with its leading space, so that answers become single tokens first.
///
/// # Errors
/// When a record cannot be read.
pub fn training_texts(collection: &Collection, weight: usize) -> Result<Vec<String>, DataError> {
    let mut texts = Vec::new();
    for record in collection.datasets.iter().flat_map(|dataset| dataset.records(Split::Train)) {
        let record = record?;
        texts.push(record.question.trim().to_owned());
        let answer = format!(" {}", record.answer.trim());
        texts.extend(std::iter::repeat_n(answer, weight));
    }
    Ok(texts)
}
