//! Any table in CSV or TSV: a map from its columns to the fields of a record.

use super::{
    Encoding, Key, Kind, Reader, Sink, Source,
    fields::{self, Fields},
    table::Table,
};
use crate::error::DataError;

pub(crate) struct Csv;

const KEYS: [Key; 17] = {
    let extra = Key::new("delimiter", Kind::OneOf(&[",", ";", "\t", "|"]), ",", "what separates fields");
    let mut keys = [extra; 17];
    let mut at = 0;
    while at < fields::KEYS.len() {
        keys[at] = fields::KEYS[at];
        at += 1;
    }
    keys[14] = extra;
    keys[15] = Key::new("encoding", Kind::OneOf(&["utf-8", "latin-1"]), "utf-8", "how the bytes are text");
    keys[16] = Key::new("header", Kind::Flag, "true", "false where the first line is a row: columns are then 1, 2, …");
    keys
};

impl Reader for Csv {
    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let encoding = if source.text("encoding") == Some("latin-1") { Encoding::Latin1 } else { Encoding::Utf8 };
        let delimiter = source.text("delimiter").and_then(|text| text.bytes().next()).unwrap_or(b',');
        for (split, path) in fields::files(source, &["csv", "tsv", "txt"])? {
            let mut table = match source.flag("header") {
                true => Table::with_header(source, &path, delimiter, encoding)?,
                false => Table::numbered(source, &path, delimiter, encoding)?,
            };
            let columns = table.columns().to_vec();
            let mut fields = Fields::new(source, &columns)?;
            while let Some(row) = table.next_row()? {
                let get = |name: &str| columns.iter().position(|column| column == name).map(|at| row.text(at)).transpose();
                let (split, record) = fields.record(split, &get, &[])?;
                sink(split, record)?;
            }
        }
        Ok(())
    }
}
