//! One pass over the records of a dataset: what is asked about each clip, and how often each label occurs.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{AnswerLengths, MAX_LABELS};
use crate::{
    dataset::Dataset,
    error::DataError,
    record::{Record, Split},
};

/// What the records of a dataset say.
pub(super) struct Answers {
    /// Records, shortest and longest answer of each clip.
    by_clip: Vec<(u32, u32, u32)>,
    /// Records by length of the answer in characters.
    lengths: BTreeMap<u32, usize>,
    /// Training records by label, and labels of test records; `None` once there are more than [`MAX_LABELS`].
    pub(super) labels: Option<(BTreeMap<String, usize>, BTreeSet<String>)>,
}

impl Answers {
    pub(super) fn of(dataset: &Dataset) -> Result<Self, DataError> {
        let by_clip = vec![(0, u32::MAX, 0); dataset.files.len()];
        let mut answers = Self { by_clip, lengths: BTreeMap::new(), labels: Some(Default::default()) };
        for split in Split::ALL {
            for (record, clip) in dataset.records(split).zip(dataset.clips(split)) {
                answers.add(split, clip, &record?);
            }
        }
        Ok(answers)
    }

    fn add(&mut self, split: Split, clip: u32, record: &Record) {
        let length = u32::try_from(record.answer.trim().chars().count()).unwrap_or(u32::MAX);
        *self.lengths.entry(length).or_default() += 1;
        if let Some((records, shortest, longest)) = self.by_clip.get_mut(clip as usize) {
            *records += 1;
            *shortest = length.min(*shortest);
            *longest = length.max(*longest);
        }
        let Some((training, test)) = &mut self.labels else { return };
        let class = record.class();
        if split == Split::Test {
            if !test.contains(class) {
                test.insert(class.to_owned());
            }
        } else if let Some(count) = training.get_mut(class) {
            *count += 1;
        } else {
            training.insert(class.to_owned(), 1);
        }
        if training.len().max(test.len()) > MAX_LABELS {
            self.labels = None;
        }
    }

    /// Numbers of the clips that are asked about.
    pub(super) fn clips(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.by_clip).filter(|(_, clip)| clip.0 > 0).map(|(number, _)| number)
    }

    /// Records, shortest and longest answer of a clip, in characters.
    pub(super) fn of_clip(&self, clip: u32) -> (u32, u32, u32) {
        self.by_clip.get(clip as usize).copied().unwrap_or_default()
    }

    pub(super) fn lengths(&self) -> AnswerLengths {
        let records: usize = self.lengths.values().sum();
        let mut before = 0;
        let median = self.lengths.iter().find(|&(_, count)| {
            before += count;
            2 * before >= records
        });
        AnswerLengths {
            shortest: self.lengths.keys().next().copied().unwrap_or(0),
            median: median.map_or(0, |(&length, _)| length),
            longest: self.lengths.keys().next_back().copied().unwrap_or(0),
        }
    }
}
