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
    #[serde(default = "one")]
    pub(super) dependence: f64,
    #[serde(default = "one")]
    pub(super) inequality: f64,
    #[serde(default)]
    pub(super) difficulty: f64,
    /// Seed of the world.
    pub(super) world: u64,
    /// How the model began: `scratch`, or `pretrained` on the map's pretext.
    #[serde(default = "from_scratch")]
    pub(super) start: String,
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

/// Of rows that were made before there was anything else.
fn from_scratch() -> String {
    "scratch".into()
}

/// The same of dependence and inequality.
fn one() -> f64 {
    1.0
}

impl Row {
    /// What tells worlds apart, and models that begin differently in one: knobs, seed, start.
    pub(super) fn world(&self) -> ([u64; 4], u64, String) {
        let knobs = [self.conflict, self.dependence, self.inequality, self.difficulty];
        (knobs.map(f64::to_bits), self.world, self.start.clone())
    }

    /// Whether it says the same, whenever either was made.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        let made = Self { commit: other.commit.clone(), date: other.date.clone(), ..self.clone() };
        made == *other
    }

    /// The plan that was made.
    pub(super) fn plan(&self) -> (String, String, usize, String) {
        (self.metric.clone(), self.method.clone(), self.groups, self.order.clone())
    }
}

pub(super) fn read(folder: &Path) -> Result<Vec<Row>> {
    let path = folder.join(FILE);
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| format!("{} holds no plans", path.display()))
}

/// The rows in a folder, none where it has no file of them yet.
pub(super) fn read_if_any(folder: &Path) -> Result<Vec<Row>> {
    if folder.join(FILE).is_file() { read(folder) } else { Ok(Vec::new()) }
}

/// Puts the rows of one measurement in the place of older ones of the same world and point.
pub(super) fn replace(rows: &mut Vec<Row>, made: Vec<Row>) {
    let measured = |row: &Row| (row.world(), row.point);
    if let Some(new) = made.first().map(measured) {
        rows.retain(|row| measured(row) != new);
    }
    rows.extend(made);
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
pub(super) mod tests {
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

    pub(in crate::planning) fn row(world: u64, point: u64) -> Row {
        Row {
            start: from_scratch(),
            conflict: 1.0,
            dependence: 1.0,
            inequality: 1.0,
            difficulty: 0.0,
            world,
            point,
            metric: "cosine".into(),
            method: "spectral".into(),
            groups: 3,
            order: "size".into(),
            rand: -0.125,
            ahead: 0.5,
            commit: "c0ffee".into(),
            date: "2026-01-01".into(),
        }
    }

    #[test]
    fn rows_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_if_any(folder.path()).unwrap(), []);
        write(folder.path(), &[row(3, 20)]).unwrap();
        assert_eq!(read_if_any(folder.path()).unwrap(), [row(3, 20)]);
        assert_eq!(read(folder.path()).unwrap(), [row(3, 20)]);
    }

    #[test]
    fn what_was_measured_is_told_from_when() {
        assert!(Row { commit: "later".into(), date: "2026-02-02".into(), ..row(1, 20) }.is_of(&row(1, 20)));
        assert!(!Row { ahead: 0.25, ..row(1, 20) }.is_of(&row(1, 20)));
        assert!(!row(2, 20).is_of(&row(1, 20)));
    }

    #[test]
    fn what_is_measured_again_takes_the_place_of_what_was_and_nothing_else_goes() {
        let mut rows = vec![row(1, 20), row(2, 20), row(2, 100)];
        let again = Row { rand: 0.5, ..row(2, 20) };
        replace(&mut rows, vec![again.clone()]);
        assert_eq!(rows, [row(1, 20), row(2, 100), again.clone()]);
        for other in [Row { difficulty: 1.0, ..row(2, 20) }, Row { start: "pretrained".into(), ..row(2, 20) }] {
            replace(&mut rows, vec![other]);
        }
        assert_eq!((rows.len(), rows.contains(&again)), (5, true), "another world, another model");
    }
}
