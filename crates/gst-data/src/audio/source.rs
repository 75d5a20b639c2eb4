//! A file that ends with an error when a demuxer reads it over and over.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use symphonia::core::io::MediaSource;

/// Bytes that may be read beyond the multiple of the size: small files are probed at both ends.
const READ_ALLOWANCE: u64 = 1 << 20;

/// A regular file with a budget of bytes to read.
pub(super) struct BoundedFile {
    file: File,
    bytes: u64,
    left: u64,
    seekable: bool,
}

impl BoundedFile {
    pub(super) fn new(file: File, bytes: u64, seekable: bool) -> Self {
        Self { file, bytes, seekable, left: bytes.saturating_mul(super::MAX_REREADS).saturating_add(READ_ALLOWANCE) }
    }
}

impl Read for BoundedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("read too many times over"));
        }
        let read = self.file.read(buffer)?;
        // At least one a call, so that calls at the end of the file are counted too.
        self.left = self.left.saturating_sub((read as u64).max(1));
        Ok(read)
    }
}

impl Seek for BoundedFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

impl MediaSource for BoundedFile {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.bytes)
    }
}
