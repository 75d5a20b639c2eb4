//! The TOML file that lists datasets, checked against what each reader knows.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value, de::DeTable};

use super::error::{SourceError, near};
use crate::{
    error::DataError,
    readers::{self, Entry},
};

/// Keys that every dataset takes, whatever its reader.
const COMMON: [&str; 4] = ["reader", "path", "clips", "missing"];

/// What to do with a row whose clip is not on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// `missing = "error"`: stop, naming the row.
    Error,
    /// `missing = "leave-out"`: go on and count it.
    LeaveOut,
}

/// A list of datasets.
#[derive(Debug, Clone)]
pub struct SourceList {
    /// The TOML file.
    pub file: PathBuf,
    /// Folder in which rows are kept as JSON Lines: `imported`, by default `NAME.imported` beside `NAME.toml`.
    pub imported: PathBuf,
    /// The datasets, sorted by name.
    pub datasets: Vec<Settings>,
}

/// One dataset of a list: its reader and the reader's settings, all of known names and kinds.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the dataset.
    pub name: String,
    /// How it is read.
    pub reader: &'static Entry,
    /// Folder or file that the reader starts from.
    pub path: PathBuf,
    /// Folder of the clips, where it is not the one that the reader looks into by itself.
    pub clips: Option<PathBuf>,
    /// What to do with rows without a clip.
    pub missing: Missing,
    /// The reader's own settings.
    pub(crate) values: Table,
}

impl SourceList {
    /// Reads and checks a list; no dataset is looked at.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or has an unknown key, an unknown reader or a value of the wrong kind.
    pub fn read(file: &Path) -> Result<Self, DataError> {
        let text = fs::read_to_string(file).map_err(|source| DataError::Read { path: file.into(), source })?;
        let not_toml = |error: toml::de::Error| SourceError::NotToml { file: file.into(), reason: error.to_string() };
        let table: Table = text.parse().map_err(not_toml)?;
        let lines = Lines::new(file, &text, &DeTable::parse(&text).map_err(not_toml)?.into_inner());
        if let Some(key) = table.keys().find(|key| !["datasets", "imported"].contains(&key.as_str())) {
            return Err(lines.unknown(
                &[key],
                "at the top of the file (datasets stand below [datasets])",
                &["datasets", "imported"],
            ));
        }
        // The same list means the same paths, whatever folder a command is run from.
        let whole = fs::canonicalize(file).map_err(|source| DataError::Read { path: file.into(), source })?;
        let folder = whole.parent().unwrap_or(Path::new("")).to_path_buf();
        let imported = match table.get("imported") {
            None => whole.with_extension("imported"),
            Some(Value::String(path)) => folder.join(path),
            Some(other) => return Err(lines.wrong("-", &["imported"], other, "a folder in quotes")),
        };
        let mut datasets = Vec::new();
        match table.get("datasets") {
            None => {}
            Some(Value::Table(listed)) => {
                for (name, value) in listed {
                    let Value::Table(values) = value else {
                        return Err(lines.wrong(name, &["datasets", name], value, "a table such as { path = \"/data/clotho\" }"));
                    };
                    datasets.push(dataset(&lines, &folder, name, values.clone())?);
                }
            }
            Some(other) => return Err(lines.wrong("-", &["datasets"], other, "a table: [datasets]")),
        }
        if datasets.is_empty() {
            return Err(SourceError::NoDatasets { file: file.into() }.into());
        }
        datasets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { file: file.into(), imported, datasets })
    }

    /// Keeps the datasets named in `only`.
    ///
    /// # Errors
    /// When one of them is not listed, or none is named.
    pub fn only(mut self, only: Option<&[String]>) -> Result<Self, DataError> {
        let Some(only) = only else { return Ok(self) };
        if only.is_empty() {
            let expected = "at least one name (leave it out for all)";
            return Err(DataError::BadParameter { field: "datasets", found: "an empty list".into(), expected });
        }
        let names: Vec<&str> = self.datasets.iter().map(|settings| settings.name.as_str()).collect();
        if let Some(name) = only.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(DataError::UnknownDataset { path: self.file, name: name.clone(), known: names.join(", ") });
        }
        self.datasets.retain(|settings| only.contains(&settings.name));
        Ok(self)
    }
}

fn dataset(lines: &Lines, folder: &Path, name: &str, mut values: Table) -> Result<Settings, DataError> {
    let text = |values: &mut Table, key: &str| match values.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(other) => Err(lines.wrong(name, &["datasets", name, key], &other, "a text in quotes")),
    };
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
        let found = Value::String(name.into());
        return Err(lines.wrong(name, &["datasets", name], &found, "a name that can be a folder's: no slash, no leading dot"));
    }
    let asked = text(&mut values, "reader")?.unwrap_or_else(|| name.to_owned());
    let Some(reader) = readers::find(&asked) else {
        let known: Vec<&str> = readers::all().map(|entry| entry.name).collect();
        return Err(SourceError::UnknownReader {
            file: lines.file.clone(),
            line: lines.of(&["datasets", name]),
            dataset: name.into(),
            near: near(&asked, known.iter().copied()),
            reader: asked,
            known: known.join(", "),
        }
        .into());
    };
    let Some(path) = text(&mut values, "path")? else {
        let expected = "the folder or file of the dataset, in quotes".to_owned();
        return Err(lines.value(name, &["datasets", name], "path", "missing".into(), expected));
    };
    let missing = match text(&mut values, "missing")?.as_deref() {
        None if reader.partial => Missing::LeaveOut,
        None | Some("error") => Missing::Error,
        Some("leave-out") => Missing::LeaveOut,
        Some(other) => {
            let found = Value::String(other.into());
            return Err(lines.wrong(name, &["datasets", name, "missing"], &found, "\"error\" or \"leave-out\""));
        }
    };
    let clips = text(&mut values, "clips")?.map(|clips| folder.join(clips));
    for (key, value) in &values {
        let place = ["datasets", name, key.as_str()];
        let Some(known) = reader.reader.keys().iter().find(|known| known.name == key) else {
            let known: Vec<&str> = COMMON.into_iter().chain(reader.reader.keys().iter().map(|key| key.name)).collect();
            return Err(lines.unknown(&place, &format!("of dataset {name}, reader {}", reader.name), &known));
        };
        known.value.check(value).map_err(|expected| lines.wrong(name, &place, value, &expected))?;
    }
    if let Some(key) = reader.reader.keys().iter().find(|key| key.required && !values.contains_key(key.name)) {
        return Err(lines.value(name, &["datasets", name], key.name, "missing".into(), key.meaning.into()));
    }
    Ok(Settings { name: name.into(), reader, path: folder.join(path), clips, missing, values })
}

/// Lines of the keys of a list, by their path.
struct Lines {
    file: PathBuf,
    lines: BTreeMap<Vec<String>, usize>,
}

impl Lines {
    fn new(file: &Path, text: &str, table: &DeTable<'_>) -> Self {
        fn walk(text: &str, table: &DeTable<'_>, path: &mut Vec<String>, lines: &mut BTreeMap<Vec<String>, usize>) {
            for (key, value) in table {
                path.push(key.get_ref().to_string());
                let line = text.as_bytes().iter().take(key.span().start).filter(|&&byte| byte == b'\n').count() + 1;
                lines.insert(path.clone(), line);
                if let Some(inner) = value.get_ref().as_table() {
                    walk(text, inner, path, lines);
                }
                path.pop();
            }
        }
        let mut lines = BTreeMap::new();
        walk(text, table, &mut Vec::new(), &mut lines);
        Self { file: file.into(), lines }
    }

    fn of(&self, path: &[&str]) -> usize {
        let path: Vec<String> = path.iter().map(|&part| part.to_owned()).collect();
        self.lines.get(&path).copied().unwrap_or(1)
    }

    fn unknown(&self, path: &[&str], context: &str, known: &[&str]) -> DataError {
        let key = path.last().copied().unwrap_or_default();
        SourceError::UnknownKey {
            file: self.file.clone(),
            line: self.of(path),
            key: key.into(),
            context: context.into(),
            near: near(key, known.iter().copied()),
            known: known.join(", "),
        }
        .into()
    }

    fn wrong(&self, dataset: &str, path: &[&str], found: &Value, expected: &str) -> DataError {
        self.value(dataset, path, path.last().copied().unwrap_or_default(), found.to_string(), expected.into())
    }

    fn value(&self, dataset: &str, path: &[&str], key: &str, found: String, expected: String) -> DataError {
        let (file, line) = (self.file.clone(), self.of(path));
        SourceError::WrongValue { file, line, dataset: dataset.into(), key: key.into(), found, expected }.into()
    }
}
