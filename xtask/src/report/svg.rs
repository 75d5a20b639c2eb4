//! A drawing in SVG: shapes and text, no scripts, no references.

use std::fmt::Write as _;

/// The typeface of every figure.
const FONT: &str = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

/// A drawing. Lengths are in pixels, y grows downwards.
#[derive(Clone, Debug)]
pub(crate) struct Svg {
    width: f64,
    height: f64,
    title: String,
    body: String,
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    /// Height of the letters in pixels.
    pub(crate) size: f64,
    /// `start`, `middle` or `end`: where the given x lies in the text.
    pub(crate) anchor: &'static str,
    pub(crate) bold: bool,
    pub(crate) fill: &'static str,
    /// Degrees, clockwise around the given point.
    pub(crate) turn: f64,
}

impl Default for Text {
    fn default() -> Self {
        Self { size: 11.0, anchor: "start", bold: false, fill: "#222", turn: 0.0 }
    }
}

impl Svg {
    /// An empty drawing; the title is read out to those who cannot see it.
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        Self { width, height, title: title.into(), body: String::new() }
    }

    /// Makes the drawing higher or lower, once it is known how much room a legend took.
    pub(crate) fn set_height(&mut self, height: f64) {
        self.height = height;
    }

    pub(crate) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), style: &str) {
        self.put(&format!("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {style}/>", n(x), n(y), n(width), n(height)));
    }

    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), style: &str) {
        self.put(&format!("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {style}/>", n(x1), n(y1), n(x2), n(y2)));
    }

    pub(crate) fn circle(&mut self, x: f64, y: f64, radius: f64, style: &str) {
        self.put(&format!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {style}/>", n(x), n(y), n(radius)));
    }

    pub(crate) fn polygon(&mut self, corners: &[(f64, f64)], style: &str) {
        let points: Vec<String> = corners.iter().map(|(x, y)| format!("{},{}", n(*x), n(*y))).collect();
        self.put(&format!("<polygon points=\"{}\" {style}/>", points.join(" ")));
    }

    /// Text on the baseline `y`.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), content: &str, text: Text) {
        let mut extra = String::new();
        if text.bold {
            extra.push_str(" font-weight=\"600\"");
        }
        if text.turn != 0.0 {
            let _ = write!(extra, " transform=\"rotate({} {} {})\"", n(text.turn), n(x), n(y));
        }
        let Text { size, anchor, fill, .. } = text;
        let (x, y, size) = (n(x), n(y), n(size));
        self.put(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{fill}\"{extra}>{}</text>",
            escape(content)
        ));
    }

    /// Another drawing inside this one: `inner` is a whole `<svg width height viewBox …>` document.
    pub(crate) fn nest(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), inner: &str) {
        let Some((head, rest)) = inner.split_once("viewBox=") else { return };
        let Some(start) = head.rfind("<svg") else { return };
        debug_assert!(head[start..].len() < 200, "the root element comes first");
        let place = format!("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" ", n(x), n(y), n(width), n(height));
        self.put(&format!("{place}viewBox={rest}"));
    }

    /// The whole drawing.
    pub(crate) fn finish(self) -> String {
        let (width, height, title) = (n(self.width), n(self.height), escape(&self.title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-label=\"{title}\" font-family=\"{FONT}\">\n<title>{title}</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body
        )
    }

    fn put(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }
}

/// Text with the characters that HTML and SVG reserve written out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write most control characters.
            c if c.is_control() && !"\n\t".contains(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Roughly how wide a text of this size comes out in the widest of the fonts, in pixels.
pub(crate) fn width_of(text: &str, size: f64) -> f64 {
    let narrow = |c: char| "iljtfr.,:;|'! ()[]-".contains(c);
    text.chars()
        .map(|c| {
            if narrow(c) {
                0.4
            } else if c.is_uppercase() || "mw%".contains(c) {
                0.9
            } else {
                0.63
            }
        })
        .sum::<f64>()
        * size
}

/// A coordinate with at most two digits behind the point.
fn n(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_drawing() {
        let mut svg = Svg::new(10.0, 10.0, "a \"title\"");
        svg.text((0.0, 0.0), "<script>&\u{1}", Text::default());
        let text = svg.finish();
        assert!(!text.contains("<script") && text.contains("&lt;script&gt;&amp;") && !text.contains('\u{1}'));
        assert!(text.contains("a &quot;title&quot;"));
    }

    #[test]
    fn a_nested_drawing_keeps_its_own_coordinates() {
        let mut inner = Svg::new(200.0, 100.0, "inner");
        inner.circle(1.0, 2.0, 3.0, "");
        let mut outer = Svg::new(100.0, 50.0, "outer");
        outer.nest((5.0, 6.0), (100.0, 50.0), &inner.finish());
        assert!(outer.finish().contains("<svg x=\"5\" y=\"6\" width=\"100\" height=\"50\" viewBox=\"0 0 200 100\""));
    }
}
