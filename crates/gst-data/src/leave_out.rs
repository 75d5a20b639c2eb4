//! What a check found is left out: broken clips, and on request clips that overlap with a test split.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{
    OpenParams,
    check::files::{self, QuarantinedClip, VerifiedClip},
    dataset::Dataset,
    error::DataError,
    overlap::{AudioHash, TestClips},
    record::Split,
};

/// Takes records out of `datasets` and adds the clips concerned to `hasher`.
pub(crate) fn apply(datasets: &mut [Dataset], checks: &Path, params: &OpenParams, hasher: &mut Sha256) -> Result<(), DataError> {
    if params.quarantine {
        let mut broken: Vec<Vec<bool>> = datasets.iter().map(|dataset| vec![false; dataset.files.len()]).collect();
        let found = files::read_quarantine(checks, |clip: QuarantinedClip| {
            if let Some((dataset, clip)) = position(datasets, &clip.dataset, &clip.audio, clip.size) {
                broken[dataset][clip as usize] = true;
            }
        })?;
        if found {
            for (dataset, broken) in datasets.iter_mut().zip(&broken) {
                let is_broken = |clip: u32| broken[clip as usize];
                dataset.left_out.quarantined += remove(dataset, &Split::ALL, is_broken, "quarantine", hasher)?;
            }
        }
    }
    if params.exclude_overlap {
        let mut hashes: Vec<Vec<Option<AudioHash>>> = datasets.iter().map(|dataset| vec![None; dataset.files.len()]).collect();
        let found = files::read_verified(checks, |clip: VerifiedClip| {
            if let Some((dataset, number)) = position(datasets, &clip.dataset, &clip.audio, clip.size) {
                hashes[dataset][number as usize] = Some(clip.facts.audio_hash.short());
            }
        })?;
        if !found {
            return Err(DataError::NotChecked { path: checks.join(files::VERIFIED) });
        }
        let test = TestClips::new(datasets, |dataset, clip| hashes[dataset][clip as usize]);
        for (own, (dataset, hashes)) in datasets.iter_mut().zip(&hashes).enumerate() {
            const TRAINING: [Split; 2] = [Split::Train, Split::Validation];
            let sounds = |clip: u32| !test.by_audio(hashes[clip as usize]).is_empty();
            dataset.left_out.overlap_by_audio += remove(dataset, &TRAINING, sounds, "overlap", hasher)?;
            let comes: Vec<bool> =
                (0..).take(hashes.len()).map(|clip| test.by_source(own, dataset, clip).next().is_some()).collect();
            dataset.left_out.overlap_by_source += remove(dataset, &TRAINING, |clip| comes[clip as usize], "overlap", hasher)?;
        }
    }
    Ok(())
}

/// The dataset and clip that a row of a check names, unless the file has another size by now.
fn position(datasets: &[Dataset], name: &str, audio: &str, size: u64) -> Option<(usize, u32)> {
    let number = datasets.binary_search_by(|dataset| dataset.name.as_str().cmp(name)).ok()?;
    let dataset = &datasets[number];
    let clip = dataset.rows.clips.find(audio)?;
    (dataset.file(clip)?.size == size).then_some((number, clip))
}

/// Takes the records of some clips out of `splits` and returns how many.
fn remove(
    dataset: &mut Dataset,
    splits: &[Split],
    unwanted: impl Fn(u32) -> bool,
    reason: &str,
    hasher: &mut Sha256,
) -> Result<usize, DataError> {
    let mut removed = 0;
    let mut clips = Vec::new();
    for &split in splits {
        let rows = std::mem::take(&mut dataset.splits[split as usize]);
        let before = rows.len();
        let clip = |row: u32| dataset.rows.entry(row).map_or(0, |entry| entry.clip);
        let (out, kept): (Vec<u32>, Vec<u32>) = rows.into_iter().partition(|&row| unwanted(clip(row)));
        clips.extend(out.into_iter().map(clip));
        removed += before - kept.len();
        if kept.is_empty() && before > 0 {
            return Err(DataError::NothingLeft { dataset: dataset.name.clone(), split });
        }
        dataset.splits[split as usize] = kept;
    }
    let mut names: Vec<&str> = clips.iter().map(|&clip| dataset.rows.clips.get(clip)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        for part in [reason, &dataset.name, name] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    Ok(removed)
}
