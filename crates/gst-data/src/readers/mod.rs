//! Readers: from the files of a dataset, as its host hands them out, to questions about clips.
//!
//! A [`Reader`] goes through the files of a [`Source`] and hands over one [`Record`] after the other with its [`Split`]; nothing is
//! kept in memory but what a format forces it to. [`DATASETS`] has the fourteen datasets of the paper, [`GENERAL`] the readers for
//! anything else. Question forms are chosen by a hash of the row's id, splits that a dataset lacks by a hash of what its clips come
//! from, so neither depends on the order of files or the machine.

mod ask;
mod audiocaps;
mod chime_home;
mod clips;
mod clotho;
mod cochlscene;
mod csv;
mod fields;
mod folder_per_class;
mod iemocap;
mod jamendo;
mod json;
mod jsonl;
mod key;
mod layout;
mod lines;
mod macs;
mod musicnet;
mod musicqa;
mod openaqa;
mod parquet;
mod promptspeech;
mod registry;
mod salmonn;
mod sounddescs;
mod source;
mod style;
mod table;
mod textrolspeech;
mod wavcaps;

use std::fmt;

pub use clips::{Clips, FORMATS};
pub use key::{Key, Kind};
pub use registry::{DATASETS, Facts, GENERAL};
pub use source::Source;
pub use table::{Encoding, Row, Table};

use crate::{
    error::DataError,
    record::{Record, Split},
};

/// Takes a row; an error ends the reading.
pub type Sink<'a> = dyn FnMut(Split, Record) -> Result<(), DataError> + 'a;

/// Reads one format.
pub trait Reader: Sync {
    /// The settings it takes beside `path`, `clips` and `missing`.
    fn keys(&self) -> &'static [Key] {
        &[]
    }

    /// Hands every row of `source` to `sink`.
    ///
    /// # Errors
    /// When a file is missing or not as the format says, and whatever the sink returns.
    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError>;
}

/// A reader under its name.
pub struct Entry {
    /// Name as `reader = "…"`, and the name that a dataset of the paper has by default.
    pub name: &'static str,
    /// What it reads, in a line.
    pub title: &'static str,
    /// The reader.
    pub reader: &'static dyn Reader,
    /// True where hosts hand out only a part of the clips, so that rows without one are left out unless `missing = "error"`.
    pub partial: bool,
    /// What is known of the dataset; `None` for general readers.
    pub facts: Option<Facts>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// Every entry: the datasets, then the general readers.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    DATASETS.iter().chain(GENERAL)
}

/// The entry named `name`.
pub fn find(name: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.name == name)
}
