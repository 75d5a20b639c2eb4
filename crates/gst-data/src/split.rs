//! Which training clips are held out, and which records a limit keeps: by hash, so independent of the order of the files.

use std::collections::{BTreeSet, HashSet};

use crate::{error::DataError, hash::rank, record::Record};

/// Splits `records` into training and validation: whole clips, `share` of them (at least one, and one is left to train on).
pub(crate) fn hold_out(dataset: &str, records: Vec<Record>, share: f64) -> Result<(Vec<Record>, Vec<Record>), DataError> {
    if share <= 0.0 {
        return Ok((records, Vec::new()));
    }
    let mut clips: Vec<(u64, &str)> = records
        .iter()
        .map(|record| record.audio.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|clip| (rank("hold-out", &[dataset, clip]), clip))
        .collect();
    if clips.len() < 2 {
        return Err(DataError::TooFewClips { dataset: dataset.into(), clips: clips.len() });
    }
    clips.sort_unstable();
    let held = ((clips.len() as f64 * share).round() as usize).clamp(1, clips.len() - 1);
    let held: HashSet<String> = clips[..held].iter().map(|&(_, clip)| clip.to_owned()).collect();
    Ok(records.into_iter().partition(|record| !held.contains(&record.audio)))
}

/// At most `limit` of the records, in their order.
pub(crate) fn limit(dataset: &str, records: Vec<Record>, limit: Option<usize>) -> Vec<Record> {
    let Some(limit) = limit.filter(|&limit| limit < records.len()) else { return records };
    let mut ranked: Vec<(u64, &str)> =
        records.iter().map(|record| (rank("subset", &[dataset, &record.id]), record.id.as_str())).collect();
    ranked.sort_unstable();
    let kept: HashSet<String> = ranked[..limit].iter().map(|&(_, id)| id.to_owned()).collect();
    records.into_iter().filter(|record| kept.contains(&record.id)).collect()
}
