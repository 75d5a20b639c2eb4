//! Plans as rows of a CSV file that can be committed.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::experiment::write_whole;

/// The file of the rows in their folder.
pub(crate) const FILE: &str = "plans.csv";

/// One plan in one world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) conflict: f64,
    /// Seed of the world.
    pub(super) world: u64,
    /// Optimizer steps before the probe.
    pub(super) point: u64,
    pub(super) metric: String,
    pub(super) method: String,
    /// Number of groups asked for.
    pub(super) groups: usize,
    pub(super) order: String,
    /// Adjusted Rand index of the groups with the rungs: 1 the same, 0 chance.
    pub(super) rand: f64,
    /// See [`ahead`].
    pub(super) ahead: f64,
    pub(super) commit: String,
    pub(super) date: String,
}

pub(super) fn read(folder: &Path) -> Result<Vec<Row>> {
    let path = folder.join(FILE);
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| format!("{} holds no plans", path.display()))
}

pub(super) fn write(folder: &Path, rows: &[Row]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row))?;
    write_whole(&folder.join(FILE), &String::from_utf8(writer.into_inner()?)?)
}

/// How far what others stand on comes first: the mean over all pairs of datasets on different rungs of 1 where the lower is introduced
/// before the higher, 0 where both come together, −1 where it comes after. 1 for the right plan, 0 for one group of all, 0 on average by
/// chance. `None` where all are on one rung.
pub(super) fn ahead(groups: &[usize], rungs: &[usize]) -> Option<f64> {
    let (mut sum, mut pairs) = (0_i32, 0_u32);
    for (i, (group, rung)) in groups.iter().zip(rungs).enumerate() {
        for (other_group, other_rung) in groups.iter().zip(rungs).skip(i + 1).filter(|(_, other)| *other != rung) {
            let along = if (group < other_group) == (rung < other_rung) { 1 } else { -1 };
            sum += if group == other_group { 0 } else { along };
            pairs += 1;
        }
    }
    (pairs > 0).then(|| f64::from(sum) / f64::from(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_order_is_one_the_reverse_minus_one_and_no_order_nothing() {
        let rungs = [0, 0, 1, 1, 2];
        assert_eq!(ahead(&rungs, &rungs), Some(1.0));
        assert_eq!(ahead(&[2, 2, 1, 1, 0], &rungs), Some(-1.0));
        assert_eq!(ahead(&[0; 5], &rungs), Some(0.0));
        // By hand: 8 pairs on different rungs; 0-2, 0-3, 1-2, 1-3 together, 0-4, 1-4, 2-4, 3-4 right.
        assert_eq!(ahead(&[0, 0, 0, 0, 1], &rungs), Some(0.5));
        assert_eq!(ahead(&[0, 1], &[0, 0]), None);
    }

    #[test]
    fn rows_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let row = Row {
            conflict: 1.0,
            world: 3,
            point: 20,
            metric: "cosine".into(),
            method: "spectral".into(),
            groups: 3,
            order: "size".into(),
            rand: -0.125,
            ahead: 0.5,
            commit: "0".into(),
            date: "2026-01-01".into(),
        };
        write(folder.path(), std::slice::from_ref(&row)).unwrap();
        assert_eq!(read(folder.path()).unwrap(), [row]);
    }
}
