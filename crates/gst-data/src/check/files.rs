//! `verified.jsonl` and `quarantine.jsonl`: what a check leaves for training and for the next check.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::clip::ClipFacts;
use crate::{error::DataError, hash::ContentHash, manifest::MAX_MANIFEST_LINE};

/// The file with a line for each clip that decodes.
pub const VERIFIED: &str = "verified.jsonl";

/// The file with a line for each clip that does not.
pub const QUARANTINE: &str = "quarantine.jsonl";

/// A clip that decodes: a line of `verified.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifiedClip {
    /// Name of its dataset.
    pub dataset: String,
    /// Its path, as the manifest has it.
    pub audio: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// Nanoseconds since 1970 at the file's last change.
    pub modified: u64,
    /// What decoding told.
    #[serde(flatten)]
    pub facts: ClipFacts,
    /// Questions about it.
    pub records: u32,
    /// Shortest answer among them, in characters.
    pub shortest_answer: u32,
    /// Longest answer among them, in characters.
    pub longest_answer: u32,
}

/// A clip that cannot be used: a line of `quarantine.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuarantinedClip {
    /// Name of its dataset.
    pub dataset: String,
    /// Its path, as the manifest has it.
    pub audio: String,
    /// Why it cannot be used.
    pub reason: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// Nanoseconds since 1970 at the file's last change.
    pub modified: u64,
    /// Hash of the file; absent where it could not be read in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_hash: Option<ContentHash>,
}

/// A row of one of the two files.
pub(super) trait Row: Serialize + DeserializeOwned {
    /// Name of the file.
    const FILE: &'static str;
    /// What the first line calls it.
    const FORMAT: &'static str;

    /// Name of the row's dataset.
    fn dataset(&self) -> &str;
}

impl Row for VerifiedClip {
    const FILE: &'static str = VERIFIED;
    const FORMAT: &'static str = "gst-verified";

    fn dataset(&self) -> &str {
        &self.dataset
    }
}

impl Row for QuarantinedClip {
    const FILE: &'static str = QUARANTINE;
    const FORMAT: &'static str = "gst-quarantine";

    fn dataset(&self) -> &str {
        &self.dataset
    }
}

/// The first line of both files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    decoder: String,
}

impl Header {
    /// The version follows the meaning of the rows, the decoder what may come out of decoding.
    fn of<T: Row>() -> Self {
        let decoder = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { format: T::FORMAT.into(), version: 1, decoder }
    }
}

/// Hands every row of `verified.jsonl` in `folder` to `take`; false where there is no such file.
pub(crate) fn read_verified(folder: &Path, take: impl FnMut(VerifiedClip)) -> Result<bool, DataError> {
    Ok(read(folder, take)?.is_some())
}

/// Hands every row of `quarantine.jsonl` in `folder` to `take`; false where there is no such file.
pub(crate) fn read_quarantine(folder: &Path, take: impl FnMut(QuarantinedClip)) -> Result<bool, DataError> {
    Ok(read(folder, take)?.is_some())
}

/// Hands every row to `take` and says whether this decoder wrote them; nothing where there is no file. A last line without an
/// end, which a check that was killed leaves, is passed over.
pub(super) fn read<T: Row>(folder: &Path, mut take: impl FnMut(T)) -> Result<Option<bool>, DataError> {
    let path = folder.join(T::FILE);
    let failed = |source| DataError::Read { path: path.clone(), source };
    let mut lines = match File::open(&path) {
        Ok(file) => BufReader::with_capacity(1 << 16, file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let (mut line, mut number, mut current) = (Vec::new(), 0, false);
    loop {
        line.clear();
        (&mut lines).take(MAX_MANIFEST_LINE as u64).read_until(b'\n', &mut line).map_err(failed)?;
        number += 1;
        if line.is_empty() || (number > 1 && line.last() != Some(&b'\n') && line.len() < MAX_MANIFEST_LINE) {
            break;
        }
        let bad = |reason: String| DataError::BadCheckFile { path: path.clone(), line: number, reason };
        if number > 1 {
            take(serde_json::from_slice(&line).map_err(|error| bad(error.to_string()))?);
            continue;
        }
        let (header, expected): (Header, _) =
            (serde_json::from_slice(&line).map_err(|error| bad(error.to_string()))?, Header::of::<T>());
        if (&header.format, header.version) != (&expected.format, expected.version) {
            let Header { format, version, .. } = header;
            return Err(bad(format!("is {format} {version}; expected {} {}", expected.format, expected.version)));
        }
        current = header == expected;
    }
    match number {
        1 => Err(DataError::BadCheckFile { path, line: 1, reason: "is empty".into() }),
        _ => Ok(Some(current)),
    }
}

/// Appends rows while a check goes on, so that one that is cut off has not worked for nothing.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Goes on with the file, which is there.
    pub(super) fn open<T: Row>(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(T::FILE);
        let open = || {
            let file = OpenOptions::new().read(true).append(true).open(&path)?;
            cut(&file)?;
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(DataError::Write { path, source }),
        }
    }

    pub(super) fn add<T: Row>(&mut self, row: &T) -> Result<(), DataError> {
        let mut line = serde_json::to_vec(row).map_err(|error| self.failed(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| self.failed(error))
    }

    fn failed(&self, source: std::io::Error) -> DataError {
        DataError::Write { path: self.path.clone(), source }
    }
}

/// Cuts off a last line without an end.
fn cut(file: &File) -> std::io::Result<()> {
    let (mut whole, mut line) = (0, Vec::new());
    let mut lines = BufReader::with_capacity(1 << 16, file);
    while lines.read_until(b'\n', &mut line)? > 0 {
        if line.last() == Some(&b'\n') {
            whole += line.len() as u64;
        }
        line.clear();
    }
    file.set_len(whole)
}

/// Writes a file whole: beside it first, then renamed.
pub(super) fn write<T: Row>(folder: &Path, rows: impl Iterator<Item = T>) -> Result<(), DataError> {
    let path = folder.join(T::FILE);
    let mut aside = path.clone().into_os_string();
    aside.push(".part");
    let attempt = || -> std::io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 16, File::create(&aside)?);
        serde_json::to_writer(&mut file, &Header::of::<T>())?;
        file.write_all(b"\n")?;
        for row in rows {
            serde_json::to_writer(&mut file, &row)?;
            file.write_all(b"\n")?;
        }
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&aside, &path)
    };
    attempt().map_err(|source| DataError::Write { path: path.clone(), source })
}
