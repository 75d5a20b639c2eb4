//! One dataset whose records stay on disk.

pub(crate) mod rows;

use std::{cmp::Reverse, fmt, path::PathBuf, sync::Arc};

use rows::Rows;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    builder::DatasetBuilder,
    error::DataError,
    folder::ClipFile,
    names::Names,
    record::{Record, Split},
};

/// Records that are there and not used, by the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Records whose audio file is not there, where a reader allows that.
    pub missing: usize,
    /// Records of clips that `quarantine.jsonl` lists.
    pub quarantined: usize,
    /// Training records whose clip sounds like a test clip bit for bit.
    pub overlap_by_audio: usize,
    /// Training records whose clip comes from the recording of a test clip of another dataset.
    pub overlap_by_source: usize,
}

impl LeftOut {
    /// Records left out for any reason.
    pub fn records(&self) -> usize {
        self.missing + self.quarantined + self.overlap_by_audio + self.overlap_by_source
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.missing += other.missing;
        self.quarantined += other.quarantined;
        self.overlap_by_audio += other.overlap_by_audio;
        self.overlap_by_source += other.overlap_by_source;
    }
}

/// `left out: 3 records of quarantined clips, …`
impl fmt::Display for LeftOut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.quarantined, "of quarantined clips"),
            (self.overlap_by_audio, "that sound like a test clip"),
            (self.overlap_by_source, "of the recording of a test clip"),
            (self.missing, "without an audio file"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(records, _)| *records > 0).map(|(records, why)| format!("{records} records {why}")).collect();
        write!(out, "left out: {}", if parts.is_empty() { "nothing".into() } else { parts.join(", ") })
    }
}

/// One AudioQA dataset with its three splits; every split keeps the order of its manifest. Records are read from disk when asked
/// for, from any thread; in memory they are some forty bytes each.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Folder name.
    pub name: String,
    /// The most frequent domain of its training records.
    pub domain: String,
    /// The folder that audio paths are relative to.
    pub root: PathBuf,
    pub(crate) rows: Arc<Rows>,
    pub(crate) splits: [Vec<u32>; 3],
    /// The file of each clip in use.
    pub(crate) files: Arc<[Option<ClipFile>]>,
    /// (clip, hash of a source id), sorted.
    pub(crate) sources: Arc<[(u32, u64)]>,
    /// Domain of each row, until the splits are settled.
    pub(crate) domains: (Names, Vec<u32>),
    pub(crate) digest: String,
    pub(crate) left_out: LeftOut,
}

impl Dataset {
    pub(crate) fn of(
        builder: DatasetBuilder,
        splits: [Vec<u32>; 3],
        files: Vec<Option<ClipFile>>,
        missing: usize,
        mut hasher: Sha256,
    ) -> Self {
        let DatasetBuilder { name, root, mut rows, domains, domain_of, mut sources, .. } = builder;
        rows.entries.shrink_to_fit();
        rows.clips.shrink();
        let mut sizes: Vec<(&str, u64)> =
            rows.clips.iter().zip(&files).filter_map(|(clip, file)| Some((clip, file.as_ref()?.size))).collect();
        sizes.sort_unstable();
        for (audio, size) in sizes {
            hasher.update((audio.len() as u64).to_le_bytes());
            hasher.update(audio.as_bytes());
            hasher.update(size.to_le_bytes());
        }
        sources.sort_unstable();
        sources.dedup();
        Self {
            name,
            domain: String::new(),
            root,
            rows: Arc::new(rows),
            splits,
            files: files.into(),
            sources: sources.into(),
            domains: (domains, domain_of),
            digest: crate::hash::finish(hasher),
            left_out: LeftOut { missing, ..LeftOut::default() },
        }
    }

    /// Records of a split.
    pub fn len(&self, split: Split) -> usize {
        self.splits[split as usize].len()
    }

    /// Reads the record at position `index` of a split.
    ///
    /// # Errors
    /// When there is none, or the file has changed since it was opened.
    pub fn record(&self, split: Split, index: usize) -> Result<Record, DataError> {
        let row = self.row(split, index).and_then(|row| self.rows.read(&self.name, row));
        row.unwrap_or_else(|| Err(DataError::NoSuchRecord { dataset: self.name.clone(), split, index, records: self.len(split) }))
    }

    /// Reads the records of a split in order.
    pub fn records(&self, split: Split) -> impl Iterator<Item = Result<Record, DataError>> {
        (0..self.len(split)).map(move |index| self.record(split, index))
    }

    /// The audio path of a record, relative to [`root`](Self::root), without a look at the disk.
    pub fn audio(&self, split: Split, index: usize) -> Option<&str> {
        let entry = self.rows.entry(self.row(split, index)?)?;
        Some(self.rows.clips.get(entry.clip))
    }

    /// Where a record's clip lies.
    pub fn audio_path(&self, record: &Record) -> PathBuf {
        self.root.join(&record.audio)
    }

    /// What lies on disk and is not used.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    fn row(&self, split: Split, index: usize) -> Option<u32> {
        self.splits[split as usize].get(index).copied()
    }

    /// Clip numbers of a split, a clip as often as it has records.
    pub(crate) fn clips(&self, split: Split) -> impl Iterator<Item = u32> {
        self.splits[split as usize].iter().filter_map(|&row| Some(self.rows.entry(row)?.clip))
    }

    /// The path of a clip, relative to the root.
    pub(crate) fn clip(&self, clip: u32) -> &str {
        self.rows.clips.get(clip)
    }

    /// Hashes of the ids of the recordings that a clip comes from.
    pub(crate) fn sources_of(&self, clip: u32) -> impl Iterator<Item = u64> {
        let begin = self.sources.partition_point(|&(other, _)| other < clip);
        self.sources[begin..].iter().take_while(move |&&(other, _)| other == clip).map(|&(_, id)| id)
    }

    pub(crate) fn file(&self, clip: u32) -> Option<ClipFile> {
        self.files.get(clip as usize).copied().flatten()
    }

    /// Sets the domain once the training rows are final: the most frequent one, the first in alphabetical order among equals.
    pub(crate) fn settle(&mut self) {
        let (names, of) = std::mem::take(&mut self.domains);
        let mut counts = vec![0usize; names.len()];
        for &row in &self.splits[Split::Train as usize] {
            if let Some(count) = of.get(row as usize).and_then(|&domain| counts.get_mut(domain as usize)) {
                *count += 1;
            }
        }
        let most = names.iter().zip(counts).min_by_key(|&(name, count)| (Reverse(count), name));
        self.domain = most.map(|(name, _)| name.to_owned()).unwrap_or_default();
    }
}
