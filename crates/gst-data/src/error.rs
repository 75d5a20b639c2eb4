//! What can be wrong with a folder of datasets, each with the place and the remedy.

use std::{fmt, path::PathBuf};

use crate::{audio::AudioError, sources::SourceError, text::TextError};

/// Where in a manifest something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the dataset.
    pub dataset: String,
    /// The manifest.
    pub file: PathBuf,
    /// 1-based line number.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{} (dataset {})", self.file.display(), self.line, self.dataset)
    }
}

/// Why datasets cannot be opened or a sample cannot be loaded. Every message names the place and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The data folder is not there.
    #[error("{}: no such folder or file; expected one folder a dataset in it, each with audio/, train.jsonl and test.jsonl, or a TOML file that lists datasets", path.display())]
    MissingFolder {
        /// The folder asked for.
        path: PathBuf,
    },
    /// The data folder holds no dataset.
    #[error("{}: no dataset found; expected folders NAME/ with a train.jsonl in each (found {folders} folders without)", path.display())]
    NoDatasets {
        /// The folder asked for.
        path: PathBuf,
        /// Subfolders seen.
        folders: usize,
    },
    /// The folder given is a dataset itself.
    #[error("{}: is one dataset (it has a train.jsonl); give the folder that holds the datasets", path.display())]
    IsADataset {
        /// The folder asked for.
        path: PathBuf,
    },
    /// A dataset asked for by name is not there.
    #[error("{}: no dataset named `{name}`; there are: {known}", path.display())]
    UnknownDataset {
        /// The data folder.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The names there are, comma separated.
        known: String,
    },
    /// A parameter is out of range.
    #[error("{field} is {found}; expected {expected}")]
    BadParameter {
        /// Name of the parameter.
        field: &'static str,
        /// What was given.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// `train.jsonl` or `test.jsonl` is missing.
    #[error("{}: missing (dataset {dataset}); expected one JSON object a line with id, audio, question, answer, choices, domain", path.display())]
    MissingManifest {
        /// Name of the dataset.
        dataset: String,
        /// The manifest.
        path: PathBuf,
    },
    /// A manifest without a record.
    #[error("{}: has no record (dataset {dataset}); add at least one line or leave the dataset out", path.display())]
    EmptyManifest {
        /// Name of the dataset.
        dataset: String,
        /// The manifest.
        path: PathBuf,
    },
    /// A file or folder could not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line longer than [`MAX_MANIFEST_LINE`](crate::manifest::MAX_MANIFEST_LINE).
    #[error("{place}: the line is longer than {limit} bytes; one record a line is expected: is this JSON Lines?")]
    LineTooLong {
        /// Where.
        place: Place,
        /// The limit in bytes.
        limit: usize,
    },
    /// A line that is not UTF-8.
    #[error("{place}: not UTF-8 at byte {byte} of the line; save the file as UTF-8")]
    NotUtf8 {
        /// Where.
        place: Place,
        /// 0-based byte of the line at which UTF-8 ends.
        byte: usize,
    },
    /// A line that is not a JSON object.
    #[error("{place}: not a JSON object: {reason}")]
    BrokenLine {
        /// Where.
        place: Place,
        /// The parser's reason, with the column.
        reason: String,
    },
    /// A required field is missing.
    #[error("{place}: field `{field}` is missing; every record needs id, audio, question, answer and domain")]
    MissingField {
        /// Where.
        place: Place,
        /// The field.
        field: &'static str,
    },
    /// A field has another type than expected.
    #[error("{place}: field `{field}` is {found}; expected {expected}")]
    WrongField {
        /// Where.
        place: Place,
        /// The field.
        field: &'static str,
        /// What was found.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A required text is empty.
    #[error("{place}: field `{field}` is empty; write the text or remove the line")]
    EmptyField {
        /// Where.
        place: Place,
        /// The field.
        field: &'static str,
    },
    /// A text longer than [`MAX_FIELD_CHARS`](crate::manifest::MAX_FIELD_CHARS).
    #[error("{place}: field `{field}` has {found} characters; at most {limit} are taken")]
    LongField {
        /// Where.
        place: Place,
        /// The field.
        field: &'static str,
        /// Its length in characters.
        found: usize,
        /// The limit in characters.
        limit: usize,
    },
    /// The answer is none of the choices.
    #[error("{place}: answer `{answer}` is not among the choices ({choices}); correct one of the two or leave choices empty")]
    AnswerNotAmongChoices {
        /// Where.
        place: Place,
        /// The answer.
        answer: String,
        /// The choices, comma separated.
        choices: String,
    },
    /// Two records of a dataset with one id.
    #[error("{place}: id `{id}` was already used at {first_file}:{first_line}; ids are unique in a dataset")]
    DuplicateId {
        /// Where the second was found.
        place: Place,
        /// The id.
        id: String,
        /// Manifest of the first.
        first_file: String,
        /// Line of the first.
        first_line: usize,
    },
    /// An audio path that leaves the dataset's folder.
    #[error("{place}: audio `{audio}` leaves the dataset's folder ({reason}); put the file inside and use a relative path")]
    AudioOutside {
        /// Where.
        place: Place,
        /// The path as written.
        audio: String,
        /// What makes it leave.
        reason: &'static str,
    },
    /// An audio file that does not exist.
    #[error("{place}: audio `{audio}` does not exist; paths are relative to the dataset's folder")]
    AudioMissing {
        /// Where.
        place: Place,
        /// The path as written.
        audio: String,
    },
    /// An audio path that is a folder or a special file.
    #[error("{place}: audio `{audio}` is not a regular file")]
    AudioNotAFile {
        /// Where.
        place: Place,
        /// The path as written.
        audio: String,
    },
    /// One clip in both `train.jsonl` and `test.jsonl`.
    #[error("{place}: audio `{audio}` is a training clip too ({train_file}:{train_line}); a clip belongs to one split")]
    ClipInBothSplits {
        /// Where in `test.jsonl`.
        place: Place,
        /// The path as written.
        audio: String,
        /// Manifest of the training record.
        train_file: String,
        /// Line of the training record.
        train_line: usize,
    },
    /// A row that was checked is not there any more.
    #[error("{place}: the line has changed since the data was opened; start again, and leave the file alone meanwhile")]
    ChangedRow {
        /// Where.
        place: Place,
    },
    /// More records than can be numbered.
    #[error("dataset {dataset}: more than {limit} records; split it into several datasets")]
    TooManyRecords {
        /// Name of the dataset.
        dataset: String,
        /// The limit.
        limit: usize,
    },
    /// The temporary file that holds the rows of a reader failed.
    #[error("dataset {dataset}: cannot keep its rows in a temporary file (in the folder that TMPDIR names): {source}")]
    Temporary {
        /// Name of the dataset.
        dataset: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Every record of a split was left out.
    #[error(
        "dataset {dataset}: no {split} record is left once quarantined and overlapping clips are left out; leave the dataset out"
    )]
    NothingLeft {
        /// Name of the dataset.
        dataset: String,
        /// The split.
        split: crate::Split,
    },
    /// A file of `gst data check` is needed and not there.
    #[error("{}: not there; leaving overlap out needs the check's audio hashes: run `gst data check` on this data first", path.display())]
    NotChecked {
        /// The file.
        path: PathBuf,
    },
    /// A file of `gst data check` is damaged.
    #[error("{}:{line}: {reason}; delete the file and run `gst data check` again", path.display())]
    BadCheckFile {
        /// The file.
        path: PathBuf,
        /// 1-based line.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A process that decodes cannot be started.
    #[error("`{command}`, which decodes for the check, {reason}")]
    Worker {
        /// The program.
        command: String,
        /// What went wrong.
        reason: String,
    },
    /// A file of `gst data check` cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Too few clips to hold one out.
    #[error(
        "dataset {dataset}: train.jsonl has {clips} clip; holding some out for validation needs 2 (or a validation share of 0)"
    )]
    TooFewClips {
        /// Name of the dataset.
        dataset: String,
        /// Distinct training clips.
        clips: usize,
    },
    /// A record that does not exist was asked for.
    #[error("no record {index} in the {split} split of dataset {dataset}, which has {records}")]
    NoSuchRecord {
        /// Name or number of the dataset.
        dataset: String,
        /// The split.
        split: crate::Split,
        /// The index asked for.
        index: usize,
        /// Records in that split.
        records: usize,
    },
    /// A clip could not be decoded.
    #[error("dataset {dataset}, record `{id}`: {source}")]
    Audio {
        /// Name of the dataset.
        dataset: String,
        /// Id of the record.
        id: String,
        /// What is wrong with the file.
        source: AudioError,
    },
    /// So many records in a row are broken that something larger is.
    #[error(
        "dataset {dataset}: {found} {split} records in a row cannot be used, of {records}; the first: {first}; is the folder \
         complete? `gst data check` lists all"
    )]
    BrokenInARow {
        /// Name of the dataset.
        dataset: String,
        /// The split.
        split: crate::Split,
        /// How many were tried.
        found: usize,
        /// Records in that split.
        records: usize,
        /// What is wrong with the first of them.
        first: Box<DataError>,
    },
    /// A question or answer could not be encoded.
    #[error("dataset {dataset}, record `{id}`: {source}")]
    Text {
        /// Name of the dataset.
        dataset: String,
        /// Id of the record.
        id: String,
        /// What the tokenizer says.
        source: TextError,
    },
    /// The texts make no tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TextError),
    /// A list of datasets, or the files of a listed dataset, are not as they should be.
    #[error(transparent)]
    Source(Box<SourceError>),
}

impl DataError {
    /// Whether one record alone is broken, so that another can take its place.
    pub fn is_of_one_record(&self) -> bool {
        matches!(self, Self::Audio { .. } | Self::Text { .. })
    }

    /// The dataset it is about, if it is about one.
    pub fn dataset(&self) -> Option<&str> {
        match self {
            Self::LineTooLong { place, .. }
            | Self::NotUtf8 { place, .. }
            | Self::BrokenLine { place, .. }
            | Self::MissingField { place, .. }
            | Self::WrongField { place, .. }
            | Self::EmptyField { place, .. }
            | Self::LongField { place, .. }
            | Self::AnswerNotAmongChoices { place, .. }
            | Self::DuplicateId { place, .. }
            | Self::AudioOutside { place, .. }
            | Self::AudioMissing { place, .. }
            | Self::AudioNotAFile { place, .. }
            | Self::ClipInBothSplits { place, .. }
            | Self::ChangedRow { place } => Some(&place.dataset),
            Self::MissingManifest { dataset, .. }
            | Self::EmptyManifest { dataset, .. }
            | Self::TooFewClips { dataset, .. }
            | Self::TooManyRecords { dataset, .. }
            | Self::Temporary { dataset, .. }
            | Self::NothingLeft { dataset, .. }
            | Self::NoSuchRecord { dataset, .. }
            | Self::BrokenInARow { dataset, .. }
            | Self::Audio { dataset, .. }
            | Self::Text { dataset, .. } => Some(dataset),
            Self::Source(source) => source.dataset(),
            Self::MissingFolder { .. }
            | Self::NoDatasets { .. }
            | Self::IsADataset { .. }
            | Self::UnknownDataset { .. }
            | Self::BadParameter { .. }
            | Self::NotChecked { .. }
            | Self::Tokenizer(_)
            | Self::BadCheckFile { .. }
            | Self::Worker { .. }
            | Self::Write { .. }
            | Self::Read { .. } => None,
        }
    }
}

impl From<SourceError> for DataError {
    fn from(error: SourceError) -> Self {
        Self::Source(Box::new(error))
    }
}
