//! Kebab-case names of choices: how they are read, and what is said about one that is not known.

use crate::GroupingError;

/// Finds the choice called `text` in `known`.
pub(crate) fn parse<T: Copy>(what: &'static str, text: &str, known: &[(T, &str)]) -> Result<T, GroupingError> {
    known.iter().find(|(_, name)| *name == text).map(|(choice, _)| *choice).ok_or_else(|| unknown(what, text, known))
}

/// The name of `choice` in `known`.
pub(crate) fn name<T: Copy + PartialEq>(choice: T, known: &[(T, &'static str)]) -> &'static str {
    known.iter().find(|(candidate, _)| *candidate == choice).map_or("?", |(_, name)| name)
}

pub(crate) fn unknown<T>(what: &'static str, text: &str, known: &[(T, &str)]) -> GroupingError {
    let nearest = known.iter().map(|(_, name)| *name).min_by_key(|name| edits(text, name)).unwrap_or_default();
    GroupingError::UnknownName {
        what,
        found: text.to_owned(),
        nearest: nearest.to_owned(),
        known: known.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", "),
    }
}

/// How many letters must be put in, left out or changed to make one word of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // A name is short; a longer text is cut, so that a megabyte of input costs nothing.
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Display, FromStr and a table of all choices for an enum whose variants carry nothing.
macro_rules! named_choices {
    ($type:ident, $what:literal, $($variant:ident => $name:literal),+ $(,)?) => {
        impl $type {
            /// Every choice with its name, in the order of the documentation.
            pub const ALL: &'static [($type, &'static str)] = &[$(($type::$variant, $name)),+];

            /// The name used in files and on the command line.
            pub fn name(self) -> &'static str {
                crate::names::name(self, Self::ALL)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::GroupingError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::names::parse($what, text, Self::ALL)
            }
        }
    };
}
pub(crate) use named_choices;

#[cfg(test)]
mod tests {
    use super::edits;

    #[test]
    fn edits_between_words() {
        for (a, b, expected) in [("size", "size", 0), ("sise", "size", 1), ("", "path", 4), ("spectrum", "spectral", 2)] {
            assert_eq!(edits(a, b), expected, "{a} {b}");
        }
    }
}
