//! Which training clips are held out, and which records a limit keeps: by hash, so independent of the order of the files.

use std::collections::HashSet;

use rayon::prelude::*;

use crate::{dataset::rows::Rows, error::DataError, hash::rank};

/// Splits training `rows` into training and validation: whole clips, `share` of them (at least one, and one is left to train on).
pub(crate) fn hold_out(dataset: &str, rows: &Rows, train: Vec<u32>, share: f64) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    if share <= 0.0 {
        return Ok((train, Vec::new()));
    }
    let clip = |row: u32| rows.entry(row).map_or(0, |entry| entry.clip);
    let mut used = vec![false; rows.clips.len()];
    for &row in &train {
        used[clip(row) as usize] = true;
    }
    let mut clips: Vec<(u64, u32)> = (0..rows.clips.count())
        .into_par_iter()
        .filter(|&clip| used[clip as usize])
        .map(|clip| (rank("hold-out", &[dataset, rows.clips.get(clip)]), clip))
        .collect();
    if clips.len() < 2 {
        return Err(DataError::TooFewClips { dataset: dataset.into(), clips: clips.len() });
    }
    clips.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| rows.clips.get(a.1).cmp(rows.clips.get(b.1))));
    let held = ((clips.len() as f64 * share).round() as usize).clamp(1, clips.len() - 1);
    let mut is_held = used;
    is_held.fill(false);
    for &(_, clip) in &clips[..held] {
        is_held[clip as usize] = true;
    }
    Ok(train.into_iter().partition(|&row| !is_held[clip(row) as usize]))
}

/// At most `limit` of the rows, in their order.
///
/// # Errors
/// When a row cannot be read.
pub(crate) fn limit(dataset: &str, rows: &Rows, train: &mut Vec<u32>, limit: usize) -> Result<(), DataError> {
    if train.len() <= limit {
        return Ok(());
    }
    let ranked = |&row: &u32| {
        let record = rows.read(dataset, row)?;
        Some(record.map(|record| (rank("subset", &[dataset, &record.id]), record.id, row)))
    };
    let mut ranked: Vec<(u64, String, u32)> = train.par_iter().filter_map(ranked).collect::<Result<_, DataError>>()?;
    ranked.par_sort_unstable();
    let kept: HashSet<u32> = ranked[..limit].iter().map(|&(.., row)| row).collect();
    train.retain(|row| kept.contains(row));
    Ok(())
}
