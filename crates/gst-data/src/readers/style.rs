//! Questions about how something is said: PromptSpeech and TextrolSpeech ask the same.

use super::{Source, table::Row};
use crate::{error::DataError, record::Record};

/// Asking for a description.
const STYLE: [&str; 4] = [
    "Describe how this is spoken.",
    "What is the speaking style of this voice?",
    "How does the speaker talk?",
    "Write a description of this voice and its manner of speaking.",
];

/// A row of a table of styles: what its questions share.
pub(crate) struct Spoken<'r> {
    /// Unique name of the row.
    pub(crate) item: &'r str,
    /// The clip.
    pub(crate) audio: &'r str,
    /// What the clip was cut from.
    pub(crate) origin: Option<String>,
}

impl Spoken<'_> {
    fn record(&self, source: &Source<'_>, slot: &str, forms: &[&str], answer: String) -> Record {
        let id = format!("{}#{slot}", self.item);
        Record {
            audio: self.audio.to_owned(),
            question: source.ask(forms, &id),
            answer,
            domain: source.domain(),
            source: self.origin.clone().into_iter().collect(),
            id,
            ..Record::default()
        }
    }
}

/// One thing that the dataset labels.
pub(crate) struct Factor {
    /// What it is called in `questions`.
    pub(crate) slot: &'static str,
    /// Its column.
    pub(crate) column: &'static str,
    /// Its values as written, and as answered; any value as written where there are none.
    pub(crate) values: &'static [(&'static str, &'static str)],
    /// How it is asked for.
    pub(crate) forms: &'static [&'static str],
}

pub(crate) const GENDER: Factor = Factor {
    slot: "gender",
    column: "gender",
    values: &[("M", "male"), ("F", "female")],
    forms: &["Is the speaker male or female?", "What is the gender of the speaker?"],
};

pub(crate) const PITCH: Factor = Factor {
    slot: "pitch",
    column: "pitch",
    values: &[("low", "low"), ("normal", "normal"), ("high", "high")],
    forms: &["Is the pitch of the voice low, normal or high?", "How high is the voice?"],
};

pub(crate) const ENERGY: Factor = Factor {
    slot: "energy",
    column: "energy",
    values: &[("low", "low"), ("normal", "normal"), ("high", "high")],
    forms: &["Is the energy of the voice low, normal or high?", "How loud is the speech?"],
};

/// The values of speed, which the two datasets name differently.
pub(crate) const SPEEDS: [(&str, &str); 3] = [("slow", "slow"), ("normal", "normal"), ("fast", "fast")];

/// How speed is asked for.
pub(crate) const SPEED_FORMS: [&str; 2] = ["Is the speech slow, normal or fast?", "How fast does the speaker talk?"];

/// The columns asked for: the description's, and each factor's.
pub(crate) fn asked<'f>(source: &Source<'_>, factors: &'f [Factor]) -> (bool, Vec<&'f Factor>) {
    let kept = factors.iter().filter(|factor| source.asks_for("questions", factor.slot)).collect();
    (source.asks_for("questions", "style"), kept)
}

/// The row that asks for the description.
pub(crate) fn describe(source: &Source<'_>, spoken: &Spoken<'_>, answer: String) -> Record {
    spoken.record(source, "style", &STYLE, answer)
}

/// The row that asks for one factor, whose value stands in column `at`.
///
/// # Errors
/// When the value is none of those that the dataset documents.
pub(crate) fn ask(
    source: &Source<'_>,
    factor: &Factor,
    spoken: &Spoken<'_>,
    row: &Row<'_>,
    at: usize,
) -> Result<Record, DataError> {
    let written: Vec<&str> = factor.values.iter().map(|(written, _)| *written).collect();
    let value = if written.is_empty() { row.some(at)? } else { row.one_of(at, &written)? };
    let answer = factor.values.iter().find(|(written, _)| *written == value).map_or(value.as_str(), |(_, answer)| answer);
    let record = spoken.record(source, factor.slot, factor.forms, answer.to_owned());
    let choices = factor.values.iter().map(|(_, answer)| (*answer).to_owned()).collect();
    Ok(Record { choices, label: Some(format!("{}={answer}", factor.slot)), ..record })
}
