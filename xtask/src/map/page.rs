//! The page of a map: `table.md` and `map.svg`, from the rows alone.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::analysis::{Choices, Judged, MAIN, Map, SHARES, over_worlds};
use super::figure::map_figure;
use super::forecast::{Forecast, Start, candidates};
use super::rows::{self, Phase, Row};
use super::settings::{Knobs, MapSettings, NULL};
use crate::experiment::{Chosen, hash_file, write_whole};
use crate::report::interval::{Interval, mean};
use crate::report::number::{percent, signed};
use crate::report::page::{Part, markdown};
use crate::report::rates::rates;
use crate::report::saving::Saving;
use crate::report::table::{Cell, Table};

/// What was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) page: PathBuf,
    pub(crate) worlds: usize,
    pub(crate) planned: usize,
}

/// Writes the page beside the rows and, where it is asked for, the table that `gst-schedule` forecasts from.
pub(crate) fn write_report(settings: &MapSettings, path: &Path, forecast: Option<&Path>) -> Result<Written> {
    let rows = rows::read(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let choices = Choices::of(settings, &rows)?;
    let map = Map::of(&rows, &choices, &settings.compared())?;
    let figure = map_figure(&map);
    write_whole(&folder.join(&figure.file), &figure.svg)?;
    let mut parts =
        vec![Part::Findings(findings(settings, &map, &choices)), Part::Figures(vec![figure]), Part::Table(savings(&map))];
    parts.push(Part::Table(same_seed(&map)));
    parts.extend(uncharged(&map).map(Part::Table));
    // Not every map is one that `gst group` speaks from.
    if let Some(forecast) = forecast {
        match Forecast::of(&map, Start::of(settings), &candidates(settings), &rows, hash_file(path)?) {
            Some(learned) => {
                write_whole(forecast, &format!("{}\n", serde_json::to_string_pretty(&learned)?))?;
                parts.push(Part::Table(learned.table()));
            }
            None => eprintln!(
                "map: {} stays as it is: an arm that advice could name has under three judged worlds",
                forecast.display()
            ),
        }
    }
    parts.extend([over_run(&map), accuracy(&map), shares(&map), predictors(&map), sweep(&choices), made(&rows)].map(Part::Table));
    let page = folder.join("table.md");
    write_whole(&page, &markdown("The map: where grouping pays", &settings.experiment.description, &parts))?;
    Ok(Written { page, worlds: map.measured.len(), planned: settings.judged().len() })
}

fn findings(settings: &MapSettings, map: &Map, choices: &Choices) -> Vec<String> {
    let planned = settings.judged().len();
    let done = map.measured.len();
    let mut lines = vec![format!(
        "{done} of {planned} planned worlds are judged{}. The baseline is the best of {} arms of mix-all in the sweep, each at its own learning \
         rate: {}.",
        if done < planned { ", so everything below is of a part of the design" } else { "" },
        settings.baselines.len(),
        choices
            .by_dependence()
            .iter()
            .map(|(dependence, choice)| format!("{} at dependence {dependence}", choice.baseline))
            .collect::<Vec<_>>()
            .join(", "),
    )];
    let varied: Vec<String> = choices
        .by_dependence()
        .iter()
        .flat_map(|(dependence, choice)| {
            choice.varied().map(move |(arm, variant)| format!("{arm} runs as {variant} at dependence {dependence}"))
        })
        .collect();
    if !varied.is_empty() {
        lines.push(format!("What was better in the sweep: {}.", varied.join(", ")));
    }
    if map.left_out > 0 {
        lines.push(format!("{} more worlds have rows but no finished baseline or null, and are left out.", map.left_out));
    }
    let null = Savings::of(map.of_arm(NULL, |_| true).filter_map(|judged| judged.savings[MAIN])).values;
    let (low, high) =
        null.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    if low <= high {
        lines.push(format!(
            "The same arm with another seed “saves” {} to {} in single worlds: that much is chance.",
            percent(low),
            percent(high)
        ));
    }
    let dependent = |knobs: &Knobs| knobs.dependence > 0.0;
    let both = map.corners().iter().any(dependent) && !map.corners().iter().all(dependent);
    for arm in map.arms.iter().filter(|arm| *arm != NULL) {
        let over = |name: &str, keep: &dyn Fn(&Knobs) -> bool| {
            let savings = Savings::of(map.of_arm(arm, keep).filter_map(|judged| judged.savings[MAIN]));
            savings.interval().map(|found| {
                let (mean, low, high) = (percent(found.mean), percent(found.low), percent(found.high));
                format!("{}{mean} {name} (95 % interval {low} to {high}, {})", savings.bound(), savings.count())
            })
        };
        let mut parts = vec![over("over all worlds", &|_| true)];
        if both {
            parts.push(over("with dependence", &|knobs| knobs.dependence > 0.0));
            parts.push(over("without", &|knobs| knobs.dependence == 0.0));
        }
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            lines.push(format!("{arm} saves {}.", parts.join(", ")));
        }
    }
    lines
}

/// Savings of some worlds to a share.
struct Savings {
    values: Vec<f64>,
    /// Of these, worlds where the arm missed the target.
    missed: usize,
}

impl Savings {
    fn of(found: impl Iterator<Item = Saving>) -> Self {
        let found: Vec<Saving> = found.collect();
        Self {
            values: found.iter().map(|saving| saving.saving).collect(),
            missed: found.iter().filter(|saving| saving.at_most).count(),
        }
    }

    fn interval(&self) -> Option<Interval> {
        if self.missed < self.values.len() { over_worlds(&self.values) } else { None }
    }

    fn bound(&self) -> &'static str {
        if self.missed > 0 { "≤ " } else { "" }
    }

    fn count(&self) -> String {
        let worlds = if self.values.len() == 1 { "1 world".to_owned() } else { format!("{} worlds", self.values.len()) };
        if self.missed > 0 { format!("{worlds}, {} missed", self.missed) } else { worlds }
    }
}

/// A mean with its interval; how many worlds, and of them those where the arm missed the target. A mean over a miss is a bound, marked ≤, and
/// one over misses alone has no interval: what would spread is where the runs ended.
fn saving_cell(found: impl Iterator<Item = Saving>) -> Cell {
    let savings = Savings::of(found);
    if savings.values.is_empty() {
        return Cell::from("–");
    }
    let cell = match savings.interval() {
        Some(interval) => {
            let (mean, low, high) = (percent(interval.mean), percent(interval.low), percent(interval.high));
            Cell::from(format!("{}{mean} [{low}, {high}]", savings.bound())).strong(interval.excludes_zero())
        }
        None => Cell::from(format!("{}{}", savings.bound(), mean(&savings.values).map_or_else(String::new, percent))),
    };
    cell.under(savings.count())
}

/// A row for each combination of knobs, a column for each of `arms`, `cell` of the worlds there.
fn by_corner<'a>(map: &'a Map, caption: &str, arms: &[&'a String], cell: impl Fn(&[&'a Judged]) -> Cell) -> Table {
    let corners = map.corners();
    let told = Knobs::told(&corners);
    let names = told.iter().filter_map(|place| corners.first().map(|corner| corner.named()[*place].0.to_owned()));
    let mut table = Table::new(caption, told.len(), names.chain(arms.iter().map(|arm| (*arm).clone())).collect());
    for corner in corners {
        let mut cells: Vec<Cell> = told.iter().map(|place| Cell::from(corner.named()[*place].1.to_string())).collect();
        cells.extend(arms.iter().map(|arm| cell(&map.of_arm(arm, move |knobs| *knobs == corner).collect::<Vec<_>>())));
        table.row(cells);
    }
    table
}

fn savings(map: &Map) -> Table {
    let mut table = by_corner(
        map,
        "Saving of samples to 95 % of the baseline’s mean best, probe charged: mean over worlds and 95 % interval by paired bootstrap.",
        &map.arms.iter().collect::<Vec<_>>(),
        |here| saving_cell(here.iter().filter_map(|judged| judged.savings[MAIN])),
    );
    table.note = "Bold: the interval leaves out 0. ≤: a missed target counts with the whole run (restricted mean), so the true figure is lower; a world \
                  where neither run got there is left out. Under three worlds no interval is given."
        .into();
    table
}

/// What is left when an arm is held against one run of the baseline, its own twin, and not against the mean of two.
fn same_seed(map: &Map) -> Table {
    let mut dependences: Vec<f64> = map.corners().iter().map(|corner| corner.dependence).collect();
    dependences.sort_by(f64::total_cmp);
    dependences.dedup();
    let arms: Vec<&String> = map.arms.iter().filter(|arm| *arm != NULL).collect();
    let head = std::iter::once("dependence".to_owned()).chain(arms.iter().map(|arm| (*arm).clone())).collect();
    let caption = "The same against the baseline’s run of the same seed alone, all worlds of a dependence together.";
    let mut table = Table::new(caption, 1, head);
    for dependence in dependences {
        let here = |arm: &&String| {
            saving_cell(map.of_arm(arm, |knobs| knobs.dependence == dependence).filter_map(|judged| judged.same_seed))
        };
        table.row(std::iter::once(Cell::from(dependence.to_string())).chain(arms.iter().map(here)).collect());
    }
    table.note = "The same first weights and order inside each dataset: a run that is the baseline’s, draw for draw, saves exactly 0 here. Targets are \
                  those of the first table."
        .into();
    table
}

/// The arms that pay for a probe, as if they did not.
fn uncharged(map: &Map) -> Option<Table> {
    let differs = |arm: &&String| map.of_arm(arm, |_| true).any(|judged| judged.uncharged != judged.savings[MAIN]);
    let arms: Vec<&String> = map.arms.iter().filter(differs).collect();
    let mut table = by_corner(map, "Saving to 95 % if the probe cost nothing, for the arms that pay for one.", &arms, |here| {
        interval_cell(&here.iter().filter_map(|judged| judged.uncharged).map(|saving| saving.saving).collect::<Vec<_>>())
    });
    table.note =
        "A probe costs the same in a short run as in a long one: in a world this small it is a large part of the run.".into();
    (!arms.is_empty()).then_some(table)
}

fn interval_cell(values: &[f64]) -> Cell {
    match (over_worlds(values), mean(values)) {
        (Some(interval), _) => {
            Cell::from(format!("{} [{}, {}]", percent(interval.mean), percent(interval.low), percent(interval.high)))
                .strong(interval.excludes_zero())
        }
        (None, Some(mean)) => Cell::from(percent(mean)),
        (None, None) => Cell::from("–"),
    }
}

fn accuracy(map: &Map) -> Table {
    let caption = "Test accuracy after the last step minus the baseline’s: mean over worlds and 95 % interval.";
    let mut table = by_corner(map, caption, &map.arms.iter().collect::<Vec<_>>(), |here| {
        difference_cell(here, |judged| judged.test_difference)
    });
    table.note = "Weighted token accuracy, end-of-sequence left out; an answer of a world is one token or few.".into();
    table
}

/// Less noisy than any time to a target, since no single evaluation decides it.
fn over_run(map: &Map) -> Table {
    let caption =
        "Validation accuracy over the whole run (mean over all steps) minus the baseline’s: mean over worlds and 95 % interval.";
    let mut table =
        by_corner(map, caption, &map.arms.iter().collect::<Vec<_>>(), |here| difference_cell(here, |judged| judged.over_run));
    table.note = "What a user has of a run who may have to stop it at any time. The probe is not counted here.".into();
    table
}

fn difference_cell(here: &[&Judged], figure: impl Fn(&Judged) -> Option<f64>) -> Cell {
    let values: Vec<f64> = here.iter().filter_map(|judged| figure(judged)).collect();
    match over_worlds(&values) {
        Some(interval) => Cell::from(format!("{} [{}, {}]", signed(interval.mean), signed(interval.low), signed(interval.high)))
            .strong(interval.excludes_zero()),
        None => Cell::from(mean(&values).map_or_else(|| "–".to_owned(), signed)),
    }
}

fn shares(map: &Map) -> Table {
    let mut head = vec!["target".to_owned()];
    head.extend(map.arms.iter().cloned());
    let mut table = Table::new("Saving of samples to other shares of the baseline’s mean best, all worlds together.", 1, head);
    for (place, target) in SHARES.iter().enumerate() {
        let mut cells = vec![Cell::from(format!("{:.0} %", 100.0 * target))];
        for arm in &map.arms {
            cells.push(saving_cell(map.of_arm(arm, |_| true).filter_map(|judged| judged.savings[place])));
        }
        table.row(cells);
    }
    table
}

fn predictors(map: &Map) -> Table {
    let numbers = ["ζ² / ‖g‖²", "share of negative pairs", "share of directed pairs (lookahead)"];
    let mut head = vec!["measured in the probe".to_owned()];
    head.extend(map.arms.iter().cloned());
    let mut table = Table::new("Rank correlation over worlds of the saving to 95 % with what the probe measured.", 1, head);
    for (number, name) in numbers.iter().enumerate() {
        let mut cells = vec![Cell::from(*name)];
        for arm in &map.arms {
            cells.push(
                map.predicts(arm, MAIN, number)
                    .map_or_else(|| Cell::from("–"), |(rho, worlds)| Cell::from(signed(rho)).under(format!("{worlds} worlds"))),
            );
        }
        table.row(cells);
    }
    table.note = "Spearman’s coefficient. With n worlds, values within ± 2 / √(n − 1) are what chance gives.".into();
    table
}

fn sweep(choices: &Choices) -> Table {
    let lines: Vec<(Vec<String>, &Chosen)> = choices
        .by_dependence()
        .iter()
        .flat_map(|(dependence, choice)| {
            choice.arms.iter().map(move |(arm, chosen)| (vec![dependence.to_string(), arm.clone()], chosen))
        })
        .collect();
    rates(&["dependence", "arm"], &lines)
}

/// What made the rows, and what it cost.
fn made(rows: &[Row]) -> Table {
    let head = ["phase", "cells", "cell hours", "commits", "dates"].map(str::to_owned).to_vec();
    let mut table = Table::new("What the rows were made with.", 1, head);
    for (phase, name) in [(Phase::Sweep, "sweep"), (Phase::Judge, "judged")] {
        let here: Vec<&Row> = rows.iter().filter(|row| row.phase == phase).collect();
        let list = |pick: fn(&Row) -> &str| {
            let mut values: Vec<&str> = here.iter().map(|row| pick(row)).collect();
            values.sort_unstable();
            values.dedup();
            values.join(", ")
        };
        let hours = here.iter().map(|row| row.seconds).sum::<f64>() / 3600.0;
        table.row(vec![
            Cell::from(name),
            Cell::from(here.len().to_string()),
            Cell::from(format!("{hours:.2}")),
            Cell::from(list(|row| &row.commit)),
            Cell::from(list(|row| &row.date)),
        ]);
    }
    table
}
