//! Audio paths that stay inside their dataset's folder.

use std::{
    collections::HashMap,
    fs,
    path::{Component, Path, PathBuf},
    time::SystemTime,
};

use rayon::prelude::*;

use crate::{
    error::{DataError, Place},
    names::Names,
};

/// The file that an audio path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClipFile {
    /// In bytes.
    pub(crate) size: u64,
    /// Nanoseconds since 1970 at the last change; 0 where the system does not say.
    pub(crate) modified: u64,
}

/// Why an audio path cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClipFault {
    Outside(&'static str),
    Missing,
    NotAFile,
}

impl ClipFault {
    pub(crate) fn at(self, place: Place, audio: &str) -> DataError {
        let audio = audio.into();
        match self {
            Self::Outside(reason) => DataError::AudioOutside { place, audio, reason },
            Self::Missing => DataError::AudioMissing { place, audio },
            Self::NotAFile => DataError::AudioNotAFile { place, audio },
        }
    }
}

/// Looks at the files of `clips`, which are relative to `root`, in parallel. Parent folders are resolved once each, so a clip
/// costs one `lstat`.
///
/// # Errors
/// When `root` itself cannot be resolved.
pub(crate) fn examine(root: &Path, clips: &Names) -> Result<Vec<Result<ClipFile, ClipFault>>, DataError> {
    let real = root.canonicalize().map_err(|source| DataError::Read { path: root.into(), source })?;
    let mut folders: HashMap<&Path, Option<PathBuf>> = HashMap::new();
    for clip in clips.iter() {
        folders.entry(parent(clip)).or_default();
    }
    folders.par_iter_mut().filter(|(folder, _)| climbs(folder).is_none()).for_each(|(folder, resolved)| {
        *resolved = root.join(folder).canonicalize().ok();
    });
    let look = |number| {
        let clip = clips.get(number);
        file(root, &real, folders.get(parent(clip)).and_then(Option::as_deref), clip)
    };
    Ok((0..clips.count()).into_par_iter().map(look).collect())
}

fn file(root: &Path, real: &Path, folder: Option<&Path>, audio: &str) -> Result<ClipFile, ClipFault> {
    let relative = Path::new(audio);
    if let Some(reason) = climbs(relative) {
        return Err(ClipFault::Outside(reason));
    }
    let folder = folder.filter(|_| !audio.contains('\0')).ok_or(ClipFault::Missing)?;
    if !folder.starts_with(real) {
        return Err(ClipFault::Outside("a link to another folder"));
    }
    let path = root.join(relative);
    let mut metadata = fs::symlink_metadata(&path).map_err(|_| ClipFault::Missing)?;
    if metadata.is_symlink() {
        let target = path.canonicalize().map_err(|_| ClipFault::Missing)?;
        if !target.starts_with(real) {
            return Err(ClipFault::Outside("a link to a file elsewhere"));
        }
        metadata = fs::metadata(&target).map_err(|_| ClipFault::Missing)?;
    }
    if !metadata.is_file() {
        return Err(ClipFault::NotAFile);
    }
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    Ok(ClipFile { size: metadata.len(), modified })
}

fn parent(audio: &str) -> &Path {
    Path::new(audio).parent().unwrap_or(Path::new(""))
}

/// Why a path leads out of the folder by its spelling.
fn climbs(path: &Path) -> Option<&'static str> {
    path.components().find_map(|component| match component {
        Component::Normal(_) | Component::CurDir => None,
        Component::ParentDir => Some("`..` in the path"),
        Component::RootDir | Component::Prefix(_) => Some("an absolute path"),
    })
}
