//! A schedule as a timeline: which datasets a run draws from, stage by stage.

use super::artifacts::{Schedule, Stage};
use super::figure::Figure;
use super::number::count;
use super::svg::{Svg, Text, width_of};

const PLOT: f64 = 350.0;
const ROW: f64 = 13.0;

/// The timeline of one strategy. `order` names datasets in the order of the rows; others stand behind.
pub(crate) fn timeline(strategy: &str, schedule: &Schedule, order: &[String], seed: u64) -> Figure {
    let timeline = Timeline { schedule, rows: rows(schedule, order) };
    let stages = schedule.stages.len();
    let lines =
        if schedule.groups.as_ref().is_some_and(|groups| groups.len() > 1) { " Lines between rows part the groups." } else { "" };
    let models =
        if schedule.is_many_models() { " Every stage starts from the initial weights: one model a dataset." } else { "" };
    let caption = format!(
        "Schedule of {strategy}, seed {seed}: {stages} {}. The height of a bar is the dataset’s share of the samples, relative to the largest of the stage.{lines}{models}",
        if stages == 1 { "stage" } else { "stages" }
    );
    Figure { file: format!("schedule-{strategy}.svg"), svg: timeline.draw(strategy), caption, wide: false }
}

fn rows(schedule: &Schedule, order: &[String]) -> Vec<usize> {
    let own: Vec<usize> =
        schedule.groups.iter().flatten().flatten().copied().filter(|index| *index < schedule.datasets.len()).collect();
    let given = order.iter().filter_map(|name| schedule.datasets.iter().position(|dataset| dataset.name == *name));
    let mut rows: Vec<usize> = if own.is_empty() { given.collect() } else { own };
    rows.extend(0..schedule.datasets.len());
    let mut seen = vec![false; schedule.datasets.len()];
    rows.retain(|index| !std::mem::replace(&mut seen[*index], true));
    rows
}

struct Timeline<'a> {
    schedule: &'a Schedule,
    rows: Vec<usize>,
}

impl Timeline<'_> {
    fn draw(&self, strategy: &str) -> String {
        let Schedule { datasets, stages, .. } = self.schedule;
        let total = stages.iter().map(|stage| stage.steps).sum::<u64>().max(1) as f64;
        let left = datasets.iter().map(|dataset| width_of(&dataset.name, 9.5)).fold(40.0, f64::max) + 10.0;
        let (top, body) = (40.0, ROW * self.rows.len() as f64);
        let bottom = top + body;
        let mut svg = Svg::new(left + PLOT + 20.0, bottom + 42.0, &format!("Schedule of {strategy}"));
        svg.text((left, 15.0), strategy, Text { size: 12.5, bold: true, ..Text::default() });
        for (row, index) in self.rows.iter().enumerate() {
            let y = top + ROW * row as f64;
            let label = Text { size: 9.5, anchor: "end", ..Text::default() };
            svg.text((left - 6.0, y + ROW / 2.0 + 3.3), &datasets[*index].name, label);
            svg.line((left, y + ROW), (left + PLOT, y + ROW), "stroke=\"#e6e6e6\" stroke-width=\"0.7\"");
        }
        let mut behind = 0;
        for group in self.schedule.groups.iter().flatten() {
            behind += group.len();
            let y = top + ROW * behind as f64;
            if behind < self.rows.len() {
                svg.line((left, y), (left + PLOT, y), "stroke=\"#777\" stroke-width=\"0.9\"");
            }
        }
        let mut start = 0;
        for (number, stage) in stages.iter().enumerate() {
            let x = |step: u64| left + PLOT * step as f64 / total;
            let (from, to) = (x(start), x(start + stage.steps));
            let most = stage.weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            for (dataset, weight) in stage.datasets.iter().zip(&stage.weights) {
                let Some(row) = self.rows.iter().position(|index| index == dataset) else { continue };
                let height = ((ROW - 2.5) * weight / most).max(1.5);
                let y = top + ROW * (row as f64 + 0.5) - height / 2.0;
                svg.rect((from + 0.6, y), ((to - from - 1.2).max(0.4), height), "fill=\"#3b5b7e\"");
            }
            if start > 0 {
                svg.line((from, top - 6.0), (from, bottom), "stroke=\"#111\" stroke-width=\"0.9\" stroke-dasharray=\"3 2\"");
            }
            self.stage_label(&mut svg, number, stage, (from, to), top - 8.0);
            start += stage.steps;
        }
        svg.rect((left, top), (PLOT, body), "fill=\"none\" stroke=\"#444\" stroke-width=\"1\"");
        self.axis(&mut svg, left, bottom, total);
        svg.finish()
    }

    /// The stage's name where it fits, its number where only that does.
    fn stage_label(&self, svg: &mut Svg, number: usize, stage: &Stage, (from, to): (f64, f64), y: f64) {
        let text = Text { size: 9.5, anchor: "middle", fill: "#333", ..Text::default() };
        let short = (number + 1).to_string();
        for label in [stage.name.as_str(), short.as_str()] {
            if !label.is_empty() && width_of(label, text.size) < to - from - 2.0 {
                svg.text((f64::midpoint(from, to), y), label, text);
                return;
            }
        }
    }

    fn axis(&self, svg: &mut Svg, left: f64, bottom: f64, total: f64) {
        let text = Text { size: 9.5, anchor: "middle", fill: "#444", ..Text::default() };
        let step = tick(total);
        let mut at = 0.0;
        while at <= total + 0.5 {
            let x = left + PLOT * at / total;
            svg.line((x, bottom), (x, bottom + 4.0), "stroke=\"#444\" stroke-width=\"1\"");
            svg.text((x, bottom + 15.0), &count(at), text);
            at += step;
        }
        let axis = format!("optimizer steps of {} samples", self.schedule.batch_size);
        svg.text((left + PLOT / 2.0, bottom + 31.0), &axis, Text { size: 10.5, anchor: "middle", ..Text::default() });
    }
}

/// A round distance between four to eight ticks.
fn tick(total: f64) -> f64 {
    let power = 10_f64.powf((total / 4.0).max(1.0).log10().floor());
    [5.0, 2.5, 2.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step <= total / 4.0 && step.fract() == 0.0)
        .unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        serde_json::from_value(serde_json::json!({
            "batch_size": 8,
            "datasets": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
            "groups": [[2], [0, 1]],
            "stages": [
                {"name": "groups 1..1", "datasets": [2], "weights": [1], "steps": 30},
                {"name": "groups 1..2", "datasets": [0, 1, 2], "weights": [2, 1, 1], "steps": 70},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn rows_follow_the_groups_and_nothing_is_lost() {
        assert_eq!(rows(&schedule(), &[]), [2, 0, 1]);
        let plain = Schedule { groups: None, ..schedule() };
        assert_eq!(rows(&plain, &["b".into(), "unknown".into()]), [1, 0, 2]);
        let broken = Schedule { groups: Some(vec![vec![9, 1]]), ..schedule() };
        assert_eq!(rows(&broken, &[]), [1, 0, 2]);
    }

    #[test]
    fn every_active_dataset_of_every_stage_has_a_bar() {
        let figure = timeline("gst-progressive", &schedule(), &[], 0);
        assert_eq!(figure.svg.matches("fill=\"#3b5b7e\"").count(), 4);
        assert!(figure.svg.contains("groups 1..2") && figure.svg.contains("optimizer steps of 8 samples"));
    }

    #[test]
    fn ticks_are_round() {
        for (total, expected) in [(300.0, 50.0), (2000.0, 500.0), (100.0, 25.0), (7.0, 1.0), (40_000.0, 10_000.0)] {
            assert_eq!(tick(total), expected, "{total}");
        }
    }
}
