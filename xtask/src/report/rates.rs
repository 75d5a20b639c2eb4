//! What every learning rate of a sweep came to, and which were chosen.

use super::number::share;
use super::table::{Cell, Table};
use crate::experiment::Chosen;

/// A line for each of `lines`, which `keys` tell apart. All of them tried the same rates.
pub(crate) fn rates(keys: &[&str], lines: &[(Vec<String>, &Chosen)]) -> Table {
    let tried = lines.first().map_or(&[][..], |(_, chosen)| &chosen.tried);
    let head = keys.iter().map(|key| (*key).to_owned()).chain(["chosen rate".to_owned()]);
    let head = head.chain(tried.iter().map(|(rate, _)| rate.to_string())).collect();
    let caption = "The sweep: best smoothed validation token accuracy at each learning rate, mean over what it was tried on.";
    let mut table = Table::new(caption, keys.len(), head);
    for (names, chosen) in lines {
        let edge = if chosen.at_edge { " (edge)" } else { "" };
        let mut cells: Vec<Cell> = names.iter().cloned().map(Cell::from).collect();
        cells.push(Cell::from(format!("{}{edge}", chosen.learning_rate)));
        cells.extend(chosen.tried.iter().map(|(rate, value)| Cell::from(share(*value)).strong(*rate == chosen.learning_rate)));
        table.row(cells);
    }
    table.note = "Edge: the best rate lies at an end of the grid, so a better one may lie beyond it.".into();
    table
}
