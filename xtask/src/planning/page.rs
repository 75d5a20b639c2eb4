//! The page: `table.md`, from the rows alone.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::rows::{self, FILE, Row};
use crate::experiment::write_whole;
use crate::report::interval::{Interval, mean};
use crate::report::number::signed;
use crate::report::page::{Part, markdown};
use crate::report::table::{Cell, Table};

/// Writes the page beside the rows.
pub(crate) fn write_report(folder: &Path) -> Result<PathBuf> {
    let rows = rows::read(folder)?;
    if rows.is_empty() {
        bail!("{} holds no plans", folder.join(FILE).display());
    }
    let page = Page { points: distinct(rows.iter().map(|row| row.point)), rows: &rows };
    let path = folder.join("table.md");
    write_whole(&path, &page.markdown())?;
    Ok(path)
}

struct Page<'a> {
    rows: &'a [Row],
    points: Vec<u64>,
}

/// A figure of a plan.
type Figure = fn(&Row) -> f64;
const RAND: Figure = |row| row.rand;
const AHEAD: Figure = |row| row.ahead;

impl Page<'_> {
    fn markdown(&self) -> String {
        let mut parts = vec![Part::Findings(self.findings())];
        for point in &self.points {
            parts.push(Part::Table(self.methods(*point)));
        }
        parts.push(Part::Table(self.numbers()));
        for point in &self.points {
            parts.push(Part::Table(self.orders(*point)));
        }
        parts.push(Part::Table(self.made()));
        let subtitle = "Worlds in which datasets stand on one another in three rungs: do the groups of `gst group` become the rungs, and does what \
                        others stand on come first? No plan knows the rungs, and nothing is trained but the probe’s warm-up.";
        markdown("Does any plan find the ladders?", subtitle, &parts)
    }

    fn findings(&self) -> Vec<String> {
        let plans = distinct(self.rows.iter().map(Row::plan)).len();
        let starts = distinct(self.rows.iter().map(|row| row.start.clone()));
        let worlds = |point: &u64| distinct(self.rows.iter().filter(|row| row.point == *point).map(Row::world)).len();
        let mut numbers: Vec<usize> = self.points.iter().map(worlds).collect();
        numbers.dedup();
        let number = match numbers.as_slice() {
            [number] => format!("{number} worlds, {plans} plans in each at every probe point"),
            _ => {
                let each: Vec<String> = self.points.iter().map(|point| format!("{} at step {point}", worlds(point))).collect();
                format!("{plans} plans in each world; worlds: {}", each.join(", "))
            }
        };
        let mut lines = vec![format!("{number}; models begin: {}.", starts.join(", "))];
        for point in &self.points {
            let groups = format!("Groups, step {point}: adjusted Rand index with the rungs");
            let order =
                format!("Order, step {point}: share of pairs from different rungs in their order, less those in the reverse");
            lines.push(self.best(&groups, RAND, |row| row.point == *point && row.order == "size"));
            lines.push(self.best(&order, AHEAD, |row| row.point == *point));
        }
        lines
    }

    /// The plan that is best in worlds of odd seeds, in those of even ones: a plan that was only lucky is not so twice.
    fn best(&self, what: &str, figure: Figure, keep: impl Fn(&Row) -> bool) -> String {
        let plans = distinct(self.rows.iter().filter(|row| keep(row)).map(Row::plan));
        let found = |plan: &(String, String, usize, String), odd: bool| -> Vec<f64> {
            let of = |row: &&Row| keep(row) && row.plan() == *plan && (row.world % 2 == 1) == odd;
            self.rows.iter().filter(of).map(figure).collect()
        };
        let score = |plan: &(String, String, usize, String)| mean(&found(plan, true)).unwrap_or(f64::NEG_INFINITY);
        let Some(best) = plans.iter().max_by(|a, b| score(a).total_cmp(&score(b))) else { return format!("{what}: no plans.") };
        let (metric, method, groups, order) = best;
        let even = cell(&found(best, false)).0;
        format!(
            "{what}: the best of {} plans in worlds of odd seeds is {metric}, {method}, {groups} groups, order {order}: {} there, and {even} in worlds of \
             even seeds, which did not choose it.",
            plans.len(),
            signed(score(best)),
        )
    }

    fn methods(&self, point: u64) -> Table {
        let here = |row: &&Row| row.point == point && row.groups == 3;
        let methods = distinct(self.rows.iter().filter(here).map(|row| row.method.clone()));
        let caption = format!(
            "Groups, step {point}: adjusted Rand index of three groups with the rungs, mean over worlds and 95 % interval."
        );
        let mut table = self.by_metric(
            &caption,
            &methods,
            |row, method| row.point == point && row.groups == 3 && row.order == "size" && row.method == *method,
            RAND,
        );
        table.note = "1: the rungs; 0: chance. Bold: the interval leaves out 0, as one in twenty does by chance. Orders do not change groups.".into();
        table
    }

    fn numbers(&self) -> Table {
        let numbers = distinct(self.rows.iter().map(|row| row.groups));
        let columns: Vec<String> = numbers.iter().map(|number| format!("{number} groups")).collect();
        let first = self.points.first().copied();
        let caption = "The same by number of groups, spectral, at the first probe point.";
        self.by_metric(
            caption,
            &columns,
            |row, column| {
                Some(row.point) == first
                    && row.method == "spectral"
                    && row.order == "size"
                    && format!("{} groups", row.groups) == *column
            },
            RAND,
        )
    }

    fn orders(&self, point: u64) -> Table {
        let orders = distinct(self.rows.iter().map(|row| row.order.clone()));
        let caption = format!(
            "Order, step {point}, three spectral groups: pairs of datasets from different rungs of which the lower comes first, less those of \
             which it comes last, as a share of all; mean over worlds and 95 % interval."
        );
        let mut table = self.by_metric(
            &caption,
            &orders,
            |row, order| row.point == point && row.method == "spectral" && row.groups == 3 && row.order == *order,
            AHEAD,
        );
        table.note = "1: the right plan; 0: chance, or all at once; −1: the reverse. Bold: the interval leaves out 0, as one in twenty does by chance.".into();
        table
    }

    /// A row for each metric, a column for each of `columns`.
    fn by_metric(&self, caption: &str, columns: &[String], keep: impl Fn(&Row, &String) -> bool, figure: Figure) -> Table {
        let head = std::iter::once("metric".to_owned()).chain(columns.iter().cloned()).collect();
        let mut table = Table::new(caption, 1, head);
        for metric in distinct(self.rows.iter().map(|row| row.metric.clone())) {
            let mut cells = vec![Cell::from(metric.clone())];
            for column in columns {
                let values: Vec<f64> =
                    self.rows.iter().filter(|row| row.metric == metric && keep(row, column)).map(figure).collect();
                let (text, certain) = cell(&values);
                cells.push(Cell::from(text).strong(certain));
            }
            table.row(cells);
        }
        table
    }

    fn made(&self) -> Table {
        let head = ["commits", "dates"].map(str::to_owned).to_vec();
        let mut table = Table::new("What the rows were made with.", 1, head);
        let list = |values: Vec<String>| Cell::from(values.join(", "));
        table.row(vec![
            list(distinct(self.rows.iter().map(|row| row.commit.clone()))),
            list(distinct(self.rows.iter().map(|row| row.date.clone()))),
        ]);
        table
    }
}

/// A mean with its interval over worlds, and whether that leaves out 0.
fn cell(values: &[f64]) -> (String, bool) {
    match (Interval::bootstrap(values).filter(|_| values.len() > 2), mean(values)) {
        (Some(found), _) => {
            (format!("{} [{}, {}]", signed(found.mean), signed(found.low), signed(found.high)), found.excludes_zero())
        }
        (None, Some(mean)) => (signed(mean), false),
        (None, None) => ("–".to_owned(), false),
    }
}

/// Each value once, in ascending order.
fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort();
    values.dedup();
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_chosen_in_some_worlds_and_judged_in_others() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_report(folder.path()).unwrap_err().to_string().contains("plans.csv"));
        let row = |world: u64, metric: &str, rand: f64| Row { metric: metric.into(), rand, ..rows::tests::row(world, 20) };
        // `lucky` is best in odd worlds and worth nothing in the others.
        let mut rows: Vec<Row> = (1..=8)
            .flat_map(|world| [row(world, "cosine", 0.4), row(world, "lucky", if world % 2 == 1 { 0.9 } else { 0.0 })])
            .collect();
        rows::write(folder.path(), &rows).unwrap();
        let page = std::fs::read_to_string(write_report(folder.path()).unwrap()).unwrap();
        assert!(page.contains("is lucky, spectral, 3 groups, order size: +0.900 there, and +0.000"), "{page}");
        assert!(page.contains("**+0.400 [+0.400, +0.400]**") && page.contains("c0ffee"), "{page}");
        assert!(page.contains("8 worlds, 2 plans in each at every probe point; models begin: scratch."), "{page}");
        // Some worlds are looked at later too.
        rows.extend(rows.clone().into_iter().take(4).map(|row| Row { point: 300, ..row }));
        rows::write(folder.path(), &rows).unwrap();
        let page = std::fs::read_to_string(write_report(folder.path()).unwrap()).unwrap();
        assert!(page.contains("2 plans in each world; worlds: 8 at step 20, 2 at step 300; models"), "{page}");
    }
}
