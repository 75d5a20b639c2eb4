//! Training clips that are test clips under another name, or cut from the same recording.

use std::collections::{HashMap, HashSet};

use crate::{dataset::Dataset, record::Split};

/// Start of the SHA-256 of decoded audio: enough to tell all clips of the world apart.
pub(crate) type AudioHash = [u8; 16];

/// The test clips of several datasets, by how they sound and by where they come from.
pub(crate) struct TestClips {
    /// Datasets that test on this sound.
    audio: HashMap<AudioHash, Vec<usize>>,
    /// Datasets that test on this recording.
    source: HashMap<u64, Vec<usize>>,
}

impl TestClips {
    /// `hash` gives the hash of a dataset's clip, where it is known.
    pub(crate) fn new(datasets: &[Dataset], hash: impl Fn(usize, u32) -> Option<AudioHash>) -> Self {
        let mut test = Self { audio: HashMap::new(), source: HashMap::new() };
        for (number, dataset) in datasets.iter().enumerate() {
            let clips: HashSet<u32> = dataset.clips(Split::Test).collect();
            for clip in clips {
                hash(number, clip).into_iter().for_each(|hash| note(&mut test.audio, hash, number));
                dataset.sources_of(clip).for_each(|id| note(&mut test.source, id, number));
            }
        }
        test
    }

    /// Datasets that test on this sound.
    pub(crate) fn by_audio(&self, hash: Option<AudioHash>) -> &[usize] {
        hash.and_then(|hash| self.audio.get(&hash)).map_or(&[], Vec::as_slice)
    }

    /// Other datasets that test on a recording that `clip` of `dataset`, number `own`, comes from.
    pub(crate) fn by_source(&self, own: usize, dataset: &Dataset, clip: u32) -> impl Iterator<Item = usize> {
        let owners = dataset.sources_of(clip).filter_map(|id| self.source.get(&id)).flatten();
        owners.copied().filter(move |&owner| owner != own)
    }
}

fn note<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vec<usize>>, key: K, number: usize) {
    let owners = map.entry(key).or_default();
    if !owners.contains(&number) {
        owners.push(number);
    }
}
