//! The files of `gst` as a report reads them: only the fields it shows, and tolerant of those it does not know.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::experiment::hash_file;

/// What something cost, all five ways of counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Cost {
    pub(crate) steps: f64,
    pub(crate) samples: f64,
    pub(crate) tokens: f64,
    pub(crate) audio_seconds: f64,
    pub(crate) wall_seconds: f64,
}

/// One way of counting cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Steps,
    Samples,
    Tokens,
    AudioSeconds,
    WallSeconds,
}

impl Unit {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 5] = [Self::Steps, Self::Samples, Self::Tokens, Self::AudioSeconds, Self::WallSeconds];

    /// The word for it in `results.csv`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Samples => "samples",
            Self::Tokens => "tokens",
            Self::AudioSeconds => "audio_seconds",
            Self::WallSeconds => "wall_seconds",
        }
    }

    /// The words for it above a column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Steps => "optimizer steps",
            Self::Samples => "samples",
            Self::Tokens => "tokens",
            Self::AudioSeconds => "audio",
            Self::WallSeconds => "wall time",
        }
    }
}

impl Cost {
    pub(crate) fn of(&self, unit: Unit) -> f64 {
        match unit {
            Unit::Steps => self.steps,
            Unit::Samples => self.samples,
            Unit::Tokens => self.tokens,
            Unit::AudioSeconds => self.audio_seconds,
            Unit::WallSeconds => self.wall_seconds,
        }
    }

    /// `self` + `share` · (`other` − `self`).
    pub(crate) fn towards(&self, other: &Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a + share * (b - a);
        Self {
            steps: mix(self.steps, other.steps),
            samples: mix(self.samples, other.samples),
            tokens: mix(self.tokens, other.tokens),
            audio_seconds: mix(self.audio_seconds, other.audio_seconds),
            wall_seconds: mix(self.wall_seconds, other.wall_seconds),
        }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            samples: self.samples + other.samples,
            tokens: self.tokens + other.tokens,
            audio_seconds: self.audio_seconds + other.audio_seconds,
            wall_seconds: self.wall_seconds + other.wall_seconds,
        }
    }
}

/// Figures of one dataset, or of a mean over datasets. Shares are in 0..1, losses in nats.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Score {
    pub(crate) loss: Option<f64>,
    pub(crate) token_accuracy: Option<f64>,
    pub(crate) token_accuracy_with_eos: Option<f64>,
    pub(crate) exact_match: Option<f64>,
    pub(crate) majority: Option<f64>,
    pub(crate) records: Option<u64>,
}

/// One figure of a score.
pub(crate) type Figure = fn(&Score) -> Option<f64>;

impl Score {
    /// Every figure by its name in `results.csv`.
    pub(crate) fn figures(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("loss", self.loss),
            ("token_accuracy", self.token_accuracy),
            ("token_accuracy_with_eos", self.token_accuracy_with_eos),
            ("exact_match", self.exact_match),
            ("majority", self.majority),
        ]
    }
}

/// Figures of one evaluation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Scores {
    pub(crate) datasets: BTreeMap<String, Score>,
    pub(crate) weighted: Score,
    pub(crate) unweighted: Score,
}

/// `result.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RunResult {
    #[serde(default)]
    pub(crate) made_from: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) device: String,
    #[serde(default)]
    pub(crate) parameters: u64,
    pub(crate) cost: Cost,
    #[serde(default)]
    pub(crate) probe_cost: Cost,
    #[serde(default)]
    pub(crate) evaluation_seconds: f64,
    #[serde(default)]
    pub(crate) peak_memory_bytes: u64,
    pub(crate) test: Scores,
    #[serde(default)]
    pub(crate) validation: Scores,
    #[serde(default)]
    pub(crate) versions: BTreeMap<String, serde_json::Value>,
}

/// A dataset as the plan knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Dataset {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) domain: String,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) weight: f64,
}

/// One stage of a schedule.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Stage {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) datasets: Vec<usize>,
    pub(crate) weights: Vec<f64>,
    pub(crate) steps: u64,
    #[serde(default)]
    pub(crate) reset: bool,
}

/// `schedule.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) batch_size: u64,
    pub(crate) datasets: Vec<Dataset>,
    pub(crate) stages: Vec<Stage>,
    #[serde(default)]
    pub(crate) groups: Option<Vec<Vec<usize>>>,
}

impl Schedule {
    /// Whether every stage after the first starts from fresh weights: then there is no one model to draw a curve of.
    pub(crate) fn is_many_models(&self) -> bool {
        self.stages.iter().skip(1).any(|stage| stage.reset)
    }
}

/// One table of an affinity; an undetermined entry is null.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct AffinityTable {
    pub(crate) values: Vec<Vec<Option<f64>>>,
}

/// How the gradients were taken.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProbeFacts {
    pub(crate) sketch_size: u64,
    pub(crate) points: Vec<u64>,
    pub(crate) batches: u64,
    pub(crate) batch_size: u64,
    pub(crate) cost: Cost,
}

/// `affinity.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Affinity {
    pub(crate) datasets: Vec<Dataset>,
    pub(crate) metric: String,
    pub(crate) tables: BTreeMap<String, AffinityTable>,
    #[serde(default)]
    pub(crate) probe: ProbeFacts,
    #[serde(default)]
    pub(crate) verdict: Vec<String>,
}

/// `grouping.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Grouping {
    pub(crate) datasets: Vec<Dataset>,
    /// Hashes of the files it was made from, by name.
    #[serde(default)]
    pub(crate) made_from: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) order: String,
    pub(crate) groups: Vec<Vec<usize>>,
    #[serde(default)]
    pub(crate) within: Option<f64>,
    #[serde(default)]
    pub(crate) zeta_squared: Option<f64>,
    #[serde(default)]
    pub(crate) stability: Option<f64>,
    #[serde(default)]
    pub(crate) verdict: Vec<String>,
}

/// A file with the hash of its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Hashed<T> {
    pub(crate) hash: String,
    pub(crate) body: T,
}

/// Reads a file of `gst`, checks its format and hashes it. `None` when it is not there.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, format: &str) -> Result<Option<Hashed<T>>> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
        version: u64,
    }
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let refused = || format!("{} is no {format} file", path.display());
    let head: Head = serde_json::from_str(&text).with_context(refused)?;
    if head.format != format || head.version != 1 {
        bail!("{}: found {} version {}, expected {format} version 1", path.display(), head.format, head.version);
    }
    let body = serde_json::from_str(&text).with_context(refused)?;
    Ok(Some(Hashed { hash: hash_file(path)?, body }))
}
