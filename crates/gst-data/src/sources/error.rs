//! What can be wrong with a list of datasets and with the files of a dataset.

use std::path::PathBuf;

use crate::error::Place;

/// Why a listed dataset cannot be read. Every message names the place and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The list is not TOML.
    #[error("{}: not TOML: {reason}", file.display())]
    NotToml {
        /// The list.
        file: PathBuf,
        /// The parser's reason, with line and column.
        reason: String,
    },
    /// A list without a dataset.
    #[error("{}: lists no dataset; expected lines such as `clotho = {{ path = \"/data/clotho\" }}` below [datasets]", file.display())]
    NoDatasets {
        /// The list.
        file: PathBuf,
    },
    /// A key that is not known.
    #[error("{}:{line}: unknown key `{key}` {context}{}; known: {known}", file.display(), nearest(near))]
    UnknownKey {
        /// The list.
        file: PathBuf,
        /// 1-based line.
        line: usize,
        /// The key.
        key: String,
        /// Of what: the file, or a dataset and its reader.
        context: String,
        /// The known key that is nearest in spelling, if one is near.
        near: Option<String>,
        /// The known keys, comma separated.
        known: String,
    },
    /// A reader that is not known.
    #[error("{}:{line}: dataset {dataset}: unknown reader `{reader}`{}; known: {known}", file.display(), nearest(near))]
    UnknownReader {
        /// The list.
        file: PathBuf,
        /// 1-based line.
        line: usize,
        /// The dataset.
        dataset: String,
        /// The reader asked for, or the dataset's name where none was.
        reader: String,
        /// The known reader that is nearest in spelling, if one is near.
        near: Option<String>,
        /// The known readers, comma separated.
        known: String,
    },
    /// A value of another kind or range than expected, or a required key that is not there.
    #[error("{}:{line}: dataset {dataset}: `{key}` is {found}; expected {expected}", file.display())]
    WrongValue {
        /// The list.
        file: PathBuf,
        /// 1-based line.
        line: usize,
        /// The dataset.
        dataset: String,
        /// The key.
        key: String,
        /// What was found.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// A file of the dataset is not there.
    #[error("{}: not found (dataset {dataset}); {hint}", path.display())]
    MissingFile {
        /// The dataset.
        dataset: String,
        /// The file or folder; the first of them where several places are looked at.
        path: PathBuf,
        /// What it is and where it comes from.
        hint: String,
    },
    /// A table without a column that is needed.
    #[error("{}: no column `{column}` (dataset {dataset}){}; there are: {known}", file.display(), nearest(near))]
    MissingColumn {
        /// The dataset.
        dataset: String,
        /// The table.
        file: PathBuf,
        /// The column.
        column: String,
        /// The column that is nearest in spelling, if one is near.
        near: Option<String>,
        /// The columns there are, comma separated.
        known: String,
    },
    /// A row, entry or line that is not as the format says.
    #[error("{place}: {reason}")]
    BadRow {
        /// Where.
        place: Place,
        /// What was found and what was expected.
        reason: String,
    },
    /// A row whose clip is not there.
    #[error(
        "{place}: clip `{audio}` is not in {}; get the clip, say where clips lie with `clips = \"…\"`, or leave such rows out with `missing = \"leave-out\"`",
        clips.display()
    )]
    MissingClip {
        /// Where.
        place: Place,
        /// The clip.
        audio: String,
        /// The folder that clips are looked for in.
        clips: PathBuf,
    },
    /// Two clips of one name.
    #[error("{place}: two clips are named `{name}`: {first} and {second}; set `clips` to the folder that holds the right one")]
    AmbiguousClip {
        /// Where.
        place: Place,
        /// The name looked for.
        name: String,
        /// One of them.
        first: String,
        /// Another one.
        second: String,
    },
    /// A dataset of which nothing is left.
    #[error("dataset {dataset}: no {split} rows ({left_out} rows left out because their clips are not in {}); {hint}", clips.display())]
    NoRows {
        /// The dataset.
        dataset: String,
        /// The split.
        split: crate::Split,
        /// Rows that were left out.
        left_out: usize,
        /// The folder that clips are looked for in.
        clips: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// What was read cannot be kept.
    #[error("{}: cannot be written: {source}; set `imported = \"FOLDER\"` at the top of the list to keep rows elsewhere", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl SourceError {
    /// The dataset it is about, if it is about one.
    pub fn dataset(&self) -> Option<&str> {
        match self {
            Self::NotToml { .. } | Self::NoDatasets { .. } | Self::UnknownKey { .. } | Self::Write { .. } => None,
            Self::UnknownReader { dataset, .. }
            | Self::WrongValue { dataset, .. }
            | Self::MissingFile { dataset, .. }
            | Self::MissingColumn { dataset, .. }
            | Self::NoRows { dataset, .. } => Some(dataset),
            Self::BadRow { place, .. } | Self::MissingClip { place, .. } | Self::AmbiguousClip { place, .. } => {
                Some(&place.dataset)
            }
        }
    }
}

fn nearest(near: &Option<String>) -> String {
    near.as_ref().map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
}

/// The name of `known` nearest to `found`: at most two edits away, or a third of its length.
pub(crate) fn near<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let found = found.to_lowercase();
    let nearest = known.into_iter().map(|name| (edits(&found, &name.to_lowercase()), name)).min()?;
    (nearest.0 <= 2.max(found.chars().count() / 3)).then(|| nearest.1.to_owned())
}

/// Levenshtein's distance of two short texts.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &b) in right.iter().enumerate() {
            let cost = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let known = ["clotho", "audiocaps", "macs"];
        assert_eq!(near("cloto", known).as_deref(), Some("clotho"));
        assert_eq!(near("AudioCap", known).as_deref(), Some("audiocaps"));
        assert_eq!(near("birds_of_spain", known), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
