//! The tables of a report: accuracy, cost to a target, final difference, cost of the runs.

use super::artifacts::{Figure, Score, Scores, Unit};
use super::comparison::{Comparison, Judged, SHARES, differences};
use super::convergence::SMOOTHING;
use super::evidence::{Evidence, Run};
use super::interval::{Interval, deviation, mean};
use super::number::{bytes, count, duration, percent, share, signed};
use super::table::{Cell, Table};

/// A figure of one run.
type RunFigure = fn(&Run) -> Option<f64>;

/// Strategies × datasets on the test split, for exact match and for token accuracy.
pub(crate) fn accuracy(evidence: &Evidence) -> Vec<Table> {
    let figures: [(&str, Figure, bool); 2] =
        [("Exact match", |s| s.exact_match, true), ("Token accuracy", |s| s.token_accuracy, false)];
    figures.into_iter().map(|(title, figure, majority)| accuracy_table(evidence, title, figure, majority)).collect()
}

fn accuracy_table(evidence: &Evidence, title: &str, figure: Figure, majority: bool) -> Table {
    let seeds = evidence.seeds.len();
    let spread = if seeds > 1 { format!("mean ± standard deviation over {seeds} seeds") } else { "one seed".to_string() };
    let what = if majority {
        "share of greedy answers that equal the reference; majority: always the most frequent training answer"
    } else {
        "share of answer tokens predicted right, end-of-sequence left out"
    };
    let mut head = vec!["dataset".to_string(), "test records".to_string()];
    head.extend(majority.then(|| "majority".to_string()));
    head.extend(evidence.strategies.iter().cloned());
    let mut table = Table::new(format!("{title} on the test split ({what}; {spread}). Bold: highest mean of the row."), 1, head);

    for dataset in &evidence.datasets {
        let of = |run: &Run| run.result.test.datasets.get(&dataset.name).cloned();
        let any = evidence.runs.iter().find_map(of).unwrap_or_default();
        let mut cells =
            vec![Cell::from(dataset.name.clone()), Cell::from(any.records.map_or_else(dash, |records| count(records as f64)))];
        cells.extend(majority.then(|| Cell::from(any.majority.map_or_else(dash, share))));
        cells.extend(strategy_cells(evidence, |run| figure(&of(run)?)));
        table.row(cells);
    }
    type Mean = fn(&Scores) -> &Score;
    let means: [(&str, Mean, bool); 2] =
        [("weighted mean", |s| &s.weighted, true), ("unweighted mean", |s| &s.unweighted, false)];
    for (name, of, weighted) in means {
        let mut cells = vec![Cell::from(name), Cell::from("")];
        cells.extend(majority.then(|| Cell::from(mean_majority(evidence, weighted).map_or_else(dash, share))));
        cells.extend(strategy_cells(evidence, |run| figure(of(&run.result.test))));
        if weighted { table.ruled_row(cells) } else { table.row(cells) }
    }
    table.note =
        "Weighted: by the datasets' shares of the training samples. Differences within the spread of seeds are not differences."
            .into();
    table
}

fn strategy_cells(evidence: &Evidence, figure: impl Fn(&Run) -> Option<f64>) -> Vec<Cell> {
    let values: Vec<Vec<f64>> =
        evidence.strategies.iter().map(|strategy| evidence.runs_of(strategy).filter_map(&figure).collect()).collect();
    let means: Vec<Option<f64>> = values.iter().map(|values| mean(values)).collect();
    let best = means.iter().flatten().copied().reduce(f64::max);
    let told_apart = means.iter().flatten().any(|mean| best.is_some_and(|best| share(*mean) != share(best)));
    let cell = |(values, mean): (&Vec<f64>, &Option<f64>)| {
        let strong = told_apart && mean.zip(best).is_some_and(|(mean, best)| share(mean) == share(best));
        let spread = deviation(values).map_or_else(String::new, |deviation| format!("± {}", share(deviation)));
        Cell::from(mean.map_or_else(dash, share)).beside(spread).strong(strong)
    };
    values.iter().zip(&means).map(cell).collect()
}

fn mean_majority(evidence: &Evidence, weighted: bool) -> Option<f64> {
    let scores = &evidence.runs.first()?.result.test.datasets;
    let weigh = |name: &str| evidence.datasets.iter().find(|dataset| dataset.name == name).map_or(0.0, |dataset| dataset.weight);
    let pairs: Vec<(f64, f64)> =
        scores.iter().filter_map(|(name, score)| Some((if weighted { weigh(name) } else { 1.0 }, score.majority?))).collect();
    let total: f64 = pairs.iter().map(|(weight, _)| weight).sum();
    (total > 0.0).then(|| pairs.iter().map(|(weight, value)| weight * value).sum::<f64>() / total)
}

/// Cost to each share of the baseline's mean best, with the saving below.
pub(crate) fn targets(evidence: &Evidence, comparison: &Comparison<'_>) -> Table {
    let mut head = vec!["strategy".to_string(), "target".to_string()];
    head.extend(Unit::ALL.map(|unit| unit.title().to_string()));
    let baseline = &evidence.baseline;
    let caption = format!(
        "Cost until the weighted validation token accuracy (mean over the last {SMOOTHING} evaluation intervals) first reaches a share of {baseline}'s mean \
         best, and below it the saving against {baseline}. The cost of the probe is counted where a strategy reads groups."
    );
    let mut table = Table::new(caption, 2, head);
    for strategy in &evidence.strategies {
        for (index, share) in SHARES.into_iter().enumerate() {
            let reaches = comparison.reaches(strategy, share);
            let name = if index == 0 { strategy.as_str() } else { "" };
            let mut cells = vec![Cell::from(name), Cell::from(target_name(comparison, share))];
            for unit in Unit::ALL {
                let costs: Vec<f64> = reaches.iter().map(|(_, reach)| reach.cost(unit)).collect();
                let missed = reaches.iter().filter(|(_, reach)| reach.is_censored()).count();
                let mut cell = Cell::from(cost_text(&costs, missed, unit));
                if strategy != baseline && !reaches.is_empty() {
                    cell = cell.under(judged_text(&comparison.judge(strategy, share, unit)));
                } else if missed > 0 && missed < costs.len() {
                    cell = cell.under(format!("missed in {missed} of {}", costs.len()));
                }
                cells.push(cell);
            }
            if index == 0 { table.ruled_row(cells) } else { table.row(cells) }
        }
    }
    null_rows(baseline, comparison, &mut table);
    table.note = target_note(evidence, comparison);
    table
}

fn target_name(comparison: &Comparison<'_>, level: f64) -> String {
    let value = comparison.target(level).map_or_else(String::new, |target| format!(" ({})", share(target)));
    format!("{:.0}\u{202f}%{value}", 100.0 * level)
}

fn null_rows(baseline: &str, comparison: &Comparison<'_>, table: &mut Table) {
    for (index, level) in SHARES.into_iter().enumerate() {
        let columns: Vec<Cell> = Unit::ALL.into_iter().map(|unit| range(&comparison.null(level, unit)).into()).collect();
        if columns.iter().all(|cell| cell.text.is_empty()) {
            continue;
        }
        let name = if index == 0 { Cell::from("null").under(format!("{baseline} against {baseline}")) } else { Cell::default() };
        let mut cells = vec![name, Cell::from(target_name(comparison, level))];
        cells.extend(columns);
        if index == 0 { table.ruled_row(cells) } else { table.row(cells) }
    }
}

/// The span of some savings: `−9 % … +12 %`.
pub(crate) fn range(savings: &[super::saving::Saving]) -> String {
    let low = savings.iter().map(|saving| saving.saving).reduce(f64::min);
    let high = savings.iter().map(|saving| saving.saving).reduce(f64::max);
    low.zip(high).map_or_else(String::new, |(low, high)| format!("{} … {}", percent(low), percent(high)))
}

fn target_note(evidence: &Evidence, comparison: &Comparison<'_>) -> String {
    let mut note = String::from(
        "Costs lie on the straight line between two evaluations. A run that misses the target is censored: “> N” counts it with the N it spent. ",
    );
    match comparison.too_short() {
        Some(reason) => note += &format!("No saving is given: {reason}. "),
        None => {
            let baseline = &evidence.baseline;
            note += &format!(
                "Saving = 1 − cost / cost of {baseline} with the same seed, cut off where {baseline} ends; mean over seeds with its 95 % \
                 interval by Student’s t. ≤ and ≥ mark bounds, where the strategy or {baseline} missed the target in some seed. The null is each \
                 {baseline} run against the others, to the target that the others set: a saving inside its span is no saving. "
            );
        }
    }
    if evidence.runs.iter().any(|run| run.schedule.as_ref().is_some_and(|schedule| schedule.body.is_many_models())) {
        note += "A strategy that trains one model a dataset has no common curve and no time to target. ";
    }
    note.trim_end().into()
}

fn cost_text(costs: &[f64], missed: usize, unit: Unit) -> String {
    let Some(mean) = mean(costs) else { return dash() };
    let figure = in_unit(mean, unit);
    match missed {
        0 => figure,
        n if n == costs.len() => format!("not reached, > {figure}"),
        _ => format!("> {figure}"),
    }
}

/// A cost with its unit.
pub(crate) fn in_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Steps | Unit::Samples | Unit::Tokens => count(value),
        Unit::AudioSeconds | Unit::WallSeconds => duration(value),
    }
}

fn judged_text(judged: &Judged) -> String {
    match judged {
        Judged::Not(reason) => (*reason).to_string(),
        Judged::Saving { interval: Interval { mean, .. }, savings } if savings.iter().all(|saving| saving.at_most) => {
            format!("≤ {}", percent(*mean))
        }
        Judged::Saving { interval: Interval { mean, low, high }, savings } => {
            let bound = match (savings.iter().any(|s| s.at_most), savings.iter().any(|s| s.at_least)) {
                (true, false) => "≤ ",
                (false, true) => "≥ ",
                (true, true) => "≈ ",
                (false, false) => "",
            };
            format!("{bound}{} [{}, {}]", percent(*mean), percent(*low), percent(*high))
        }
    }
}

/// Final figures minus mix-all's of the same seed; `None` where no strategy has two pairs.
pub(crate) fn final_differences(evidence: &Evidence) -> Option<Table> {
    let figures: [(&str, RunFigure); 4] = [
        ("exact match, weighted", |run| run.result.test.weighted.exact_match),
        ("exact match, unweighted", |run| run.result.test.unweighted.exact_match),
        ("token accuracy, weighted", |run| run.result.test.weighted.token_accuracy),
        ("token accuracy, unweighted", |run| run.result.test.unweighted.token_accuracy),
    ];
    let mut head = vec!["strategy".to_string(), "pairs".to_string()];
    head.extend(figures.iter().map(|(name, _)| (*name).to_string()));
    let mut table = Table::new(
        format!(
            "Final test accuracy minus that of {} with the same seed: mean and 95 % interval by Student’s t.",
            evidence.baseline
        ),
        1,
        head,
    );
    for strategy in evidence.others() {
        let all = figures.map(|(_, figure)| differences(evidence, strategy, figure));
        let pairs = all.iter().map(Vec::len).max().unwrap_or(0);
        if pairs < 2 {
            continue;
        }
        let mut cells = vec![Cell::from(strategy.clone()), Cell::from(pairs.to_string())];
        cells.extend(all.iter().map(|values| {
            match Interval::of(values) {
                Some(interval) => Cell::from(signed(interval.mean))
                    .under(format!("[{}, {}]", signed(interval.low), signed(interval.high)))
                    .strong(interval.excludes_zero()),
                None => Cell::from(dash()),
            }
        }));
        table.row(cells);
    }
    table.note = "Bold: the interval leaves out 0.".into();
    (!table.rows.is_empty()).then_some(table)
}

/// What was once known better than at the end; `None` where no run says.
pub(crate) fn forgetting(evidence: &Evidence) -> Option<Table> {
    let mut head = vec!["dataset".to_string()];
    head.extend(evidence.strategies.iter().cloned());
    let title = "Forgetting: highest validation token accuracy since a dataset came in, less that at the end; mean over seeds.";
    let mut table = Table::new(title, 1, head);
    let lost = |strategy: &str, name: &str| {
        mean(&evidence.runs_of(strategy).filter_map(|run| run.forgotten.get(name).copied()).collect::<Vec<_>>())
    };
    for name in evidence.datasets.iter().map(|dataset| &dataset.name) {
        let values = evidence.strategies.iter().map(|strategy| lost(strategy, name));
        table.row(
            std::iter::once(Cell::from(name.clone())).chain(values.map(|value| value.map_or_else(dash, share).into())).collect(),
        );
    }
    let over_all = |strategy: &String| {
        let values: Vec<f64> = evidence.datasets.iter().filter_map(|dataset| lost(strategy, &dataset.name)).collect();
        Cell::from(mean(&values).map_or_else(dash, share))
    };
    table.ruled_row(std::iter::once(Cell::from("mean")).chain(evidence.strategies.iter().map(over_all)).collect());
    table.note =
        "The highest of many noisy evaluations is a little above the truth, so a little is “forgotten” without any forgetting."
            .into();
    evidence.runs.iter().any(|run| !run.forgotten.is_empty()).then_some(table)
}

/// What the runs cost.
pub(crate) fn costs(evidence: &Evidence) -> Table {
    let mut head = vec!["strategy".to_string(), "runs".to_string()];
    head.extend(Unit::ALL.map(|unit| unit.title().to_string()));
    head.extend(["probe".to_string(), "evaluation".to_string(), "peak memory".to_string()]);
    let mut table =
        Table::new("Cost of a run, mean over seeds. Wall time leaves evaluation out; the probe stands apart.", 1, head);
    for strategy in &evidence.strategies {
        let runs: Vec<&Run> = evidence.runs_of(strategy).collect();
        let average = |figure: &dyn Fn(&Run) -> f64| mean(&runs.iter().map(|run| figure(run)).collect::<Vec<_>>());
        let mut cells = vec![Cell::from(strategy.clone()), Cell::from(runs.len().to_string())];
        for unit in Unit::ALL {
            cells.push(average(&|run| run.result.cost.of(unit)).map_or_else(dash, |value| in_unit(value, unit)).into());
        }
        let probe = average(&|run| run.result.probe_cost.samples).filter(|samples| *samples > 0.0);
        let probe_time = average(&|run| run.result.probe_cost.wall_seconds).map_or_else(String::new, duration);
        cells.push(
            probe.map_or_else(
                || Cell::from("none"),
                |samples| Cell::from(format!("{} samples", count(samples))).under(probe_time),
            ),
        );
        cells.push(average(&|run| run.result.evaluation_seconds).map_or_else(dash, duration).into());
        let memory = runs.iter().map(|run| run.result.peak_memory_bytes).max().filter(|bytes| *bytes > 0);
        cells.push(memory.map_or_else(dash, bytes).into());
        table.row(cells);
    }
    table
}

fn dash() -> String {
    "–".into()
}
