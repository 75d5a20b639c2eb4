//! What one line of a manifest has to hold, every complaint with file and line.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use crate::{
    error::{DataError, Place},
    record::Record,
};

/// Longest line taken, in bytes: a record is a few hundred; a file without line breaks must not fill the memory.
pub const MAX_MANIFEST_LINE: usize = 1 << 20;

/// Longest text taken in one field, in characters: a question or answer is a sentence, not a book.
pub const MAX_FIELD_CHARS: usize = 16_384;

/// Longest source id taken, in bytes.
pub const MAX_SOURCE_BYTES: usize = 256;

/// A checked line; its texts lie in the line where JSON needed no unescaping.
pub(crate) struct Row<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) audio: Cow<'a, str>,
    pub(crate) question: Cow<'a, str>,
    pub(crate) answer: Cow<'a, str>,
    pub(crate) choices: Vec<Text<'a>>,
    pub(crate) label: Option<Cow<'a, str>>,
    pub(crate) domain: Cow<'a, str>,
    pub(crate) source: Vec<Text<'a>>,
}

impl<'a> Row<'a> {
    /// Reads a line.
    pub(crate) fn parse(bytes: &'a [u8], place: impl Fn() -> Place) -> Result<Self, DataError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| DataError::NotUtf8 { place: place(), byte: error.valid_up_to() })?;
        let line: Line<'a> = serde_json::from_str(text).map_err(|error| wrong_type(text, &error, &place))?;
        line.check(place)
    }

    /// Checks a record that a reader made.
    pub(crate) fn of(record: &'a Record, place: impl Fn() -> Place) -> Result<Self, DataError> {
        let text = |text: &'a str| Text(Cow::Borrowed(text));
        let texts = |texts: &'a [String]| texts.iter().map(|item| text(item)).collect();
        let line = Line {
            id: Some(text(&record.id)),
            audio: Some(text(&record.audio)),
            question: Some(text(&record.question)),
            answer: Some(text(&record.answer)),
            choices: Some(texts(&record.choices)),
            label: record.label.as_deref().map(text),
            domain: Some(text(&record.domain)),
            source: Some(Source(texts(&record.source))),
        };
        line.check(place)
    }

    pub(crate) fn into_record(self, line: usize) -> Record {
        let texts = |texts: Vec<Text<'a>>| texts.into_iter().map(|text| text.0.into_owned()).collect();
        Record {
            id: self.id.into_owned(),
            audio: self.audio.into_owned(),
            question: self.question.into_owned(),
            answer: self.answer.into_owned(),
            choices: texts(self.choices),
            label: self.label.map(Cow::into_owned),
            domain: self.domain.into_owned(),
            source: texts(self.source),
            line,
        }
    }
}

/// The fields we read, each optional so that a missing one can be named.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    audio: Option<Text<'a>>,
    question: Option<Text<'a>>,
    answer: Option<Text<'a>>,
    choices: Option<Vec<Text<'a>>>,
    label: Option<Text<'a>>,
    domain: Option<Text<'a>>,
    source: Option<Source<'a>>,
}

impl<'a> Line<'a> {
    fn check(self, place: impl Fn() -> Place) -> Result<Row<'a>, DataError> {
        let required = |field: &'static str, value: Option<Text<'a>>| match value {
            None => Err(DataError::MissingField { place: place(), field }),
            Some(value) if value.0.trim().is_empty() => Err(DataError::EmptyField { place: place(), field }),
            Some(value) => bounded(field, value.0, &place),
        };
        let row = Row {
            id: required("id", self.id)?,
            audio: required("audio", self.audio)?,
            question: required("question", self.question)?,
            answer: required("answer", self.answer)?,
            choices: self.choices.unwrap_or_default(),
            label: self.label.map(|label| bounded("label", label.0, &place)).transpose()?,
            domain: required("domain", self.domain)?,
            source: self.source.map(|source| source.0).unwrap_or_default(),
        };
        if !row.choices.is_empty() && !row.choices.iter().any(|choice| choice.0 == row.answer) {
            let choices = row.choices.iter().map(|choice| &*choice.0).collect::<Vec<_>>().join(", ");
            return Err(DataError::AnswerNotAmongChoices { place: place(), answer: row.answer.into_owned(), choices });
        }
        match row.source.iter().find(|id| !is_source(&id.0)) {
            Some(id) => Err(DataError::WrongField {
                place: place(),
                field: "source",
                found: format!("`{}`", id.0.chars().take(80).collect::<String>()),
                expected: "HOST:ID, such as youtube:0aB1cD2eF3g or freesound:12345",
            }),
            None => Ok(row),
        }
    }
}

fn bounded<'a>(field: &'static str, value: Cow<'a, str>, place: &impl Fn() -> Place) -> Result<Cow<'a, str>, DataError> {
    // Bytes bound characters, so only a long text is counted.
    if value.len() > MAX_FIELD_CHARS {
        let found = value.chars().count();
        if found > MAX_FIELD_CHARS {
            return Err(DataError::LongField { place: place(), field, found, limit: MAX_FIELD_CHARS });
        }
    }
    Ok(value)
}

/// `HOST:ID`, the host in lower-case letters, digits and `-`, the id without white space at its ends.
fn is_source(text: &str) -> bool {
    text.len() <= MAX_SOURCE_BYTES
        && text.split_once(':').is_some_and(|(host, id)| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !host.is_empty() && host.bytes().all(plain) && !id.is_empty() && id.trim() == id
        })
}

/// A JSON string, borrowed where it has no escapes.
#[derive(PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_str(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A text or a list of texts.
struct Source<'a>(Vec<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Source<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(SourceVisitor).map(Source)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Vec<Text<'de>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text or a list of texts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(vec![Text(Cow::Borrowed(text))])
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![Text(Cow::Owned(text.to_owned()))])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(texts)
    }
}

/// The ids of [`Record::source`] as a text or a list of texts.
pub(crate) mod source {
    use serde::{Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(ids: &[String], output: S) -> Result<S::Ok, S::Error> {
        match ids {
            [id] => output.serialize_str(id),
            ids => ids.serialize(output),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
        let texts = input.deserialize_any(super::SourceVisitor)?;
        Ok(texts.into_iter().map(|text| text.0.into_owned()).collect())
    }
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
    let lists = [("choices", "a list of texts"), ("source", "HOST:ID or a list of them")];
    for (field, expected) in lists {
        let Some(value) = object.get(field).filter(|value| !value.is_null()) else { continue };
        if field == "source" && value.is_string() {
            continue;
        }
        let found = match value.as_array().map(|items| items.iter().find(|item| !item.is_string())) {
            Some(Some(item)) => format!("a list with {}", kind(item)),
            Some(None) => continue,
            None => kind(value),
        };
        return DataError::WrongField { place: place(), field, found, expected };
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
