//! The first lines of a report: what came out, in sentences that carry their numbers.

use super::artifacts::Unit;
use super::comparison::{Comparison, Judged};
use super::evidence::Evidence;
use super::interval::mean;
use super::number::{percent, share};
use super::tables::range;

/// The share of the baseline's mean best that the sentences speak of.
const SPOKEN: f64 = 0.95;

/// One sentence a finding.
pub(crate) fn sentences(evidence: &Evidence, comparison: &Comparison<'_>) -> Vec<String> {
    let mut sentences = vec![accuracy(evidence), strongest(evidence)];
    match comparison.too_short() {
        Some(reason) => sentences.push(format!("No saving is stated: {reason}.")),
        None => {
            sentences.extend(evidence.others().filter_map(|strategy| saving(evidence, comparison, strategy)));
        }
    }
    sentences.extend(recommendation(evidence));
    if !evidence.missing.is_empty() {
        let count = evidence.missing.len();
        sentences.push(format!("{count} of {} cells have no result; they are named below.", count + evidence.runs.len()));
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Which baseline was the strongest, where there was a choice.
fn strongest(evidence: &Evidence) -> String {
    let baselines = evidence.manifest.as_ref().map_or(&[][..], |manifest| &manifest.settings.baselines);
    match &evidence.sweep {
        Some(_) if baselines.len() > 1 => {
            format!("The baseline is {}, the best in the sweep of {}.", evidence.baseline, baselines.join(", "))
        }
        _ => String::new(),
    }
}

fn accuracy(evidence: &Evidence) -> String {
    let figure = |strategy: &String| {
        let values: Vec<f64> = evidence.runs_of(strategy).filter_map(|run| run.result.test.weighted.exact_match).collect();
        mean(&values).map(|mean| format!("{strategy} {}", share(mean)))
    };
    let figures: Vec<String> = evidence.strategies.iter().filter_map(figure).collect();
    if figures.is_empty() { String::new() } else { format!("Weighted exact match on test: {}.", figures.join(", ")) }
}

/// What `gst` recommends after measuring affinity: the answer that costs no training.
fn recommendation(evidence: &Evidence) -> Option<String> {
    const WORD: &str = "Recommendation: ";
    let (seed, plan) = evidence.plans.iter().find(|(_, plan)| plan.affinity.is_some())?;
    let of_groups = plan.groupings.get("grouping").into_iter().flat_map(|grouping| &grouping.body.verdict);
    let of_affinity = plan.affinity.iter().flat_map(|affinity| &affinity.body.verdict);
    let sentence = of_groups.chain(of_affinity).find_map(|sentence| sentence.strip_prefix(WORD))?;
    Some(format!("What gst recommends from the affinity alone (seed {seed}): {sentence}"))
}

/// How many samples a saving is, in words that go on with the baseline. `at_most`: the true saving is no more than that.
fn amount(saving: f64, at_most: bool) -> String {
    let part = (100.0 * saving.abs()).round();
    match (part, saving < 0.0, at_most) {
        (0.0, _, true) => "at least as many samples as".to_owned(),
        (0.0, _, false) => "as many samples as".to_owned(),
        (_, true, true) => format!("at least {part}\u{202f}% more samples than"),
        (_, true, false) => format!("{part}\u{202f}% more samples than"),
        (_, false, true) => format!("at most {part}\u{202f}% fewer samples than"),
        (_, false, false) => format!("{part}\u{202f}% fewer samples than"),
    }
}

fn saving(evidence: &Evidence, comparison: &Comparison<'_>, strategy: &str) -> Option<String> {
    let reaches = comparison.reaches(strategy, SPOKEN);
    if reaches.is_empty() {
        return None;
    }
    let baseline = &evidence.baseline;
    let level = format!("{:.0}\u{202f}% of {baseline}’s mean best", 100.0 * SPOKEN);
    let missed = reaches.iter().filter(|(_, reach)| reach.is_censored()).count();
    if missed == reaches.len() {
        return Some(format!("{strategy} reached {level} in no seed."));
    }
    let probed = evidence.runs_of(strategy).any(|run| run.result.probe_cost.samples > 0.0);
    let Judged::Saving { interval, savings } = comparison.judge(strategy, SPOKEN, Unit::Samples) else { return None };
    let null = comparison.null(SPOKEN, Unit::Samples);
    let (lowest, highest) = null.iter().fold((0.0_f64, 0.0_f64), |(low, high), s| (low.min(s.saving), high.max(s.saving)));
    let verdict = if interval.low > 0.0 && interval.mean > highest {
        "a saving".to_owned()
    } else if interval.high < 0.0 && interval.mean < lowest {
        "a loss".to_owned()
    } else {
        format!("no difference from {baseline} is shown")
    };
    let amount = amount(interval.mean, savings.iter().any(|s| s.at_most));
    let missed = if missed > 0 { format!("; {missed} of {} seeds missed it", reaches.len()) } else { String::new() };
    let null = if null.is_empty() { String::new() } else { format!("; {baseline} against {baseline} spans {}", range(&null)) };
    Some(format!(
        "{strategy} needed {amount} {baseline} to reach {level}{} (saving {}, 95\u{202f}% interval {} to {}, {} \
         seeds{missed}{null}): {verdict}.",
        if probed { ", the probe counted" } else { "" },
        percent(interval.mean),
        percent(interval.low),
        percent(interval.high),
        savings.len(),
    ))
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn a_saving_that_rounds_to_nothing_is_no_percentage() {
        assert_eq!(amount(-0.004, true), "at least as many samples as");
        assert_eq!(amount(0.004, false), "as many samples as");
        assert_eq!(amount(0.104, true), "at most 10\u{202f}% fewer samples than");
        assert_eq!(amount(-0.104, true), "at least 10\u{202f}% more samples than");
        assert_eq!(amount(-0.104, false), "10\u{202f}% more samples than");
    }
}
