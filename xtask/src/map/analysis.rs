//! What the rows of a map say: the chosen rates and baseline, savings by world, and what goes with them.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};

use super::rows::{Phase, Row};
use super::settings::{Knobs, MapSettings, NULL, World};
use crate::experiment::{Chosen, swept_name};
use crate::report::artifacts::{Cost, Unit};
use crate::report::convergence::{Point, SMOOTHING, best, interval, smooth};
use crate::report::interval::{Interval, mean};
use crate::report::rank::rank_correlation;
use crate::report::saving::{Saving, Trial, saving, target};

/// What the sweep chose, by the dependence of its worlds; at least one.
///
/// Rates are tuned on data like those of the comparison, as a careful user would: a rate that suits all worlds together suits none.
#[derive(Clone, Debug)]
pub(crate) struct Choices(Vec<(f64, Choice)>);

impl Choices {
    /// A choice for every dependence in the sweep.
    pub(crate) fn of(settings: &MapSettings, rows: &[Row]) -> Result<Self> {
        let swept = settings.swept();
        let mut levels: Vec<f64> = swept.iter().map(|world| world.knobs.dependence).collect();
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        if levels.is_empty() {
            bail!("the sweep has no worlds to choose rates and baseline on");
        }
        let choice = |level: f64| {
            let worlds: Vec<World> = swept.iter().filter(|world| world.knobs.dependence == level).copied().collect();
            Ok((level, Choice::of(settings, rows, &worlds)?))
        };
        levels.into_iter().map(choice).collect::<Result<_>>().map(Self)
    }

    /// The choice of the nearest dependence; halfway between two, the lower.
    pub(crate) fn at(&self, knobs: &Knobs) -> &Choice {
        let distance = |entry: &(f64, Choice)| (entry.0 - knobs.dependence).abs();
        &self.0.iter().fold(&self.0[0], |nearest, entry| if distance(entry) < distance(nearest) { entry } else { nearest }).1
    }

    /// Dependence and choice, dependence ascending.
    pub(crate) fn by_dependence(&self) -> &[(f64, Choice)] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn fixed(baseline: &str, rates: BTreeMap<String, f64>) -> Self {
        let arms = rates.into_iter().map(|(arm, rate)| (arm, Chosen::of(vec![(rate, 0.5)]))).collect();
        Self(vec![(0.0, Choice { baseline: baseline.to_owned(), arms, variants: BTreeMap::new(), worlds: 1 })])
    }
}

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(dependence, choice)| write!(f, "dependence {dependence}: {choice}"))
    }
}

/// What the worlds of one dependence chose.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// The arm of mix-all with the best mean at its own rate.
    pub(crate) baseline: String,
    pub(crate) arms: BTreeMap<String, Chosen>,
    /// What a judged arm runs as, where it has variants.
    variants: BTreeMap<String, String>,
    /// Worlds of the sweep.
    pub(crate) worlds: usize,
}

impl Choice {
    /// Chooses each arm's rate by its mean over the sweep's worlds of the best smoothed validation accuracy, and by the same figure the
    /// baseline and the variant of every judged arm.
    fn of(settings: &MapSettings, rows: &[Row], worlds: &[World]) -> Result<Self> {
        let rates = settings.experiment.sweep.as_ref().map_or(&[][..], |sweep| &sweep.learning_rates);
        let swept: Vec<&Row> = rows.iter().filter(|row| row.phase == Phase::Sweep).collect();
        let mut arms = BTreeMap::new();
        for arm in settings.arms() {
            let mut tried = Vec::new();
            for (index, rate) in rates.iter().enumerate() {
                let name = swept_name(&arm, index);
                let mut bests = Vec::new();
                for world in worlds {
                    // The last of several is the newest.
                    let row = swept.iter().rfind(|row| row.arm == name && row.learning_rate == *rate && row.world() == *world);
                    let row = row.with_context(|| format!("the sweep lacks {name} in {}: run it first", world.name()))?;
                    let curve = curve(row)?;
                    bests.push(best(&smooth(&curve, width(&curve))).unwrap_or(0.0));
                }
                tried.push((*rate, mean(&bests).unwrap_or(0.0)));
            }
            arms.insert(arm, Chosen::of(tried));
        }
        let score = |arm: &String| arms.get(arm).map_or(0.0, Chosen::best);
        let best_of = |names: &[String]| names.iter().max_by(|a, b| score(a).total_cmp(&score(b))).cloned();
        let baseline = best_of(&settings.baselines).context("no baselines")?;
        let taken =
            |(arm, others): (&String, &Vec<String>)| Some((arm.clone(), best_of(&[others, &[arm.clone()][..]].concat())?));
        let variants = settings.variants.iter().filter_map(taken).collect();
        Ok(Self { baseline, arms, variants, worlds: worlds.len() })
    }

    /// What a judged arm runs as: itself, or a variant that was better in the sweep.
    pub(crate) fn variant<'a>(&'a self, arm: &'a str) -> &'a str {
        self.variants.get(arm).map_or(arm, String::as_str)
    }

    /// The arms that run as another, each with what it runs as.
    pub(crate) fn varied(&self) -> impl Iterator<Item = (&String, &String)> {
        self.variants.iter().filter(|(arm, variant)| arm != variant)
    }

    /// The chosen rate of an arm, as the variant that it runs as.
    pub(crate) fn rate(&self, arm: &str) -> Option<f64> {
        self.arms.get(self.variant(arm)).map(|chosen| chosen.learning_rate)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chosen in {} worlds of the sweep (best smoothed validation token accuracy):", self.worlds)?;
        for (arm, chosen) in &self.arms {
            let edge = if chosen.at_edge { ", at the edge of the grid" } else { "" };
            let taken = self.varied().find(|(_, variant)| *variant == arm);
            let mark = match taken {
                _ if *arm == self.baseline => "  <- the baseline".to_owned(),
                Some((of, _)) => format!("  <- what {of} runs as"),
                None => String::new(),
            };
            writeln!(f, "  {arm}: rate {}{edge}, {:.3}{mark}", chosen.learning_rate, chosen.best())?;
        }
        Ok(())
    }
}

/// The validation curve of a row, with its cost in steps and samples.
fn curve(row: &Row) -> Result<Vec<Point>> {
    let batch = row.batch_size as f64;
    let point = |(steps, value)| Point { cost: Cost { steps, samples: steps * batch, ..Cost::default() }, value };
    Ok(row.curve()?.into_iter().map(point).collect())
}

/// Over how many steps a curve is smoothed, as reports do. In a world all curves are smoothed by the baseline's width: one that is looked at more
/// often, at the ends of stages, is not smoothed less for it.
fn width(curve: &[Point]) -> f64 {
    SMOOTHING as f64 * interval(std::iter::once(curve)).unwrap_or(0.0)
}

/// Mean value over the steps from 0 to `end`, between evaluations linearly; before the first and after the last as they are, so a run with
/// fewer steps stays where it ended. `None` without points and steps.
fn mean_over(curve: &[Point], end: f64) -> Option<f64> {
    let first = Point { cost: Cost::default(), value: curve.first()?.value };
    let last = Point { cost: Cost { steps: end, ..Cost::default() }, value: curve.last()?.value };
    let inside: Vec<&Point> = curve.iter().filter(|point| point.cost.steps < end).collect();
    let whole: Vec<&Point> = std::iter::once(&first).chain(inside).chain(std::iter::once(&last)).collect();
    let area: f64 =
        whole.windows(2).map(|pair| (pair[1].cost.steps - pair[0].cost.steps) * (pair[0].value + pair[1].value) / 2.0).sum();
    (end > 0.0).then(|| area / end)
}

/// One arm in one world, judged against the baseline there.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) knobs: Knobs,
    /// Seed of the world.
    pub(crate) world: u64,
    pub(crate) arm: String,
    /// Of samples, the probe counted, to each share of [`SHARES`]; `None` where neither run got there.
    pub(crate) savings: Vec<Option<Saving>>,
    /// The saving to 95 % against the baseline's run of the same seed alone: same first weights, same order inside each dataset.
    pub(crate) same_seed: Option<Saving>,
    /// The saving to 95 % if the probe cost nothing: what it would be in a run so long that the probe does not count.
    pub(crate) uncharged: Option<Saving>,
    /// Mean validation accuracy over all steps of the longest run minus the mean of the baseline's, weighted.
    pub(crate) over_run: Option<f64>,
    /// Test accuracy after the last step minus the mean of the baseline's, weighted.
    pub(crate) test_difference: Option<f64>,
}

/// The shares of the baseline's mean best that are aimed at.
pub(crate) const SHARES: [f64; 4] = [0.9, 0.95, 0.99, 1.0];
/// The place of 95 % among them.
pub(crate) const MAIN: usize = 1;

/// All judged worlds of the rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    /// Arms beside the baseline, the null first.
    pub(crate) arms: Vec<String>,
    pub(crate) judged: Vec<Judged>,
    /// Worlds without a finished baseline and null.
    pub(crate) left_out: usize,
    /// Measured conflict and dependence by world: ζ² ratio, negative share, directed share; with the world's knobs.
    pub(crate) measured: Vec<(Knobs, u64, [Option<f64>; 3])>,
}

impl Map {
    /// Judges every arm of every world that has the baseline and its null.
    pub(crate) fn of(rows: &[Row], choices: &Choices, order: &[String]) -> Result<Self> {
        let judged: Vec<&Row> = rows.iter().filter(|row| row.phase == Phase::Judge).collect();
        let mut worlds: Vec<_> = judged.iter().map(|row| row.world()).collect();
        worlds.sort_by(|a, b| (a.knobs, a.seed).partial_cmp(&(b.knobs, b.seed)).unwrap_or(std::cmp::Ordering::Equal));
        worlds.dedup();
        let mut map = Self { arms: vec![NULL.to_owned()], ..Self::default() };
        map.arms.extend(order.iter().cloned());
        for world in worlds {
            let here: Vec<&Row> = judged.iter().filter(|row| row.world() == world).copied().collect();
            let choice = choices.at(&world.knobs);
            // Rows of a rate that the sweep no longer chooses may still be there; they count while there are no others.
            let find = |arm: &str| {
                let chosen = choice.rate(if arm == NULL { &choice.baseline } else { arm });
                let rows = here.iter().filter(|row| row.arm == arm).copied();
                rows.max_by_key(|row| Some(row.learning_rate) == chosen)
            };
            let (Some(base), Some(null)) = (find(&choice.baseline), find(NULL)) else {
                map.left_out += 1;
                continue;
            };
            let base_curve = curve(base)?;
            let width = width(&base_curve);
            let (base_curve, null_curve) = (smooth(&base_curve, width), smooth(&curve(null)?, width));
            let pair = [&base_curve, &null_curve].map(|curve| Trial { seed: 0, curve, before: Cost::default() });
            let probe = here.iter().find(|row| row.zeta_ratio.is_some() || row.negative_share.is_some());
            let measured = probe.map_or([None; 3], |row| [row.zeta_ratio, row.negative_share, row.directed_share]);
            map.measured.push((world.knobs, world.seed, measured));
            for arm in map.arms.clone() {
                let Some(row) = find(&arm).filter(|_| arm != choice.baseline) else { continue };
                let curve = smooth(&curve(row)?, width);
                let before = Cost { samples: row.probe_samples, ..Cost::default() };
                // Both runs of the baseline set the target, and an arm is compared with their mean; the null with the other one.
                let others = if arm == NULL { &pair[..1] } else { &pair[..] };
                let tests: Option<Vec<f64>> =
                    if arm == NULL { vec![base] } else { vec![base, null] }.iter().map(|row| row.test_weighted).collect();
                let tested = tests.and_then(|tests| mean(&tests));
                let saving_of = |others: &[Trial<'_>], before: Cost, share: f64| {
                    let trial = Trial { seed: 0, curve: &curve, before };
                    saving(&trial, others, target(&pair, share)?, Unit::Samples)
                };
                let ends = [&curve, &base_curve, &null_curve].map(|curve| curve.last().map_or(0.0, |point| point.cost.steps));
                let over_run = |curve: &[Point]| mean_over(curve, ends.iter().copied().fold(0.0, f64::max));
                let others_over_run: Option<Vec<f64>> = others.iter().map(|trial| over_run(trial.curve)).collect();
                let others_over_run = others_over_run.and_then(|values| mean(&values));
                map.judged.push(Judged {
                    knobs: world.knobs,
                    world: world.seed,
                    savings: SHARES.iter().map(|share| saving_of(others, before, *share)).collect(),
                    same_seed: saving_of(&pair[..1], before, SHARES[MAIN]),
                    uncharged: saving_of(others, Cost::default(), SHARES[MAIN]),
                    over_run: over_run(&curve).zip(others_over_run).map(|(own, other)| own - other),
                    test_difference: row.test_weighted.zip(tested).map(|(own, other)| own - other),
                    arm,
                });
            }
        }
        if map.judged.is_empty() {
            bail!("no world has a finished baseline and its null yet");
        }
        Ok(map)
    }

    /// The combinations of knobs that were judged.
    pub(crate) fn corners(&self) -> Vec<Knobs> {
        let mut corners: Vec<Knobs> = self.judged.iter().map(|judged| judged.knobs).collect();
        corners.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        corners.dedup();
        corners
    }

    /// Entries of an arm that `keep` holds.
    pub(crate) fn of_arm<'a>(&'a self, arm: &'a str, keep: impl Fn(&Knobs) -> bool + 'a) -> impl Iterator<Item = &'a Judged> {
        self.judged.iter().filter(move |judged| judged.arm == arm && keep(&judged.knobs))
    }

    /// Rank correlation over worlds between an arm's saving to a share and a measured number (0 ζ² ratio, 1 negative share, 2 directed
    /// share), with the number of worlds.
    pub(crate) fn predicts(&self, arm: &str, share: usize, number: usize) -> Option<(f64, usize)> {
        let measured = |judged: &Judged| {
            let here = |(knobs, seed, _): &&(Knobs, u64, [Option<f64>; 3])| (*knobs, *seed) == (judged.knobs, judged.world);
            self.measured.iter().find(here)?.2[number]
        };
        let pairs: Vec<(f64, f64)> = self
            .of_arm(arm, |_| true)
            .filter_map(|judged| Some((measured(judged)?, judged.savings.get(share).copied().flatten()?.saving)))
            .collect();
        rank_correlation(&pairs).map(|rho| (rho, pairs.len()))
    }
}

/// The interval of a mean over worlds; `None` under three worlds, where a bootstrap would only pretend to know one.
pub(crate) fn over_worlds(values: &[f64]) -> Option<Interval> {
    if values.len() < 3 { None } else { Interval::bootstrap(values) }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::row;
    use super::*;

    #[test]
    fn a_shorter_run_stays_where_it_ended() {
        let long = row("mix-all", 1, 1.0, &[0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.8, 0.8]);
        let mut rows = vec![long.clone(), Row { arm: "null".into(), ..long }];
        rows.push(row("reaches", 1, 1.0, &[0.0, 0.8, 0.8, 0.8, 0.8]));
        rows.push(row("misses", 1, 1.0, &[0.0, 0.5, 0.5, 0.5, 0.5]));
        let arms = ["reaches".to_owned(), "misses".to_owned()];
        let map = Map::of(&rows, &Choices::fixed("mix-all", BTreeMap::new()), &arms).unwrap();
        let [reaches, misses] = [1, 2].map(|place| map.judged[place].savings[MAIN].unwrap());
        assert!(reaches.saving > 0.4 && !reaches.at_most, "{reaches:?}");
        assert!(misses.saving < 0.0 && misses.at_most, "a miss is no gain, however short the run: {misses:?}");
    }

    #[test]
    fn what_a_run_has_on_the_way_is_weighed_by_steps_and_not_by_evaluations() {
        let point = |steps: f64, value: f64| Point { cost: Cost { steps, ..Cost::default() }, value };
        let even = [point(0.0, 0.0), point(100.0, 1.0)];
        assert_eq!((mean_over(&even, 100.0), mean_over(&even, 200.0)), (Some(0.5), Some(0.75)), "it stays where it ended");
        let crowded = [point(0.0, 0.0), point(1.0, 0.01), point(2.0, 0.02), point(100.0, 1.0)];
        assert!((mean_over(&crowded, 100.0).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(mean_over(&[point(50.0, 0.4)], 100.0), Some(0.4));
        assert_eq!((mean_over(&[], 100.0), mean_over(&even, 0.0)), (None, None));
    }

    #[test]
    fn looking_more_often_does_not_sharpen_a_curve() {
        let seldom = row("mix-all", 1, 1.0, &[0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8]);
        let points = curve(&seldom).unwrap();
        let often: Vec<String> = (0..=70)
            .map(|tenth| {
                let at = tenth as f64 * 10.0;
                let value = points.windows(2).find(|pair| at <= pair[1].cost.steps).map_or(0.8, |pair| {
                    pair[0].value
                        + (pair[1].value - pair[0].value) * (at - pair[0].cost.steps) / (pair[1].cost.steps - pair[0].cost.steps)
                });
                format!("{at}:{value}")
            })
            .collect();
        let often = Row { arm: "often".into(), validation: often.join(" "), ..seldom.clone() };
        let rows = [seldom.clone(), Row { arm: "null".into(), ..seldom }, often];
        let map = Map::of(&rows, &Choices::fixed("mix-all", BTreeMap::new()), &["often".into()]).unwrap();
        let saving = map.of_arm("often", |_| true).next().unwrap().savings[MAIN].unwrap().saving;
        // Over the same steps, a mean of many lags half an evaluation behind one of three; over its own few it would be a sixth ahead.
        assert!((-0.1..0.0).contains(&saving), "{saving}");
    }

    #[test]
    fn a_run_that_is_the_baselines_saves_nothing_against_its_own_seed() {
        let (slow, fast) = ([0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8], [0.0, 0.4, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]);
        let rows = [row("mix-all", 1, 1.0, &fast), row("null", 1, 1.0, &slow), row("gst", 1, 1.0, &fast)];
        let map = Map::of(&rows, &Choices::fixed("mix-all", BTreeMap::new()), &["gst".into()]).unwrap();
        let gst = map.of_arm("gst", |_| true).next().unwrap();
        assert_eq!(gst.same_seed.unwrap().saving, 0.0);
        assert!(gst.savings[MAIN].unwrap().saving > 0.1, "the mean of two runs of the baseline is later than the faster one");
    }

    #[test]
    fn an_arm_that_is_the_baseline_is_not_judged_against_itself() {
        let curve = [0.0, 0.2, 0.4, 0.6, 0.8, 0.8];
        let rows = ["mix-all", "null", "gst"].map(|arm| row(arm, 1, 1.0, &curve));
        let arms = ["mix-all".to_owned(), "gst".to_owned()];
        let map = Map::of(&rows, &Choices::fixed("mix-all", BTreeMap::new()), &arms).unwrap();
        assert_eq!(map.judged.iter().map(|judged| judged.arm.as_str()).collect::<Vec<_>>(), ["null", "gst"]);
    }

    #[test]
    fn rows_of_a_rate_that_is_no_longer_chosen_do_not_count() {
        let (slow, fast) = ([0.0, 0.2, 0.4, 0.6, 0.8, 0.8], [0.0, 0.8, 0.8, 0.8, 0.8, 0.8]);
        let mut rows = vec![row("mix-all", 1, 1.0, &slow), row("null", 1, 1.0, &slow)];
        rows.push(Row { learning_rate: 0.25, ..row("gst", 1, 1.0, &fast) });
        rows.extend([row("gst", 1, 1.0, &slow), Row { learning_rate: 0.5, ..row("gst", 1, 1.0, &fast) }]);
        let rates = ["mix-all", "gst"].map(|arm| (arm.to_owned(), 1e-3));
        let map = Map::of(&rows, &Choices::fixed("mix-all", BTreeMap::from(rates)), &["gst".into()]).unwrap();
        assert_eq!(map.of_arm("gst", |_| true).map(|judged| judged.savings[MAIN].unwrap().saving).collect::<Vec<_>>(), [0.0]);
    }

    #[test]
    fn a_judged_arm_runs_as_the_best_of_its_variants() {
        let mut settings = MapSettings::built_in().unwrap();
        settings.variants = BTreeMap::from([("gst-affinity".to_owned(), vec!["gst-random".to_owned()])]);
        let rates = settings.experiment.sweep.as_ref().unwrap().learning_rates.clone();
        let mut rows = Vec::new();
        for (world, arm) in settings.swept().iter().flat_map(|world| settings.arms().into_iter().map(move |arm| (world, arm))) {
            for (index, rate) in rates.iter().enumerate() {
                let good = if arm == "gst-random" && index == 1 { 0.9 } else { 0.5 };
                let knobs = world.knobs;
                rows.push(Row {
                    phase: Phase::Sweep,
                    learning_rate: *rate,
                    conflict: knobs.conflict,
                    ..row(&swept_name(&arm, index), world.seed, knobs.dependence, &[0.0, good, good, good])
                });
            }
        }
        // An older row of the same cell, made with other settings, stands before.
        let old = Row { validation: "0:0.99 100:0.99".into(), key: "old".into(), ..rows[0].clone() };
        rows.insert(0, old);
        let choices = Choices::of(&settings, &rows).unwrap();
        let choice = choices.at(&settings.judged()[0].knobs);
        assert_eq!((choice.variant("gst-affinity"), choice.rate("gst-affinity")), ("gst-random", Some(rates[1])));
        assert_eq!(choice.variant("gst-oracle"), "gst-oracle");
        assert!(choices.to_string().contains("gst-random: rate 0.0005, 0.900  <- what gst-affinity runs as"), "{choices}");
    }

    #[test]
    fn a_world_is_judged_against_its_own_baseline_and_the_probe_is_charged() {
        let slow = [0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8];
        let fast = [0.0, 0.4, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8];
        let mut rows = Vec::new();
        for world in 1..=4 {
            rows.push(row("mix-all", world, 1.0, &slow));
            rows.push(Row { zeta_ratio: Some(world as f64), ..row("null", world, 1.0, &slow) });
            rows.push(row("gst", world, 1.0, &fast));
            rows.push(Row { probe_samples: 16.0 * 300.0, ..row("probed", world, 1.0, &fast) });
        }
        rows.push(row("gst", 9, 1.0, &fast));
        let map = Map::of(&rows, &Choices::fixed("mix-all", BTreeMap::new()), &["gst".into(), "probed".into()]).unwrap();
        assert_eq!((map.arms.join(" "), map.left_out), ("null gst probed".to_string(), 1));
        let saving = |arm: &str| map.of_arm(arm, |_| true).map(|judged| judged.savings[MAIN].unwrap().saving).collect::<Vec<_>>();
        assert_eq!(saving("null"), [0.0; 4]);
        assert!(saving("gst").iter().all(|saving| *saving > 0.3), "{:?}", saving("gst"));
        assert!(saving("probed")[0] < saving("gst")[0] - 0.3);
        assert_eq!(map.corners().iter().map(|knobs| (knobs.conflict, knobs.dependence)).collect::<Vec<_>>(), [(0.0, 1.0)]);
        assert_eq!(map.predicts("gst", MAIN, 0), None, "the saving does not vary");
    }
}
