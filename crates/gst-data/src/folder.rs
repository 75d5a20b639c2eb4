//! Audio paths that stay inside their dataset's folder.

use std::{
    collections::HashMap,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::error::{DataError, Place};

/// Resolves audio paths below one folder. Parent folders are resolved once each, so a record costs one `lstat`.
pub(crate) struct Folder {
    root: PathBuf,
    real: PathBuf,
    parents: HashMap<PathBuf, Option<PathBuf>>,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Result<Self, DataError> {
        let real = root.canonicalize().map_err(|source| DataError::Read { path: root.into(), source })?;
        Ok(Self { root: root.into(), real, parents: HashMap::new() })
    }

    /// Size in bytes of the file that `audio` names.
    ///
    /// # Errors
    /// When the path is absolute, climbs with `..`, leaves the folder through a link, is missing or no regular file.
    pub(crate) fn size(&mut self, audio: &str, place: impl Fn() -> Place) -> Result<u64, DataError> {
        let outside = |reason| DataError::AudioOutside { place: place(), audio: audio.into(), reason };
        let missing = || DataError::AudioMissing { place: place(), audio: audio.into() };
        let relative = Path::new(audio);
        for component in relative.components() {
            match component {
                Component::Normal(_) | Component::CurDir => {}
                Component::ParentDir => return Err(outside("`..` in the path")),
                Component::RootDir | Component::Prefix(_) => return Err(outside("an absolute path")),
            }
        }
        if audio.contains('\0') {
            return Err(missing());
        }
        let parent = relative.parent().unwrap_or(Path::new(""));
        if !self.parents.contains_key(parent) {
            self.parents.insert(parent.into(), self.root.join(parent).canonicalize().ok());
        }
        let Some(Some(folder)) = self.parents.get(parent) else { return Err(missing()) };
        if !folder.starts_with(&self.real) {
            return Err(outside("a link to another folder"));
        }
        let path = self.root.join(relative);
        let mut metadata = fs::symlink_metadata(&path).map_err(|_| missing())?;
        if metadata.is_symlink() {
            let target = path.canonicalize().map_err(|_| missing())?;
            if !target.starts_with(&self.real) {
                return Err(outside("a link to a file elsewhere"));
            }
            metadata = fs::metadata(&target).map_err(|_| missing())?;
        }
        if metadata.is_file() {
            Ok(metadata.len())
        } else {
            Err(DataError::AudioNotAFile { place: place(), audio: audio.into() })
        }
    }
}
