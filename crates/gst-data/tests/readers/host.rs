//! A folder as a host hands it out, and what a reader makes of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use gst_data::{
    DataError, Split,
    sources::{Imported, SourceList, import},
};
use serde_json::Value;
use tempfile::TempDir;

/// A folder `data/` with the files of a host, and a list beside it.
pub(crate) struct Host {
    folder: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below `data/`.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join("data").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Clips below `data/`; readers look at names only.
    pub(crate) fn clips(&self, paths: &[&str]) -> &Self {
        for path in paths {
            self.file(path, "");
        }
        self
    }

    pub(crate) fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.path().join("data").join(path)).unwrap();
        self
    }

    /// Writes a list with `lines` below `[datasets]`.
    pub(crate) fn list(&self, lines: &str) -> PathBuf {
        let path = self.path().join("list.toml");
        fs::write(&path, format!("[datasets]\n{lines}\n")).unwrap();
        path
    }

    pub(crate) fn import(&self, line: &str) -> Result<Imported, DataError> {
        let list = SourceList::read(&self.list(line))?;
        import(&list, &list.datasets[0])
    }

    /// What the clips of the rows were cut from, without repetition, sorted.
    pub(crate) fn origins(&self, line: &str) -> Vec<String> {
        let manifests = self.import(line).unwrap_or_else(|error| panic!("{error}")).located.manifests;
        let texts = Split::ALL.iter().filter_map(|split| fs::read_to_string(manifests.join(format!("{split}.jsonl"))).ok());
        let rows: Vec<Value> = texts
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .map(|line| serde_json::from_str(&line).unwrap())
            .collect();
        // One id stands as a text, several as a list.
        let ids = |row: &Value| match &row["source"] {
            Value::Array(ids) => ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect(),
            id => id.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>(),
        };
        rows.iter().flat_map(ids).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Rows as `split | id | audio | question | answer | label`, in the order of reading.
    pub(crate) fn rows(&self, line: &str) -> Vec<String> {
        let imported = self.import(line).unwrap_or_else(|error| panic!("{error}"));
        let (mut rows, mut ids) = (Vec::new(), BTreeSet::new());
        for split in Split::ALL {
            let Ok(text) = fs::read_to_string(imported.located.manifests.join(format!("{split}.jsonl"))) else { continue };
            for line in text.lines() {
                let row: Value = serde_json::from_str(line).unwrap();
                let field = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
                assert!(imported.located.clips.join(field("audio")).is_file(), "{row}");
                assert!(ids.insert(field("id")), "two rows with one id: {row}");
                let fields = ["id", "audio", "question", "answer", "label"].map(field);
                rows.push(format!("{split} | {}", fields.join(" | ")));
            }
        }
        rows
    }

    /// Asserts the rows: one a line, indented or not.
    #[track_caller]
    pub(crate) fn check(&self, line: &str, expected: &str) {
        let rows = self.rows(line);
        let expected: Vec<&str> = expected.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
        assert_eq!(rows, expected, "\n{}\n", rows.join("\n"));
    }

    /// Asserts that reading fails with a message that has all `parts`.
    pub(crate) fn fails(&self, line: &str, parts: &[&str]) {
        let error = self.import(line).map(|imported| imported.rows).unwrap_err();
        let message = error.to_string();
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }
}
