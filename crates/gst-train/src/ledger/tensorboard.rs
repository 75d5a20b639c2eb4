//! Event files that TensorBoard opens, written without its package.
//!
//! A file is a row of records in TFRecord framing: length (u64, little-endian), masked CRC-32C of these 8 bytes, data, masked
//! CRC-32C of the data. The data is a protocol buffer `Event` of which four fields are used: `wall_time` (1), `step` (2),
//! `file_version` (3, the first record) and `summary` (5), whose values hold `tag` (1) and `simple_value` (2).
//! Sources: `event.proto`, `summary.proto` and `tf_record.py` of the TensorBoard repository.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::TrainError;
use crate::ledger::Event;

/// Name of the one event file of a run. TensorBoard looks for `tfevents` in it.
pub const FILE: &str = "events.out.tfevents.gst";

/// One scalar and its tag.
pub type Scalar = (String, f64);

/// Appends scalars to an event file.
#[derive(Debug)]
pub struct TensorBoard {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl TensorBoard {
    /// Starts a new event file in `folder`, which is made where it is absent. `wall_time` is in seconds since 1970.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn create(folder: &Path, wall_time: f64) -> Result<Self, TrainError> {
        std::fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
        let path = folder.join(FILE);
        let file = File::create(&path).map_err(TrainError::io(&path))?;
        let mut board = Self { path, file, bytes: 0 };
        board.record(&version_event(wall_time))?;
        Ok(board)
    }

    /// Goes on behind the first `bytes` of the event file in `folder` and cuts off the rest; a file that is absent or shorter is
    /// begun anew.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be written.
    pub fn resume(folder: &Path, bytes: u64, wall_time: f64) -> Result<Self, TrainError> {
        let path = folder.join(FILE);
        if !std::fs::metadata(&path).is_ok_and(|found| found.len() >= bytes && bytes > 0) {
            return Self::create(folder, wall_time);
        }
        let mut file = OpenOptions::new().write(true).open(&path).map_err(TrainError::io(&path))?;
        file.set_len(bytes).and_then(|()| file.seek(SeekFrom::End(0))).map_err(TrainError::io(&path))?;
        Ok(Self { path, file, bytes })
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Waits until all of it is on the disk.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be brought there.
    pub fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_data().map_err(TrainError::io(&self.path))
    }

    /// Adds the scalars of `step`.
    ///
    /// # Errors
    /// [`TrainError::Io`] when they cannot be written.
    pub fn write(&mut self, step: u64, wall_time: f64, scalars: &[Scalar]) -> Result<(), TrainError> {
        self.record(&scalar_event(step, wall_time, scalars))
    }

    fn record(&mut self, event: &[u8]) -> Result<(), TrainError> {
        let framed = frame(event);
        self.file.write_all(&framed).map_err(TrainError::io(&self.path))?;
        self.bytes += framed.len() as u64;
        Ok(())
    }
}

/// Step and scalars that TensorBoard shows of an event; `None` for events without numbers.
#[must_use]
pub fn scalars(event: &Event) -> Option<(u64, Vec<Scalar>)> {
    let mut found = Vec::new();
    let mut add = |tag: String, value: f64| found.push((tag, value));
    match event {
        Event::Step { step, loss, learning_rate, gradient_norm, data_wait_seconds, audio_seconds, datasets, .. } => {
            add("train/loss".into(), *loss);
            add("train/learning_rate".into(), *learning_rate);
            add("train/gradient_norm".into(), *gradient_norm);
            add("train/data_wait_seconds".into(), *data_wait_seconds);
            add("train/audio_seconds".into(), *audio_seconds);
            let samples: u64 = datasets.values().map(|part| part.samples).sum();
            for (name, part) in datasets {
                add(format!("loss/{name}"), part.loss);
                add(format!("sample_share/{name}"), part.samples as f64 / samples.max(1) as f64);
                add(format!("gradient_share/{name}"), part.gradient_share);
            }
            Some((*step, found))
        }
        Event::Evaluation { split, step, scores, forgetting, .. } => {
            for (name, row) in &scores.datasets {
                add(format!("{split}_loss/{name}"), row.loss);
                add(format!("{split}_token_accuracy/{name}"), row.token_accuracy);
                add(format!("{split}_exact_match/{name}"), row.exact_match);
            }
            for (name, means) in [("weighted", scores.weighted), ("unweighted", scores.unweighted)] {
                add(format!("{split}/{name}_loss"), means.loss);
                add(format!("{split}/{name}_token_accuracy"), means.token_accuracy);
                add(format!("{split}/{name}_exact_match"), means.exact_match);
            }
            for (name, forgotten) in forgetting {
                add(format!("forgetting/{name}"), forgotten.token_accuracy);
            }
            Some((*step, found))
        }
        Event::Stage { step, stage, .. } => {
            add("train/stage".into(), *stage as f64);
            Some((*step, found))
        }
        Event::Decision(_) => None,
    }
}

fn version_event(wall_time: f64) -> Vec<u8> {
    let mut event = double(1, wall_time);
    event.extend(bytes(3, b"brain.Event:2"));
    event
}

fn scalar_event(step: u64, wall_time: f64, scalars: &[Scalar]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in scalars {
        let mut scalar = bytes(1, tag.as_bytes());
        scalar.push(key(2, 5));
        scalar.extend((*value as f32).to_le_bytes());
        summary.extend(bytes(1, &scalar));
    }
    let mut event = double(1, wall_time);
    if step > 0 {
        event.push(key(2, 0));
        event.extend(varint(step));
    }
    event.extend(bytes(5, &summary));
    event
}

/// Field number and wire type (0 varint, 1 eight bytes, 2 with length, 5 four bytes).
fn key(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}

fn double(field: u8, value: f64) -> Vec<u8> {
    let mut out = vec![key(field, 1)];
    out.extend(value.to_le_bytes());
    out
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![key(field, 2)];
    out.extend(varint(value.len() as u64));
    out.extend(value);
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(crc32c(&length)).to_le_bytes());
    out.extend(data);
    out.extend(masked(crc32c(data)).to_le_bytes());
    out
}

/// A checksum that may itself be in checksummed data (`masked_crc32c` of TensorFlow's record format).
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &byte| CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnoli() {
        // RFC 3720, B.4: 32 bytes of zero; and the check value of the CRC catalogue.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// `xtask/reference/tensorboard_events.py golden` writes the same events with TensorBoard's own package.
    #[test]
    fn the_bytes_are_those_of_tensorboard_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut board = TensorBoard::create(folder.path(), 1.5).unwrap();
        board.write(0, 2.25, &[("train/loss".into(), 0.5)]).unwrap();
        board.write(300, 3.0, &[("loss/größe".into(), -1.25e-3), ("x".repeat(200), 7.0)]).unwrap();
        let written = std::fs::read(folder.path().join(FILE)).unwrap();
        assert_eq!(written.len() as u64, board.bytes());
        assert!(written == include_bytes!("../../tests/golden/events.tfevents"), "{written:?}");
    }

    #[test]
    fn a_resumed_file_is_that_of_a_run_never_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let mut board = TensorBoard::create(folder.path(), 1.0).unwrap();
        board.write(1, 2.0, &[("a".into(), 1.0)]).unwrap();
        let position = board.bytes();
        board.write(2, 3.0, &[("a".into(), 2.0)]).unwrap();
        let whole = std::fs::read(folder.path().join(FILE)).unwrap();
        // Cut off in the middle of what followed the checkpoint.
        std::fs::write(folder.path().join(FILE), &whole[..whole.len() - 3]).unwrap();
        let mut again = TensorBoard::resume(folder.path(), position, 9.0).unwrap();
        again.write(2, 3.0, &[("a".into(), 2.0)]).unwrap();
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), whole);

        std::fs::remove_file(folder.path().join(FILE)).unwrap();
        let anew = TensorBoard::resume(folder.path(), position, 1.0).unwrap();
        assert!(anew.bytes() > 0 && anew.bytes() < position);
    }
}
