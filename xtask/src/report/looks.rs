//! How a strategy looks in every figure: colour, line and marker, so that a black and white print tells them apart.

use super::svg::Svg;

/// The shape of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    TriangleLeft,
    Cross,
    Plus,
    Star,
}

/// The look of one strategy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    /// Red, green, blue: colours of Okabe and Ito, chosen to be told apart by colour-blind readers.
    pub(crate) colour: (u8, u8, u8),
    /// Length of a dash and of a gap in pixels; a gap of 0 is a solid line.
    pub(crate) dash: (f64, f64),
    pub(crate) shape: Shape,
    /// Open markers have a white inside.
    pub(crate) open: bool,
}

/// The strategies beyond this number look like the first ones again.
const LOOKS: [Look; 15] = [
    Look { colour: (0, 0, 0), dash: (1.0, 0.0), shape: Shape::Circle, open: false },
    Look { colour: (213, 94, 0), dash: (7.0, 4.0), shape: Shape::Square, open: true },
    Look { colour: (0, 114, 178), dash: (2.5, 2.5), shape: Shape::Triangle, open: false },
    Look { colour: (0, 158, 115), dash: (13.0, 4.0), shape: Shape::Diamond, open: true },
    Look { colour: (170, 68, 136), dash: (1.0, 0.0), shape: Shape::TriangleDown, open: true },
    Look { colour: (120, 94, 30), dash: (4.0, 7.0), shape: Shape::Cross, open: false },
    Look { colour: (60, 140, 190), dash: (18.0, 3.0), shape: Shape::Plus, open: false },
    Look { colour: (90, 90, 90), dash: (1.5, 5.0), shape: Shape::Star, open: false },
    Look { colour: (204, 121, 167), dash: (9.0, 2.0), shape: Shape::Circle, open: true },
    Look { colour: (0, 90, 70), dash: (3.0, 1.5), shape: Shape::Square, open: false },
    Look { colour: (180, 130, 0), dash: (5.0, 2.5), shape: Shape::Triangle, open: true },
    Look { colour: (150, 30, 30), dash: (11.0, 6.0), shape: Shape::Diamond, open: false },
    Look { colour: (70, 60, 150), dash: (1.5, 2.5), shape: Shape::TriangleDown, open: false },
    Look { colour: (110, 140, 30), dash: (20.0, 8.0), shape: Shape::TriangleLeft, open: false },
    Look { colour: (200, 60, 110), dash: (6.0, 1.0), shape: Shape::TriangleLeft, open: true },
];

impl Look {
    /// The look of the strategy at a place in the report's order; the baseline, at 0, is a solid black line.
    pub(crate) fn at(place: usize) -> Self {
        LOOKS[place % LOOKS.len()]
    }

    /// The colour as `rgb(…)`.
    pub(crate) fn css(&self) -> String {
        let (r, g, b) = self.colour;
        format!("rgb({r},{g},{b})")
    }

    /// The value of `stroke-dasharray`.
    pub(crate) fn dasharray(&self) -> String {
        if self.dash.1 == 0.0 { "none".into() } else { format!("{} {}", self.dash.0, self.dash.1) }
    }

    /// Corners of the marker around the origin for a radius of 1, `None` for a circle; strokes are pairs of points.
    pub(crate) fn outline(&self) -> Option<Vec<(f64, f64)>> {
        Some(match self.shape {
            Shape::Circle => return None,
            Shape::Square => vec![(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Shape::Triangle => vec![(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
            Shape::TriangleDown => vec![(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
            Shape::TriangleLeft => vec![(-1.2, 0.0), (0.8, 1.1), (0.8, -1.1)],
            Shape::Diamond => vec![(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
            Shape::Cross => vec![(-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)],
            Shape::Plus => vec![(-1.2, 0.0), (1.2, 0.0), (0.0, -1.2), (0.0, 1.2)],
            Shape::Star => vec![(-1.2, 0.0), (1.2, 0.0), (-0.6, -1.0), (0.6, 1.0), (-0.6, 1.0), (0.6, -1.0)],
        })
    }

    /// Whether the outline is a set of strokes and not a closed shape.
    pub(crate) fn is_strokes(&self) -> bool {
        matches!(self.shape, Shape::Cross | Shape::Plus | Shape::Star)
    }

    /// Draws the marker.
    pub(crate) fn mark(&self, svg: &mut Svg, x: f64, y: f64, radius: f64) {
        let colour = self.css();
        let fill = if self.open { "#fff" } else { colour.as_str() };
        let style = format!("fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"1.4\"");
        match self.outline() {
            None => svg.circle(x, y, radius, &style),
            Some(corners) => {
                let corners: Vec<_> = corners.iter().map(|(dx, dy)| (x + radius * dx, y + radius * dy)).collect();
                if self.is_strokes() {
                    for stroke in corners.chunks_exact(2) {
                        svg.line(stroke[0], stroke[1], &style);
                    }
                } else {
                    svg.polygon(&corners, &style);
                }
            }
        }
    }

    /// Draws a piece of the line with its marker, for a legend.
    pub(crate) fn sample(&self, svg: &mut Svg, x: f64, y: f64, width: f64) {
        let style = format!("stroke=\"{}\" stroke-width=\"1.8\" stroke-dasharray=\"{}\"", self.css(), self.dasharray());
        svg.line((x, y), (x + width, y), &style);
        self.mark(svg, x + width / 2.0, y, 3.6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_looks_share_a_marker_or_a_line_or_a_colour() {
        for (index, look) in LOOKS.iter().enumerate() {
            for other in &LOOKS[index + 1..] {
                assert_ne!((look.shape, look.open), (other.shape, other.open));
                assert!(look.dash != other.dash || look.colour != other.colour, "{look:?} {other:?}");
                assert_ne!(look.colour, other.colour);
            }
        }
    }
}
