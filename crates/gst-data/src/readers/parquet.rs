//! Parquet as the Hugging Face `datasets` library writes it: audio as bytes or as a path, and a map from columns to the fields of a record.
//!
//! In a folder, files are told apart by the beginning of their names, as the Hub has them (`train-00000-of-00002.parquet`), also below `data/`. A column of audio is a
//! group of `bytes` and `path`; clips given as bytes are kept once each, by the hash of their bytes, beside the imported rows. A column of
//! classes (`ClassLabel`) holds numbers: the names come from the file's own description, and where the answer is such a column they are the choices.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ::parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
};
use serde_json::Value;

use super::{
    Key, Reader, Sink, Source,
    fields::{self, Fields, split_named},
};
use crate::{error::DataError, record::Split};

pub(crate) struct Parquet;

impl Reader for Parquet {
    fn keys(&self) -> &'static [Key] {
        &fields::KEYS
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let mut rows = 0;
        for (split, path) in files(source)? {
            // The open also notes the file; Parquet itself reads from its end.
            let file = source.open(&path)?.into_inner();
            let broken = |error: ::parquet::errors::ParquetError| source.bad(format!("not Parquet that can be read: {error}"));
            let reader = SerializedFileReader::new(file).map_err(broken)?;
            let metadata = reader.metadata().file_metadata();
            let columns: Vec<String> = metadata.schema().get_fields().iter().map(|column| column.name().to_owned()).collect();
            let classes = classes(metadata.key_value_metadata().map_or(&[], Vec::as_slice));
            let mut fields = Fields::new(source, &columns)?.after(rows);
            let audio = fields.audio_column().map(str::to_owned);
            let choices = fields.answer_column().and_then(|column| classes.get(column)).cloned().unwrap_or_default();
            for (number, row) in reader.get_row_iter(None).map_err(broken)?.enumerate() {
                source.at(&path, number + 1);
                let row = row.map_err(broken)?;
                let get = |name: &str| match column(&row, name) {
                    Some(Field::Group(group)) if audio.as_deref() == Some(name) => clip(source, group).map(Some),
                    Some(Field::Bytes(bytes)) if audio.as_deref() == Some(name) => source.extract(bytes.data()).map(Some),
                    found => text(source, found, classes.get(name)),
                };
                let (split, record) = fields.record(split, &get, &choices)?;
                sink(split, record)?;
            }
            rows = fields.rows();
        }
        Ok(())
    }
}

/// The files of the dataset with their splits.
fn files(source: &Source<'_>) -> Result<Vec<(Option<Split>, PathBuf)>, DataError> {
    let named = Split::ALL.iter().any(|split| source.text(split.name()).is_some());
    if named || source.path().is_file() {
        return fields::files(source, &["parquet"]);
    }
    let folder = source.look_for(&["data"]).unwrap_or_else(|| source.path().to_owned());
    let parquet = |name: &String| name.ends_with(".parquet");
    let mut files: Vec<(Option<Split>, PathBuf)> = Vec::new();
    for name in source.sorted(&folder)?.into_iter().filter(parquet) {
        let word: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
        files.push((split_named(&word), folder.join(name)));
    }
    // As for other tables: without test rows, a share of the training rows is the test.
    if !files.iter().any(|(split, _)| *split == Some(Split::Test)) {
        files.iter_mut().for_each(|(split, _)| *split = split.filter(|split| *split != Split::Train));
    }
    if files.is_empty() { fields::files(source, &["parquet"]) } else { Ok(files) }
}

/// Names of the classes of each column that has some, from the description that `datasets` keeps in the file.
fn classes(pairs: &[::parquet::file::metadata::KeyValue]) -> HashMap<String, Vec<String>> {
    let described = pairs.iter().find(|pair| pair.key == "huggingface").and_then(|pair| pair.value.as_deref());
    let described: Option<Value> = described.and_then(|text| serde_json::from_str(text).ok());
    let features = described.as_ref().and_then(|value| value.pointer("/info/features")).and_then(Value::as_object);
    let names = |feature: &Value| -> Option<Vec<String>> {
        feature.get("names")?.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
    };
    features.into_iter().flatten().filter_map(|(column, feature)| Some((column.clone(), names(feature)?))).collect()
}

fn column<'r>(row: &'r Row, name: &str) -> Option<&'r Field> {
    row.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field)
}

/// A clip: its bytes, kept, or its path.
fn clip(source: &Source<'_>, group: &Row) -> Result<String, DataError> {
    match (column(group, "bytes"), column(group, "path")) {
        (Some(Field::Bytes(bytes)), _) => source.extract(bytes.data()),
        (_, Some(Field::Str(_))) if source.clips_folder().as_os_str().is_empty() => {
            Err(source.bad("the clip is a path where those before were bytes; one of the two is expected in all rows"))
        }
        (_, Some(Field::Str(path))) => Ok(relative(source, path)),
        _ => Err(source.bad("the clip has neither `bytes` nor `path`")),
    }
}

/// A path below the clips' folder is written relative to it.
fn relative(source: &Source<'_>, path: &str) -> String {
    Path::new(path).strip_prefix(source.clips_folder()).ok().and_then(Path::to_str).unwrap_or(path).to_owned()
}

fn text(source: &Source<'_>, field: Option<&Field>, names: Option<&Vec<String>>) -> Result<Option<String>, DataError> {
    let number = match field {
        None | Some(Field::Null) => return Ok(None),
        Some(Field::Str(text)) => return Ok(Some(text.clone())),
        Some(Field::Byte(number)) => i64::from(*number),
        Some(Field::Short(number)) => i64::from(*number),
        Some(Field::Int(number)) => i64::from(*number),
        Some(Field::Long(number)) => *number,
        Some(other) => return Ok(Some(other.to_string())),
    };
    let Some(names) = names else { return Ok(Some(number.to_string())) };
    // -1 is how `datasets` writes a class that is not known.
    let name = usize::try_from(number).ok().and_then(|at| names.get(at));
    name.map(|name| Some(name.clone())).ok_or_else(|| source.bad(format!("class {number}; there are {}", names.len())))
}
