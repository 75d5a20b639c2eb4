//! Training on one dataset, testing on another with the same recordings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Outcome, answers::Answers};
use crate::{dataset::Dataset, overlap::TestClips, record::Split};

/// Example clips named of each overlap.
const EXAMPLES: usize = 5;

/// Training clips (validation included) of one dataset that are in the test split of another, or of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Overlap {
    /// The dataset that trains.
    pub train: String,
    /// The dataset that tests.
    pub test: String,
    /// Clips that sound like a test clip bit for bit.
    pub by_audio: Shared,
    /// Other clips that come from the recording of a test clip, by their source ids; not looked for inside one dataset.
    pub by_source: Shared,
}

/// How much is shared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Shared {
    /// Training clips.
    pub clips: usize,
    /// Records about them.
    pub records: usize,
    /// The first of them.
    pub examples: Vec<String>,
}

impl Shared {
    fn add(&mut self, audio: &str, records: usize) {
        self.clips += 1;
        self.records += records;
        if self.examples.len() < EXAMPLES {
            self.examples.push(audio.to_owned());
        }
    }
}

pub(super) fn find(datasets: &[Dataset], outcomes: &[Vec<Option<Outcome>>], answers: &[Answers]) -> Vec<Overlap> {
    let hash = |dataset: usize, clip: u32| {
        outcomes[dataset][clip as usize].as_ref().and_then(Outcome::good).map(|facts| facts.audio_hash.short())
    };
    let test = TestClips::new(datasets, hash);
    let mut found: BTreeMap<(usize, usize), Overlap> = BTreeMap::new();
    for (own, dataset) in datasets.iter().enumerate() {
        let clips: BTreeSet<u32> = dataset.clips(Split::Train).chain(dataset.clips(Split::Validation)).collect();
        for clip in clips {
            let audio = dataset.clip(clip);
            let records = answers[own].of_clip(clip).0 as usize;
            let by_audio = test.by_audio(hash(own, clip));
            let by_source: BTreeSet<usize> =
                test.by_source(own, dataset, clip).filter(|other| !by_audio.contains(other)).collect();
            for &other in by_audio {
                found.entry((own, other)).or_default().by_audio.add(audio, records);
            }
            for other in by_source {
                found.entry((own, other)).or_default().by_source.add(audio, records);
            }
        }
    }
    let name = |number: usize| datasets[number].name.clone();
    found.into_iter().map(|((train, test), overlap)| Overlap { train: name(train), test: name(test), ..overlap }).collect()
}
