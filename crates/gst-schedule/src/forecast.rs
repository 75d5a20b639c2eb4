//! What a strategy has saved where it was tried: the table of the map, and the strategy that it speaks for.

use std::fmt;

use gst_grouping::{Grouping, OrderBy};
use serde::{Deserialize, Serialize};

use crate::{ScheduleError, Strategy};

/// The tables that come with the crate, as `cargo xtask results` writes them.
const FROM_SCRATCH: &str = include_str!("../data/forecast.json");
const PRETRAINED: &str = include_str!("../data/forecast-pretrained.json");

/// What a model knows when training begins. Savings differ by it, so each has a table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Start {
    /// Nothing: all weights are drawn and trained.
    #[default]
    Scratch,
    /// It has trained weights, of which a part or adapters beside them are trained on.
    Pretrained,
}

impl Start {
    /// By whether a model had trained weights ([`ProbeFacts::pretrained`](gst_affinity::ProbeFacts::pretrained)).
    #[must_use]
    pub fn of(pretrained: bool) -> Self {
        if pretrained { Self::Pretrained } else { Self::Scratch }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Scratch => "from scratch",
            Self::Pretrained => "pre-trained",
        })
    }
}

/// What is known of the datasets before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Evidence {
    /// How alike their gradients are, and no more.
    Similarity,
    /// Which of them teach what others need, from someone who knows.
    Dependence,
}

impl Evidence {
    /// What the order of a grouping rests on: dependence where it was given. An order that was measured does not count as known: where the right
    /// one is known, those that `gst group` can make held a part of it at best.
    #[must_use]
    pub fn of(grouping: &Grouping) -> Self {
        if grouping.order == OrderBy::Given { Self::Dependence } else { Self::Similarity }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Similarity => "similarity",
            Self::Dependence => "dependence",
        })
    }
}

/// Savings of one strategy against the strongest mix-all, over worlds: 1 − samples / samples of mix-all to the target, the probe counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The strategy.
    pub strategy: Strategy,
    /// Options of `gst schedule` that it was tried with; empty where the defaults were.
    pub arguments: String,
    /// The groups that were measured for it, and when; empty where they were told, or it reads none.
    pub groups: String,
    /// What was known of the worlds' datasets.
    pub evidence: Evidence,
    /// Worlds.
    pub worlds: usize,
    /// Mean saving.
    pub mean: f64,
    /// 95 % interval of the mean (bootstrap over worlds).
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// 8 of 10 further worlds are expected above this (Student's t) ...
    pub least: f64,
    /// ... and below this.
    pub most: f64,
    /// Mean saving in worlds where the order that it was told does not exist; `None` where it is told none, or was not tried there.
    pub unordered: Option<f64>,
    /// Mean saving of random groups in the same worlds; `None` where they were not tried with this strategy.
    pub random: Option<f64>,
}

impl Expected {
    fn checks_order(&self) -> bool {
        self.arguments.split_whitespace().any(|word| word == "--check-order")
    }
}

/// How the table did on worlds that it was not made of: each world seed in turn left out, and forecast by the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HitRate {
    /// What was known.
    pub evidence: Evidence,
    /// Worlds that were forecast.
    pub forecasts: usize,
    /// Forecasts whose strategy was within chance ([`Forecast::chance`] of the other worlds) of the best one there, mix-all included.
    pub right: usize,
    /// Mean saving of the advised strategies there; 0 is what mix-all saves.
    pub saved: f64,
    /// Mean saving of the best strategy of each world, mix-all included, as known afterwards: chance helps the best of several.
    pub best: f64,
    /// Single savings forecast.
    pub savings: usize,
    /// Those that lay between [`Expected::least`] and [`Expected::most`]; 8 of 10 would be right.
    pub inside: usize,
}

/// A table of savings with where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// How the models of its runs began.
    pub start: Start,
    /// Share of the best accuracy of mix-all that savings are measured to.
    pub target: f64,
    /// Command that made the table, commits of the runs, first and last day.
    pub made_from: Provenance,
    /// Savings of mix-all against itself: a tenth of the worlds below, a tenth above.
    pub null: [f64; 2],
    /// How far two runs of mix-all are apart in half of the worlds.
    pub chance: f64,
    /// The table.
    pub expected: Vec<Expected>,
    /// How far to trust it, for each evidence.
    pub hit_rate: Vec<HitRate>,
}

/// Where a table comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Command.
    pub command: String,
    /// Hash of the rows.
    pub rows: String,
    /// Commits that ran them.
    pub commits: Vec<String>,
    /// Days on which they ran.
    pub dates: Vec<String>,
}

/// The strategy to take, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// What was known.
    pub evidence: Evidence,
    /// The strategy with the largest mean saving of those whose interval lies above 0, if advice saved at least half of it on worlds left out; else
    /// `mix-all`.
    pub strategy: Strategy,
    /// The entries that were chosen from, largest mean first.
    pub considered: Vec<Expected>,
    /// In sentences.
    pub sentences: Vec<String>,
}

impl Forecast {
    /// The table that comes with the crate for models that begin so.
    ///
    /// # Errors
    /// [`ScheduleError::Inconsistent`] if the file in the crate is damaged, which a test excludes.
    pub fn built_in(start: Start) -> Result<Self, ScheduleError> {
        let (file, text) = match start {
            Start::Scratch => ("forecast.json", FROM_SCRATCH),
            Start::Pretrained => ("forecast-pretrained.json", PRETRAINED),
        };
        serde_json::from_str(text)
            .map_err(|error| ScheduleError::inconsistent(file, error.to_string(), "a table of `cargo xtask results`"))
    }

    /// What the table says of a grouping.
    #[must_use]
    pub fn verdict(&self, grouping: &Grouping) -> Verdict {
        self.verdict_on(Evidence::of(grouping))
    }

    /// What the table says where this much is known.
    #[must_use]
    pub fn verdict_on(&self, evidence: Evidence) -> Verdict {
        let mut considered: Vec<Expected> =
            self.expected.iter().filter(|expected| expected.evidence == evidence).cloned().collect();
        considered.sort_by(|a, b| b.mean.total_cmp(&a.mean));
        let promising = considered.iter().find(|expected| expected.low > 0.0);
        let advised = promising.filter(|expected| self.holds(expected));
        let strategy = advised.map_or(Strategy::MixAll, |expected| expected.strategy);
        let mut sentences: Vec<String> = considered.iter().map(|expected| self.sentence(expected)).collect();
        sentences.push(self.chosen(promising, advised, evidence));
        Verdict { evidence, strategy, considered, sentences }
    }

    /// What to expect of a strategy where this much is known, in a sentence; `None` where it was not tried. `checks_order`: whether it asks the run
    /// for its order ([`OrderRule`](crate::OrderRule)).
    #[must_use]
    pub fn expects(&self, strategy: Strategy, checks_order: bool, evidence: Evidence) -> Option<String> {
        let tried = |expected: &&Expected| {
            expected.strategy == strategy && expected.evidence == evidence && expected.checks_order() == checks_order
        };
        self.expected.iter().find(tried).map(|expected| self.sentence(expected))
    }

    fn sentence(&self, expected: &Expected) -> String {
        let Expected { strategy, arguments, groups, worlds, mean, low, high, least, most, unordered, random, .. } = expected;
        let [target, mean, low, high, least, most] = [self.target, *mean, *low, *high, *least, *most].map(|share| 100.0 * share);
        let start = self.start;
        let with: Vec<&str> = [arguments, groups].into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
        let mut sentence = format!(
            "Expected of {strategy}{with}: {mean:+.0} % of the samples saved to {target:.0} % of mix-all's best ({worlds} worlds, model {start}; 95 % interval \
             {low:+.0} to {high:+.0}; 8 of 10 further worlds between {least:+.0} and {most:+.0})."
        );
        let wrong = [("told an order that is not there", *unordered), ("with random groups", *random)];
        let wrong: Vec<String> =
            wrong.iter().filter_map(|(how, saving)| saving.map(|saving| format!("{how} {:+.0} %", 100.0 * saving))).collect();
        if !wrong.is_empty() {
            sentence.push_str(&format!(" That is with the right order; {}.", wrong.join(", ")));
        }
        sentence
    }

    /// Whether advice has saved at least half of this on worlds left out: else the table promises what it cannot find again.
    fn holds(&self, expected: &Expected) -> bool {
        let left_out = self.hit_rate.iter().find(|hits| hits.evidence == expected.evidence);
        left_out.is_some_and(|hits| hits.saved >= 0.5 * expected.mean)
    }

    fn chosen(&self, promising: Option<&Expected>, advised: Option<&Expected>, evidence: Evidence) -> String {
        let known = match evidence {
            Evidence::Similarity => "nothing says which datasets prepare others",
            Evidence::Dependence => "if the order you gave is one of dependence",
        };
        let (strategy, why) = match advised {
            None if promising.is_some() => {
                (Strategy::MixAll.to_string(), "what others saved was not found again on worlds left out")
            }
            None => (Strategy::MixAll.to_string(), "no other has saved beyond its interval"),
            Some(Expected { strategy, arguments, .. }) => {
                (format!("{strategy} {arguments}").trim_end().to_owned(), "the largest saving beyond its interval")
            }
        };
        let hits = self.hit_rate.iter().find(|hits| hits.evidence == evidence).map(|hits| {
            let HitRate { forecasts, right, saved, savings, inside, .. } = hits;
            format!(
                " On worlds it had not seen, such advice saved {:+.0} % in the mean and was within chance of the best in {right} of {forecasts}; \
                 {inside} of {savings} savings lay in their 8 of 10.",
                100.0 * saved
            )
        });
        format!(
            "Strategy: {strategy} ({known}; {why}).{} Worlds are generated and small: on data of another kind, compare.",
            hits.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a helper that fails is the test failing")]

    use super::*;

    fn expected(strategy: Strategy, mean: f64, low: f64) -> Expected {
        Expected {
            strategy,
            evidence: Evidence::Similarity,
            worlds: 8,
            mean,
            low,
            high: 2.0 * mean - low,
            least: low - 0.1,
            most: 0.4,
            arguments: String::new(),
            groups: String::new(),
            unordered: None,
            random: None,
        }
    }

    #[test]
    fn the_tables_that_ship_are_whole() {
        for start in [Start::Scratch, Start::Pretrained] {
            let forecast = Forecast::built_in(start).unwrap();
            assert_eq!(forecast.start, start);
            whole(&forecast);
        }
    }

    fn whole(forecast: &Forecast) {
        assert!(forecast.target > 0.0 && forecast.target <= 1.0 && forecast.null[0] <= forecast.null[1]);
        assert!(!forecast.made_from.commits.is_empty() && !forecast.made_from.rows.is_empty());
        for evidence in [Evidence::Similarity, Evidence::Dependence] {
            let verdict = forecast.verdict_on(evidence);
            assert!(verdict.considered.iter().any(|expected| expected.strategy == Strategy::MixAdaptive), "{evidence}");
            assert_eq!(forecast.expects(Strategy::GstReverse, false, evidence), None);
            let mixed = forecast.expects(Strategy::MixAdaptive, false, evidence);
            assert!(mixed.is_some_and(|text| verdict.sentences.contains(&text)));
        }
        for Expected { worlds, mean, low, high, least, most, .. } in &forecast.expected {
            assert!(*worlds >= 3 && low <= mean && mean <= high && least <= most && *most < 1.0);
        }
        assert_eq!(forecast.hit_rate.len(), 2);
        for HitRate { forecasts, right, savings, inside, saved, best, .. } in &forecast.hit_rate {
            assert!(right <= forecasts && inside <= savings && *forecasts > 0 && saved <= best && *best < 1.0);
        }
    }

    #[test]
    fn the_largest_saving_beyond_its_interval_is_advised() {
        let mut forecast = Forecast::built_in(Start::Scratch).unwrap();
        let of = |forecast: &Forecast| forecast.verdict_on(Evidence::Similarity).strategy;
        forecast.expected = vec![expected(Strategy::GstProgressive, 0.3, -0.01), expected(Strategy::MixAdaptive, 0.1, 0.05)];
        forecast.hit_rate.iter_mut().for_each(|hits| hits.saved = 0.04);
        assert_eq!(of(&forecast), Strategy::MixAll, "less than half of it on worlds left out");
        let advice = forecast.verdict_on(Evidence::Similarity).sentences.pop().unwrap();
        assert!(advice.contains("was not found again on worlds left out") && advice.contains("saved +4 %"), "{advice}");
        forecast.hit_rate.iter_mut().for_each(|hits| hits.saved = 0.3);
        assert_eq!(of(&forecast), Strategy::MixAdaptive);
        let verdict = forecast.verdict_on(Evidence::Similarity);
        assert!(verdict.sentences[0].starts_with("Expected of gst-progressive: +30 %"), "{:?}", verdict.sentences);
        let told = &mut forecast.expected[0];
        (told.arguments, told.unordered, told.random) = ("--early-share 0.1".into(), Some(0.01), Some(-0.25));
        told.groups = "3 spectral groups by cosine".into();
        let sentence = &forecast.verdict_on(Evidence::Similarity).sentences[0];
        assert!(
            sentence.starts_with("Expected of gst-progressive with --early-share 0.1, 3 spectral groups by cosine: +30 %"),
            "{sentence}"
        );
        assert!(sentence.ends_with("right order; told an order that is not there +1 %, with random groups -25 %."), "{sentence}");
        forecast.expected[0].low = 0.01;
        assert_eq!(of(&forecast), Strategy::GstProgressive);
        let advice = forecast.verdict_on(Evidence::Similarity).sentences.pop().unwrap();
        assert!(advice.starts_with("Strategy: gst-progressive --early-share 0.1 (nothing says"), "{advice}");
        forecast.expected[1].arguments = "--check-order 0.1".into();
        assert_eq!(forecast.expects(Strategy::MixAdaptive, false, Evidence::Similarity), None);
        assert!(forecast.expects(Strategy::MixAdaptive, true, Evidence::Similarity).is_some());
        forecast.expected.clear();
        assert_eq!(of(&forecast), Strategy::MixAll);
    }
}
