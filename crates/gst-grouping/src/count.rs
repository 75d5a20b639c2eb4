//! How many groups: given, or read from the data.

use std::fmt;
use std::str::FromStr;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Distances, GroupingError, Partition, names};

/// How K, the number of groups, is found.
///
/// Automatic choices look at K = 2 up to the most groups allowed and at most D − 1, so with one or two datasets they give 1.
/// They always find some K: whether there is structure at all is for a [`structure_test`](crate::structure_test) to say.
/// In files a number, or the name of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
#[non_exhaustive]
pub enum GroupCount {
    /// This many, 1 to D.
    Fixed(usize),
    /// The K after which the eigenvalues of the affinity graph's normalised Laplacian rise most.
    #[default]
    Eigengap,
    /// The K whose groups have the greatest mean [`silhouette`].
    Silhouette,
    /// The K at which the within share stops falling steeply: farthest below the line from K = 1 to the largest K tried.
    Elbow,
}

const NAMED: &[(GroupCount, &str)] =
    &[(GroupCount::Eigengap, "eigengap"), (GroupCount::Silhouette, "silhouette"), (GroupCount::Elbow, "elbow")];

/// One K that was tried, and what the choice was made by: the gap after eigenvalue K, the mean silhouette, or the within
/// share (within term over ζ²).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CountScore {
    /// K.
    pub groups: usize,
    /// Its score; greater is better except for the within share.
    pub score: f64,
}

impl fmt::Display for GroupCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(groups) => f.pad(&groups.to_string()),
            named => f.pad(names::name(*named, NAMED)),
        }
    }
}

impl FromStr for GroupCount {
    type Err = GroupingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(groups) = text.parse() {
            return Ok(Self::Fixed(groups));
        }
        names::parse("number of groups (a whole number, or a way to choose it)", text, NAMED)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(usize),
    Name(String),
}

impl TryFrom<Written> for GroupCount {
    type Error = GroupingError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Number(groups) => Ok(Self::Fixed(groups)),
            Written::Name(name) => name.parse(),
        }
    }
}

impl From<GroupCount> for Written {
    fn from(count: GroupCount) -> Self {
        match count {
            GroupCount::Fixed(groups) => Self::Number(groups),
            named => Self::Name(named.to_string()),
        }
    }
}

/// The K candidates of an automatic choice among `datasets` datasets.
pub(crate) fn candidates(datasets: usize, most: usize) -> std::ops::RangeInclusive<usize> {
    2..=most.min(datasets.saturating_sub(1))
}

/// The gap after each eigenvalue of the ascending `values`: score of K is λ_{K+1} − λ_K, for K = 1 and up.
pub(crate) fn gaps(values: &[f64]) -> Vec<CountScore> {
    values.windows(2).enumerate().map(|(n, pair)| CountScore { groups: n + 1, score: pair[1] - pair[0] }).collect()
}

/// The K of the greatest score, the smallest such K among equals; 1 when there is none.
pub(crate) fn greatest(scores: &[CountScore]) -> usize {
    let best =
        scores.iter().fold(None::<CountScore>, |best, s| if best.is_none_or(|b| s.score > b.score) { Some(*s) } else { best });
    best.map_or(1, |s| s.groups)
}

/// Depths up to this are rounding: shares are of the order of 1.
const ON_THE_LINE: f64 = 1e-9;

/// The K whose point lies farthest below the line between the first and the last point; the first K after 1 when none lies below.
pub(crate) fn elbow(shares: &[CountScore]) -> usize {
    let (Some(first), Some(last)) = (shares.first(), shares.last()) else { return 1 };
    let width = (last.groups - first.groups).max(1) as f64;
    let slope = (last.score - first.score) / width;
    let depth =
        |s: &CountScore| CountScore { groups: s.groups, score: first.score + slope * (s.groups - first.groups) as f64 - s.score };
    // The ends lie on the line, and so does what is off it by rounding.
    let inner = shares.get(1..shares.len() - 1).unwrap_or_default();
    let below: Vec<CountScore> = inner.iter().map(depth).filter(|depth| depth.score > ON_THE_LINE).collect();
    if below.is_empty() { shares.get(1).map_or(1, |share| share.groups) } else { greatest(&below) }
}

/// The mean silhouette of a partition (Rousseeuw 1987), −1 to 1: how much nearer the datasets are to their own group than to
/// the next one. A dataset alone in its group counts 0, as in scikit-learn; 0 for fewer than two groups.
///
/// # Errors
/// [`GroupingError::Count`] when the partition does not have one label for each dataset.
pub fn silhouette(distances: &Distances, partition: &Partition) -> Result<f64, GroupingError> {
    if partition.len() != distances.len() {
        return Err(GroupingError::Count { what: "labels in the partition", found: partition.len(), expected: distances.len() });
    }
    let groups = partition.groups();
    if groups.len() < 2 {
        return Ok(0.0);
    }
    let values: &Array2<f64> = distances.values();
    let mean_to = |i: usize, members: &[usize], count: usize| members.iter().map(|&j| values[(i, j)]).sum::<f64>() / count as f64;
    let of = |i: usize| {
        let own = partition.labels()[i];
        if groups[own].len() == 1 {
            return 0.0;
        }
        let inside = mean_to(i, &groups[own], groups[own].len() - 1);
        let others = groups.iter().enumerate().filter(|(label, _)| *label != own);
        let outside = others.map(|(_, members)| mean_to(i, members, members.len())).fold(f64::INFINITY, f64::min);
        let larger = inside.max(outside);
        if larger > 0.0 { (outside - inside) / larger } else { 0.0 }
    };
    Ok((0..distances.len()).map(of).sum::<f64>() / distances.len() as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn counts_read_as_they_are_written() {
        for (text, count) in [("3", GroupCount::Fixed(3)), ("eigengap", GroupCount::Eigengap), ("elbow", GroupCount::Elbow)] {
            assert_eq!(text.parse::<GroupCount>().unwrap(), count);
            assert_eq!(count.to_string(), text);
            let json = serde_json::to_string(&count).unwrap();
            assert_eq!(serde_json::from_str::<GroupCount>(&json).unwrap(), count);
        }
        assert_eq!(serde_json::to_string(&GroupCount::Fixed(3)).unwrap(), "3");
        let message = "eigengape".parse::<GroupCount>().unwrap_err().to_string();
        assert!(message.contains("\"eigengap\"") && message.contains("silhouette"), "{message}");
    }

    #[test]
    fn gaps_and_elbows() {
        assert_eq!(greatest(&gaps(&[0.0, 0.05, 0.06, 0.9, 1.0])), 3);
        assert_eq!(greatest(&[]), 1);
        let shares = [1.0, 0.6, 0.15, 0.12, 0.1].iter().enumerate();
        let shares: Vec<CountScore> = shares.map(|(n, s)| CountScore { groups: n + 1, score: *s }).collect();
        assert_eq!(elbow(&shares), 3);
        assert_eq!((elbow(&shares[..1]), elbow(&[])), (1, 1));
        for straight_or_bent_up in [[1.0, 0.95, 0.9, 0.85, 0.1], [0.9, 0.7, 0.5, 0.3, 0.1]] {
            let shares = straight_or_bent_up.iter().enumerate();
            let shares: Vec<CountScore> = shares.map(|(n, s)| CountScore { groups: n + 1, score: *s }).collect();
            assert_eq!(elbow(&shares), 2, "no bend: the fewest groups");
        }
    }

    #[test]
    fn silhouette_by_hand() {
        let line = Distances::new(array![[0.0, 1.0, 4.0], [1.0, 0.0, 3.0], [4.0, 3.0, 0.0]]).unwrap();
        let found = silhouette(&line, &Partition::from_labels(&[0, 0, 1])).unwrap();
        assert!((found - (0.75 + 2.0 / 3.0) / 3.0).abs() < 1e-12, "{found}");
        assert_eq!(silhouette(&line, &Partition::single(3)).unwrap(), 0.0);
        let equal = Distances::new(Array2::zeros((3, 3))).unwrap();
        assert_eq!(silhouette(&equal, &Partition::from_labels(&[0, 0, 1])).unwrap(), 0.0);
    }
}
