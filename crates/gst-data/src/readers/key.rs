//! Settings of a reader: their names, kinds and usual values, in one table for checks, documentation and `gst data list`.

use toml::Value;

/// A setting that a reader takes.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the list of datasets.
    pub name: &'static str,
    /// What it may be.
    pub value: Kind,
    /// What it is when left out, spelled as in a list separated by commas; empty for nothing.
    pub usual: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// True when it may not be left out.
    pub required: bool,
}

/// What a setting may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// A text or a list of texts.
    Texts,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of some of these texts.
    SomeOf(&'static [&'static str]),
    /// A whole number within these bounds.
    Whole(i64, i64),
    /// A number above 0 and below 1.
    Share,
    /// `true` or `false`.
    Flag,
}

impl Key {
    /// A setting that may be left out.
    pub const fn new(name: &'static str, value: Kind, usual: &'static str, meaning: &'static str) -> Self {
        Self { name, value, usual, meaning, required: false }
    }

    /// A setting that may not be left out.
    pub const fn required(name: &'static str, value: Kind, meaning: &'static str) -> Self {
        Self { name, value, usual: "", meaning, required: true }
    }
}

impl Kind {
    /// Checks a value of the list; the error says what is expected.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let good = match (self, value) {
            (Self::Text | Self::Texts, Value::String(text)) => !text.is_empty(),
            (Self::Texts, Value::Array(items)) => {
                !items.is_empty() && items.iter().all(|item| item.as_str().is_some_and(|text| !text.is_empty()))
            }
            (Self::OneOf(known), Value::String(text)) => known.contains(&text.as_str()),
            (Self::SomeOf(known), Value::Array(items)) => {
                !items.is_empty() && items.iter().all(|item| item.as_str().is_some_and(|text| known.contains(&text)))
            }
            (Self::Whole(from, to), Value::Integer(number)) => (from..=to).contains(&number),
            (Self::Share, Value::Float(share)) => *share > 0.0 && *share < 1.0,
            (Self::Flag, Value::Boolean(_)) => true,
            _ => false,
        };
        if good { Ok(()) } else { Err(self.to_string()) }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text => out.write_str("a text in quotes"),
            Self::Texts => out.write_str("a text in quotes or a list of texts"),
            Self::OneOf(known) => write!(out, "one of \"{}\"", known.join("\", \"")),
            Self::SomeOf(known) => write!(out, "a list of some of \"{}\"", known.join("\", \"")),
            Self::Whole(from, to) => write!(out, "a whole number from {from} to {to}"),
            Self::Share => out.write_str("a share above 0.0 and below 1.0"),
            Self::Flag => out.write_str("true or false"),
        }
    }
}
