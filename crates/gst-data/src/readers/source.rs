//! The files and settings of one dataset, as its reader sees them.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use toml::Value;

use super::{
    Clips, Key, ask,
    table::{Encoding, Table},
};
use crate::{
    error::{DataError, Place},
    record::Split,
    sources::{Missing, Settings, SourceError, Stamp, Stamps},
};

/// The files and settings of one dataset. It notes what is looked at, so that a change is seen, and where reading stands, so that
/// every complaint has a place.
pub struct Source<'a> {
    settings: &'a Settings,
    /// Where clips go that come inside another file.
    extracted: &'a Path,
    clips: RefCell<PathBuf>,
    stamps: RefCell<Stamps>,
    cursor: RefCell<(PathBuf, usize)>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(settings: &'a Settings, extracted: &'a Path) -> Self {
        let clips = settings.clips.clone().unwrap_or_else(|| match settings.path.is_file() {
            true => settings.path.parent().unwrap_or(Path::new("")).into(),
            false => settings.path.clone(),
        });
        let cursor = RefCell::new((settings.path.clone(), 0));
        Self { settings, extracted, clips: RefCell::new(clips), stamps: RefCell::new(BTreeMap::new()), cursor }
    }

    /// Name of the dataset.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The domain of the dataset where its reader does not say more: `speech`, `music`, `environment`, …
    pub fn domain(&self) -> String {
        self.settings.reader.facts.as_ref().map_or("", |facts| facts.domain).to_owned()
    }

    /// Folder or file that the list gives.
    pub fn path(&self) -> &Path {
        &self.settings.path
    }

    /// One of `forms`, by a hash of dataset and row.
    pub fn ask(&self, forms: &[&str], id: &str) -> String {
        ask::form(forms, self.name(), id).to_owned()
    }

    /// Test with probability `share`, by a hash of what the clip comes from; training otherwise.
    pub fn split_by(&self, origin: &str, share: f64) -> Split {
        ask::split(self.name(), origin, share)
    }

    /// A setting as text, or its usual value; `None` when there is neither.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.settings.values.get(key) {
            Some(value) => value.as_str(),
            None => Some(self.usual(key)).filter(|usual| !usual.is_empty()),
        }
    }

    /// A setting as a list of texts, or its usual value.
    pub fn texts(&self, key: &str) -> Vec<&str> {
        match self.settings.values.get(key) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(value) => value.as_str().into_iter().collect(),
            None => self.usual(key).split(", ").filter(|text| !text.is_empty()).collect(),
        }
    }

    /// True when a list setting has `text`.
    pub fn asks_for(&self, key: &str, text: &str) -> bool {
        self.texts(key).contains(&text)
    }

    /// A setting as a number, or its usual value.
    pub fn number(&self, key: &str) -> f64 {
        match self.settings.values.get(key) {
            Some(Value::Integer(number)) => *number as f64,
            Some(Value::Float(number)) => *number,
            _ => self.usual(key).parse().unwrap_or_default(),
        }
    }

    /// A setting as a flag, or its usual value.
    pub fn flag(&self, key: &str) -> bool {
        self.settings.values.get(key).and_then(Value::as_bool).unwrap_or_else(|| self.usual(key) == "true")
    }

    fn usual(&self, key: &str) -> &'static str {
        self.settings.reader.reader.keys().iter().find(|known| known.name == key).map_or("", |known: &Key| known.usual)
    }

    /// The first of `candidates` below the dataset's folder that exists; `None` without any.
    pub fn look_for<T: AsRef<Path>>(&self, candidates: &[T]) -> Option<PathBuf> {
        let mut paths = candidates.iter().map(|candidate| self.path().join(candidate));
        paths.find(|path| {
            self.stamp(path);
            path.exists()
        })
    }

    /// As [`look_for`](Self::look_for); `hint` says what the file is and where it comes from.
    ///
    /// # Errors
    /// When none of them exists.
    pub fn find<T: AsRef<Path>>(&self, candidates: &[T], hint: &str) -> Result<PathBuf, DataError> {
        self.look_for(candidates).ok_or_else(|| {
            let names: Vec<String> = candidates.iter().map(|name| name.as_ref().display().to_string()).collect();
            let path = self.path().join(names.first().map_or("", String::as_str));
            let others = if names.len() > 1 { format!(", nor {}", names[1..].join(", nor ")) } else { String::new() };
            SourceError::MissingFile { dataset: self.name().into(), path, hint: format!("{hint}{others}") }.into()
        })
    }

    /// Opens a file and notes it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(&self, path: &Path) -> Result<BufReader<File>, DataError> {
        self.stamp(path);
        self.at(path, 0);
        let file = File::open(path).map_err(|source| DataError::Read { path: path.into(), source })?;
        Ok(BufReader::with_capacity(1 << 16, file))
    }

    /// Opens a table with a line of column names.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn table(&self, path: &Path, delimiter: u8, encoding: Encoding) -> Result<Table<'_>, DataError> {
        Table::with_header(self, path, delimiter, encoding)
    }

    /// Names in a folder, in no particular order, and notes it.
    ///
    /// # Errors
    /// When it is no folder that can be read.
    pub fn names(&self, folder: &Path) -> Result<Vec<OsString>, DataError> {
        self.stamp(folder);
        let failed = |source| DataError::Read { path: folder.into(), source };
        fs::read_dir(folder).map_err(failed)?.map(|entry| entry.map(|entry| entry.file_name()).map_err(failed)).collect()
    }

    /// Names in a folder that are UTF-8 and do not begin with a dot, sorted.
    ///
    /// # Errors
    /// When it is no folder that can be read.
    pub fn sorted(&self, folder: &Path) -> Result<Vec<String>, DataError> {
        let mut names: Vec<String> = self.names(folder)?.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable();
        Ok(names)
    }

    /// Folder that audio paths are relative to: `clips`, or the folder of the dataset. Empty when clips are extracted.
    pub fn clips_folder(&self) -> PathBuf {
        self.clips.borrow().clone()
    }

    /// Where clips lie below the dataset's folder when `clips` is not set: the first of `candidates` that exists.
    pub fn usual_clips(&self, candidates: &[&str]) {
        if self.settings.clips.is_none()
            && let Some(folder) = self.look_for(candidates)
        {
            self.clips.replace(folder);
        }
    }

    /// All clips below the clips' folder, by name.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn clips(&self) -> Result<Clips, DataError> {
        Clips::below(self, &self.clips_folder())
    }

    /// Keeps a clip that came inside another file, under the hash of its bytes; the path to write into a record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn extract(&self, bytes: &[u8]) -> Result<String, DataError> {
        let name = super::clips::content_name(bytes);
        let path = self.extracted.join(&name);
        let written = |source| DataError::from(SourceError::Write { path: path.clone(), source });
        if !path.exists() {
            fs::create_dir_all(path.parent().unwrap_or(self.extracted)).map_err(written)?;
            fs::write(&path, bytes).map_err(written)?;
        }
        self.clips.replace(PathBuf::new());
        Ok(name)
    }

    /// True when clips are extracted and `audio` is one of them.
    pub(crate) fn is_extracted(&self, audio: &str) -> bool {
        self.clips.borrow().as_os_str().is_empty() && self.extracted.join(audio).is_file()
    }

    /// Where reading stands now; line 0 is the file as a whole.
    pub fn place(&self) -> Place {
        let (file, line) = self.cursor.borrow().clone();
        Place { dataset: self.name().into(), file, line }
    }

    /// Says where reading stands.
    pub fn at(&self, file: &Path, line: usize) {
        let mut cursor = self.cursor.borrow_mut();
        if cursor.0 != file {
            cursor.0 = file.into();
        }
        cursor.1 = line;
    }

    /// A complaint about the row where reading stands.
    pub fn bad(&self, reason: impl Into<String>) -> DataError {
        SourceError::BadRow { place: self.place(), reason: reason.into() }.into()
    }

    pub(crate) fn missing(&self) -> Missing {
        self.settings.missing
    }

    pub(crate) fn stamp(&self, path: &Path) {
        self.stamps.borrow_mut().entry(path.into()).or_insert_with(|| Stamp::of(path));
    }

    pub(crate) fn stamps(&self) -> Stamps {
        self.stamps.borrow().clone()
    }
}
