//! Finished cells as rows of a CSV file that can be committed.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::settings::{Knobs, World};
use crate::experiment::write_whole;

/// What a cell was run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// To choose learning rates and the baseline.
    Sweep,
    /// To be judged.
    Judge,
}

/// One finished cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) phase: Phase,
    pub(crate) conflict: f64,
    pub(crate) dependence: f64,
    pub(crate) inequality: f64,
    pub(crate) difficulty: f64,
    /// Seed of the world.
    pub(crate) world: u64,
    pub(crate) arm: String,
    /// Seed of weights and data order; the null has another one than it is paired with.
    pub(crate) seed: u64,
    pub(crate) learning_rate: f64,
    pub(crate) batch_size: u64,
    /// Samples that the probe has used, where the arm is charged with one.
    pub(crate) probe_samples: f64,
    /// Weighted validation token accuracy, unsmoothed: `step:value` with spaces between.
    pub(crate) validation: String,
    /// On the test split, after the last step; empty in the sweep, which must not look.
    pub(crate) test_weighted: Option<f64>,
    pub(crate) test_unweighted: Option<f64>,
    pub(crate) exact_weighted: Option<f64>,
    pub(crate) exact_unweighted: Option<f64>,
    /// ζ² / ‖g‖², share of pairs with a negative cosine, share of directed pairs (lookahead): where the arm read a probe.
    pub(crate) zeta_ratio: Option<f64>,
    pub(crate) negative_share: Option<f64>,
    pub(crate) directed_share: Option<f64>,
    /// How long the cell took, and how many ran side by side.
    pub(crate) seconds: f64,
    pub(crate) side_by_side: usize,
    /// Hash of the commands, of what they need, of the world and of the version.
    pub(crate) key: String,
    /// Commit of the sources, and the day.
    pub(crate) commit: String,
    pub(crate) date: String,
}

impl Row {
    pub(crate) fn knobs(&self) -> Knobs {
        let Self { conflict, dependence, inequality, difficulty, .. } = *self;
        Knobs { conflict, dependence, inequality, difficulty }
    }

    pub(crate) fn world(&self) -> World {
        World { knobs: self.knobs(), seed: self.world }
    }

    /// Step and accuracy of every evaluation.
    pub(crate) fn curve(&self) -> Result<Vec<(f64, f64)>> {
        let pair = |text: &str| {
            let (step, value) = text.split_once(':')?;
            Some((step.parse().ok()?, value.parse().ok()?))
        };
        let bad = || format!("row {}: validation `{}` is not a list of step:value", self.key, self.validation);
        self.validation.split(' ').map(|text| pair(text).with_context(bad)).collect()
    }
}

/// The text of a curve.
pub(crate) fn curve_text(curve: impl Iterator<Item = (f64, f64)>) -> String {
    curve.map(|(step, value)| format!("{step}:{value:.4}")).collect::<Vec<_>>().join(" ")
}

/// Reads the rows of a map; none where there is no file yet.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| format!("{} holds no rows of a map", path.display()))
}

/// Writes all rows, aside and then in place.
pub(crate) fn write(path: &Path, rows: &[Row]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row))?;
    write_whole(path, &String::from_utf8(writer.into_inner()?)?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A judged row of a world with this dependence.
    pub(crate) fn row(arm: &str, world: u64, dependence: f64, values: &[f64]) -> Row {
        Row {
            phase: Phase::Judge,
            conflict: 0.0,
            dependence,
            inequality: 1.0,
            difficulty: 0.0,
            world,
            arm: arm.into(),
            seed: 0,
            learning_rate: 1e-3,
            batch_size: 16,
            probe_samples: 0.0,
            validation: curve_text(values.iter().enumerate().map(|(index, value)| (100.0 * index as f64, *value))),
            test_weighted: Some(0.5),
            test_unweighted: None,
            exact_weighted: None,
            exact_unweighted: None,
            zeta_ratio: None,
            negative_share: None,
            directed_share: None,
            seconds: 1.0,
            side_by_side: 2,
            key: format!("{arm}-{world}-{dependence}"),
            commit: "0".into(),
            date: "2026-01-01".into(),
        }
    }

    #[test]
    fn rows_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        assert!(read(&path).unwrap().is_empty());
        let rows = vec![
            row("mix-all", 1, 0.5, &[0.1, 0.25]),
            Row { phase: Phase::Sweep, test_weighted: None, ..row("b", 2, 0.0, &[0.5]) },
        ];
        write(&path, &rows).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
        assert_eq!(rows[0].curve().unwrap(), [(0.0, 0.1), (100.0, 0.25)]);
        let broken = Row { validation: "12".into(), ..rows[0].clone() };
        assert!(broken.curve().unwrap_err().to_string().contains("step:value"));
    }
}
