//! A figure with its file and its caption, and the legend that figures share.

use super::looks::Look;
use super::svg::{Svg, Text, width_of};

/// One figure of the report.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// File name of the drawing.
    pub(crate) file: String,
    /// The drawing.
    pub(crate) svg: String,
    /// What the reader sees in it.
    pub(crate) caption: String,
    /// Takes the width of the page; else two stand side by side.
    pub(crate) wide: bool,
}

/// Draws line, marker and name of each strategy, in as many rows as they need; returns where the rest of the figure begins.
pub(crate) fn legend(svg: &mut Svg, names: &[(usize, &str)], (left, top): (f64, f64), width: f64) -> f64 {
    let (mut x, mut y) = (left, top);
    for (place, name) in names {
        let entry = 34.0 + 8.0 + width_of(name, 12.0) + 22.0;
        if x > left && x + entry > left + width {
            (x, y) = (left, y + 18.0);
        }
        Look::at(*place).sample(svg, x, y, 34.0);
        svg.text((x + 42.0, y + 4.0), name, Text { size: 12.0, ..Text::default() });
        x += entry;
    }
    y + 14.0
}
