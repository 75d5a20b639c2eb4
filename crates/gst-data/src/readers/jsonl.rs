//! Any JSON Lines: one object a line, and a map from its keys to the fields of a record.

use serde_json::{Map, Value};

use super::{
    Key, Reader, Sink, Source,
    fields::{self, Fields},
    lines::lines,
};
use crate::error::DataError;

pub(crate) struct JsonLines;

impl Reader for JsonLines {
    fn keys(&self) -> &'static [Key] {
        &fields::KEYS
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        for (split, path) in fields::files(source, &["jsonl", "ndjson", "json"])? {
            let mut fields = None;
            lines(source, &path, |line| {
                let broken =
                    |error: serde_json::Error| DataError::BrokenLine { place: source.place(), reason: error.to_string() };
                let object: Map<String, Value> = serde_json::from_slice(line).map_err(broken)?;
                let fields = match &mut fields {
                    Some(fields) => fields,
                    // The keys of the first object stand for all.
                    unknown => unknown.insert(Fields::new(source, &object.keys().cloned().collect::<Vec<_>>())?),
                };
                let (split, record) = fields.record(split, &|name| Ok(object.get(name).and_then(text)), &[])?;
                sink(split, record)
            })?;
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
