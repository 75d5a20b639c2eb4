//! One question about one clip, and the three splits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One question about one clip, as a line of `train.jsonl` or `test.jsonl` has it. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Name of the record, unique in its dataset.
    pub id: String,
    /// The clip, relative to the dataset's folder.
    pub audio: String,
    /// The question as asked.
    pub question: String,
    /// The right answer; one of `choices` unless they are empty.
    pub answer: String,
    /// The answers that can be given, empty for an open question.
    #[serde(default)]
    pub choices: Vec<String>,
    /// The class behind the answer; `slot=value` where one dataset asks for several things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What kind of audio it is: `speech`, `music`, `environment`, …
    pub domain: String,
    /// Ids of the recording that the clip was cut from, `HOST:ID` (`youtube:0aB1cD2eF3g`, `freesound:12345`), for overlap between
    /// datasets: clips that share one are taken for the same recording. Empty where it is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<String>,
    /// 1-based line of the manifest it came from (0: made in memory).
    #[serde(skip)]
    pub line: usize,
}

impl Record {
    /// The slot that is asked for, where the label is `slot=value`.
    pub fn slot(&self) -> Option<&str> {
        self.label.as_deref()?.split_once('=').map(|(slot, _)| slot)
    }

    /// The class for counting: the label if there is one, else the answer.
    pub fn class(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.answer)
    }
}

/// Which part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What the model learns from.
    Train,
    /// Whole clips held out of `train.jsonl`.
    Validation,
    /// `test.jsonl`.
    Test,
}

impl Split {
    /// All of them, in the order of use.
    pub const ALL: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = crate::DataError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Split::ALL.into_iter().find(|split| split.name() == text).ok_or_else(|| crate::DataError::BadParameter {
            field: "split",
            found: format!("`{text}`"),
            expected: "train, validation or test",
        })
    }
}
