//! Tables: CSV and TSV with quotes, any order of columns, UTF-8 with or without a byte order mark, or ISO-8859-1.

use std::{
    borrow::Cow,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use ::csv::{ByteRecord, Reader, ReaderBuilder, Trim};

use super::Source;
use crate::{
    error::DataError,
    manifest::MAX_FIELD_CHARS,
    sources::{SourceError, near},
};

/// How a table's bytes are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; anything else is an error.
    Utf8,
    /// ISO-8859-1, in which every byte is the character of that number.
    Latin1,
    /// UTF-8 where a field is UTF-8, else ISO-8859-1.
    Either,
}

/// A table that is read row by row.
pub struct Table<'a> {
    source: &'a Source<'a>,
    path: PathBuf,
    encoding: Encoding,
    reader: Reader<BufReader<File>>,
    record: ByteRecord,
    columns: Vec<String>,
}

/// A row: its fields by position.
pub struct Row<'a> {
    table: &'a Table<'a>,
}

impl<'a> Table<'a> {
    /// A table whose first line names its columns.
    pub(crate) fn with_header(source: &'a Source<'a>, path: &Path, delimiter: u8, encoding: Encoding) -> Result<Self, DataError> {
        let mut table = Self::without_header(source, path, delimiter, encoding)?;
        if !table.advance()? {
            return Err(source.bad("the file is empty; expected a line of column names"));
        }
        table.columns =
            (0..table.record.len()).map(|at| Ok(table.field(at)?.trim().to_owned())).collect::<Result<_, DataError>>()?;
        if let Some(first) = table.columns.first_mut()
            && let Some(text) = first.strip_prefix('\u{feff}')
        {
            *first = text.trim_matches('"').to_owned();
        }
        Ok(table)
    }

    /// A table without a line of names: its columns are `1`, `2`, …, as many as the first row has.
    pub(crate) fn numbered(source: &'a Source<'a>, path: &Path, delimiter: u8, encoding: Encoding) -> Result<Self, DataError> {
        let mut first = Self::without_header(source, path, delimiter, encoding)?;
        first.advance()?;
        let columns = (1..=first.record.len()).map(|number| number.to_string()).collect();
        Ok(Self { columns, ..Self::without_header(source, path, delimiter, encoding)? })
    }

    /// A table of which every line is a row.
    pub(crate) fn without_header(
        source: &'a Source<'a>,
        path: &Path,
        delimiter: u8,
        encoding: Encoding,
    ) -> Result<Self, DataError> {
        // Rows may differ in length: some hosts put a list into the last fields.
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(delimiter).trim(Trim::None);
        // Tab-separated files of our hosts do not quote.
        builder.quoting(delimiter != b'\t');
        let reader = builder.from_reader(source.open(path)?);
        Ok(Self { source, path: path.into(), encoding, reader, record: ByteRecord::new(), columns: Vec::new() })
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Position of a column.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn column(&self, name: &str) -> Result<usize, DataError> {
        self.columns.iter().position(|column| column == name).ok_or_else(|| {
            SourceError::MissingColumn {
                dataset: self.source.name().into(),
                file: self.path.clone(),
                column: name.into(),
                near: near(name, self.columns.iter().map(String::as_str)),
                known: self.columns.join(", "),
            }
            .into()
        })
    }

    /// The next row; `None` at the end. Empty lines are passed over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        Ok(if self.advance()? { Some(Row { table: self }) } else { None })
    }

    fn advance(&mut self) -> Result<bool, DataError> {
        let read = self.reader.read_byte_record(&mut self.record);
        let line = self.record.position().map_or_else(|| self.reader.position().line(), ::csv::Position::line);
        self.source.at(&self.path, usize::try_from(line).unwrap_or(usize::MAX));
        read.map_err(|error| self.source.bad(format!("not a table: {error}")))
    }

    fn field(&self, at: usize) -> Result<Cow<'_, str>, DataError> {
        let Some(bytes) = self.record.get(at) else {
            let column = self.columns.get(at).map_or_else(|| (at + 1).to_string(), |name| format!("`{name}`"));
            let found = self.record.len();
            return Err(self.source.bad(format!("the row has {found} fields; expected one for column {column} too")));
        };
        // An unclosed quote swallows the rest of the file into one field.
        if bytes.len() > MAX_FIELD_CHARS * 4 {
            let found = bytes.len();
            return Err(self
                .source
                .bad(format!("a field of {found} bytes; at most {MAX_FIELD_CHARS} characters: an unclosed quote?")));
        }
        match (self.encoding, std::str::from_utf8(bytes)) {
            (Encoding::Utf8 | Encoding::Either, Ok(text)) => Ok(Cow::Borrowed(text)),
            (Encoding::Utf8, Err(error)) => {
                let byte = error.valid_up_to();
                Err(self.source.bad(format!("not UTF-8 at byte {byte} of field {}; save the file as UTF-8", at + 1)))
            }
            _ => Ok(Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect())),
        }
    }
}

impl Row<'_> {
    /// Number of fields.
    pub fn len(&self) -> usize {
        self.table.record.len()
    }

    /// True when the row has no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A field by position, untrimmed.
    ///
    /// # Errors
    /// When the row is too short, or the field is not of the table's encoding.
    pub fn text(&self, at: usize) -> Result<String, DataError> {
        self.table.field(at).map(Cow::into_owned)
    }

    /// A field that may not be empty, without blanks around it.
    ///
    /// # Errors
    /// As [`text`](Self::text), and when there is nothing in it.
    pub fn some(&self, at: usize) -> Result<String, DataError> {
        let text = self.table.field(at)?;
        let trimmed = text.trim();
        if trimmed.is_empty() {
            let column = self.table.columns.get(at).cloned().unwrap_or_else(|| (at + 1).to_string());
            return Err(self.table.source.bad(format!("column `{column}` is empty")));
        }
        Ok(trimmed.to_owned())
    }

    /// A field that is one of `known`.
    ///
    /// # Errors
    /// As [`some`](Self::some), and when it is something else.
    pub fn one_of(&self, at: usize, known: &[&str]) -> Result<String, DataError> {
        let text = self.some(at)?;
        if known.contains(&text.as_str()) {
            return Ok(text);
        }
        let column = self.table.columns.get(at).cloned().unwrap_or_else(|| (at + 1).to_string());
        Err(self.table.source.bad(format!("column `{column}` is `{text}`; expected {}", known.join(", "))))
    }
}
