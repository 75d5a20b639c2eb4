//! Writes the suite to a folder.

use hound::{SampleFormat, WavSpec, WavWriter};
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::clip::{Clip, Row};
use super::contents::{Contents, Set};
use super::error::SuiteError;
use super::marker::{Found, Marker, look, written};
use super::report::{DatasetReport, SuiteReport};
use super::scene::Part;
use super::world::WorldParams;
use super::{MAX_SCALE, MIN_SCALE};

/// Which suite to generate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SuiteParams {
    /// Decides every clip, speaker and voice.
    pub seed: u64,
    /// Factor on the number of clips, [`MIN_SCALE`] to [`MAX_SCALE`]; 1 gives 120 to 480 training clips a dataset. Every answer
    /// keeps at least one clip in each half.
    pub scale: f64,
}

impl Default for SuiteParams {
    fn default() -> Self {
        Self { seed: 0, scale: 1.0 }
    }
}

/// Writes the suite to `dir` (made if it is not there): `NAME/audio/*.wav`, `NAME/train.jsonl` and `NAME/test.jsonl` for each of
/// the 14 datasets, the table `datasets.json`, and the marker [`super::MARKER_FILE`].
///
/// If the folder already holds this very suite, nothing is written and the report says `reused`. Another or an unfinished suite
/// is replaced; folders beside it that are not part of it stay. `progress` is called with the number of clips done and of all
/// clips, from several threads.
///
/// # Errors
///
/// [`SuiteError::Scale`] for a scale out of range, [`SuiteError::NotAFolder`] and [`SuiteError::NotASuite`] if `dir` is a file or
/// holds anything else than a generated suite (nothing is touched then), the other variants if a file cannot be written.
pub fn generate(dir: &Path, params: &SuiteParams, progress: impl Fn(usize, usize) + Sync) -> Result<SuiteReport, SuiteError> {
    // Written so that a NaN is refused, too.
    if !(MIN_SCALE..=MAX_SCALE).contains(&params.scale) {
        return Err(SuiteError::Scale { found: params.scale });
    }
    fill(dir, &Contents::of_suite(params), &progress)
}

/// Writes a world to `dir`: twelve small datasets whose conflict and dependence are known, laid out as [`generate`] does, with the knobs
/// and what is true of each dataset in the marker.
///
/// # Errors
///
/// As [`generate`], and [`SuiteError::Knob`] for a knob out of range.
pub fn generate_world(
    dir: &Path,
    params: &WorldParams,
    progress: impl Fn(usize, usize) + Sync,
) -> Result<SuiteReport, SuiteError> {
    params.check()?;
    fill(dir, &Contents::of_world(params), &progress)
}

/// Writes what is not there yet.
fn fill(dir: &Path, contents: &Contents, progress: &(impl Fn(usize, usize) + Sync)) -> Result<SuiteReport, SuiteError> {
    match look(dir)? {
        Found::Suite(marker) => {
            if let Some(report) = marker.holds(&contents.recipe, dir) {
                progress(report.clips, report.clips);
                return Ok(SuiteReport { reused: true, ..report });
            }
            marker.clear(dir)?;
        }
        Found::Empty => make_folder(dir)?,
    }
    let marker = Marker::begun(&contents.recipe, contents.sets.iter().map(|set| set.row.name.clone()).collect());
    marker.write(dir)?;
    marker.clear(dir)?;
    let report = write_suite(dir, contents, progress)?;
    write_table(&dir.join("datasets.json"), &report.datasets)?;
    marker.finished(dir, &report)?.write(dir)?;
    Ok(report)
}

fn write_suite(dir: &Path, contents: &Contents, progress: &(impl Fn(usize, usize) + Sync)) -> Result<SuiteReport, SuiteError> {
    let total: usize = contents.sets.iter().map(|set| set.row.clips).sum();
    let done = AtomicUsize::new(0);
    let tick = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    let mut hash = Sha256::new();
    let mut datasets = Vec::new();
    for set in &contents.sets {
        datasets.push(write_dataset(&dir.join(&set.row.name), set, &mut hash, &tick)?);
    }
    Ok(SuiteReport {
        seed: contents.seed,
        scale: contents.scale,
        reused: false,
        fingerprint: written(hash),
        clips: total,
        bytes: datasets.iter().map(|dataset| dataset.bytes).sum(),
        audio_seconds: datasets.iter().map(|dataset| dataset.audio_seconds).sum(),
        datasets,
        world: contents.world.clone(),
    })
}

/// What is kept of a clip once its file is written.
struct Written {
    row: Row,
    seconds: f64,
    bytes: u64,
    digest: [u8; 32],
}

/// Writes one dataset, its clips in parallel; adds clips and lines to the hash in order.
fn write_dataset(folder: &Path, set: &Set, hash: &mut Sha256, tick: &(impl Fn() + Sync)) -> Result<DatasetReport, SuiteError> {
    make_folder(&folder.join("audio"))?;
    let mut report = DatasetReport { shortest_seconds: f64::INFINITY, ..set.row.clone() };
    for (part, count) in Part::BOTH.into_iter().zip([set.row.train, set.row.test]) {
        let clips = (0..count)
            .into_par_iter()
            .map(|index| {
                let written = write_clip(folder, set, (set.make)(part, index))?;
                tick();
                Ok(written)
            })
            .collect::<Result<Vec<Written>, SuiteError>>()?;
        let path = folder.join(format!("{}.jsonl", part.name()));
        let mut lines = String::new();
        for clip in &clips {
            lines += &serde_json::to_string(&clip.row).map_err(|source| SuiteError::Json { path: path.clone(), source })?;
            lines.push('\n');
            hash.update(clip.digest);
            report.bytes += clip.bytes;
            report.audio_seconds += clip.seconds;
            report.shortest_seconds = report.shortest_seconds.min(clip.seconds);
            report.longest_seconds = report.longest_seconds.max(clip.seconds);
        }
        hash.update(&lines);
        write_file(&path, lines.as_bytes())?;
    }
    Ok(report)
}

fn write_clip(folder: &Path, set: &Set, clip: Clip) -> Result<Written, SuiteError> {
    let (rate, channels) = (set.row.sample_rate, set.row.channels);
    let path = folder.join(&clip.row.audio);
    let bytes = wav(rate, channels, &clip.samples).map_err(|source| SuiteError::Wav { path: path.clone(), source })?;
    write_file(&path, &bytes)?;
    let seconds = clip.seconds(rate, channels);
    Ok(Written { seconds, row: clip.row, bytes: bytes.len() as u64, digest: Sha256::digest(&bytes).into() })
}

/// A WAV file in memory: 16-bit integers.
fn wav(rate: u32, channels: u16, samples: &[i16]) -> Result<Vec<u8>, hound::Error> {
    let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::with_capacity(2 * samples.len() + 64));
    let mut writer = WavWriter::new(&mut bytes, spec)?;
    for &sample in samples {
        writer.write_sample(sample)?;
    }
    writer.finalize()?;
    Ok(bytes.into_inner())
}

fn write_table(path: &Path, datasets: &[DatasetReport]) -> Result<(), SuiteError> {
    let text = serde_json::to_string_pretty(datasets).map_err(|source| SuiteError::Json { path: path.to_owned(), source })?;
    write_file(path, text.as_bytes())
}

fn make_folder(path: &Path) -> Result<(), SuiteError> {
    fs::create_dir_all(path).map_err(|source| SuiteError::Io { action: "create the folder", path: path.to_owned(), source })
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), SuiteError> {
    fs::write(path, bytes).map_err(|source| SuiteError::Io { action: "write", path: PathBuf::from(path), source })
}
