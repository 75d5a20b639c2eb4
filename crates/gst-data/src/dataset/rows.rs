//! Records that stay on disk: in memory a row is 24 bytes, its text is read when it is asked for.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    error::{DataError, Place},
    hash::quick,
    manifest::Row,
    names::Names,
    record::Record,
};

/// Most records of one dataset: rows are numbered with 32 bits.
pub const MAX_RECORDS: usize = u32::MAX as usize - 1;

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    /// 1-based line of the file that messages name.
    pub(crate) line: u32,
    /// Number in [`Rows::clips`].
    pub(crate) clip: u32,
    /// Low half of the id's hash, so that a row moved by an editor in mid-run is noticed.
    pub(crate) mark: u32,
}

/// Rows that follow each other in one file.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// First row of the segment.
    pub(crate) begin: usize,
    /// The file that messages name.
    pub(crate) path: PathBuf,
    /// The file the rows lie in, which is that one or a temporary copy.
    pub(crate) file: Arc<File>,
}

/// All rows of one dataset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    pub(crate) entries: Vec<Entry>,
    pub(crate) segments: Vec<Segment>,
    /// The clips' files, relative to the dataset's folder.
    pub(crate) clips: Names,
}

impl Rows {
    pub(crate) fn entry(&self, row: u32) -> Option<&Entry> {
        self.entries.get(row as usize)
    }

    fn segment(&self, row: u32) -> Option<&Segment> {
        let behind = self.segments.partition_point(|segment| segment.begin <= row as usize);
        self.segments.get(behind.checked_sub(1)?)
    }

    /// Where messages about `row` point.
    pub(crate) fn place(&self, dataset: &str, row: u32) -> Place {
        let file = self.segment(row).map(|segment| segment.path.clone()).unwrap_or_default();
        Place { dataset: dataset.into(), file, line: self.entry(row).map_or(0, |entry| entry.line as usize) }
    }

    /// Reads a row; `None` where there is none with that number.
    pub(crate) fn read(&self, dataset: &str, row: u32) -> Option<Result<Record, DataError>> {
        Some(self.read_entry(dataset, row, self.entry(row)?, self.segment(row)?))
    }

    fn read_entry(&self, dataset: &str, row: u32, entry: &Entry, segment: &Segment) -> Result<Record, DataError> {
        let place = || self.place(dataset, row);
        let mut bytes = vec![0; entry.length as usize];
        read_at(&segment.file, &mut bytes, entry.offset).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => DataError::ChangedRow { place: place() },
            _ => DataError::Read { path: segment.path.clone(), source },
        })?;
        let read = Row::parse(&bytes, place).map_err(|_| DataError::ChangedRow { place: place() })?;
        let same = mark(&read.id) == entry.mark && read.audio == self.clips.get(entry.clip);
        if same { Ok(read.into_record(entry.line as usize)) } else { Err(DataError::ChangedRow { place: place() }) }
    }
}

/// See [`Entry::mark`].
pub(crate) fn mark(id: &str) -> u32 {
    quick(id) as u32
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

/// Opens a manifest.
pub(crate) fn open(dataset: &str, path: &Path) -> Result<Arc<File>, DataError> {
    let opened = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => DataError::MissingManifest { dataset: dataset.into(), path: path.into() },
        _ => DataError::Read { path: path.into(), source },
    });
    opened.map(Arc::new)
}
