//! What a map teaches about data that it has not seen: the table that `gst-schedule` ships, and how far to trust it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::analysis::{Judged, MAIN, Map, SHARES, over_worlds};
use super::rows::{Phase, Row};
use super::settings::{Knobs, MapSettings, NULL};
use crate::experiment::{Grouping, Probe, Settings, reads_groups};
use crate::report::interval::{deviation, mean, t_90};
use crate::report::number::percent;
use crate::report::table::{Cell, Table};

/// What a user knows before his run, as `gst-schedule` calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Evidence {
    /// How alike the gradients are: any world may be his.
    Similarity,
    /// Which datasets prepare others: worlds with ladders.
    Dependence,
}

impl Evidence {
    const ALL: [Self; 2] = [Self::Similarity, Self::Dependence];

    fn holds(self, knobs: &Knobs) -> bool {
        self == Self::Similarity || knobs.dependence > 0.0
    }

    fn name(self) -> &'static str {
        match self {
            Self::Similarity => "similarity",
            Self::Dependence => "dependence",
        }
    }
}

/// How the models of a map begin, as `gst-schedule` calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Start {
    Scratch,
    Pretrained,
}

impl Start {
    pub(crate) fn of(settings: &MapSettings) -> Self {
        if settings.experiment.pretrain.is_some() { Self::Pretrained } else { Self::Scratch }
    }
}

/// An arm as advice: a strategy that can be taken with this evidence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    arm: String,
    strategy: String,
    /// Options of `gst schedule` that the arm is run with.
    arguments: String,
    /// The groups that were measured; empty where they were told, or there are none.
    groups: String,
    evidence: Evidence,
    /// The control by chance of the same strategy.
    random: Option<String>,
}

/// One line of the table; savings as `gst-schedule` documents them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Expected {
    strategy: String,
    arguments: String,
    groups: String,
    evidence: Evidence,
    worlds: usize,
    mean: f64,
    low: f64,
    high: f64,
    least: f64,
    most: f64,
    unordered: Option<f64>,
    random: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct HitRate {
    evidence: Evidence,
    forecasts: usize,
    right: usize,
    saved: f64,
    best: f64,
    savings: usize,
    inside: usize,
}

/// The whole table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Forecast {
    start: Start,
    target: f64,
    made_from: Provenance,
    null: [f64; 2],
    chance: f64,
    expected: Vec<Expected>,
    hit_rate: Vec<HitRate>,
}

#[derive(Clone, Debug, Serialize)]
struct Provenance {
    command: &'static str,
    rows: String,
    commits: BTreeSet<String>,
    dates: BTreeSet<String>,
}

/// The arms that a user could take. The control by chance is none, nor is an arm with steps of its own, which asks something of budgets; an arm
/// with the right groups needs to know what prepares what.
pub(crate) fn candidates(settings: &MapSettings) -> Vec<Candidate> {
    let experiment = &settings.experiment;
    let arms: Vec<String> = settings.compared().into_iter().filter(|arm| experiment.arm(arm).steps.is_none()).collect();
    let method = |arm: &String| experiment.arm(arm).grouping.unwrap_or_else(|| experiment.grouping.clone()).method;
    let of_arm = |arm: &String| {
        let made = experiment.arm(arm);
        let by_chance = |other: &&String| method(other) == "random" && experiment.arm(other).strategy == made.strategy;
        let random = arms.iter().find(by_chance).cloned();
        let evidence: &[Evidence] = match (made.strategy.as_str(), method(arm).as_str()) {
            ("mix-adaptive", _) => &Evidence::ALL,
            (_, "random") => &[],
            (_, "oracle") => &[Evidence::Dependence],
            _ => &[Evidence::Similarity],
        };
        let candidate = |evidence: &Evidence| Candidate {
            arm: arm.clone(),
            strategy: made.strategy.clone(),
            arguments: made.schedule_arguments.join(" "),
            groups: if *evidence == Evidence::Similarity { measured_groups(experiment, arm) } else { String::new() },
            evidence: *evidence,
            random: random.clone().filter(|_| *evidence == Evidence::Dependence),
        };
        evidence.iter().map(candidate).collect::<Vec<_>>()
    };
    arms.iter().flat_map(of_arm).collect()
}

/// Groups and order of an arm in words, where they rest on its probe; empty where the strategy reads none.
fn measured_groups(experiment: &Settings, arm: &str) -> String {
    let made = experiment.arm(arm);
    if !reads_groups(&made.strategy) {
        return String::new();
    }
    let Grouping { method, groups, order, .. } = made.grouping.unwrap_or_else(|| experiment.grouping.clone());
    let Probe { metric, warmup_steps, .. } = made.probe.unwrap_or_else(|| experiment.probe.clone());
    let after = warmup_steps.map_or_else(String::new, |steps| format!(" after {steps} steps"));
    format!("{groups} {method} groups by {metric}{after}, order {order}")
}

impl Forecast {
    /// The table of all worlds of a map; `None` while a part of it has fewer than three.
    pub(crate) fn of(map: &Map, start: Start, candidates: &[Candidate], rows: &[Row], hash: String) -> Option<Self> {
        let judged: Vec<&Row> = rows.iter().filter(|row| row.phase == Phase::Judge).collect();
        let made_from = Provenance {
            command: "cargo xtask results",
            rows: hash,
            commits: judged.iter().map(|row| row.commit.clone()).collect(),
            dates: judged.iter().map(|row| row.date.clone()).collect(),
        };
        let all = |_: &Judged| true;
        let expected: Vec<Expected> = candidates.iter().map(|candidate| expect(map, candidate, all)).collect::<Option<_>>()?;
        let (null, chance) = (null(map, all)?, rounded(chance(map, all)?));
        let hit_rate = Evidence::ALL.into_iter().filter_map(|evidence| hit_rate(map, candidates, evidence)).collect();
        Some(Self { start, target: SHARES[MAIN], made_from, null, chance, expected, hit_rate })
    }

    /// As a table of the map's page.
    pub(crate) fn table(&self) -> Table {
        let head =
            ["known", "strategy", "worlds", "mean [95 %]", "8 of 10 worlds", "told an order that is not there", "random groups"];
        let caption = "What `gst group` says beforehand: savings to 95 % by what is known of the datasets.";
        let mut table = Table::new(caption, 2, head.map(str::to_owned).to_vec());
        let or_none = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), percent);
        for expected in &self.expected {
            table.row(vec![
                Cell::from(expected.evidence.name()),
                Cell::from(format!("{} {}", expected.strategy, expected.arguments).trim().to_owned()).under(&expected.groups),
                Cell::from(expected.worlds.to_string()),
                Cell::from(format!("{} [{}, {}]", percent(expected.mean), percent(expected.low), percent(expected.high)))
                    .strong(expected.low > 0.0 || expected.high < 0.0),
                Cell::from(format!("{} to {}", percent(expected.least), percent(expected.most))),
                Cell::from(or_none(expected.unordered)),
                Cell::from(or_none(expected.random)),
            ]);
        }
        let hits = self.hit_rate.iter().map(|hits| {
            let HitRate { evidence, forecasts, right, saved, best, savings, inside } = hits;
            format!(
                "where {} is known, the advice saved {} in the mean (the best of each world, known afterwards, {}), was within chance of that best in \
                 {right} of {forecasts}, and {inside} of {savings} savings lay inside the forecast’s 8 of 10",
                evidence.name(),
                percent(*saved),
                percent(*best)
            )
        });
        table.note = format!(
            "Each world seed left out in turn and forecast from the rest: {}. Chance: the median difference of two runs of mix-all, {:.0} % over all \
             worlds.",
            hits.collect::<Vec<_>>().join("; "),
            100.0 * self.chance
        );
        table
    }
}

/// Savings of a candidate over the worlds that `keep` holds; `None` under three.
fn expect(map: &Map, candidate: &Candidate, keep: impl Fn(&Judged) -> bool) -> Option<Expected> {
    let Candidate { arm, strategy, arguments, groups, evidence, random } = candidate;
    let savings = |arm: &str, held: &dyn Fn(&Knobs) -> bool| -> Vec<f64> {
        map.of_arm(arm, held).filter(|judged| keep(judged)).filter_map(to_target).collect()
    };
    let values = savings(arm, &|knobs| evidence.holds(knobs));
    let interval = over_worlds(&values)?;
    // 8 of 10 further worlds, by Student's t: that the mean is not known either is in it.
    let n = values.len() as f64;
    let apart = t_90(values.len() - 1) * deviation(&values)? * (1.0 + 1.0 / n).sqrt();
    let told = *evidence == Evidence::Dependence && strategy != "mix-adaptive";
    let unordered = if told { mean(&savings(arm, &|knobs| !evidence.holds(knobs))) } else { None };
    let random = random.as_deref().and_then(|random| mean(&savings(random, &|knobs| evidence.holds(knobs))));
    Some(Expected {
        strategy: strategy.clone(),
        arguments: arguments.clone(),
        groups: groups.clone(),
        evidence: *evidence,
        worlds: values.len(),
        mean: rounded(interval.mean),
        low: rounded(interval.low),
        high: rounded(interval.high),
        least: rounded(interval.mean - apart),
        most: rounded(interval.mean + apart),
        unordered: unordered.map(rounded),
        random: random.map(rounded),
    })
}

fn null(map: &Map, keep: impl Fn(&Judged) -> bool) -> Option<[f64; 2]> {
    tenths(map.of_arm(NULL, |_| true).filter(|judged| keep(judged)).filter_map(to_target).collect()).map(|ends| ends.map(rounded))
}

/// How far two runs of mix-all are apart in half of the worlds: the median of the null's absolute savings.
fn chance(map: &Map, keep: impl Fn(&Judged) -> bool) -> Option<f64> {
    let apart = map.of_arm(NULL, |_| true).filter(|judged| keep(judged)).filter_map(to_target).map(f64::abs).collect();
    quantiles(apart, [0.5]).map(|[median]| median)
}

/// Every seed of worlds in turn forecast by the others; `None` where that leaves nothing.
fn hit_rate(map: &Map, candidates: &[Candidate], evidence: Evidence) -> Option<HitRate> {
    let (mut right, mut savings, mut inside) = (0, 0, 0);
    let (mut saved, mut bests) = (Vec::new(), Vec::new());
    for seed in map.judged.iter().map(|judged| judged.world).collect::<BTreeSet<_>>() {
        let others = |judged: &Judged| judged.world != seed;
        let Some(chance) = chance(map, others) else { continue };
        let able: Vec<(&Candidate, Expected)> = candidates
            .iter()
            .filter(|candidate| candidate.evidence == evidence)
            .filter_map(|candidate| Some((candidate, expect(map, candidate, others)?)))
            .collect();
        let advised = able.iter().filter(|(_, expected)| expected.low > 0.0).max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
        for (knobs, _, _) in map.measured.iter().filter(|(knobs, world, _)| *world == seed && evidence.holds(knobs)) {
            let saving = |candidate: &Candidate| {
                let here = |judged: &&Judged| judged.world == seed && judged.knobs == *knobs;
                map.of_arm(&candidate.arm, |_| true).find(here).and_then(to_target)
            };
            let found: Vec<(f64, &Expected)> =
                able.iter().filter_map(|(candidate, expected)| Some((saving(candidate)?, expected))).collect();
            let taken = advised.map_or(Some(0.0), |(candidate, _)| saving(candidate));
            let Some(taken) = taken.filter(|_| !found.is_empty()) else { continue };
            let best = found.iter().map(|(saving, _)| *saving).fold(0.0, f64::max);
            saved.push(taken);
            bests.push(best);
            right += usize::from(best - taken <= chance);
            savings += found.len();
            inside += found.iter().filter(|(saving, of)| (of.least..=of.most).contains(saving)).count();
        }
    }
    let (forecasts, saved, best) = (saved.len(), rounded(mean(&saved)?), rounded(mean(&bests)?));
    Some(HitRate { evidence, forecasts, right, saved, best, savings, inside })
}

fn to_target(judged: &Judged) -> Option<f64> {
    judged.savings.get(MAIN).copied().flatten().map(|saving| saving.saving)
}

/// The first and the last tenth.
fn tenths(values: Vec<f64>) -> Option<[f64; 2]> {
    quantiles(values, [0.1, 0.9])
}

/// Quantiles, between neighbours linearly; `None` without values.
fn quantiles<const N: usize>(mut values: Vec<f64>, shares: [f64; N]) -> Option<[f64; N]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let low = place.floor();
        let (from, to) = (values[low as usize], values[(low as usize + 1).min(last)]);
        from + (to - from) * (place - low)
    };
    Some(shares.map(at))
}

/// Four decimals: more would be noise in a committed file.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::analysis::Choices;
    use super::super::rows::tests::row;
    use super::*;

    #[test]
    fn arms_become_advice_by_what_they_need_to_know() {
        let found = candidates(&MapSettings::built_in().unwrap());
        let has = |strategy: &str, evidence| {
            found.iter().filter(|candidate| candidate.strategy == strategy && candidate.evidence == evidence).count()
        };
        assert_eq!(has("mix-adaptive", Evidence::Similarity), 1);
        assert_eq!(has("mix-adaptive", Evidence::Dependence), 1);
        assert_eq!((has("gst-progressive", Evidence::Similarity), has("gst-progressive", Evidence::Dependence)), (1, 1));
        assert!(found.iter().all(|candidate| candidate.arm != "gst-random"));
        let groups = |arm: &str| &found.iter().find(|candidate| candidate.arm == arm).unwrap().groups;
        assert_eq!(groups("gst-affinity"), "3 spectral groups by cosine after 20 steps, order slow-first");
        assert_eq!((groups("gst-oracle").as_str(), groups("mix-half-learned").as_str()), ("", ""));
        assert!(found.iter().all(|candidate| !candidate.arm.ends_with("-short")), "arms of another budget advise nothing");
        let root = crate::workspace::root().unwrap();
        let pretrained = candidates(&MapSettings::from_file(&root.join("experiments/map-pretrained.toml")).unwrap());
        let of_block = pretrained.iter().find(|candidate| candidate.arm == "gst-found").unwrap();
        assert_eq!(of_block.groups, "3 spectral groups by lookahead after 100 steps, order prerequisite");
    }

    #[test]
    fn advice_is_judged_on_worlds_left_out() {
        let slow = [0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8];
        let fast = [0.0, 0.4, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8];
        let mut rows = Vec::new();
        for world in 1..=4 {
            rows.extend([row("mix-all", world, 1.0, &slow), row("null", world, 1.0, &slow)]);
            // In the last world the arm that is sooner elsewhere is not.
            rows.push(row("good", world, 1.0, if world == 4 { &slow } else { &fast }));
            rows.push(row("same", world, 1.0, &slow));
        }
        let arms = ["good".to_owned(), "same".to_owned()];
        let map = Map::of(&rows, &Choices::fixed("mix-all", BTreeMap::new()), &arms).unwrap();
        let candidate = |arm: &String| Candidate {
            arm: arm.clone(),
            strategy: "gst-adaptive".into(),
            arguments: String::new(),
            groups: String::new(),
            evidence: Evidence::Dependence,
            random: Some("same".into()),
        };
        let candidates: Vec<Candidate> = arms.iter().map(candidate).collect();
        let forecast = Forecast::of(&map, Start::Scratch, &candidates, &rows, String::new()).unwrap();
        assert_eq!((forecast.null, forecast.chance), ([0.0, 0.0], 0.0));
        assert!(forecast.expected[0].mean > 0.2 && forecast.expected[1].mean == 0.0, "{:?}", forecast.expected);
        assert_eq!((forecast.expected[0].random, forecast.expected[0].unordered), (Some(0.0), None));
        // With world 4 left out the advice is `good`, which loses nothing there; with 4 among three it may be mix-all.
        let of_dependence = forecast.hit_rate.iter().find(|hits| hits.evidence == Evidence::Dependence).unwrap();
        let HitRate { forecasts, right, savings, inside, saved, best, .. } = *of_dependence;
        assert_eq!((forecasts, savings), (4, 8));
        assert!(right >= 1 && (4..=7).contains(&inside), "{of_dependence:?}");
        assert!(saved >= 0.0 && saved <= best && best > 0.2, "{of_dependence:?}");
        assert!(forecast.hit_rate.iter().all(|hits| hits.evidence == Evidence::Dependence), "there is no candidate without it");
        assert_eq!(tenths(vec![3.0, 1.0, 2.0]), Some([1.2, 2.8]));
    }
}
