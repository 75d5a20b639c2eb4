//! The strategies, by name.

use crate::ScheduleError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a training run trains on, and when.
///
/// The paper (arXiv 2605.19101) compares mixing, strict cycles, progressive and reverse progressive introduction; its stage lengths and
/// weights are not public, so those of [`crate::ScheduleParams`] are ours, as are `mix-adaptive` and `gst-adaptive` altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Strategy {
    /// All datasets from the first step to the last: the baseline every other strategy has to beat.
    MixAll,
    /// All datasets; the weights follow what each has half learned, its excess loss or its learning progress, with a floor.
    MixAdaptive,
    /// One model for each dataset: every stage starts from the initial weights.
    Individual,
    /// One dataset after another, one model.
    Sequential,
    /// One group after another, `cycles` times over all groups.
    StrictCycle,
    /// Stage k trains on the groups 1 to k (Grouped Sequential Training).
    GstProgressive,
    /// The same with the groups introduced in the opposite order.
    GstReverse,
    /// The groups take turns in going ahead of a mixture of all datasets ([`mix_floor`](crate::ScheduleParams::mix_floor)), then everything is
    /// mixed; a stage ends on a plateau at the latest after its share, affinity may be measured again at stage ends, and what is not yet in may
    /// be regrouped. With a floor of 0 it is progressive, and falls back to mixing everything when staging shows no gain.
    GstAdaptive,
}

impl Strategy {
    /// Every strategy, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::MixAll,
        Self::MixAdaptive,
        Self::Individual,
        Self::Sequential,
        Self::StrictCycle,
        Self::GstProgressive,
        Self::GstReverse,
        Self::GstAdaptive,
    ];

    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MixAll => "mix-all",
            Self::MixAdaptive => "mix-adaptive",
            Self::Individual => "individual",
            Self::Sequential => "sequential",
            Self::StrictCycle => "strict-cycle",
            Self::GstProgressive => "gst-progressive",
            Self::GstReverse => "gst-reverse",
            Self::GstAdaptive => "gst-adaptive",
        }
    }

    /// Whether stages are made of groups, so that a grouping must be given (and what measuring it cost counts).
    #[must_use]
    pub fn needs_groups(self) -> bool {
        matches!(self, Self::StrictCycle | Self::GstProgressive | Self::GstReverse | Self::GstAdaptive)
    }

    /// Whether each stage keeps what the one before it had and adds a group.
    #[must_use]
    pub fn grows(self) -> bool {
        matches!(self, Self::GstProgressive | Self::GstReverse | Self::GstAdaptive)
    }

    /// Whether there is one stage whatever the groups are.
    #[must_use]
    pub fn mixes_all(self) -> bool {
        matches!(self, Self::MixAll | Self::MixAdaptive)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Strategy {
    type Err = ScheduleError;

    /// # Errors
    /// [`ScheduleError::UnknownStrategy`] with the known names and the nearest one.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == text).ok_or_else(|| ScheduleError::UnknownStrategy {
            found: text.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
            nearest: nearest(text, &Self::ALL.map(Self::name)),
        })
    }
}

/// The name that holds `text`, or else the one that takes the fewest edits to reach from it; of equals the first.
fn nearest(text: &str, names: &[&str]) -> String {
    let text = text.to_lowercase().replace(['_', ' '], "-");
    names
        .iter()
        .min_by_key(|name| (!name.contains(&text), edits(&text, name)))
        .map_or_else(String::new, |name| (*name).to_owned())
}

/// Levenshtein distance.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_is_the_one_of_serde() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.name().parse::<Strategy>().unwrap(), strategy);
            assert_eq!(serde_json::to_string(&strategy).unwrap(), format!("\"{strategy}\""));
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        for (found, expected) in [
            ("gst-progresive", "gst-progressive"),
            ("GST_Reverse", "gst-reverse"),
            ("mixall", "mix-all"),
            ("sequentially", "sequential"),
            ("cycle", "strict-cycle"),
        ] {
            match found.parse::<Strategy>() {
                Err(ScheduleError::UnknownStrategy { nearest, known, .. }) => {
                    assert_eq!(nearest, expected);
                    assert!(known.contains("strict-cycle"));
                }
                other => panic!("{found}: {other:?}"),
            }
        }
        assert!("".parse::<Strategy>().is_err());
    }
}
