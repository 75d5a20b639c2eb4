//! Final test accuracy of every dataset and strategy, as a chart of dots.

use super::artifacts::Figure as ScoreFigure;
use super::evidence::{Evidence, Run};
use super::figure::{Figure, legend};
use super::interval::mean;
use super::looks::Look;
use super::svg::{Svg, Text, width_of};

const WIDTH: f64 = 980.0;
const GAP: f64 = 36.0;

/// Exact match beside token accuracy, one row a dataset; `None` where nothing has finished.
pub(crate) fn accuracy_chart(evidence: &Evidence) -> Option<Figure> {
    evidence.runs.first()?;
    let chart = Chart::new(evidence);
    let first = evidence.strategies.first().map_or("", String::as_str);
    let spread =
        if evidence.seeds.len() > 1 { "mean over seeds, with a line from the lowest to the highest seed" } else { "one seed" };
    let caption = format!(
        "Final accuracy on the test split by dataset and strategy. Markers: {spread}; short vertical bars: majority baseline. Rows are ordered by \
         the exact match of {first}."
    );
    Some(Figure { file: "accuracy.svg".into(), svg: chart.draw(), caption, wide: true })
}

struct Chart<'a> {
    evidence: &'a Evidence,
    /// Dataset names in the order of the rows; `None` is the weighted mean.
    rows: Vec<Option<String>>,
    row_height: f64,
    left: f64,
}

impl<'a> Chart<'a> {
    fn new(evidence: &'a Evidence) -> Self {
        let first = evidence.strategies.first().map_or("", String::as_str);
        let height = |name: &str| {
            let values: Vec<f64> = evidence
                .runs_of(first)
                .filter_map(|run| run.result.test.datasets.get(name).and_then(|score| score.exact_match))
                .collect();
            mean(&values).unwrap_or(0.0)
        };
        let mut names: Vec<String> = evidence.datasets.iter().map(|dataset| dataset.name.clone()).collect();
        names.sort_by(|a, b| height(b).total_cmp(&height(a)).then_with(|| a.cmp(b)));
        let left = names.iter().map(|name| width_of(name, 11.0)).fold(80.0, f64::max) + 14.0;
        let row_height = (6.5 * evidence.strategies.len() as f64 + 5.0).max(20.0);
        Self { evidence, rows: names.into_iter().map(Some).chain([None]).collect(), row_height, left }
    }

    fn draw(&self) -> String {
        let body = self.row_height * self.rows.len() as f64;
        let mut svg = Svg::new(WIDTH, body, "Final accuracy by dataset");
        let names: Vec<(usize, &str)> = self.evidence.strategies.iter().map(String::as_str).enumerate().collect();
        let top = legend(&mut svg, &names, (self.left, 14.0), WIDTH - self.left - 20.0) + 18.0;
        svg.set_height(top + body + 44.0);
        let panel = (WIDTH - self.left - GAP - 16.0) / 2.0;
        let panels: [(&str, ScoreFigure, bool); 2] = [
            ("exact match (share of answers)", |s| s.exact_match, true),
            ("token accuracy (share of tokens)", |s| s.token_accuracy, false),
        ];
        for (index, row) in self.rows.iter().enumerate() {
            let y = top + self.row_height * (index as f64 + 0.5);
            if index % 2 == 0 {
                let band = (self.left - 4.0, y - self.row_height / 2.0);
                svg.rect(band, (WIDTH - self.left - 8.0, self.row_height), "fill=\"#f5f5f5\"");
            }
            if row.is_none() {
                let at = y - self.row_height / 2.0;
                svg.line((self.left - 4.0, at), (WIDTH - 12.0, at), "stroke=\"#444\" stroke-width=\"0.9\"");
            }
            let text = Text { anchor: "end", bold: row.is_none(), ..Text::default() };
            svg.text((self.left - 12.0, y + 4.0), row.as_deref().unwrap_or("weighted mean"), text);
        }
        for (index, (title, figure, majority)) in panels.into_iter().enumerate() {
            self.panel(&mut svg, (self.left + index as f64 * (panel + GAP), top), panel, title, figure, majority);
        }
        svg.finish()
    }

    fn panel(&self, svg: &mut Svg, (left, top): (f64, f64), width: f64, title: &str, figure: ScoreFigure, majority: bool) {
        let bottom = top + self.row_height * self.rows.len() as f64;
        let x = |value: f64| left + value.clamp(0.0, 1.0) * width;
        for tick in 0..=5 {
            let value = f64::from(tick) / 5.0;
            svg.line((x(value), top), (x(value), bottom), "stroke=\"#d4d4d4\" stroke-width=\"0.8\"");
            svg.text(
                (x(value), bottom + 15.0),
                &format!("{value:.1}"),
                Text { anchor: "middle", fill: "#444", ..Text::default() },
            );
        }
        svg.line((left, bottom), (left + width, bottom), "stroke=\"#444\" stroke-width=\"1\"");
        svg.text((left + width / 2.0, bottom + 34.0), title, Text { size: 12.0, anchor: "middle", ..Text::default() });
        for (index, row) in self.rows.iter().enumerate() {
            let middle = top + self.row_height * (index as f64 + 0.5);
            let score = |run: &Run| match row {
                Some(name) => run.result.test.datasets.get(name).cloned(),
                None => Some(run.result.test.weighted.clone()),
            };
            if majority && let Some(value) = self.evidence.runs.iter().find_map(|run| score(run)?.majority) {
                let half = self.row_height / 2.0 - 2.0;
                svg.line((x(value), middle - half), (x(value), middle + half), "stroke=\"#777\" stroke-width=\"2.2\"");
            }
            let count = self.evidence.strategies.len();
            for (place, strategy) in self.evidence.strategies.iter().enumerate() {
                let values: Vec<f64> = self.evidence.runs_of(strategy).filter_map(|run| figure(&score(run)?)).collect();
                let Some(value) = mean(&values) else { continue };
                let y = middle + 6.5 * (place as f64 - (count as f64 - 1.0) / 2.0);
                let look = Look::at(place);
                let (low, high) = values.iter().fold((value, value), |(low, high), value| (low.min(*value), high.max(*value)));
                svg.line((x(low), y), (x(high), y), &format!("stroke=\"{}\" stroke-width=\"1.3\"", look.css()));
                look.mark(svg, x(value), y, 3.2);
            }
        }
    }
}
