//! The report of an experiment: `report.html`, `table.md`, `results.csv` and the figures.

mod accuracy_chart;
pub(crate) mod artifacts;
mod cell;
mod comparison;
pub(crate) mod convergence;
mod curve_file;
mod curves;
mod evidence;
mod faster;
pub(crate) mod figure;
mod groups;
mod heatmap;
pub(crate) mod interval;
mod long_form;
pub(crate) mod looks;
pub(crate) mod number;
pub(crate) mod page;
mod provenance;
pub(crate) mod rank;
pub(crate) mod rates;
pub(crate) mod saving;
mod summary;
pub(crate) mod svg;
pub(crate) mod table;
mod tables;
mod timeline;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::experiment::write_whole;
use artifacts::{Grouping, Hashed, RunResult, Schedule, read};
pub(crate) use cell::{CellFacts, Measured};
use comparison::Comparison;
use evidence::{Evidence, Plan};
use figure::Figure;
use page::Part;

/// What [`write_report`] wrote.
#[derive(Clone, Debug)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// Cells with a result.
    pub cells: usize,
    /// Cells without one; the report names them.
    pub missing: usize,
}

/// Writes the report of an experiment into its own folder, from the run folders in it: `runs/STRATEGY/seed-S/` and `seeds/S/`.
///
/// # Errors
/// When the folder holds no experiment, or a file in it cannot be read or written. A cell whose own files are missing or broken is no
/// error: the report names it.
pub fn write_report(folder: &Path) -> Result<Written> {
    let evidence = Evidence::read(folder)?;
    let comparison = Comparison::of(&evidence);
    let parts = parts(&evidence, &comparison)?;
    let shown = parts.iter().flat_map(|part| if let Part::Figures(figures) = part { figures.as_slice() } else { &[] });
    for figure in shown.chain(&heat_maps(&evidence)) {
        write_whole(&folder.join(&figure.file), &figure.svg)?;
    }
    let title = format!("Experiment {}", evidence.name);
    let subtitle = evidence.manifest.as_ref().map_or("", |manifest| manifest.settings.description.as_str());
    let html = folder.join("report.html");
    write_whole(&folder.join("results.csv"), &long_form::results(&evidence, &comparison)?)?;
    write_whole(&folder.join("table.md"), &page::markdown(&title, subtitle, &parts))?;
    write_whole(&html, &page::html(&title, subtitle, &parts))?;
    Ok(Written { html, cells: evidence.runs.len(), missing: evidence.missing.len() })
}

/// The best smoothed weighted validation token accuracy of one run: what learning rates are chosen by. Of a run that trains one model a dataset,
/// whose curve is of each dataset in turn, that of all models after their last steps.
pub(crate) fn best_of_run(run: &Path) -> Result<f64> {
    let schedule: Option<Hashed<Schedule>> = read(&run.join("schedule.json"), "gst-schedule")?;
    if schedule.is_some_and(|schedule| schedule.body.is_many_models()) {
        let path = run.join("result.json");
        let result: Option<Hashed<RunResult>> = read(&path, "gst-result")?;
        let ended = result.and_then(|result| result.body.validation.weighted.token_accuracy);
        return ended.with_context(|| format!("{} holds no accuracy on the validation split", path.display()));
    }
    let path = run.join("metrics.jsonl");
    let curve = curve_file::read(&path)?.curve;
    let width = convergence::SMOOTHING as f64 * convergence::interval(std::iter::once(curve.as_slice())).unwrap_or(0.0);
    let best = convergence::best(&convergence::smooth(&curve, width));
    best.with_context(|| format!("{} holds no evaluation on the validation split", path.display()))
}

fn parts(evidence: &Evidence, comparison: &Comparison<'_>) -> Result<Vec<Part>> {
    let mut parts = vec![Part::Findings(summary::sentences(evidence, comparison))];
    if !evidence.missing.is_empty() {
        let cells =
            evidence.missing.iter().map(|missing| format!("{}, seed {}: {}", missing.strategy, missing.seed, missing.reason));
        parts.push(Part::Warning(std::iter::once("Cells without a result".to_string()).chain(cells).collect()));
    }
    parts.push(heading("What was run"));
    parts.push(Part::Facts(provenance::facts(evidence)));
    parts.extend(provenance::sweep(evidence).map(Part::Table));
    if !evidence.left_out.is_empty() {
        parts.push(Part::Paragraph(format!(
            "Left out, since made under other settings, data or version: {}.",
            evidence.left_out.join("; ")
        )));
    }
    if !evidence.runs.is_empty() {
        parts.push(heading("Accuracy on the test split"));
        parts.extend(accuracy_chart::accuracy_chart(evidence).map(|figure| Part::Figures(vec![figure])));
        parts.extend(tables::accuracy(evidence).into_iter().map(Part::Table));
        parts.extend(tables::final_differences(evidence).map(Part::Table));
        parts.push(heading("Time to target"));
        parts.extend(curves::learning_curves(evidence, comparison)?.map(|figure| Part::Figures(vec![figure])));
        parts.push(Part::Table(tables::targets(evidence, comparison)));
        parts.extend(faster::faster(evidence, comparison).map(Part::Table));
        parts.extend(tables::forgetting(evidence).map(Part::Table));
        parts.push(Part::Table(tables::costs(evidence)));
    }
    planning(evidence, &mut parts);
    parts.push(heading("Provenance"));
    parts.push(Part::Table(provenance::hashes(evidence)));
    for (title, text) in [
        ("Settings", provenance::settings(evidence)),
        ("Commands, run in the experiment’s folder", provenance::commands(evidence)),
    ] {
        if !text.is_empty() {
            parts.push(Part::Folded(title.into(), text));
        }
    }
    Ok(parts)
}

/// Affinity, groups and schedules.
fn planning(evidence: &Evidence, parts: &mut Vec<Part>) {
    let first = evidence.plans.iter().find(|(_, plan)| plan.affinity.is_some());
    if let Some((seed, plan)) = first {
        parts.push(heading("Affinity and groups"));
        let of_affinity = plan.affinity.iter().flat_map(|affinity| &affinity.body.verdict);
        let of_groups = main_grouping(plan).into_iter().flat_map(|grouping| &grouping.body.verdict);
        let sentences: Vec<String> = of_affinity.chain(of_groups).cloned().collect();
        if !sentences.is_empty() {
            parts.push(Part::Paragraph(format!("What gst itself says of these datasets for this model (seed {seed}):")));
            parts.push(Part::List(sentences));
        }
        let ending = format!("-seed-{seed}.svg");
        let maps: Vec<Figure> = heat_maps(evidence).into_iter().filter(|figure| figure.file.ends_with(&ending)).collect();
        if evidence.plans.len() > 1 {
            parts.push(Part::Paragraph(
                "The first seed is shown; the matrices of the others lie beside this page as affinity-*.svg.".into(),
            ));
        }
        parts.push(Part::Figures(maps));
    }
    parts.extend(groups::groups_table(evidence).map(Part::Table));
    let schedules = schedules(evidence);
    if !schedules.is_empty() {
        parts.push(heading("Schedules"));
        parts.push(Part::Figures(schedules));
    }
}

/// The grouping of the experiment itself; an arm's where there is no other.
fn main_grouping(plan: &Plan) -> Option<&Hashed<Grouping>> {
    plan.groupings.get("grouping").or_else(|| plan.groupings.values().next())
}

/// The affinity matrices of every seed.
fn heat_maps(evidence: &Evidence) -> Vec<Figure> {
    let map = |(seed, plan): (&u64, &Plan)| {
        let grouping = main_grouping(plan).map(|grouping| &grouping.body);
        plan.affinity.as_ref().map_or_else(Vec::new, |affinity| heatmap::heat_maps(&affinity.body, grouping, *seed))
    };
    evidence.plans.iter().flat_map(map).collect()
}

/// One timeline a strategy, of its first seed.
fn schedules(evidence: &Evidence) -> Vec<Figure> {
    let grouping = evidence.plans.values().find_map(|plan| plan.groupings.get("grouping"));
    let order: Vec<String> = grouping.map_or_else(Vec::new, |grouping| {
        let members = grouping.body.groups.iter().flatten();
        members.filter_map(|index| grouping.body.datasets.get(*index)).map(|dataset| dataset.name.clone()).collect()
    });
    let first = |strategy: &String| {
        let run = evidence.runs_of(strategy).find(|run| run.schedule.is_some())?;
        Some(timeline::timeline(strategy, &run.schedule.as_ref()?.body, &order, run.seed))
    };
    evidence.strategies.iter().filter_map(first).collect()
}

fn heading(text: &str) -> Part {
    Part::Heading(text.into())
}
