//! Any JSON Lines: one object a line, and a map from its keys to the fields of a record.

use std::io::{BufRead, Read};

use serde_json::{Map, Value};

use super::{
    Key, Reader, Sink, Source,
    fields::{self, Fields},
};
use crate::{error::DataError, manifest::MAX_MANIFEST_LINE};

pub(crate) struct JsonLines;

impl Reader for JsonLines {
    fn keys(&self) -> &'static [Key] {
        &fields::KEYS
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        for (split, path) in fields::files(source, &["jsonl", "ndjson", "json"])? {
            let mut file = source.open(&path)?;
            let (mut number, mut line, mut fields) = (0, Vec::new(), None);
            loop {
                line.clear();
                let mut limited = (&mut file).take(MAX_MANIFEST_LINE as u64 + 1);
                let read = limited.read_until(b'\n', &mut line);
                let read = read.map_err(|error| DataError::Read { path: path.clone(), source: error })?;
                number += 1;
                source.at(&path, number);
                if read == 0 {
                    break;
                }
                if read > MAX_MANIFEST_LINE {
                    return Err(DataError::LineTooLong { place: source.place(), limit: MAX_MANIFEST_LINE });
                }
                let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line).trim_ascii();
                if line.is_empty() {
                    continue;
                }
                let broken =
                    |error: serde_json::Error| DataError::BrokenLine { place: source.place(), reason: error.to_string() };
                let object: Map<String, Value> = serde_json::from_slice(line).map_err(broken)?;
                let fields = match &mut fields {
                    Some(fields) => fields,
                    // The keys of the first object stand for all.
                    unknown => unknown.insert(Fields::new(source, &object.keys().cloned().collect::<Vec<_>>())?),
                };
                let (split, record) = fields.record(split, &|name| Ok(object.get(name).and_then(text)), &[])?;
                sink(split, record)?;
            }
        }
        Ok(())
    }
}

/// A value as text; nothing for null, lists and objects.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
