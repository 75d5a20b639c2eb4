//! Rows of a listed dataset, kept as JSON Lines until something they were read from changes.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Located, Missing, Settings, SourceList,
    error::SourceError,
    stamp::{self, Stamps},
};
use crate::{
    error::DataError,
    readers::Source,
    record::{Record, Split},
};

/// Name and version of `source.json`; the version is raised whenever a reader makes other rows of the same files.
const FORMAT: (&str, u32) = ("gst-import", 1);

/// A dataset that was read, or had been before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Where its rows and clips lie.
    #[serde(flatten)]
    pub located: Located,
    /// Rows by split: train, validation, test. Without a split of its own for validation that one is 0, and clips are held out
    /// of the training rows when the dataset is opened.
    pub rows: [usize; 3],
    /// Rows left out because their clips are not on disk.
    pub left_out: usize,
    /// False when nothing had changed and the rows of an earlier time were kept.
    pub read: bool,
}

/// What `source.json` says beside the rows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    format: String,
    version: u32,
    /// Everything of the dataset's line, spelled in one way.
    settings: String,
    clips: PathBuf,
    rows: [usize; 3],
    left_out: usize,
    stamps: Stamps,
}

/// Reads a dataset of `list`, unless its rows are there already and nothing they came from has changed.
///
/// The rows are written aside and renamed, so that two processes may do it at once.
///
/// # Errors
/// When a file is missing or not as its format says, a clip is missing (unless such rows are left out), nothing is left, or the
/// rows cannot be written.
pub fn import(list: &SourceList, settings: &Settings) -> Result<Imported, DataError> {
    let folder = list.imported.join(&settings.name);
    let line = format!("{} {settings:?}", settings.reader.name);
    if let Some(kept) = Kept::read(&folder).filter(|kept| kept.settings == line && stamp::unchanged(&kept.stamps)) {
        return Ok(kept.imported(settings, folder, false));
    }
    let aside = list.imported.join(format!(".{}.{}", settings.name, std::process::id()));
    let done = write(settings, &aside, line).and_then(|kept| {
        let written = |source| DataError::from(SourceError::Write { path: folder.clone(), source });
        remove(&folder).map_err(written)?;
        match fs::rename(&aside, &folder) {
            // Another process was quicker: its rows are as good as ours.
            Err(_) if Kept::read(&folder).is_some_and(|theirs| theirs == kept) => {}
            renamed => renamed.map_err(written)?,
        }
        Ok(kept)
    });
    // What a failed reading leaves is of no use; that it cannot be removed is no reason to hide why.
    let _ = remove(&aside);
    Ok(done?.imported(settings, folder, true))
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write(settings: &Settings, folder: &Path, line: String) -> Result<Kept, DataError> {
    let written = |source| DataError::from(SourceError::Write { path: folder.into(), source });
    remove(folder).map_err(written)?;
    fs::create_dir_all(folder).map_err(written)?;
    let source = Source::new(settings, folder);
    let mut rows =
        Rows { source: &source, folder, files: [None, None, None], rows: [0; 3], left_out: 0, parents: HashMap::new() };
    settings.reader.reader.read(&source, &mut |split, record| rows.take(split, record))?;
    let Rows { files, rows, left_out, .. } = rows;
    for file in files.into_iter().flatten() {
        file.into_inner().map_err(|error| written(error.into_error()))?.sync_all().map_err(written)?;
    }
    for (split, hint) in [(Split::Train, "is `path` the right folder?"), (Split::Test, "give it test rows or a share of them")] {
        if rows[split as usize] == 0 {
            let (dataset, clips) = (settings.name.clone(), source.clips_folder());
            return Err(SourceError::NoRows { dataset, split, left_out, clips, hint }.into());
        }
    }
    let clips = source.clips_folder();
    let kept =
        Kept { format: FORMAT.0.into(), version: FORMAT.1, settings: line, clips, rows, left_out, stamps: source.stamps() };
    let text = serde_json::to_vec_pretty(&kept).map_err(|error| written(error.into()))?;
    fs::write(folder.join("source.json"), text).map_err(written)?;
    Ok(kept)
}

impl Kept {
    fn read(folder: &Path) -> Option<Self> {
        let kept: Self = serde_json::from_slice(&fs::read(folder.join("source.json")).ok()?).ok()?;
        (kept.format == FORMAT.0 && kept.version == FORMAT.1).then_some(kept)
    }

    fn imported(self, settings: &Settings, folder: PathBuf, read: bool) -> Imported {
        // Extracted clips lie beside the rows, which were moved as a whole.
        let clips = if self.clips.as_os_str().is_empty() { folder.clone() } else { self.clips };
        let located = Located { name: settings.name.clone(), manifests: folder, clips };
        Imported { located, rows: self.rows, left_out: self.left_out, read }
    }
}

/// Takes rows from a reader, checks them while their place is known, and writes them.
struct Rows<'a> {
    source: &'a Source<'a>,
    folder: &'a Path,
    files: [Option<BufWriter<File>>; 3],
    rows: [usize; 3],
    left_out: usize,
    /// Names of the files in each folder of clips; listing a folder once is cheaper than asking for each clip.
    parents: HashMap<PathBuf, HashSet<OsString>>,
}

impl Rows<'_> {
    fn take(&mut self, split: Split, record: Record) -> Result<(), DataError> {
        self.check(&record)?;
        if !self.is_there(&record.audio)? {
            if self.source.missing() == Missing::LeaveOut {
                self.left_out += 1;
                return Ok(());
            }
            let (place, clips) = (self.source.place(), self.source.clips_folder());
            return Err(SourceError::MissingClip { place, audio: record.audio, clips }.into());
        }
        let path = self.folder.join(format!("{split}.jsonl"));
        let written = |source| DataError::from(SourceError::Write { path: path.clone(), source });
        let file = match &mut self.files[split as usize] {
            Some(file) => file,
            unopened => unopened.insert(BufWriter::new(File::create(&path).map_err(written)?)),
        };
        serde_json::to_writer(&mut *file, &record).map_err(|error| written(error.into()))?;
        file.write_all(b"\n").map_err(written)?;
        self.rows[split as usize] += 1;
        Ok(())
    }

    /// The rules of the layout, here with the place in the dataset's own file.
    fn check(&self, record: &Record) -> Result<(), DataError> {
        let Record { id, audio, question, answer, choices, domain, .. } = record;
        let fields = [("id", id), ("audio", audio), ("question", question), ("answer", answer), ("domain", domain)];
        if let Some((field, _)) = fields.into_iter().find(|(_, value)| value.trim().is_empty()) {
            return Err(DataError::EmptyField { place: self.source.place(), field });
        }
        if !choices.is_empty() && !choices.contains(answer) {
            let (answer, choices) = (answer.clone(), choices.join(", "));
            return Err(DataError::AnswerNotAmongChoices { place: self.source.place(), answer, choices });
        }
        let climbs = |component: Component<'_>| !matches!(component, Component::Normal(_) | Component::CurDir);
        if Path::new(audio).components().any(climbs) {
            let reason = "an absolute path or `..`; set `clips` to a folder above it";
            return Err(DataError::AudioOutside { place: self.source.place(), audio: audio.clone(), reason });
        }
        Ok(())
    }

    fn is_there(&mut self, audio: &str) -> Result<bool, DataError> {
        if self.source.is_extracted(audio) {
            return Ok(true);
        }
        let path = self.source.clips_folder().join(audio);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
        if let Some(names) = self.parents.get(parent) {
            return Ok(names.contains(name));
        }
        let names: HashSet<OsString> = self.source.names(parent).unwrap_or_default().into_iter().collect();
        let found = names.contains(name);
        self.parents.insert(parent.into(), names);
        Ok(found)
    }
}
