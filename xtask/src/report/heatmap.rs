//! The affinity matrix in group order, with its values.

use super::artifacts::{Affinity, Grouping};
use super::figure::Figure;
use super::number::Digits;
use super::svg::{Svg, Text, width_of};

/// Side of the matrix in pixels, where the number of datasets allows.
const SIDE: f64 = 372.0;
/// From this size of a cell on its value is written into it.
const READABLE: f64 = 20.0;

/// Heat maps of the chosen metric and, if it is another one, of the cosine.
pub(crate) fn heat_maps(affinity: &Affinity, grouping: Option<&Grouping>, seed: u64) -> Vec<Figure> {
    let mut metrics = vec![affinity.metric.clone()];
    if affinity.metric != "cosine" && affinity.tables.contains_key("cosine") {
        metrics.push("cosine".into());
    }
    metrics.iter().filter_map(|metric| heat_map(affinity, grouping, metric, seed)).collect()
}

fn heat_map(affinity: &Affinity, grouping: Option<&Grouping>, metric: &str, seed: u64) -> Option<Figure> {
    let names: Vec<&str> = affinity.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    let table = &affinity.tables.get(metric)?.values;
    let is_square = table.len() == names.len() && table.iter().all(|row| row.len() == names.len());
    if !is_square || names.is_empty() {
        return None;
    }
    let map = Map { names, table, groups: groups(affinity, grouping), metric };
    let order = if grouping.is_some() { " in the order of introduction of their groups (heavy lines)" } else { "" };
    let caption = format!("{}, seed {seed}: datasets{order}. –: undetermined.", title(metric));
    Some(Figure { file: format!("affinity-{metric}-seed-{seed}.svg"), svg: map.draw(), caption, wide: false })
}

fn title(metric: &str) -> &str {
    match metric {
        "gradient-distance" => "Gradient distance",
        "unit-distance" => "Distance of unit gradients",
        "cosine" => "Debiased cosine of gradients (below 0, bold: conflict)",
        "dot" => "Debiased inner product of gradients",
        "preconditioned-cosine" => "Cosine of preconditioned gradients",
        "lookahead" => "Look-ahead: loss change on the column after a step on the row",
        "transferability" => "Transferability from the row to the column",
        other => other,
    }
}

/// Indices of datasets by group; one group of all where there is no grouping that fits.
fn groups(affinity: &Affinity, grouping: Option<&Grouping>) -> Vec<Vec<usize>> {
    let place = |name: &str| affinity.datasets.iter().position(|dataset| dataset.name == name);
    let fitted = grouping.and_then(|grouping| {
        let group = |members: &Vec<usize>| {
            members.iter().map(|index| place(&grouping.datasets.get(*index)?.name)).collect::<Option<Vec<_>>>()
        };
        grouping.groups.iter().map(group).collect::<Option<Vec<_>>>()
    });
    let whole = |groups: &Vec<Vec<usize>>| groups.iter().map(Vec::len).sum::<usize>() == affinity.datasets.len();
    fitted.filter(whole).unwrap_or_else(|| vec![(0..affinity.datasets.len()).collect()])
}

struct Map<'a> {
    names: Vec<&'a str>,
    table: &'a [Vec<Option<f64>>],
    groups: Vec<Vec<usize>>,
    metric: &'a str,
}

impl Map<'_> {
    fn draw(&self) -> String {
        let order: Vec<usize> = self.groups.iter().flatten().copied().collect();
        let cell = (SIDE / order.len() as f64).clamp(7.0, 46.0);
        let side = cell * order.len() as f64;
        let names = self.names.iter().map(|name| width_of(name, 10.0)).fold(40.0, f64::max);
        let (left, top) = (names + 10.0, names + 12.0);
        let mut svg = Svg::new(left + side + 22.0, top + side + 44.0, title(self.metric));
        let scale = Scale::new(self.values(&order), is_distance(self.metric));
        for (row, &i) in order.iter().enumerate() {
            let y = top + cell * row as f64;
            let label = Text { size: 10.0, anchor: "end", ..Text::default() };
            svg.text((left - 5.0, y + cell / 2.0 + 3.5), self.names[i], label);
            let above = (left + cell * (row as f64 + 0.5) + 3.5, top - 5.0);
            svg.text(above, self.names[i], Text { size: 10.0, turn: -90.0, ..Text::default() });
            for (column, &j) in order.iter().enumerate() {
                let value = self.table[i][j].filter(|value| value.is_finite());
                self.cell(&mut svg, (left + cell * column as f64, y), cell, value, i == j, &scale);
            }
        }
        self.lines(&mut svg, (left, top), cell, side);
        self.legend(&mut svg, (left, top + side + 12.0), side, &scale);
        svg.finish()
    }

    /// Determined values off the diagonal.
    fn values(&self, order: &[usize]) -> impl Iterator<Item = f64> {
        let off = order.iter().flat_map(|i| order.iter().map(move |j| (*i, *j))).filter(|(i, j)| i != j);
        off.filter_map(|(i, j)| self.table[i][j]).filter(|value| value.is_finite())
    }

    fn cell(&self, svg: &mut Svg, (x, y): (f64, f64), cell: f64, value: Option<f64>, diagonal: bool, scale: &Scale) {
        let (fill, ink) = match value {
            _ if diagonal => ("rgb(240,240,240)".to_string(), "#888"),
            Some(value) => shade(scale.darkness(value)),
            None => ("#fff".to_string(), "#222"),
        };
        svg.rect((x, y), (cell, cell), &format!("fill=\"{fill}\" stroke=\"#fff\" stroke-width=\"0.7\""));
        if cell < READABLE || (diagonal && value.is_none_or(|value| value == 0.0)) {
            return;
        }
        let text = value.map_or_else(|| "–".into(), |value| scale.digits.write(value));
        let size = (0.38 * cell).min(11.0);
        let style = Text { size, anchor: "middle", fill: ink, bold: text.starts_with('−') && !diagonal, ..Text::default() };
        svg.text((x + cell / 2.0, y + cell / 2.0 + 0.36 * size), &text, style);
    }

    fn lines(&self, svg: &mut Svg, (left, top): (f64, f64), cell: f64, side: f64) {
        let style = "stroke=\"#000\" stroke-width=\"1.6\"";
        svg.rect((left, top), (side, side), "fill=\"none\" stroke=\"#000\" stroke-width=\"1\"");
        let mut start = 0;
        for (number, group) in self.groups.iter().enumerate() {
            let end = start + group.len();
            let at = cell * end as f64;
            if end * 10 < 10 * self.names.len() {
                svg.line((left + at, top), (left + at, top + side), style);
                svg.line((left, top + at), (left + side, top + at), style);
            }
            if self.groups.len() > 1 {
                let (from, to) = (top + cell * start as f64 + 2.0, top + at - 2.0);
                svg.line((left + side + 5.0, from), (left + side + 5.0, to), "stroke=\"#444\" stroke-width=\"1.2\"");
                svg.text((left + side + 9.0, f64::midpoint(from, to) + 4.0), &(number + 1).to_string(), Text::default());
            }
            start = end;
        }
    }

    fn legend(&self, svg: &mut Svg, (left, top): (f64, f64), side: f64, scale: &Scale) {
        const PARTS: u32 = 24;
        let width = side.min(200.0);
        let part = width / f64::from(PARTS);
        for index in 0..PARTS {
            let (fill, _) = shade((f64::from(index) + 0.5) / f64::from(PARTS));
            svg.rect((left + part * f64::from(index), top), (part + 0.3, 9.0), &format!("fill=\"{fill}\""));
        }
        svg.rect((left, top), (width, 9.0), "fill=\"none\" stroke=\"#888\" stroke-width=\"0.6\"");
        let text = Text { size: 10.0, fill: "#444", ..Text::default() };
        let (light, dark) = if scale.dark_is_low { (scale.high, scale.low) } else { (scale.low, scale.high) };
        svg.text((left, top + 21.0), &scale.digits.write(light), text);
        svg.text((left + width, top + 21.0), &scale.digits.write(dark), Text { anchor: "end", ..text });
        svg.text((left + width + 10.0, top + 8.5), &format!("{}{}; dark: alike", self.metric, scale.digits.power()), text);
    }
}

/// Whether a small value of a metric means alike.
fn is_distance(metric: &str) -> bool {
    metric.ends_with("distance")
}

/// From values to shades: alike is dark, whatever the metric counts.
struct Scale {
    low: f64,
    high: f64,
    dark_is_low: bool,
    digits: Digits,
}

impl Scale {
    fn new(values: impl Iterator<Item = f64>, dark_is_low: bool) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = match low < high {
            true => (low, high),
            false if low.is_finite() => (low.min(0.0), high.max(1.0)),
            false => (0.0, 1.0),
        };
        Self { low, high, dark_is_low, digits: Digits::of(high.abs().max(low.abs())) }
    }

    fn darkness(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        if self.dark_is_low { 1.0 - share } else { share }
    }
}

/// Background and ink for a value in 0..1: light to dark in one hue, so that grey print keeps the order.
fn shade(value: f64) -> (String, &'static str) {
    const STOPS: [(f64, f64, f64); 4] = [(247.0, 250.0, 253.0), (170.0, 203.0, 228.0), (66.0, 133.0, 190.0), (8.0, 44.0, 97.0)];
    let position = value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let index = (position.floor() as usize).min(STOPS.len() - 2);
    let (from, to) = (STOPS[index], STOPS[index + 1]);
    let mix = |a: f64, b: f64| a + (position - index as f64) * (b - a);
    let (r, g, b) = (mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2));
    (format!("rgb({r:.0},{g:.0},{b:.0})"), if value > 0.56 { "#fff" } else { "#111" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affinity(values: serde_json::Value) -> Affinity {
        serde_json::from_value(serde_json::json!({
            "datasets": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
            "metric": "gradient-distance",
            "tables": {"gradient-distance": {"values": values}},
        }))
        .unwrap()
    }

    #[test]
    fn rows_stand_in_group_order_and_undetermined_entries_are_marked() {
        let affinity = affinity(serde_json::json!([[0.0, 1.5, null], [1.5, 0.0, 2.5], [null, 2.5, 0.0]]));
        let names = serde_json::json!([{"name": "c"}, {"name": "a"}, {"name": "b"}]);
        let grouping: Grouping = serde_json::from_value(serde_json::json!({"datasets": names, "groups": [[0], [2, 1]]})).unwrap();
        assert_eq!(groups(&affinity, Some(&grouping)), [vec![2], vec![1, 0]]);
        let figure = heat_maps(&affinity, Some(&grouping), 7).remove(0);
        assert_eq!(figure.file, "affinity-gradient-distance-seed-7.svg");
        assert!(figure.svg.contains(">1.50<") && figure.svg.contains(">–<"));
        let place = |name: &str| figure.svg.find(&format!(">{name}</text>")).unwrap();
        assert!(place("c") < place("b") && place("b") < place("a"));
    }

    #[test]
    fn a_table_that_does_not_fit_is_not_drawn() {
        assert!(heat_maps(&affinity(serde_json::json!([[0.0, 1.0], [1.0, 0.0]])), None, 0).is_empty());
    }

    #[test]
    fn darker_means_more_in_grey_too() {
        let grey = |value: f64| {
            let text = shade(value).0;
            let parts: Vec<f64> =
                text.trim_matches(|c: char| !c.is_ascii_digit()).split(',').map(|part| part.parse().unwrap()).collect();
            0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2]
        };
        for step in 0..20 {
            assert!(grey(f64::from(step) / 20.0) > grey(f64::from(step + 1) / 20.0));
        }
    }

    #[test]
    fn alike_is_dark_for_distances_and_for_cosines() {
        let darkness = |dark_is_low, value| Scale::new([0.2, 0.6, 1.0].into_iter(), dark_is_low).darkness(value);
        assert_eq!((darkness(true, 0.2), darkness(true, 1.0)), (1.0, 0.0));
        assert_eq!((darkness(false, 0.2), darkness(false, 1.0)), (0.0, 1.0));
        assert!(Scale::new(std::iter::empty(), true).darkness(0.5).is_finite());
    }
}
