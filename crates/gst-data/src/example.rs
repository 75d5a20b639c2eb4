//! From a record to what a model is fed.

use std::{path::Path, sync::Arc};

use rayon::prelude::*;

use crate::{
    audio,
    cache::disk::{DiskCache, FeatureKey},
    cache::{CachedClip, DEFAULT_CACHE_BYTES, FeatureCache},
    collection::Collection,
    dataset::Dataset,
    error::DataError,
    front_end::FrontEnd,
    mel::{Features, LogMel},
    record::{Record, Split},
    text::{Dialogue, Plain, TextError, TextTokenizer},
};

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
    /// Kaldi filter banks `[frames, bins]` of the same clip, where the front end makes them.
    pub filter_banks: Option<Arc<Features>>,
    /// Token ids of the question, see [`Dialogue`].
    pub prompt: Vec<u32>,
    /// Token ids of the answer, then end-of-sequence.
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
    dialogue: Arc<dyn Dialogue>,
    front_end: FrontEnd,
    cache: Arc<FeatureCache>,
    /// Filter banks, where the front end makes them.
    banks: Arc<FeatureCache>,
    disk: Option<Arc<DiskCache>>,
}

impl ExampleSource {
    /// A source with a cache of [`DEFAULT_CACHE_BYTES`] of its own.
    pub fn new(collection: Arc<Collection>, tokenizer: Arc<TextTokenizer>, mel: LogMel) -> Self {
        let cache = Arc::new(FeatureCache::new(DEFAULT_CACHE_BYTES));
        let dialogue = Arc::new(Plain(Arc::clone(&tokenizer)));
        let (front_end, banks) = (FrontEnd::new(mel), Arc::new(FeatureCache::new(DEFAULT_CACHE_BYTES)));
        Self { collection, tokenizer, dialogue, front_end, cache, banks, disk: None }
    }

    /// Keeps features in `cache`, which only sources of equal features may share: same bands, seconds and padding.
    #[must_use]
    pub fn with_cache(mut self, cache: Arc<FeatureCache>) -> Self {
        self.cache = cache;
        self
    }

    /// Questions and answers as `dialogue` has them, instead of [`Plain`] ones.
    #[must_use]
    pub fn with_dialogue(mut self, dialogue: Arc<dyn Dialogue>) -> Self {
        self.dialogue = dialogue;
        self
    }

    /// Features as `front_end` makes them. Filter banks are kept in `banks`.
    #[must_use]
    pub fn with_front_end(mut self, front_end: FrontEnd, banks: Arc<FeatureCache>) -> Self {
        (self.front_end, self.banks) = (front_end, banks);
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
        self.front_end = self.front_end.with_seconds(seconds, padded);
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

    /// How questions are asked and answers end.
    pub fn dialogue(&self) -> &dyn Dialogue {
        &*self.dialogue
    }

    /// From samples to features.
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// Mel bands of the features.
    pub fn mels(&self) -> usize {
        self.front_end.mels()
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
        let (features, filter_banks, audio_seconds) = (clip.features, clip.filter_banks, clip.seconds);
        Ok(Example { dataset, record: index, features, filter_banks, prompt, answer, audio_seconds })
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
        self.dialogue.question(question)
    }

    /// Token ids of an answer as [`load`](Self::load) makes them, end-of-sequence last.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn encode_answer(&self, answer: &str) -> Result<Vec<u32>, TextError> {
        self.dialogue.answer(answer)
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
                Ok((tokens, seconds.min(self.front_end.seconds())))
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

    fn clip(&self, dataset: &Dataset, record: &Record) -> Result<Clip, DataError> {
        let path = dataset.audio_path(record);
        let wanted = self.front_end.has_filter_banks();
        let (mel, banks) = (self.cache.get(&path), if wanted { self.banks.get(&path) } else { None });
        // A file that cannot be read is decoded all the same, for the error that says so.
        let on_disk = self.disk.is_some();
        let key = if on_disk && mel.is_none() { self.front_end.key(&path) } else { None };
        let bank_key = if on_disk && banks.is_none() { self.front_end.bank_key(&path) } else { None };
        let mel = self.recall(&path, mel, key.as_ref(), &self.cache);
        let banks = self.recall(&path, banks, bank_key.as_ref(), &self.banks);
        if let (Some(mel), true) = (&mel, banks.is_some() == wanted) {
            let filter_banks = banks.map(|banks| banks.features);
            return Ok(Clip { features: Arc::clone(&mel.features), filter_banks, seconds: mel.seconds });
        }
        let audio = |source| DataError::Audio { dataset: dataset.name.clone(), id: record.id.clone(), source };
        let heard = self.front_end.hear(&audio::decode(&path).map_err(audio)?.samples);
        let keep = |features, key: Option<FeatureKey>, cache: &FeatureCache| {
            let clip = CachedClip { features: Arc::new(features), seconds: heard.seconds };
            if let (Some(disk), Some(key)) = (&self.disk, key) {
                disk.put(&key, &clip);
            }
            cache.put(path.clone(), clip.clone());
            clip.features
        };
        let features = keep(heard.features, key, &self.cache);
        let filter_banks = heard.filter_banks.map(|banks| keep(banks, bank_key, &self.banks));
        Ok(Clip { features, filter_banks, seconds: heard.seconds })
    }

    /// What is in memory, or else what the disk has under `key`.
    fn recall(
        &self,
        path: &Path,
        known: Option<CachedClip>,
        key: Option<&FeatureKey>,
        cache: &FeatureCache,
    ) -> Option<CachedClip> {
        let from_disk = || {
            let clip = self.disk.as_ref()?.get(key?)?;
            cache.put(path.to_owned(), clip.clone());
            Some(clip)
        };
        known.or_else(from_disk)
    }
}

/// Everything that is made of a clip.
struct Clip {
    features: Arc<Features>,
    filter_banks: Option<Arc<Features>>,
    seconds: f64,
}

/// The texts of the training records as examples spell them, for [`TextTokenizer::try_train`]: each record's question, and behind it its
/// answer `weight` times with its leading space, so that answers become single tokens first. Byte-level BPE begins a word at every such
/// space, so one text counts as that many.
///
/// Each is read when it is its turn; a record that cannot be read is an error in its place.
pub fn training_texts(collection: &Collection, weight: usize) -> impl Iterator<Item = Result<String, DataError>> + Send {
    let text = move |record: Record| record.question.trim().to_owned() + &format!(" {}", record.answer.trim()).repeat(weight);
    collection.datasets.iter().flat_map(|dataset| dataset.records(Split::Train)).map(move |record| record.map(text))
}
