//! From rows, wherever they come from, to a checked [`Dataset`].

use std::{
    fs::File,
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::{
    admission::Admission,
    collection::{MAX_PROBLEMS, OpenParams},
    dataset::Dataset,
    dataset::rows::{self, Entry, MAX_RECORDS, Rows, Segment},
    error::{DataError, Place},
    manifest::{MAX_MANIFEST_LINE, Row},
    names::Names,
    record::{Record, Split},
    scan::{Scan, Scanned},
    sources::Located,
    split,
};

/// Takes the rows of one dataset from a reader and checks them as those of `train.jsonl` and `test.jsonl` are checked.
///
/// Rows are not kept in memory: they are written to a temporary file without a name (in the folder that `TMPDIR` names) and
/// read from there when asked for.
///
/// ```
/// use std::path::Path;
/// use gst_data::{Collection, DatasetBuilder, OpenParams, Record, Split};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let root = folder.path();
/// # for clip in ["a.wav", "b.wav", "c.wav"] { std::fs::write(root.join(clip), "RIFF")?; }
/// let params = OpenParams { validation_share: 0.5, ..OpenParams::default() };
/// let mut rows = DatasetBuilder::new("birds", root, false)?;
/// rows.file(Path::new("species.csv"));
/// for (line, (split, clip)) in [(Split::Train, "a"), (Split::Train, "b"), (Split::Test, "c")].into_iter().enumerate() {
///     let text = |text: &str| text.to_owned();
///     rows.push(split, Record {
///         id: text(clip), audio: format!("{clip}.wav"), question: text("Which bird?"), answer: text("wren"),
///         domain: text("environment"), line: line + 1, ..Record::default()
///     })?;
/// }
/// let (dataset, problems) = rows.finish(&params);
/// assert!(problems.is_empty());
/// let collection = Collection::new(root, dataset.into_iter().collect(), &params)?;
/// assert_eq!(collection.datasets[0].record(Split::Test, 0)?.audio, "c.wav");
/// # Ok(())
/// # }
/// ```
pub struct DatasetBuilder {
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    pub(crate) keep_going: bool,
    pub(crate) rows: Rows,
    pub(crate) splits: Vec<Split>,
    pub(crate) id_hashes: Vec<u64>,
    pub(crate) domains: Names,
    pub(crate) domain_of: Vec<u32>,
    pub(crate) sources: Vec<(u32, u64)>,
    /// What is wrong with single rows, each with the number of good rows before it.
    pub(crate) problems: Vec<(usize, DataError)>,
    pub(crate) may_miss: bool,
    hasher: Sha256,
    copy: Option<Copy>,
}

/// Rows of a reader on their way to the temporary file.
struct Copy {
    file: Arc<File>,
    writer: BufWriter<Arc<File>>,
    offset: u64,
    hasher: Sha256,
    line: Vec<u8>,
}

impl DatasetBuilder {
    /// A dataset named `name`; audio paths are relative to `root` and stay inside it. With `keep_going`, bad rows are set aside
    /// and listed at the end (at most [`MAX_PROBLEMS`]), else the first one is an error.
    ///
    /// # Errors
    /// When no temporary file can be made.
    pub fn new(name: &str, root: &Path, keep_going: bool) -> Result<Self, DataError> {
        let mut builder = Self::bare(name, root, keep_going);
        let failed = |source| DataError::Temporary { dataset: name.into(), source };
        let file = Arc::new(tempfile::tempfile().map_err(failed)?);
        let writer = BufWriter::with_capacity(1 << 16, Arc::clone(&file));
        builder.copy = Some(Copy { file, writer, offset: 0, hasher: Sha256::new(), line: Vec::new() });
        builder.file(root);
        Ok(builder)
    }

    fn bare(name: &str, root: &Path, keep_going: bool) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name.as_bytes());
        Self {
            name: name.into(),
            root: root.into(),
            keep_going,
            rows: Rows::default(),
            splits: Vec::new(),
            id_hashes: Vec::new(),
            domains: Names::default(),
            domain_of: Vec::new(),
            sources: Vec::new(),
            problems: Vec::new(),
            may_miss: false,
            hasher,
            copy: None,
        }
    }

    /// Reads `train.jsonl`, `test.jsonl` and, where there is one, `validation.jsonl`, whose rows stay where they are.
    pub(crate) fn jsonl(located: &Located, keep_going: bool) -> Self {
        let mut builder = Self::bare(&located.name, &located.clips, keep_going);
        for (split, file) in [(Split::Train, "train.jsonl"), (Split::Validation, "validation.jsonl"), (Split::Test, "test.jsonl")]
        {
            let path = located.manifests.join(file);
            if split == Split::Validation && !path.exists() {
                continue;
            }
            if let Err(problem) = builder.manifest(split, &path) {
                builder.problems.push((builder.splits.len(), problem));
            }
        }
        builder
    }

    /// Messages about the following rows name this file, with [`Record::line`].
    pub fn file(&mut self, path: &Path) {
        if let Some(copy) = &self.copy {
            let (begin, path) = (self.splits.len(), path.to_owned());
            self.rows.segments.push(Segment { begin, path, file: Arc::clone(&copy.file) });
        }
    }

    /// Rows whose audio file is not there are counted instead of refused (see [`Dataset::left_out`]): for sets whose clips
    /// vanish from their host.
    pub fn leave_out_missing(&mut self) {
        self.may_miss = true;
    }

    /// Adds a row. Rows of [`Split::Validation`] are an official validation split: nothing is held out of the training rows then.
    ///
    /// # Errors
    /// What is wrong with the row, unless the builder keeps going; or the temporary file cannot be written.
    pub fn push(&mut self, split: Split, record: Record) -> Result<(), DataError> {
        let file = self.rows.segments.last().map(|segment| segment.path.clone()).unwrap_or_default();
        let place = || Place { dataset: self.name.clone(), file: file.clone(), line: record.line };
        let Some(copy) = &mut self.copy else { return Ok(()) };
        let mut scanned = Scanned::default();
        match Row::of(&record, place) {
            Err(problem) => return self.problem(problem),
            Ok(row) => match copy.write(split, &record) {
                Err(source) => return Err(DataError::Temporary { dataset: self.name.clone(), source }),
                Ok(None) => return self.problem(DataError::LineTooLong { place: place(), limit: MAX_MANIFEST_LINE }),
                Ok(Some((offset, length))) => scanned.add(&row, offset, length, record.line),
            },
        }
        match self.take(split, scanned) {
            ControlFlow::Break(()) => self.problems.pop().map_or(Ok(()), |(_, problem)| Err(problem)),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Sets a row aside that could not be made into a record.
    ///
    /// # Errors
    /// The problem itself, unless the builder keeps going and has fewer than [`MAX_PROBLEMS`].
    pub fn problem(&mut self, problem: DataError) -> Result<(), DataError> {
        if !self.keep_going || self.problems.len() >= MAX_PROBLEMS {
            return Err(problem);
        }
        self.problems.push((self.splits.len(), problem));
        Ok(())
    }

    /// Checks what concerns more than one row (ids, audio files, clips in two splits) and holds clips out. `None` where nothing
    /// is left to train or to test on; then there is a problem that says so.
    pub fn finish(mut self, params: &OpenParams) -> (Option<Dataset>, Vec<DataError>) {
        if let Some(copy) = self.copy.take() {
            self.hasher.update(crate::hash::finish(copy.hasher).as_bytes());
            if let Err(error) = copy.writer.into_inner() {
                let problem = DataError::Temporary { dataset: self.name, source: error.into_error() };
                return (None, vec![problem]);
            }
        }
        let hasher = std::mem::take(&mut self.hasher);
        let admission = match Admission::of(&mut self) {
            Ok(admission) => admission,
            Err(problem) => return (None, vec![problem]),
        };
        let Admission { mut problems, splits: [train, validation, test], files, missing } = admission;
        let full = !problems.is_empty() && (!self.keep_going || problems.len() >= MAX_PROBLEMS);
        if full || train.is_empty() || test.is_empty() {
            if problems.is_empty() {
                problems.push(self.empty());
            }
            return (None, problems);
        }
        let (train, validation) = if validation.is_empty() {
            match split::hold_out(&self.name, &self.rows, train, params.validation_share) {
                Ok(splits) => splits,
                Err(problem) => {
                    problems.push(problem);
                    return (None, problems);
                }
            }
        } else {
            (train, validation)
        };
        let dataset = Dataset::of(self, [train, validation, test], files, missing, hasher);
        (Some(dataset), problems)
    }

    fn empty(&self) -> DataError {
        let path = self.rows.segments.last().map_or_else(|| self.root.clone(), |segment| segment.path.clone());
        DataError::EmptyManifest { dataset: self.name.clone(), path }
    }

    fn manifest(&mut self, split: Split, path: &Path) -> Result<(), DataError> {
        let file = rows::open(&self.name, path)?;
        let (begin, problems) = (self.splits.len(), self.problems.len());
        self.rows.segments.push(Segment { begin, path: path.into(), file: Arc::clone(&file) });
        let name = self.name.clone();
        let digest = Scan { dataset: &name, path }.run(&file, |scanned| self.take(split, scanned))?;
        self.hasher.update(digest.as_bytes());
        if (self.splits.len(), self.problems.len()) == (begin, problems) {
            return Err(DataError::EmptyManifest { dataset: name, path: path.into() });
        }
        Ok(())
    }

    /// Appends rows; breaks when no more are wanted.
    fn take(&mut self, split: Split, scanned: Scanned) -> ControlFlow<()> {
        let before = self.splits.len();
        let clips: Vec<u32> = scanned.clips.iter().map(|name| self.rows.clips.add(name)).collect();
        let domains: Vec<u32> = scanned.domains.iter().map(|name| self.domains.add(name)).collect();
        let global = |numbers: &[u32], local: u32| numbers.get(local as usize).copied().unwrap_or_default();
        if before + scanned.rows.len() > MAX_RECORDS {
            self.problems.push((before, DataError::TooManyRecords { dataset: self.name.clone(), limit: MAX_RECORDS }));
            return ControlFlow::Break(());
        }
        for row in &scanned.rows {
            let clip = global(&clips, row.clip);
            let line = u32::try_from(row.line).unwrap_or(u32::MAX);
            let mark = row.id_hash as u32;
            self.rows.entries.push(Entry { offset: row.offset, length: row.length, line, clip, mark });
            self.splits.push(split);
            self.id_hashes.push(row.id_hash);
            self.domain_of.push(global(&domains, row.domain));
        }
        self.sources.extend(scanned.sources.iter().map(|&(clip, id)| (global(&clips, clip), id)));
        let room = if self.keep_going { MAX_PROBLEMS } else { 1 };
        for (good, problem) in scanned.problems {
            if self.problems.len() < room {
                self.problems.push((before + good, problem));
            }
        }
        if self.problems.len() < room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Copy {
    /// Writes a line and returns where; `None` where it is too long.
    fn write(&mut self, split: Split, record: &Record) -> std::io::Result<Option<(u64, u32)>> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        if self.line.len() > MAX_MANIFEST_LINE {
            return Ok(None);
        }
        self.writer.write_all(&self.line)?;
        for part in [split.name().as_bytes(), &self.line, b"\n"] {
            self.hasher.update(part);
        }
        let at = self.offset;
        self.offset += self.line.len() as u64;
        Ok(Some((at, self.line.len() as u32)))
    }
}
