//! Clips by name, where a dataset's files give an id rather than a path.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::Source;
use crate::{error::DataError, sources::SourceError};

/// Endings of the audio files that are decoded.
pub const FORMATS: [&str; 5] = ["wav", "flac", "ogg", "oga", "mp3"];

/// Folders below the clips' folder that are gone into: deeper than any host nests, and a loop of links ends.
const MAX_DEPTH: usize = 12;

/// The audio files below a folder, by name without ending.
pub struct Clips {
    by_name: HashMap<String, Vec<String>>,
}

impl Clips {
    pub(crate) fn below(source: &Source<'_>, root: &Path) -> Result<Self, DataError> {
        let mut clips = Self { by_name: HashMap::new() };
        let mut folders = vec![(PathBuf::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let here = root.join(&folder);
            for name in source.sorted(&here)? {
                let relative = folder.join(&name);
                match stem(&name) {
                    Some(stem) => {
                        if let Some(path) = relative.to_str() {
                            clips.by_name.entry(stem.to_owned()).or_default().push(path.to_owned());
                        }
                    }
                    // A name with another ending is a file in all hosts' layouts; asking the disk of each would be slow.
                    None if depth < MAX_DEPTH && here.join(&name).is_dir() => folders.push((relative, depth + 1)),
                    None => {}
                }
            }
        }
        Ok(clips)
    }

    /// Path of the first of `names` (without ending) that is there. Of several clips of one name, the one below a folder whose name
    /// begins with `within` is meant.
    ///
    /// # Errors
    /// When it is open which of several is meant.
    pub fn find<T: AsRef<str>>(&self, source: &Source<'_>, names: &[T], within: &str) -> Result<Option<&str>, DataError> {
        let Some((name, found)) = names.iter().find_map(|name| Some((name.as_ref(), self.by_name.get(name.as_ref())?))) else {
            return Ok(None);
        };
        let begins = |path: &&String| path.split('/').any(|part| !within.is_empty() && part.starts_with(within));
        let mut inside = found.iter().filter(begins);
        match (found.as_slice(), inside.next(), inside.next()) {
            ([only], ..) | (_, Some(only), None) => Ok(Some(only)),
            ([first, second, ..], ..) => {
                let (first, second) = (first.clone(), second.clone());
                Err(SourceError::AmbiguousClip { place: source.place(), name: name.into(), first, second }.into())
            }
            ([], ..) => Ok(None),
        }
    }

    /// As [`find`](Self::find); the first name as a WAV file where none is there, so that the row is reported as one without a clip.
    ///
    /// # Errors
    /// When it is open which of several is meant.
    pub fn path<T: AsRef<str>>(&self, source: &Source<'_>, names: &[T], within: &str) -> Result<String, DataError> {
        let found = self.find(source, names, within)?;
        Ok(found.map_or_else(|| format!("{}.wav", names.first().map_or("", AsRef::as_ref)), str::to_owned))
    }
}

/// The name of an audio file without its ending; `None` for other names.
pub(crate) fn stem(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    FORMATS.iter().any(|format| ending.eq_ignore_ascii_case(format)).then_some(stem)
}

/// `audio/ab/abcdef….wav`: where a clip with these bytes is kept, the ending by its first bytes.
pub(crate) fn content_name(bytes: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    let hash = crate::hash::finish(hasher);
    let hash = hash.trim_start_matches("sha256:");
    let ending = match bytes {
        [b'R', b'I', b'F', b'F', ..] => "wav",
        [b'f', b'L', b'a', b'C', ..] => "flac",
        [b'O', b'g', b'g', b'S', ..] => "ogg",
        _ => "mp3",
    };
    format!("audio/{}/{hash}.{ending}", &hash[..2])
}
