//! The map as a drawing: savings over dependence, one panel for each combination of the other knobs.

use super::analysis::{MAIN, Map, over_worlds};
use super::settings::{Knobs, NULL};
use crate::report::figure::{Figure, legend};
use crate::report::interval::{Interval, mean};
use crate::report::looks::Look;
use crate::report::number::percent;
use crate::report::svg::{Svg, Text};

const WIDTH: f64 = 980.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 62.0;
const GAP: f64 = 18.0;

/// Savings to 95 % of the baseline's mean best, every world as a small dot under the mean and its interval.
pub(crate) fn map_figure(map: &Map) -> Figure {
    let chart = Chart::new(map);
    let caption = "Saving of samples to 95 % of the baseline’s mean best, probe charged, by dependence (across) and the other knobs (panels). Large \
                   markers: mean over worlds with its 95 % interval by paired bootstrap; small dots: single worlds, those beyond the axis at its \
                   edge. Grey: the span of the null, the baseline with another seed. Above 0 an arm reaches the target sooner.";
    Figure { file: "map.svg".into(), svg: chart.draw(), caption: caption.into(), wide: true }
}

struct Chart<'a> {
    map: &'a Map,
    /// Each with its title and with the knobs of its worlds but for the dependence, which is 0 here.
    panels: Vec<(String, Knobs)>,
    dependences: Vec<f64>,
    arms: Vec<&'a str>,
    low: f64,
    high: f64,
}

impl<'a> Chart<'a> {
    fn new(map: &'a Map) -> Self {
        let distinct = |values: Vec<f64>| {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        };
        let corners = map.corners();
        let arms: Vec<&str> = map.arms.iter().map(String::as_str).filter(|arm| *arm != NULL).collect();
        let mut values: Vec<f64> =
            map.judged.iter().filter_map(|judged| judged.savings[MAIN]).map(|saving| saving.saving).collect();
        values.sort_by(f64::total_cmp);
        // A few worlds far below would press all others together: the axis holds every interval and nine tenths of the worlds, in steps of
        // a fifth.
        let at = |share: f64| values.get(((values.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(0.0);
        let intervals: Vec<Interval> = corners
            .iter()
            .flat_map(|corner| arms.iter().map(move |arm| (corner, arm)))
            .filter_map(|(corner, arm)| {
                let here = map.of_arm(arm, |knobs| knobs == corner);
                over_worlds(&here.filter_map(|judged| judged.savings[MAIN]).map(|saving| saving.saving).collect::<Vec<_>>())
            })
            .collect();
        let least = intervals.iter().map(|interval| interval.low).fold(at(0.05), f64::min);
        let most = intervals.iter().map(|interval| interval.high).fold(at(0.98), f64::max);
        let low = ((least * 5.0).floor() / 5.0).clamp(-1.0, -0.2);
        let high = ((most * 5.0).ceil() / 5.0).clamp(0.2, 1.0);
        Self {
            map,
            panels: panels(&corners),
            dependences: distinct(corners.iter().map(|corner| corner.dependence).collect()),
            arms,
            low,
            high,
        }
    }

    fn draw(&self) -> String {
        let mut svg = Svg::new(WIDTH, HEIGHT, "Savings by conflict and dependence");
        let names: Vec<(usize, &str)> = self.arms.iter().enumerate().map(|(place, name)| (place + 1, *name)).collect();
        let top = legend(&mut svg, &names, (LEFT, 14.0), WIDTH - LEFT - 20.0) + 26.0;
        let height = HEIGHT - top - 50.0;
        let panels = self.panels.len().max(1) as f64;
        let width = (WIDTH - LEFT - 14.0 - GAP * (panels - 1.0)) / panels;
        for (index, panel) in self.panels.iter().enumerate() {
            self.panel(&mut svg, (LEFT + index as f64 * (width + GAP), top), (width, height), panel, index == 0);
        }
        svg.text((WIDTH / 2.0, HEIGHT - 8.0), "dependence", Text { size: 12.0, anchor: "middle", ..Text::default() });
        let title = Text { size: 12.0, anchor: "middle", turn: -90.0, ..Text::default() };
        svg.text((15.0, top + height / 2.0), "saving of samples to 95 %", title);
        svg.finish()
    }

    fn panel(&self, svg: &mut Svg, (left, top): (f64, f64), (width, height): (f64, f64), panel: &(String, Knobs), first: bool) {
        let y = |value: f64| top + height * (self.high - value.clamp(self.low, self.high)) / (self.high - self.low);
        svg.text((left + width / 2.0, top - 8.0), &panel.0, Text { size: 12.0, anchor: "middle", bold: true, ..Text::default() });
        let steps = ((self.high - self.low) / 0.2).round() as i32;
        for step in 0..=steps {
            let value = self.low + 0.2 * f64::from(step);
            let stroke =
                if value.abs() < 1e-9 { "stroke=\"#444\" stroke-width=\"1.1\"" } else { "stroke=\"#ddd\" stroke-width=\"0.8\"" };
            svg.line((left, y(value)), (left + width, y(value)), stroke);
            if first {
                svg.text((left - 6.0, y(value) + 4.0), &percent(value), Text { anchor: "end", ..Text::default() });
            }
        }
        let column = width / self.dependences.len().max(1) as f64;
        for (index, dependence) in self.dependences.iter().enumerate() {
            let middle = left + column * (index as f64 + 0.5);
            svg.text((middle, top + height + 18.0), &dependence.to_string(), Text { anchor: "middle", ..Text::default() });
            let here = |arm: &str| -> Vec<f64> {
                let corner = Knobs { dependence: *dependence, ..panel.1 };
                let found = self.map.of_arm(arm, move |knobs| *knobs == corner);
                found.filter_map(|judged| judged.savings[MAIN]).map(|saving| saving.saving).collect()
            };
            let null = here(NULL);
            if let (Some(low), Some(high)) = (null.iter().copied().reduce(f64::min), null.iter().copied().reduce(f64::max)) {
                let (band, size) = ((middle - 0.46 * column, y(high)), (0.92 * column, (y(low) - y(high)).max(1.0)));
                svg.rect(band, size, "fill=\"#000\" fill-opacity=\"0.09\"");
            }
            for (place, arm) in self.arms.iter().enumerate() {
                let x = middle + column * 0.84 * ((place as f64 + 0.5) / self.arms.len() as f64 - 0.5);
                self.arm(svg, &here(arm), x, &y, &Look::at(place + 1));
            }
        }
        svg.rect((left, top), (width, height), "fill=\"none\" stroke=\"#888\" stroke-width=\"0.8\"");
    }

    /// One arm in one column.
    fn arm(&self, svg: &mut Svg, values: &[f64], x: f64, y: &dyn Fn(f64) -> f64, look: &Look) {
        let colour = look.css();
        for value in values {
            svg.circle(x, y(*value), 1.7, &format!("fill=\"{colour}\" fill-opacity=\"0.45\""));
        }
        if let Some(interval) = over_worlds(values) {
            let stroke = format!("stroke=\"{colour}\" stroke-width=\"1.6\"");
            svg.line((x, y(interval.low)), (x, y(interval.high)), &stroke);
        }
        if let Some(mean) = mean(values) {
            look.mark(svg, x, y(mean), 4.0);
        }
    }
}

/// The combinations of all knobs but dependence, each with a title.
fn panels(corners: &[Knobs]) -> Vec<(String, Knobs)> {
    let mut distinct: Vec<Knobs> = corners.iter().map(|corner| Knobs { dependence: 0.0, ..*corner }).collect();
    distinct.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    distinct.dedup();
    let told = Knobs::told(&distinct);
    let title = |knobs: &Knobs| {
        let parts = told.iter().map(|place| knobs.named()[*place]).filter(|(name, _)| *name != "dependence");
        parts.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    };
    distinct.iter().map(|knobs| (title(knobs), *knobs)).collect()
}
