//! Clips that sound the same bit for bit under different names.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::clip::ClipFacts;
use crate::{collection::Collection, record::Split};

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

pub(super) fn find(
    collection: &Collection,
    clips: &[(usize, &str, Split)],
    facts: &[BTreeMap<&str, ClipFacts>],
) -> Vec<Duplicate> {
    let mut by_hash: HashMap<[u8; 32], Vec<(usize, &str, Split)>> = HashMap::new();
    for &(number, audio, split) in clips {
        if let Some(ClipFacts::Good { hash, .. }) = facts.get(number).and_then(|known| known.get(audio)) {
            by_hash.entry(*hash).or_default().push((number, audio, split));
        }
    }
    let mut duplicates: Vec<Duplicate> = by_hash
        .into_values()
        .filter(|set| set.len() > 1)
        .map(|set| {
            let kind = kind(&set);
            let name = |number: usize| collection.datasets.get(number).map_or("", |dataset| dataset.name.as_str());
            let mut clips: Vec<String> =
                set.iter().map(|&(number, audio, split)| format!("{}/{audio} ({split})", name(number))).collect();
            clips.sort_unstable();
            Duplicate { kind, clips }
        })
        .collect();
    duplicates.sort_unstable_by(|a, b| b.kind.cmp(&a.kind).then_with(|| a.clips.cmp(&b.clips)));
    duplicates
}

fn kind(set: &[(usize, &str, Split)]) -> DuplicateKind {
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
