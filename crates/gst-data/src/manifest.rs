//! Reading `train.jsonl` and `test.jsonl`: one record a line, streamed, every complaint with file and line.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    error::{DataError, Place},
    record::Record,
};

/// Longest line taken, in bytes: a record is a few hundred; a file without line breaks must not fill the memory.
pub const MAX_MANIFEST_LINE: usize = 1 << 20;

/// Longest text taken in one field, in characters: a question or answer is a sentence, not a book.
pub const MAX_FIELD_CHARS: usize = 16_384;

/// The records of one manifest, in file order; a bad line is an error and reading goes on with the next one.
pub(crate) struct ManifestReader {
    dataset: String,
    path: PathBuf,
    lines: BufReader<File>,
    line: usize,
    buffer: Vec<u8>,
    hasher: Sha256,
    stopped: bool,
}

impl ManifestReader {
    pub(crate) fn open(dataset: &str, path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => DataError::MissingManifest { dataset: dataset.into(), path: path.into() },
            _ => DataError::Read { path: path.into(), source },
        })?;
        let lines = BufReader::with_capacity(1 << 16, file);
        Ok(Self {
            dataset: dataset.into(),
            path: path.into(),
            lines,
            line: 0,
            buffer: Vec::new(),
            hasher: Sha256::new(),
            stopped: false,
        })
    }

    /// The place of the line read last.
    pub(crate) fn place(&self) -> Place {
        Place { dataset: self.dataset.clone(), file: self.path.clone(), line: self.line }
    }

    /// Hash of all bytes read.
    pub(crate) fn digest(self) -> String {
        crate::hash::finish(self.hasher)
    }

    /// Fills the buffer with the next line; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, DataError> {
        self.buffer.clear();
        let limit = MAX_MANIFEST_LINE as u64 + 1;
        let read = (&mut self.lines)
            .take(limit)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| DataError::Read { path: self.path.clone(), source })?;
        self.line += 1;
        self.hasher.update(&self.buffer);
        if read as u64 == limit && !self.buffer.ends_with(b"\n") {
            self.stopped = true;
            return Err(DataError::LineTooLong { place: self.place(), limit: MAX_MANIFEST_LINE });
        }
        Ok(read > 0)
    }
}

impl Iterator for ManifestReader {
    type Item = Result<Record, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.stopped {
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => self.stopped = true,
                Err(error) => {
                    self.stopped = true;
                    return Some(Err(error));
                }
            }
            let bytes =
                if self.line == 1 { self.buffer.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.buffer) } else { &self.buffer };
            if !bytes.trim_ascii().is_empty() {
                return Some(parse(bytes, || self.place()).map(|record| Record { line: self.line, ..record }));
            }
        }
        None
    }
}

/// The fields we read, each optional so that a missing one can be named.
#[derive(Deserialize)]
struct Line {
    id: Option<String>,
    audio: Option<String>,
    question: Option<String>,
    answer: Option<String>,
    choices: Option<Vec<String>>,
    label: Option<String>,
    domain: Option<String>,
    source: Option<Vec<String>>,
}

fn parse(bytes: &[u8], place: impl Fn() -> Place) -> Result<Record, DataError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DataError::NotUtf8 { place: place(), byte: error.valid_up_to() })?;
    let line: Line = serde_json::from_str(text).map_err(|error| wrong_type(text, &error, &place))?;
    let required = |field: &'static str, value: Option<String>| match value {
        None => Err(DataError::MissingField { place: place(), field }),
        Some(value) if value.trim().is_empty() => Err(DataError::EmptyField { place: place(), field }),
        Some(value) => bounded(field, value, &place),
    };
    let record = Record {
        id: required("id", line.id)?,
        audio: required("audio", line.audio)?,
        question: required("question", line.question)?,
        answer: required("answer", line.answer)?,
        choices: line.choices.unwrap_or_default(),
        label: line.label.map(|label| bounded("label", label, &place)).transpose()?,
        domain: required("domain", line.domain)?,
        source: line.source.unwrap_or_default(),
        line: 0,
    };
    if !record.choices.is_empty() && !record.choices.contains(&record.answer) {
        return Err(DataError::AnswerNotAmongChoices {
            place: place(),
            answer: record.answer,
            choices: record.choices.join(", "),
        });
    }
    Ok(record)
}

fn bounded(field: &'static str, value: String, place: &impl Fn() -> Place) -> Result<String, DataError> {
    // Bytes bound characters, so only a long text is counted.
    if value.len() > MAX_FIELD_CHARS {
        let found = value.chars().count();
        if found > MAX_FIELD_CHARS {
            return Err(DataError::LongField { place: place(), field, found, limit: MAX_FIELD_CHARS });
        }
    }
    Ok(value)
}

/// Finds the field that made `error`, on the slow path only.
fn wrong_type(text: &str, error: &serde_json::Error, place: &impl Fn() -> Place) -> DataError {
    use serde_json::Value;
    let broken = |reason: String| DataError::BrokenLine { place: place(), reason };
    let object = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => object,
        Ok(other) => return broken(format!("found {}", kind(&other))),
        Err(_) => return broken(error.to_string()),
    };
    for field in ["id", "audio", "question", "answer", "label", "domain"] {
        if let Some(value) = object.get(field).filter(|value| !value.is_string() && !value.is_null()) {
            return DataError::WrongField { place: place(), field, found: kind(value), expected: "a text in quotes" };
        }
    }
    if let Some(value) = object.get("choices") {
        let found = match value.as_array().and_then(|items| items.iter().find(|item| !item.is_string())) {
            Some(item) => format!("a list with {}", kind(item)),
            None => kind(value),
        };
        return DataError::WrongField { place: place(), field: "choices", found, expected: "a list of texts" };
    }
    broken(error.to_string())
}

fn kind(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("{value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "a text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}
