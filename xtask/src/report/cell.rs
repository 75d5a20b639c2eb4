//! One finished cell and one probe, for those who collect many of them.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

use super::artifacts::{RunResult, Scores, read};
use super::curve_file;

/// What a finished cell came to.
#[derive(Clone, Debug)]
pub(crate) struct CellFacts {
    /// Step and weighted validation token accuracy of every evaluation.
    pub(crate) curve: Vec<(f64, f64)>,
    /// Samples of the probe that it is charged with.
    pub(crate) probe_samples: f64,
    /// On the test split.
    pub(crate) test: Scores,
}

impl CellFacts {
    /// Reads a run folder; `None` when it has no result.
    pub(crate) fn read(run: &Path) -> Result<Option<Self>> {
        let Some(result) = read::<RunResult>(&run.join("result.json"), "gst-result")? else { return Ok(None) };
        let curve = curve_file::read(&run.join("metrics.jsonl"))?.curve;
        let curve = curve.iter().map(|point| (point.cost.steps, point.value)).collect();
        Ok(Some(Self { curve, probe_samples: result.body.probe_cost.samples, test: result.body.test }))
    }
}

/// Conflict and dependence as a probe measured them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// ζ² / ‖g‖².
    pub(crate) zeta_ratio: Option<f64>,
    /// Share of the pairs whose cosine is negative beyond its interval.
    pub(crate) negative_share: Option<f64>,
    /// Share of the pairs that are directed beyond their interval, by the first directed metric that was measured.
    pub(crate) directed_share: Option<f64>,
}

#[derive(Deserialize)]
struct Affinity {
    #[serde(default)]
    heterogeneity: Heterogeneity,
    #[serde(default)]
    conflict: Conflict,
    #[serde(default)]
    dependence: Vec<Dependence>,
}

#[derive(Default, Deserialize)]
struct Heterogeneity {
    ratio: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Conflict {
    negative_share: Option<f64>,
}

#[derive(Deserialize)]
struct Dependence {
    pairs: f64,
    directed: Vec<serde::de::IgnoredAny>,
}

impl Measured {
    /// Reads `affinity.json`; `None` when it is not there.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let measured = |affinity: Affinity| Self {
            zeta_ratio: affinity.heterogeneity.ratio,
            negative_share: affinity.conflict.negative_share,
            directed_share: affinity.dependence.first().map(|found| found.directed.len() as f64 / found.pairs.max(1.0)),
        };
        Ok(read::<Affinity>(path, "gst-affinity")?.map(|hashed| measured(hashed.body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_tells_conflict_and_dependence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("affinity.json");
        assert_eq!(Measured::read(&path).unwrap(), None);
        let text = r#"{"format":"gst-affinity","version":1,"heterogeneity":{"ratio":2.5},"conflict":{"negative_share":0.25},
            "dependence":[{"metric":"lookahead","pairs":10,"directed":[{"from":0},{"from":1}]}]}"#;
        std::fs::write(&path, text).unwrap();
        let expected = Measured { zeta_ratio: Some(2.5), negative_share: Some(0.25), directed_share: Some(0.2) };
        assert_eq!(Measured::read(&path).unwrap(), Some(expected));
    }
}
