//! What was run and what it was made from: settings, hashes, versions, commands.

use std::collections::BTreeSet;

use super::artifacts::RunResult;
use super::evidence::Evidence;
use super::number::{count, short_hash};
use super::rates::rates;
use super::table::{Cell, Table};
use crate::experiment::{Chosen, Settings};

/// The learning rates that were tried before, and those that were chosen; `None` without a sweep.
pub(crate) fn sweep(evidence: &Evidence) -> Option<Table> {
    let choice = evidence.sweep.as_ref()?;
    let lines: Vec<(Vec<String>, &Chosen)> =
        choice.strategies.iter().map(|(strategy, chosen)| (vec![strategy.clone()], chosen)).collect();
    Some(rates(&["strategy"], &lines))
}

/// Name and value of the facts at the head of a report.
pub(crate) fn facts(evidence: &Evidence) -> Vec<(String, String)> {
    let results: Vec<&RunResult> = evidence.runs.iter().map(|run| &run.result).collect();
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut put = |name: &str, values: BTreeSet<String>| {
        let values: Vec<String> = values.into_iter().filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            facts.push((name.into(), values.join(", ")));
        }
    };
    let size = |result: &RunResult| format!("{} ({} trainable parameters)", result.model, count(result.parameters as f64));
    put("model", results.iter().map(|result| size(result)).collect());
    put("device", results.iter().map(|result| result.device.clone()).collect());
    put("datasets", [datasets(evidence)].into());
    put("strategies", [evidence.strategies.join(", ")].into());
    let seeds: Vec<String> = evidence.seeds.iter().map(u64::to_string).collect();
    put("seeds", [seeds.join(", ")].into());
    put(
        "probe",
        evidence.plans.values().filter_map(|plan| plan.affinity.as_ref()).map(|affinity| probe(&affinity.body)).collect(),
    );
    put("pretext", evidence.manifest.iter().filter_map(|manifest| pretext(&manifest.settings)).collect());
    put("data (sha256)", results.iter().filter_map(|result| result.made_from.get("data")).map(|hash| short_hash(hash)).collect());
    let versions = results.iter().flat_map(|result| &result.versions).map(|(name, version)| format!("{name} {}", plain(version)));
    let stated = evidence.runs.iter().filter_map(|run| run.record.as_ref()).map(|record| record.gst_version.clone());
    put("versions", versions.chain(stated).collect());
    let binaries: BTreeSet<String> =
        evidence.runs.iter().filter_map(|run| run.record.as_ref()).map(|record| short_hash(&record.gst_binary)).collect();
    let note = if binaries.len() > 1 { " – cells were made by different builds of gst" } else { "" };
    put("gst program (sha256)", [format!("{}{note}", binaries.into_iter().collect::<Vec<_>>().join(", "))].into());
    facts
}

fn datasets(evidence: &Evidence) -> String {
    let total: u64 = evidence.datasets.iter().map(|dataset| dataset.size).sum();
    let domains: BTreeSet<&str> =
        evidence.datasets.iter().map(|dataset| dataset.domain.as_str()).filter(|domain| !domain.is_empty()).collect();
    let domains: Vec<&str> = domains.into_iter().collect();
    let domains = if domains.is_empty() { String::new() } else { format!(" ({})", domains.join(", ")) };
    let records = if total > 0 { format!(", {} training records", count(total as f64)) } else { String::new() };
    format!("{}{domains}{records}", evidence.datasets.len())
}

fn probe(affinity: &super::artifacts::Affinity) -> String {
    let probe = &affinity.probe;
    let points: Vec<String> = probe.points.iter().map(u64::to_string).collect();
    let sketch = if probe.sketch_size == 0 {
        "exact gradients".to_string()
    } else {
        format!("sketches of {}", count(probe.sketch_size as f64))
    };
    format!(
        "{} after {} steps, {} batches of {} samples a dataset, {sketch}; cost {} samples",
        affinity.metric,
        points.join(", "),
        probe.batches,
        probe.batch_size,
        count(probe.cost.samples)
    )
}

/// What every cell started with, and who is charged for it.
fn pretext(settings: &Settings) -> Option<String> {
    let Settings { pretrain, training, .. } = settings;
    let pretrain = pretrain.as_ref()?;
    let samples = pretrain.steps.saturating_mul(pretrain.batch_size.unwrap_or(training.batch_size));
    let trained = match training.adapters {
        Some(rank) if rank > 0 => format!("then only bridge, clip statistics and adapters of rank {rank} were trained"),
        _ => "then everything was trained".to_string(),
    };
    Some(format!(
        "masked frames, questions and repeated words for {} steps ({} samples), one model a seed, from which every probe and cell of the seed started; \
         {trained}. The same for every strategy, so charged to none",
        count(pretrain.steps as f64),
        count(samples as f64)
    ))
}

/// One row a cell: what it was made from.
pub(crate) fn hashes(evidence: &Evidence) -> Table {
    let head = ["strategy", "seed", "schedule", "data", "affinity", "groups", "cell key", "seconds in all"];
    let mut table =
        Table::new("What every cell was made from: the first 12 digits of SHA-256.", 1, head.map(String::from).to_vec());
    let short = |hash: Option<&String>| Cell::from(hash.map_or_else(|| "–".into(), |hash| short_hash(hash)));
    for run in &evidence.runs {
        let grouping = evidence.grouping(&run.strategy, run.seed);
        let affinity = evidence.plans.get(&run.seed).and_then(|plan| plan.affinity.as_ref()).filter(|_| grouping.is_some());
        let schedule = run.schedule.as_ref().map(|schedule| &schedule.hash);
        table.row(vec![
            run.strategy.clone().into(),
            run.seed.to_string().into(),
            short(run.result.made_from.get("schedule").or(schedule)),
            short(run.result.made_from.get("data")),
            short(
                grouping.and_then(|grouping| grouping.body.made_from.get("affinity")).or(affinity.map(|affinity| &affinity.hash)),
            ),
            short(grouping.map(|grouping| &grouping.hash)),
            short(run.record.as_ref().map(|record| &record.key)),
            Cell::from(run.record.as_ref().map_or_else(|| "–".into(), |record| format!("{:.1}", record.seconds))),
        ]);
    }
    table
}

/// Every command behind the report, as they can be typed in the experiment's folder.
pub(crate) fn commands(evidence: &Evidence) -> String {
    let mut text = String::new();
    let planning = evidence.plans.values().flat_map(|plan| &plan.commands);
    let cells = evidence.runs.iter().filter_map(|run| run.record.as_ref()).flat_map(|record| &record.commands);
    for command in evidence.generation.iter().chain(planning).chain(cells) {
        text.push_str(command);
        text.push('\n');
    }
    text
}

/// The settings as TOML, without the data folder: a path says nothing on another machine.
pub(crate) fn settings(evidence: &Evidence) -> String {
    let Some(manifest) = &evidence.manifest else { return String::new() };
    let mut settings = manifest.settings.clone();
    if settings.data.folder.is_some() {
        settings.data.folder = Some("DATA".into());
    }
    toml::to_string(&settings).unwrap_or_default()
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}
