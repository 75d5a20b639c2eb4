//! A manifest from end to end, in blocks that are parsed in parallel, in a memory that does not grow with the file.

use std::{fs::File, io::Read, ops::ControlFlow, path::Path};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    error::{DataError, Place},
    hash::quick,
    manifest::{MAX_MANIFEST_LINE, Row},
    names::Names,
};

/// Bytes of a block: with [`BLOCKS`], 8 MiB are in memory at a time, and as much is read ahead.
const BLOCK_BYTES: usize = 1 << 20;

/// Blocks parsed at a time.
const BLOCKS: usize = 8;

/// Where a row lies and what it has in common with others, by number.
pub(crate) struct ScannedRow {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) line: usize,
    pub(crate) id_hash: u64,
    /// Number in [`Scanned::clips`].
    pub(crate) clip: u32,
    /// Number in [`Scanned::domains`].
    pub(crate) domain: u32,
}

/// The rows of one block, in order.
#[derive(Default)]
pub(crate) struct Scanned {
    pub(crate) rows: Vec<ScannedRow>,
    pub(crate) clips: Names,
    pub(crate) domains: Names,
    /// (clip, hash of a source id), a pair once at least.
    pub(crate) sources: Vec<(u32, u64)>,
    /// What is wrong, each with the number of good rows before it.
    pub(crate) problems: Vec<(usize, DataError)>,
    /// Nothing behind this block can be read.
    stop: bool,
}

/// Reads a manifest and hands its rows to `take` block by block; returns the hash of its bytes.
pub(crate) struct Scan<'a> {
    pub(crate) dataset: &'a str,
    pub(crate) path: &'a Path,
}

impl Scan<'_> {
    /// # Errors
    /// When the file cannot be read. What is wrong with its lines is in the blocks.
    pub(crate) fn run(&self, file: &File, mut take: impl FnMut(Scanned) -> ControlFlow<()>) -> Result<String, DataError> {
        let mut hasher = Sha256::new();
        let mut blocks = Blocks { file, carry: Vec::new(), offset: 0, ended: false };
        let mut lines = 0;
        let mut batch = self.next(&mut blocks)?;
        while !batch.is_empty() {
            let (ahead, scanned) = rayon::join(
                || {
                    batch.iter().for_each(|block| hasher.update(&block.bytes));
                    self.next(&mut blocks)
                },
                || self.batch(&batch, &mut lines),
            );
            for block in scanned {
                let stop = block.stop;
                if take(block).is_break() || stop {
                    return Ok(crate::hash::finish(hasher));
                }
            }
            batch = ahead?;
        }
        Ok(crate::hash::finish(hasher))
    }

    fn next(&self, blocks: &mut Blocks<'_>) -> Result<Vec<Block>, DataError> {
        blocks.batch().map_err(|source| DataError::Read { path: self.path.into(), source })
    }

    fn batch(&self, batch: &[Block], lines: &mut usize) -> Vec<Scanned> {
        let counts: Vec<usize> =
            batch.par_iter().map(|block| block.bytes.iter().filter(|&&byte| byte == b'\n').count()).collect();
        let begin = |count: &usize| std::mem::replace(lines, *lines + count);
        let begins: Vec<usize> = counts.iter().map(begin).collect();
        batch.par_iter().zip(begins).map(|(block, begin)| self.block(block, begin)).collect()
    }

    /// Parses the lines of a block; `before` lines lie before it.
    fn block(&self, block: &Block, before: usize) -> Scanned {
        let mut scanned = Scanned::default();
        let mut offset = block.offset;
        for (number, whole) in block.bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let line = before + number + 1;
            let place = || Place { dataset: self.dataset.into(), file: self.path.into(), line };
            let mut bytes = whole.strip_suffix(b"\n").unwrap_or(whole);
            let mut begin = offset;
            offset += whole.len() as u64;
            if line == 1
                && let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF")
            {
                begin += (bytes.len() - rest.len()) as u64;
                bytes = rest;
            }
            if bytes.len() > MAX_MANIFEST_LINE {
                scanned.fault(DataError::LineTooLong { place: place(), limit: MAX_MANIFEST_LINE });
                scanned.stop = true;
                break;
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            match Row::parse(bytes, place) {
                // A line is no longer than MAX_MANIFEST_LINE.
                Ok(row) => scanned.add(&row, begin, bytes.len() as u32, line),
                Err(problem) => scanned.fault(problem),
            }
        }
        scanned
    }
}

impl Scanned {
    pub(crate) fn add(&mut self, row: &Row<'_>, offset: u64, length: u32, line: usize) {
        // Questions about one clip mostly follow each other.
        let last = self.rows.last();
        let same = |names: &Names, number: Option<u32>, name: &str| number.filter(|&number| names.get(number) == name);
        let clip = same(&self.clips, last.map(|row| row.clip), &row.audio);
        let domain = same(&self.domains, last.map(|row| row.domain), &row.domain);
        let clip = clip.unwrap_or_else(|| self.clips.add(&row.audio));
        let domain = domain.unwrap_or_else(|| self.domains.add(&row.domain));
        for id in &row.source {
            let source = (clip, quick(&id.0));
            if self.sources.last() != Some(&source) {
                self.sources.push(source);
            }
        }
        self.rows.push(ScannedRow { offset, length, line, id_hash: quick(&row.id), clip, domain });
    }

    pub(crate) fn fault(&mut self, problem: DataError) {
        self.problems.push((self.rows.len(), problem));
    }
}

/// Whole lines of a file.
struct Block {
    offset: u64,
    bytes: Vec<u8>,
}

struct Blocks<'a> {
    file: &'a File,
    /// The line that the block before broke off in.
    carry: Vec<u8>,
    offset: u64,
    ended: bool,
}

impl Blocks<'_> {
    fn batch(&mut self) -> std::io::Result<Vec<Block>> {
        let mut batch = Vec::new();
        while !self.ended && batch.len() < BLOCKS {
            let mut bytes = std::mem::take(&mut self.carry);
            // The block ends with the last whole line, unless one line fills it: then it is long enough to be refused.
            let read = self.file.take(BLOCK_BYTES as u64).read_to_end(&mut bytes)?;
            self.ended = read < BLOCK_BYTES;
            if !self.ended {
                match bytes.iter().rposition(|&byte| byte == b'\n') {
                    Some(last) => self.carry = bytes.split_off(last + 1),
                    None if bytes.len() <= MAX_MANIFEST_LINE + 1 => {
                        self.carry = bytes;
                        continue;
                    }
                    None => self.ended = true,
                }
            }
            let offset = self.offset;
            self.offset += bytes.len() as u64;
            if !bytes.is_empty() {
                batch.push(Block { offset, bytes });
            }
        }
        Ok(batch)
    }
}
