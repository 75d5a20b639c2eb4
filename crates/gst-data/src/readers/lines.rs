//! A file line by line, with a bound on the length of a line.

use std::io::{BufRead, Read};
use std::path::Path;

use super::Source;
use crate::{error::DataError, manifest::MAX_MANIFEST_LINE};

/// Hands every line that is not blank to `take`, without a byte-order mark and the white space around it.
pub(super) fn lines(
    source: &Source<'_>,
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut file = source.open(path)?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut limited = (&mut file).take(MAX_MANIFEST_LINE as u64 + 1);
        let read = limited.read_until(b'\n', &mut line);
        let read = read.map_err(|error| DataError::Read { path: path.to_owned(), source: error })?;
        source.at(path, number);
        if read == 0 {
            break;
        }
        if read > MAX_MANIFEST_LINE {
            return Err(DataError::LineTooLong { place: source.place(), limit: MAX_MANIFEST_LINE });
        }
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line).trim_ascii();
        if !line.is_empty() {
            take(line)?;
        }
    }
    Ok(())
}
