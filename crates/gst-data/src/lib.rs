//! AudioQA data: from a folder of recordings and questions to what a model is fed.
//!
//! A folder holds datasets, `NAME/{audio/*, train.jsonl, test.jsonl}`, one JSON object a line with `id`, `audio`, `question`,
//! `answer`, `choices` and `domain`. Everything that can be wrong with it is an error that names file, line and remedy
//! before any training begins.
//!
//! ```no_run
//! use std::{path::Path, sync::Arc};
//! use gst_data::{Collection, ExampleSource, OpenParams, Split, mel::LogMel, text::TextTokenizer, training_texts};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let collection = Arc::new(Collection::open(Path::new("data"), &OpenParams::default())?);
//! let tokenizer = Arc::new(TextTokenizer::try_train(training_texts(&collection, 4), 1024)?);
//! let source = ExampleSource::new(collection, tokenizer, LogMel::new(80)?);
//! let example = source.load(Split::Train, 0, 0)?;
//! println!("{} frames, {} answer tokens", example.features.frames, example.answer.len());
//! # Ok(())
//! # }
//! ```
//!
//! | module or type | holds |
//! |---|---|
//! | [`Collection`], [`Dataset`], [`Record`] | what lies on disk, checked; read when asked for; hold-out, limit, fingerprint, majority baseline |
//! | [`readers`], [`sources`] | datasets as their hosts hand them out, listed in a TOML file |
//! | [`DatasetBuilder`] | rows of any reader, checked and kept on disk |
//! | [`audio`] | WAV, FLAC, OGG/Vorbis, MP3 to 16 kHz mono |
//! | [`mel`] | log-mel features as Whisper's front end defines them |
//! | [`fbank`] | filter banks as Kaldi computes them |
//! | [`text`] | byte-level BPE, or any `tokenizer.json` |
//! | [`FrontEnd`], [`Dialogue`] | what a model hears of a clip, and how it is asked and answers |
//! | [`ExampleSource`] | samples ready for a batch, from any thread; broken ones are replaced |
//! | [`FeatureCache`], [`DiskCache`] | features kept in memory, and on disk between runs |
//! | [`loader`] | work ahead in threads, handed over in order |
//! | [`check`] | what is in a folder, what is wrong with it, and what is set aside; child processes that decode |
//! | [`suite`] | fourteen generated datasets |
//!
//! With the feature `hub` there is a module `hub` that fetches datasets and weights of the Hugging Face Hub.

mod admission;
mod baseline;
mod builder;
mod cache;
mod caught;
mod collection;
mod dataset;
mod error;
mod example;
mod folder;
mod front_end;
mod hash;
mod leave_out;
mod names;
mod overlap;
mod record;
mod scan;
mod split;

pub mod audio;
pub mod check;
pub mod fbank;
#[cfg(feature = "hub")]
pub mod hub;
pub mod loader;
pub mod manifest;
pub mod mel;
pub mod readers;
pub mod sources;
pub mod suite;
pub mod text;

pub use builder::DatasetBuilder;
pub use cache::disk::{DEFAULT_DISK_CACHE_BYTES, DiskCache, DiskCacheCounts, FeatureKey};
pub use cache::{CacheCounts, CachedClip, DEFAULT_CACHE_BYTES, FeatureCache};
pub use collection::{Collection, MAX_PROBLEMS, OpenParams};
pub use dataset::rows::MAX_RECORDS;
pub use dataset::{Dataset, LeftOut};
pub use error::{DataError, Place};
pub use example::{Broken, Example, ExampleSource, MAX_BROKEN_IN_A_ROW, Means, training_texts};
pub use front_end::{DEFAULT_MAX_SECONDS, FrontEnd, Heard};
pub use hash::ContentHash;
pub use record::{Record, Split};
pub use text::{Dialogue, Plain};

/// The README's example, compiled with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
