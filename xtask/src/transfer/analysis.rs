//! What the rows say: how far each metric orders pairs as transferability does, what noise allows, and what comes back with another seed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::metrics::{METRICS, Metric, TRANSFERABILITY};
use super::rows::{Pair, Rows};
use crate::report::interval::{Draws, Interval, mean, t_975};
use crate::report::rank::{adjusted_rand, rank_correlation};

/// Resamples of the datasets.
const RESAMPLES: usize = 400;

/// D × D entries; `None` where undetermined, and on the diagonal.
pub(super) type Matrix = Vec<Vec<Option<f64>>>;

/// What is correlated with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Entries of all ordered pairs.
    Ordered,
    /// The mean of both ways, of all unordered pairs.
    Symmetrised,
    /// Entries (i, j) over all i, for each j by itself; the mean over j.
    EachTarget,
    /// (i, j) less (j, i). All ordered pairs, so that it does not matter which comes first.
    Direction,
}

/// A seed at a probe point.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) seed: u64,
    pub(super) point: u64,
    /// In the order of [`METRICS`], each times its sign: larger is closer.
    metrics: Vec<Matrix>,
    transferability: Matrix,
    halves: Matrix,
}

/// All that was measured.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) datasets: usize,
    pub(super) points: Vec<u64>,
    pub(super) seeds: Vec<u64>,
    cells: Vec<Cell>,
}

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Correlation {
    pub(super) mean: f64,
    /// Over seeds, by Student's t: what another seed would change.
    pub(super) seeds: Option<Interval>,
    /// By bootstrap over datasets: what other datasets would change. Pairs are not drawn, since those that share a dataset go together.
    pub(super) datasets: Option<Interval>,
}

impl Correlation {
    /// Whether both intervals leave out 0.
    pub(super) fn is_certain(&self) -> bool {
        [self.seeds, self.datasets].iter().all(|interval| interval.is_some_and(|interval| interval.excludes_zero()))
    }
}

impl Measured {
    /// Sorts rows into tables.
    pub(super) fn of(rows: &Rows) -> Result<Self> {
        let datasets = rows.pairs.iter().map(|pair| pair.from.max(pair.to) + 1).max().context("there are no pairs yet")?;
        let mut sorted: BTreeMap<(u64, u64), Vec<&Pair>> = BTreeMap::new();
        for pair in &rows.pairs {
            sorted.entry((pair.point, pair.seed)).or_default().push(pair);
        }
        let mut cells = Vec::new();
        for ((point, seed), pairs) in sorted {
            if pairs.len() != datasets * (datasets - 1) || pairs.iter().any(|pair| pair.from == pair.to) {
                bail!("seed {seed}, step {point}: {} pairs of {datasets} datasets", pairs.len());
            }
            let table = |pick: &dyn Fn(&Pair) -> Option<f64>| {
                let mut table = vec![vec![None; datasets]; datasets];
                pairs.iter().for_each(|pair| table[pair.from][pair.to] = pick(pair));
                table
            };
            let metric =
                |(place, metric): (usize, &Metric)| table(&|pair| Some(metric.closer * pair.metrics.get(place).copied()??));
            cells.push(Cell {
                seed,
                point,
                metrics: METRICS.iter().enumerate().map(metric).collect(),
                transferability: table(&|pair| Some(pair.transferability)),
                halves: table(&|pair| pair.half),
            });
        }
        let values = |pick: fn(&Cell) -> u64| {
            let mut values: Vec<u64> = cells.iter().map(pick).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        Ok(Self { datasets, points: values(|cell| cell.point), seeds: values(|cell| cell.seed), cells })
    }

    pub(super) fn at(&self, point: u64) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.point == point)
    }

    /// Rank correlation of a metric, by its place, with the transferability of the same seed and probe point.
    pub(super) fn predicts(&self, metric: usize, point: u64, over: Over) -> Option<Correlation> {
        let all: Vec<usize> = (0..self.datasets).collect();
        let of = |which: &[usize]| -> Vec<f64> {
            self.at(point).filter_map(|cell| correlation(&cell.metrics[metric], &cell.transferability, over, which)).collect()
        };
        let values = of(&all);
        let centre = mean(&values)?;
        let mut draws = Draws::default();
        let resampled = (0..RESAMPLES)
            .filter_map(|_| {
                let which: Vec<usize> = all.iter().map(|_| draws.below(self.datasets)).collect();
                mean(&of(&which))
            })
            .collect();
        Some(Correlation { mean: centre, seeds: Interval::of(&values), datasets: Interval::of_resamples(centre, resampled) })
    }

    /// Mean rank correlation of a table between two seeds at one probe point, over all pairs of seeds: the transferability's without
    /// a metric.
    pub(super) fn comes_back(&self, metric: Option<usize>, point: u64, over: Over) -> Option<f64> {
        let all: Vec<usize> = (0..self.datasets).collect();
        let tables: Vec<&Matrix> =
            self.at(point).map(|cell| metric.map_or(&cell.transferability, |metric| &cell.metrics[metric])).collect();
        mean(&of_two(&tables, |a, b| correlation(a, b, over, &all)))
    }

    /// Share of the variance of transferability, each from one fine-tune, that is no noise, by the seeds that were given `repeats`. It is
    /// the correlation to expect between two fine-tunes; its root is the most that a perfect predictor could correlate with one.
    pub(super) fn reliability(&self, point: u64, repeats: u64) -> Option<f64> {
        let freedom = usize::try_from(repeats).ok()?.checked_sub(1).filter(|freedom| *freedom > 0)?;
        let of = |cell: &Cell| {
            let values: Vec<f64> = cell.transferability.iter().flatten().copied().flatten().collect();
            let errors: Vec<f64> =
                cell.halves.iter().flatten().copied().flatten().map(|half| (half / t_975(freedom)).powi(2)).collect();
            let centre = mean(&values)?;
            let squares: Vec<f64> = values.iter().map(|value| (value - centre).powi(2)).collect();
            // `error` is the variance of the mean of the repeats, which the variance between the entries contains once.
            let (error, all) = (mean(&errors)?, mean(&squares)?);
            let real = all - error;
            Some(real / (real + error * repeats as f64))
        };
        mean(&self.at(point).filter_map(of).collect::<Vec<_>>())
    }

    /// Shares of the variance of transferability between pairs: what is trained on, what is affected, and the rest; mean over seeds.
    pub(super) fn sources(&self, point: u64) -> Option<[f64; 3]> {
        let shares: Vec<[f64; 3]> = self.at(point).filter_map(|cell| additive(&cell.transferability)).collect();
        let column = |index: usize| mean(&shares.iter().map(|share| share[index]).collect::<Vec<_>>());
        Some([column(0)?, column(1)?, column(2)?])
    }
}

/// Spearman's coefficient of two tables over the datasets `which`, of which some may come more than once.
fn correlation(x: &Matrix, y: &Matrix, over: Over, which: &[usize]) -> Option<f64> {
    let entry = |i: usize, j: usize| Some((x[i][j]?, y[i][j]?));
    let both = |i: usize, j: usize, sign: f64| {
        let ((a, b), (c, d)) = (entry(i, j)?, entry(j, i)?);
        Some((a + sign * c, b + sign * d))
    };
    let ordered = || which.iter().flat_map(|i| which.iter().map(move |j| (*i, *j))).filter(|(i, j)| i != j);
    match over {
        Over::Ordered => rank_correlation(&ordered().filter_map(|(i, j)| entry(i, j)).collect::<Vec<_>>()),
        Over::Direction => rank_correlation(&ordered().filter_map(|(i, j)| both(i, j, -1.0)).collect::<Vec<_>>()),
        // Each pair twice, which changes no rank correlation.
        Over::Symmetrised => rank_correlation(&ordered().filter_map(|(i, j)| both(i, j, 1.0)).collect::<Vec<_>>()),
        Over::EachTarget => {
            let target =
                |j: &usize| rank_correlation(&which.iter().filter(|i| *i != j).filter_map(|i| entry(*i, *j)).collect::<Vec<_>>());
            mean(&which.iter().filter_map(target).collect::<Vec<_>>())
        }
    }
}

/// `f` of every two.
fn of_two<T>(items: &[T], f: impl Fn(&T, &T) -> Option<f64>) -> Vec<f64> {
    items.iter().enumerate().flat_map(|(index, a)| items[..index].iter().filter_map(|b| f(a, b)).collect::<Vec<_>>()).collect()
}

/// Splits the variance of the entries off the diagonal by least squares: rows, columns, rest.
fn additive(table: &Matrix) -> Option<[f64; 3]> {
    let size = table.len();
    let entries: Vec<(usize, usize, f64)> =
        (0..size).flat_map(|i| (0..size).filter_map(move |j| Some((i, j, table[i][j]?)))).collect();
    let centre = mean(&entries.iter().map(|entry| entry.2).collect::<Vec<_>>())?;
    let (mut rows, mut columns) = (vec![0.0; size], vec![0.0; size]);
    // Rows and columns are all but orthogonal: a few rounds are enough.
    for _ in 0..50 {
        for (index, row) in rows.iter_mut().enumerate() {
            *row = level(&entries, |(i, j, value)| (*i == index).then(|| value - centre - columns[*j]))?;
        }
        for (index, column) in columns.iter_mut().enumerate() {
            *column = level(&entries, |(i, j, value)| (*j == index).then(|| value - centre - rows[*i]))?;
        }
    }
    let share = |f: &dyn Fn(&(usize, usize, f64)) -> f64| entries.iter().map(|entry| f(entry).powi(2)).sum::<f64>();
    let all = share(&|entry| entry.2 - centre);
    let parts = [
        share(&|(i, _, _)| rows[*i]),
        share(&|(_, j, _)| columns[*j]),
        share(&|(i, j, value)| value - centre - rows[*i] - columns[*j]),
    ];
    (all > 0.0).then(|| parts.map(|part| part / all))
}

fn level(entries: &[(usize, usize, f64)], rest: impl Fn(&(usize, usize, f64)) -> Option<f64>) -> Option<f64> {
    mean(&entries.iter().filter_map(rest).collect::<Vec<_>>())
}

/// How well groups by a metric come out again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stability {
    /// Mean adjusted Rand index between seeds at equal probe points.
    pub(super) seeds: Option<f64>,
    /// Mean of what `gst group` says of resampled probe batches.
    pub(super) resamples: Option<f64>,
}

/// The stability of the groupings into `groups` by a metric.
pub(super) fn stability(rows: &Rows, points: &[u64], metric: &str, groups: usize) -> Result<Stability> {
    let mut between = Vec::new();
    let mut resampled = Vec::new();
    for point in points {
        let here = rows.groups.iter().filter(|row| row.point == *point && row.metric == metric && row.groups == groups);
        resampled.extend(here.clone().filter_map(|row| row.stability));
        let labels: Vec<Vec<usize>> = here.map(super::rows::Groups::labels).collect::<Result<_>>()?;
        between.extend(of_two(&labels, |a, b| adjusted_rand(a, b)));
    }
    Ok(Stability { seeds: mean(&between), resamples: mean(&resampled) })
}

/// Whether a metric's table is directed; transferability where there is no place.
pub(super) fn is_directed(metric: Option<usize>) -> bool {
    metric.map_or(TRANSFERABILITY, |place| METRICS[place]).directed
}

#[cfg(test)]
mod tests {
    use super::super::metrics::place;
    use super::super::rows::Groups;
    use super::*;

    /// Rows of `datasets` at one probe point; entries of the metrics and transferability from formulas of seed, i and j.
    fn rows(
        datasets: usize,
        seeds: u64,
        metric: impl Fn(u64, usize, usize) -> f64,
        transfer: impl Fn(u64, usize, usize) -> f64,
    ) -> Rows {
        let mut rows = Rows::default();
        for seed in 0..seeds {
            for (from, to) in (0..datasets).flat_map(|i| (0..datasets).map(move |j| (i, j))).filter(|(i, j)| i != j) {
                let metrics = vec![Some(metric(seed, from, to)); METRICS.len()];
                let transferability = transfer(seed, from, to);
                rows.pairs.push(Pair { seed, point: 20, from, to, metrics, transferability, half: Some(0.1) });
            }
        }
        rows
    }

    #[test]
    fn distances_count_as_negative_closeness() {
        let square = |_, i: usize, j: usize| (i * i + j * j) as f64;
        let measured = Measured::of(&rows(5, 3, square, |s, i, j| -square(s, i, j))).unwrap();
        let mean = |name: &str| measured.predicts(place(name).unwrap(), 20, Over::Ordered).unwrap().mean;
        assert!((mean("gradient-distance") - 1.0).abs() < 1e-12);
        assert!((mean("cosine") + 1.0).abs() < 1e-12);
        assert_eq!((measured.datasets, measured.points.as_slice(), measured.seeds.len()), (5, &[20][..], 3));
    }

    #[test]
    fn each_way_of_looking_sees_its_part() {
        // The source alone decides: directions and each target follow it, the symmetrised table too.
        let source = |_, i: usize, _| i as f64;
        let measured = Measured::of(&rows(6, 2, source, source)).unwrap();
        let of = |over| measured.predicts(place("dot").unwrap(), 20, over).map(|correlation| correlation.mean);
        for over in [Over::Ordered, Over::Symmetrised, Over::EachTarget, Over::Direction] {
            assert!((of(over).unwrap() - 1.0).abs() < 1e-12, "{over:?}");
        }
        // The target alone decides: nothing to see over the sources of one target.
        let target = |_, _, j: usize| j as f64;
        let measured = Measured::of(&rows(6, 2, target, target)).unwrap();
        assert_eq!(measured.predicts(0, 20, Over::EachTarget), None);
        let [from, to, rest] = measured.sources(20).unwrap();
        assert!(from < 1e-9 && (to - 1.0).abs() < 1e-9 && rest < 1e-9, "{from} {to} {rest}");
        // A symmetric metric has no direction.
        let even = Measured::of(&rows(6, 2, |_, i, j| (i + j) as f64, target)).unwrap();
        assert_eq!(even.predicts(place("dot").unwrap(), 20, Over::Direction), None);
    }

    #[test]
    fn a_spearman_by_hand_and_its_intervals() {
        // Three datasets, pairs in the order 01 02 10 12 20 21. Ranks of the metric 0..5, of the transferability 1 0 2 3 5 4:
        // 1 − 6 · 4 / (6 · 35) = 31/35.
        let order = |i: usize, j: usize| [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)].iter().position(|pair| *pair == (i, j));
        let rank = |values: [f64; 6]| move |_: u64, i, j| values[order(i, j).unwrap()];
        let measured =
            Measured::of(&rows(3, 2, rank([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), rank([1.0, 0.0, 2.0, 3.0, 5.0, 4.0]))).unwrap();
        let found = measured.predicts(place("cosine").unwrap(), 20, Over::Ordered).unwrap();
        assert!((found.mean - 31.0 / 35.0).abs() < 1e-12, "{found:?}");
        let seeds = found.seeds.unwrap();
        assert!((seeds.high - seeds.low).abs() < 1e-12, "seeds agree");
        assert!((measured.comes_back(None, 20, Over::Ordered).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn chance_is_not_certain() {
        let mix = |seed: u64, i: usize, j: usize| {
            let mut draws = Draws::default();
            let skip = (seed as usize * 100 + i * 10 + j) % 997;
            (0..=skip).map(|_| draws.below(1000)).last().unwrap_or(0) as f64
        };
        let measured = Measured::of(&rows(8, 5, mix, |s, i, j| mix(s + 3, j, i))).unwrap();
        let found = measured.predicts(place("dot").unwrap(), 20, Over::Ordered).unwrap();
        assert!(!found.is_certain() && found.datasets.unwrap().low < 0.0 && found.datasets.unwrap().high > 0.0, "{found:?}");
    }

    #[test]
    fn reliability_is_one_less_the_share_of_noise() {
        // Entries 0 and 1, half and half: variance 1/4. Half an interval of 0.1 over two repeats: (0.1 / 12.706)².
        let measured = Measured::of(&rows(4, 2, |_, _, _| 0.0, |_, i, _| (i % 2) as f64)).unwrap();
        let error = (0.1_f64 / 12.706).powi(2);
        let expected = (0.25 - error) / (0.25 + error);
        assert!((measured.reliability(20, 2).unwrap() - expected).abs() < 1e-12);
        assert_eq!(measured.reliability(20, 1), None);
    }

    #[test]
    fn groups_are_compared_between_seeds() {
        let row = |seed, assignment: &str| Groups {
            seed,
            point: 20,
            metric: "cosine".into(),
            groups: 2,
            assignment: assignment.into(),
            stability: Some(0.75),
        };
        let rows = Rows { groups: vec![row(0, "0 0 1 1"), row(1, "1 1 0 0"), row(2, "0 1 0 1")], ..Rows::default() };
        // 1, −1/2 and −1/2.
        let found = stability(&rows, &[20], "cosine", 2).unwrap();
        assert!(found.seeds.is_some_and(|index| index.abs() < 1e-12) && found.resamples == Some(0.75), "{found:?}");
        assert_eq!(stability(&rows, &[20], "dot", 2).unwrap(), Stability::default());
    }

    #[test]
    fn half_a_table_is_refused() {
        let mut rows = rows(4, 1, |_, _, _| 0.0, |_, _, _| 0.0);
        rows.pairs.pop();
        assert!(Measured::of(&rows).unwrap_err().to_string().contains("11 pairs of 4 datasets"));
    }
}
