//! The learning curves, drawn with plotters.

use std::collections::BTreeMap;

use anyhow::Result;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::comparison::{Comparison, SHARES};
use super::evidence::{Evidence, Run};
use super::figure::{Figure, legend};
use super::looks::Look;
use super::number::count;
use super::svg::{Svg, Text};

/// Size of the figure in pixels.
const SIZE: (f64, f64) = (980.0, 430.0);
/// plotters places everything on whole pixels, so it draws this many times larger.
const FINE: f64 = 4.0;
/// Markers on a line.
const MARKERS: usize = 9;

type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// One strategy's mean over seeds: step, mean, lowest, highest.
type Line = Vec<(f64, f64, f64, f64)>;

/// Weighted validation token accuracy over steps; `None` where no run has a curve.
pub(crate) fn learning_curves(evidence: &Evidence, comparison: &Comparison<'_>) -> Result<Option<Figure>> {
    let lines: Vec<(usize, &str, Line)> = evidence
        .strategies
        .iter()
        .enumerate()
        .map(|(place, strategy)| (place, strategy.as_str(), line(evidence.runs_of(strategy))))
        .filter(|(_, _, line)| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let names: Vec<(usize, &str)> = lines.iter().map(|(place, name, _)| (*place, *name)).collect();
    let targets: Vec<(f64, f64)> = SHARES.iter().filter_map(|share| Some((*share, comparison.target(*share)?))).collect();
    let mut svg = Svg::new(SIZE.0, SIZE.1, "Learning curves");
    let top = legend(&mut svg, &names, (70.0, 14.0), SIZE.0 - 90.0);
    svg.set_height(top + SIZE.1);
    let (plot, right) = plot(&lines, &targets)?;
    svg.nest((0.0, top), SIZE, &plot);
    // Labels of neighbouring targets keep apart.
    let mut lowest = f64::NEG_INFINITY;
    for (level, at) in right.into_iter().rev() {
        lowest = at.max(lowest + 10.0);
        svg.text(
            (SIZE.0 - 52.0, top + lowest + 3.0),
            &format!("{:.0}\u{202f}%", 100.0 * level),
            Text { size: 10.0, fill: "#555", ..Text::default() },
        );
    }
    let band = if evidence.seeds.len() > 1 { " Lines: mean over seeds; bands: lowest to highest seed." } else { "" };
    let caption = format!(
        "Weighted validation token accuracy (end-of-sequence left out) over optimizer steps, smoothed over the last {} evaluation intervals.{band} Thin \
         horizontal lines: 90, 95, 99 and 100 % of {}’s mean best. Steps of the probe are not drawn.",
        super::convergence::SMOOTHING,
        evidence.baseline
    );
    Ok(Some(Figure { file: "learning-curves.svg".into(), svg: svg.finish(), caption, wide: true }))
}

/// Mean, lowest and highest value at every step that all runs were evaluated at.
fn line<'a>(runs: impl Iterator<Item = &'a Run>) -> Line {
    let curves: Vec<_> = runs.filter(|run| !run.smoothed.is_empty()).map(|run| &run.smoothed).collect();
    let mut by_step: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for point in curves.iter().flat_map(|curve| curve.iter()) {
        by_step.entry(point.cost.steps.to_bits()).or_default().push(point.value);
    }
    let whole = by_step.into_iter().filter(|(_, values)| values.len() == curves.len());
    whole
        .map(|(step, values)| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (f64::from_bits(step), mean, low, high)
        })
        .collect()
}

/// The plot as a drawing of its own, and the height in pixels of each target line.
fn plot(lines: &[(usize, &str, Line)], targets: &[(f64, f64)]) -> Result<(String, Vec<(f64, f64)>)> {
    let points = || lines.iter().flat_map(|(_, _, line)| line);
    let end = points().map(|(step, ..)| *step).fold(1.0, f64::max);
    let low = points().map(|(_, _, low, _)| *low).fold(1.0, f64::min);
    let high = points().map(|(.., high)| *high).fold(0.05, f64::max);
    let bottom = if low < 0.3 { 0.0 } else { (10.0 * low - 0.5).floor() / 10.0 };
    // Labels stand closer than 0.1 on a low curve.
    let places = if high - bottom < 0.45 { 2 } else { 1 };
    let size = ((SIZE.0 * FINE) as u32, (SIZE.1 * FINE) as u32);
    let mut text = String::new();
    let heights;
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin_top(px(10.0))
            .margin_right(px(60.0))
            .x_label_area_size(px(44.0))
            .y_label_area_size(px(68.0))
            .build_cartesian_2d(0.0..end * 1.005, bottom..(high + 0.03).min(1.02))?;
        chart
            .configure_mesh()
            .x_desc("optimizer steps")
            .y_desc("weighted validation token accuracy (share of tokens)")
            .axis_desc_style(("Helvetica, Arial, sans-serif", 14.5 * FINE))
            .label_style(("Helvetica, Arial, sans-serif", 13.0 * FINE))
            .x_labels(11)
            .y_labels(9)
            .x_label_formatter(&|step| count(*step))
            .y_label_formatter(&|value| format!("{value:.places$}"))
            .max_light_lines(0)
            .set_all_tick_mark_size(px(4.0))
            .bold_line_style(RGBColor(226, 226, 226).stroke_width(width(0.8)))
            .axis_style(RGBColor(60, 60, 60).stroke_width(width(1.0)))
            .draw()?;
        for (_, target) in targets {
            let style = RGBColor(130, 130, 130).stroke_width(width(0.8));
            chart.draw_series(std::iter::once(PathElement::new(vec![(0.0, *target), (end * 1.005, *target)], style)))?;
        }
        heights =
            targets.iter().map(|(share, target)| (*share, f64::from(chart.backend_coord(&(0.0, *target)).1) / FINE)).collect();
        for (place, _, line) in lines {
            draw_line(&mut chart, &Look::at(*place), line)?;
        }
        for (place, _, line) in lines {
            draw_markers(&mut chart, &Look::at(*place), line, *place)?;
        }
        root.present()?;
    }
    Ok((text, heights))
}

fn draw_line(chart: &mut Chart<'_>, look: &Look, line: &Line) -> Result<()> {
    let colour = colour(look);
    if line.iter().any(|(_, _, low, high)| high > low) {
        let up = line.iter().map(|(step, _, low, _)| (*step, *low));
        let back = line.iter().rev().map(|(step, _, _, high)| (*step, *high));
        chart.draw_series(std::iter::once(Polygon::new(up.chain(back).collect::<Vec<_>>(), colour.mix(0.13).filled())))?;
    }
    let means = line.iter().map(|(step, mean, ..)| (*step, *mean));
    let style = colour.stroke_width(width(2.0));
    if look.dash.1 == 0.0 {
        chart.draw_series(LineSeries::new(means, style))?;
    } else {
        chart.draw_series(DashedLineSeries::new(means, width(look.dash.0), width(look.dash.1), style))?;
    }
    Ok(())
}

/// A few markers on every line, each strategy's at places of its own so that lines that run together stay apart.
fn draw_markers(chart: &mut Chart<'_>, look: &Look, line: &Line, place: usize) -> Result<()> {
    let stride = line.len().div_ceil(MARKERS).max(1);
    let radius = 4.2 * FINE;
    let stroke = colour(look).stroke_width(width(1.5));
    let fill = if look.open { WHITE.filled() } else { colour(look).filled() };
    for (step, mean, ..) in line.iter().skip(place % stride).step_by(stride) {
        let at = (*step, *mean);
        match look.outline() {
            None => {
                chart.draw_series(std::iter::once(Circle::new(at, radius, fill)))?;
                chart.draw_series(std::iter::once(Circle::new(at, radius, stroke)))?;
            }
            Some(corners) => {
                let corners: Vec<(i32, i32)> =
                    corners.iter().map(|(x, y)| ((x * radius).round() as i32, (y * radius).round() as i32)).collect();
                if look.is_strokes() {
                    for pair in corners.chunks_exact(2) {
                        chart.draw_series(std::iter::once(EmptyElement::at(at) + PathElement::new(pair.to_vec(), stroke)))?;
                    }
                } else {
                    let closed: Vec<_> = corners.iter().chain(corners.first()).copied().collect();
                    chart.draw_series(std::iter::once(EmptyElement::at(at) + Polygon::new(corners, fill)))?;
                    chart.draw_series(std::iter::once(EmptyElement::at(at) + PathElement::new(closed, stroke)))?;
                }
            }
        }
    }
    Ok(())
}

fn colour(look: &Look) -> RGBColor {
    let (r, g, b) = look.colour;
    RGBColor(r, g, b)
}

fn px(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

fn width(pixels: f64) -> u32 {
    (pixels * FINE).round() as u32
}
