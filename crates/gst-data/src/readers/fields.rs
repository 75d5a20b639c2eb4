//! Where the fields of a record come from in somebody's table: the part that CSV, JSON Lines and Parquet share.

use std::path::PathBuf;

use super::{Key, Kind, Source, ask};
use crate::{
    error::DataError,
    record::{Record, Split},
    sources::{SourceError, near},
};

/// The settings of every table reader.
pub(crate) const KEYS: [Key; 14] = [
    Key::required("audio", Kind::Text, "the column with the clip, or a text in which {COLUMN} stands for the row's value"),
    Key::required("answer", Kind::Text, "the column with the answer, or a text with {COLUMN}"),
    Key::required("question", Kind::Texts, "a column, or the question (or several forms of it), in which {COLUMN} may stand"),
    Key::new("id", Kind::Text, "", "the column with a unique name, or a text with {COLUMN}; rows are numbered without"),
    Key::new("label", Kind::Text, "", "the column with the class behind the answer, or a text with {COLUMN}"),
    Key::new("choices", Kind::Texts, "", "the answers that can be given"),
    Key::new("domain", Kind::Text, "audio", "a column, or the kind of audio: speech, music, environment, …"),
    Key::new("train", Kind::Text, "", "the file with training rows, below `path`"),
    Key::new("validation", Kind::Text, "", "the file with validation rows; clips are held out of the training rows without"),
    Key::new("test", Kind::Text, "", "the file with test rows; a share of all rows without"),
    Key::new("split", Kind::Text, "", "the column that says train, validation (val, valid, dev) or test (eval, evaluation)"),
    Key::new("group", Kind::Text, "", "the column whose rows stay in one split (speaker, place, …); the clip without"),
    Key::new("test_share", Kind::Share, "0.1", "share of the groups that are test where nothing else says so"),
    Key::new("strip", Kind::Text, "", "what to take off the beginning of audio paths"),
];

/// The files that `train`, `validation` and `test` name, each with its split; else `path` itself, or the only file in it with one of
/// `endings`.
///
/// # Errors
/// When a file is missing, or it is open which one is meant.
pub(crate) fn files(source: &Source<'_>, endings: &[&str]) -> Result<Vec<(Option<Split>, PathBuf)>, DataError> {
    if source.path().is_file() {
        return Ok(vec![(None, source.path().to_owned())]);
    }
    let mut files = Vec::new();
    for split in Split::ALL {
        if let Some(name) = source.text(split.name()) {
            files.push((Some(split), source.find(&[name], "the file that the list names")?));
        }
    }
    if files.is_empty() {
        let found: Vec<String> = source
            .sorted(source.path())?
            .into_iter()
            .filter(|name| name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending)))
            .collect();
        let [only] = found.as_slice() else {
            let hint = format!(
                "expected one .{} file in it (found {}), or `train` and `test` that name them",
                endings.join(" or ."),
                found.len()
            );
            return Err(SourceError::MissingFile { dataset: source.name().into(), path: source.path().into(), hint }.into());
        };
        files.push((None, source.path().join(only)));
    }
    // Rows of a training file are split only when there is no test file.
    if !files.iter().any(|(split, _)| *split == Some(Split::Test)) {
        for file in &mut files {
            file.0 = file.0.filter(|split| *split != Split::Train);
        }
    }
    Ok(files)
}

/// A text, or where it comes from.
#[derive(Debug, Clone)]
enum Field {
    Column(String),
    /// Texts and columns in turn, beginning with a text.
    Template(Vec<String>),
}

/// Where each field of a record comes from, checked against the columns there are.
pub(crate) struct Fields<'a> {
    source: &'a Source<'a>,
    audio: Field,
    answer: Field,
    questions: Vec<Field>,
    id: Option<Field>,
    label: Option<Field>,
    domain: Field,
    split: Option<Field>,
    group: Option<Field>,
    choices: Vec<String>,
    rows: usize,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// When a column is named that is not among `columns`.
    pub(crate) fn new(source: &'a Source<'a>, columns: &[String]) -> Result<Self, DataError> {
        let parse = |text: &str, literal: bool| Field::parse(source, text, columns, literal);
        let column = |key: &str| source.text(key).map(|text| parse(text, false)).transpose();
        Ok(Self {
            audio: column("audio")?.unwrap_or_else(|| Field::Template(Vec::new())),
            answer: column("answer")?.unwrap_or_else(|| Field::Template(Vec::new())),
            questions: source.texts("question").into_iter().map(|text| parse(text, true)).collect::<Result<_, _>>()?,
            id: column("id")?,
            label: column("label")?,
            domain: parse(source.text("domain").unwrap_or("audio"), true)?,
            split: column("split")?,
            group: column("group")?,
            choices: source.texts("choices").into_iter().map(str::to_owned).collect(),
            source,
            rows: 0,
        })
    }

    /// Rows are numbered on from `rows`: those of the files before.
    pub(crate) fn after(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The record of a row, whose values `get` knows; `choices` where the file knows them.
    ///
    /// # Errors
    /// When a value is missing or empty, or the split is none of the known words.
    pub(crate) fn record(
        &mut self,
        of_file: Option<Split>,
        get: &dyn Fn(&str) -> Result<Option<String>, DataError>,
        choices: &[String],
    ) -> Result<(Split, Record), DataError> {
        self.rows += 1;
        let value = |field: &Field| field.value(self.source, get);
        let audio = value(&self.audio)?;
        let audio = self.source.text("strip").and_then(|strip| audio.strip_prefix(strip)).unwrap_or(&audio).to_owned();
        let part = of_file.map_or("row", Split::name);
        let id = self.id.as_ref().map(value).transpose()?.unwrap_or_else(|| format!("{part}-{}", self.rows));
        let group = self.group.as_ref().map(value).transpose()?;
        let split = match (of_file, &self.split) {
            (Some(split), _) => split,
            (None, Some(field)) => split_of(self.source, &value(field)?)?,
            (None, None) => self.source.split_by(group.as_deref().unwrap_or(&audio), self.source.number("test_share")),
        };
        let forms = self.questions.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        let record = Record {
            question: ask::form(&forms, self.source.name(), &id).to_owned(),
            answer: value(&self.answer)?,
            choices: if self.choices.is_empty() { choices.to_vec() } else { self.choices.clone() },
            label: self.label.as_ref().map(value).transpose()?,
            domain: value(&self.domain)?,
            audio,
            id,
            ..Record::default()
        };
        Ok((split, record))
    }

    /// The column that the answer is, when it is one.
    pub(crate) fn answer_column(&self) -> Option<&str> {
        match &self.answer {
            Field::Column(column) => Some(column),
            Field::Template(_) => None,
        }
    }

    /// The column that the clip is, when it is one.
    pub(crate) fn audio_column(&self) -> Option<&str> {
        match &self.audio {
            Field::Column(column) => Some(column),
            Field::Template(_) => None,
        }
    }
}

impl Field {
    fn parse(source: &Source<'_>, text: &str, columns: &[String], literal: bool) -> Result<Self, DataError> {
        let known = |column: &str| match columns.iter().any(|known| known == column) {
            true => Ok(column.to_owned()),
            false => Err(DataError::from(SourceError::MissingColumn {
                dataset: source.name().into(),
                file: source.place().file,
                column: column.into(),
                near: near(column, columns.iter().map(String::as_str)),
                known: columns.join(", "),
            })),
        };
        if columns.iter().any(|column| column == text) {
            return Ok(Self::Column(text.to_owned()));
        }
        if !text.contains('{') {
            return if literal { Ok(Self::Template(vec![text.to_owned()])) } else { known(text).map(Self::Column) };
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((column, after)) = after.split_once('}') else { break };
            parts.push(before.to_owned());
            parts.push(known(column)?);
            rest = after;
        }
        parts.push(rest.to_owned());
        Ok(Self::Template(parts))
    }

    fn value(&self, source: &Source<'_>, get: &dyn Fn(&str) -> Result<Option<String>, DataError>) -> Result<String, DataError> {
        let column = |name: &str| match get(name)? {
            Some(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            _ => Err(source.bad(format!("column `{name}` is empty"))),
        };
        match self {
            Self::Column(name) => column(name),
            Self::Template(parts) => {
                let filled = parts.iter().enumerate().map(|(at, part)| if at % 2 == 0 { Ok(part.clone()) } else { column(part) });
                filled.collect::<Result<Vec<_>, _>>().map(|parts| parts.concat())
            }
        }
    }
}

fn split_of(source: &Source<'_>, word: &str) -> Result<Split, DataError> {
    let unknown =
        || source.bad(format!("split `{word}`; expected train, validation (val, valid, dev) or test (eval, evaluation)"));
    split_named(word).ok_or_else(unknown)
}

/// The split that a word in a column or a folder's name means, in any case.
pub(crate) fn split_named(word: &str) -> Option<Split> {
    match word.to_lowercase().as_str() {
        "train" | "training" => Some(Split::Train),
        "validation" | "val" | "valid" | "dev" => Some(Split::Validation),
        "test" | "testing" | "eval" | "evaluation" => Some(Split::Test),
        _ => None,
    }
}
