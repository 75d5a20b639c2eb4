//! The `.npy` format (NumPy enhancement proposal 1): magic, version, a Python dictionary as text, the values.

use super::SourceError;
use super::numbers::{Kind, Numbers};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header that is read: NumPy itself refuses more than 10,000 characters without being asked to.
const MAX_HEADER: usize = 10_000;

/// The array of a `.npy` file.
pub(super) fn parse<'a>(bytes: &'a [u8], source_name: &str) -> Result<Numbers<'a>, SourceError> {
    let bad = |reason: String| SourceError::BadNpy { source_name: source_name.to_owned(), reason };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("it does not start with \\x93NUMPY".to_owned()))?;
    let cut = || bad("it ends inside its header".to_owned());
    let (length, rest) = match rest {
        [1, _, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        [major, minor, ..] => return Err(bad(format!("version {major}.{minor}, versions 1 to 3 are read"))),
        _ => return Err(cut()),
    };
    if length > MAX_HEADER {
        return Err(bad(format!("a header of {length} bytes, at most {MAX_HEADER} are read")));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| bad("its header is not text".to_owned()))?;
    let field = |key: &str| value_of(header, key).ok_or_else(|| bad(format!("its header has no `{key}`")));

    let descr = quoted(field("descr")?).ok_or_else(|| bad("`descr` is not a simple type (a structured array?)".to_owned()))?;
    let (big_endian, kind) = kind(descr, source_name)?;
    if !field("fortran_order")?.starts_with("False") {
        return Err(bad("it is in Fortran order: save numpy.ascontiguousarray(array)".to_owned()));
    }
    let shape = shape(field("shape")?).ok_or_else(|| bad("`shape` is not a tuple of whole numbers".to_owned()))?;
    let expected = shape.iter().try_fold(kind.bytes(), |sum, size| sum.checked_mul(*size));
    if expected != Some(data.len()) {
        return Err(bad(format!("{} bytes of values, shape {shape:?} of {descr} needs {}", data.len(), wanted(expected))));
    }
    Ok(Numbers { kind, big_endian, shape, bytes: data })
}

fn wanted(expected: Option<usize>) -> String {
    expected.map_or("more than memory has".to_owned(), |bytes| bytes.to_string())
}

/// What follows `'key':` in the header.
fn value_of<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, after) = header.split_once(&format!("'{key}'"))?;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.split_once('\'').map(|(inside, _)| inside)
}

fn kind(descr: &str, source_name: &str) -> Result<(bool, Kind), SourceError> {
    match descr {
        "<f4" | "|f4" => Ok((false, Kind::F32)),
        ">f4" => Ok((true, Kind::F32)),
        "<f8" => Ok((false, Kind::F64)),
        ">f8" => Ok((true, Kind::F64)),
        "<f2" => Ok((false, Kind::F16)),
        ">f2" => Ok((true, Kind::F16)),
        found => Err(SourceError::BadType { source_name: source_name.to_owned(), found: found.to_owned() }),
    }
}

fn shape(text: &str) -> Option<Vec<usize>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    inside.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}
