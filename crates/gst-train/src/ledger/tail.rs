//! The end of `metrics.jsonl`, found without reading what stands before it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 16;

/// How a line begins that tells of an optimizer step.
const STEP: &[u8] = br#"{"event":"step""#;

/// Where a file of lines is to be cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// Length of the whole lines within the bytes that are wanted.
    pub(super) kept: u64,
    /// Optimizer steps told of behind that.
    pub(super) steps: u64,
}

impl Tail {
    /// Looks at the file at `path` from its byte `wanted` on, and as far before it as the last line feed. A file that is absent is empty.
    pub(super) fn of(path: &Path, wanted: u64) -> io::Result<Self> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened?,
        };
        let wanted = wanted.min(file.metadata()?.len());
        let kept = last_line_end(&mut file, wanted)?;
        file.seek(SeekFrom::Start(kept))?;
        Ok(Self { kept, steps: steps(BufReader::with_capacity(BLOCK, file))? })
    }
}

/// The place behind the last line feed before `end`; 0 where there is none.
fn last_line_end(file: &mut File, mut end: u64) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let begin = end.saturating_sub(BLOCK as u64);
        file.seek(SeekFrom::Start(begin))?;
        let block = &mut block[..usize::try_from(end - begin).unwrap_or(BLOCK)];
        file.read_exact(block)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// Lines that begin with [`STEP`].
fn steps(mut lines: impl BufRead) -> io::Result<u64> {
    let mut found = 0;
    // How much of the beginning the line has shown; `None` once it is known whether it does.
    let mut shown = Some(0);
    loop {
        let block = lines.fill_buf()?;
        if block.is_empty() {
            return Ok(found);
        }
        for &byte in block {
            shown = match shown {
                _ if byte == b'\n' => Some(0),
                Some(count) if STEP.get(count) == Some(&byte) && count + 1 < STEP.len() => Some(count + 1),
                Some(count) => {
                    found += u64::from(STEP.get(count) == Some(&byte));
                    None
                }
                None => None,
            };
        }
        let length = block.len();
        lines.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn wherever_it_is_cut_whole_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        assert_eq!(Tail::of(&path, 9).unwrap(), Tail::default());
        // Lines longer than a block, and one whose end is torn off inside of the beginning.
        let long = "x".repeat(2 * BLOCK + 7);
        let text = format!(
            "{{\"event\":\"step\"}}\n{{\"event\":\"stage\",\"name\":\"{long}\"}}\n{{\"event\":\"step\",\"a\":1}}\n\n{{\"event\":\"st"
        );
        std::fs::write(&path, &text).unwrap();
        let places = (0..40).chain((BLOCK - 40..BLOCK + 40).step_by(3)).chain(text.len() - 40..text.len() + 3);
        for wanted in places {
            let before = text.as_bytes()[..wanted.min(text.len())].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            let steps = text[before..].lines().filter(|line| line.starts_with("{\"event\":\"step\"")).count();
            let expected = Tail { kept: before as u64, steps: steps as u64 };
            assert_eq!(Tail::of(&path, wanted as u64).unwrap(), expected, "{wanted}");
        }
    }

    /// Earlier lines of 64 GiB, most of them a hole in the file: whoever reads them all needs longer.
    #[test]
    fn the_place_is_found_without_reading_what_stands_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let hole = 1 << 36;
        let mut file = File::create(&path).unwrap();
        file.set_len(hole).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"\n{\"event\":\"step\",\"step\":1000000}\n").unwrap();
        let wanted = file.stream_position().unwrap();
        file.write_all(&b"{\"event\":\"step\",\"step\":1000001}\n".repeat(3)).unwrap();
        let began = Instant::now();
        assert_eq!(Tail::of(&path, wanted).unwrap(), Tail { kept: wanted, steps: 3 });
        assert_eq!(Tail::of(&path, wanted - 1).unwrap(), Tail { kept: hole + 1, steps: 4 });
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
