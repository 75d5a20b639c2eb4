//! Clips that sound the same bit for bit under different names.

use std::collections::HashMap;

use serde::Serialize;

use super::Outcome;
use crate::{dataset::Dataset, record::Split};

/// How equal clips lie to each other; the gravest that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DuplicateKind {
    /// In one split of one dataset: counted twice.
    WithinSplit,
    /// In two datasets, but in one kind of split.
    AcrossDatasets,
    /// Training here, validation there: the validation score is too good.
    IntoValidation,
    /// Training or validation here, test there: the test measures memory.
    IntoTest,
}

/// A set of files with equal audio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// How they lie to each other.
    pub kind: DuplicateKind,
    /// `DATASET/AUDIO (split)` of each.
    pub clips: Vec<String>,
}

pub(super) fn find(datasets: &[Dataset], outcomes: &[Vec<Option<Outcome>>]) -> Vec<Duplicate> {
    let mut by_hash: HashMap<[u8; 16], Vec<(usize, u32, Split)>> = HashMap::new();
    for (number, dataset) in datasets.iter().enumerate() {
        let mut split_of = vec![None; dataset.files.len()];
        for split in Split::ALL {
            for clip in dataset.clips(split) {
                split_of[clip as usize].get_or_insert(split);
            }
        }
        for ((clip, split), outcome) in (0u32..).zip(split_of).zip(&outcomes[number]) {
            if let (Some(split), Some(facts)) = (split, outcome.as_ref().and_then(Outcome::good)) {
                by_hash.entry(facts.audio_hash.short()).or_default().push((number, clip, split));
            }
        }
    }
    let mut duplicates: Vec<Duplicate> = by_hash
        .into_values()
        .filter(|set| set.len() > 1)
        .map(|set| {
            let name = |&(number, clip, split): &(usize, u32, Split)| {
                format!("{}/{} ({split})", datasets[number].name, datasets[number].clip(clip))
            };
            let mut clips: Vec<String> = set.iter().map(name).collect();
            clips.sort_unstable();
            Duplicate { kind: kind(&set), clips }
        })
        .collect();
    duplicates.sort_unstable_by(|a, b| b.kind.cmp(&a.kind).then_with(|| a.clips.cmp(&b.clips)));
    duplicates
}

fn kind(set: &[(usize, u32, Split)]) -> DuplicateKind {
    let among = |wanted: Split| set.iter().filter(|(_, _, split)| *split == wanted).count();
    let datasets = set.iter().zip(set.iter().skip(1)).any(|(a, b)| a.0 != b.0);
    if (1..set.len()).contains(&among(Split::Test)) {
        DuplicateKind::IntoTest
    } else if (1..set.len()).contains(&among(Split::Validation)) {
        DuplicateKind::IntoValidation
    } else if datasets {
        DuplicateKind::AcrossDatasets
    } else {
        DuplicateKind::WithinSplit
    }
}
