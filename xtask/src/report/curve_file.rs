//! The validation curve in a run's `metrics.jsonl`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::artifacts::{Cost, Score};
use super::convergence::Point;

#[derive(Deserialize)]
struct Head {
    event: String,
}

#[derive(Deserialize)]
struct Evaluation {
    split: String,
    #[serde(flatten)]
    cost: Cost,
    #[serde(rename = "step")]
    steps: f64,
    weighted: Score,
    #[serde(default)]
    forgetting: BTreeMap<String, Score>,
}

/// What a run's evaluations on the validation split say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Validation {
    /// Weighted token accuracy of every evaluation, in order of steps.
    pub(crate) curve: Vec<Point>,
    /// At the last of them: by dataset, how far the token accuracy is below its highest since the dataset came in.
    pub(crate) forgotten: BTreeMap<String, f64>,
}

/// Reads the evaluations on the validation split.
///
/// A resumed run writes the steps after its checkpoint again: the later line holds. A last line without its end, as a killed run
/// leaves it, is passed over; any other line that is not JSON is an error.
pub(crate) fn read(path: &Path) -> Result<Validation> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = BufReader::new(file);
    let Validation { mut curve, mut forgotten } = Validation::default();
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        if reader.read_line(&mut line).with_context(|| format!("cannot read {}", path.display()))? == 0 {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        match point(&line) {
            Ok(Some((point, forgetting))) => {
                curve.retain(|earlier| earlier.cost.steps < point.cost.steps);
                curve.push(point);
                forgotten = forgetting.into_iter().filter_map(|(name, lost)| Some((name, lost.token_accuracy?))).collect();
            }
            Ok(None) => {}
            Err(_) if !line.ends_with('\n') => break,
            Err(error) => bail!("{}, line {number}: {error}", path.display()),
        }
    }
    Ok(Validation { curve, forgotten })
}

fn point(line: &str) -> serde_json::Result<Option<(Point, BTreeMap<String, Score>)>> {
    if serde_json::from_str::<Head>(line)?.event != "evaluation" {
        return Ok(None);
    }
    let evaluation: Evaluation = serde_json::from_str(line)?;
    let value = evaluation.weighted.token_accuracy.filter(|_| evaluation.split == "validation");
    let cost = Cost { steps: evaluation.steps, ..evaluation.cost };
    Ok(value.map(|value| (Point { cost, value }, evaluation.forgetting)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(step: u64, accuracy: f64) -> String {
        format!(
            r#"{{"event":"evaluation","split":"validation","step":{step},"stage":0,"samples":{},"tokens":9,"audio_seconds":1.5,"wall_seconds":2.5,"datasets":{{}},"weighted":{{"token_accuracy":{accuracy}}},"unweighted":{{}}}}"#,
            step * 32
        )
    }

    fn check(text: &str, expected: &[(f64, f64)]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, text).unwrap();
        let read = read(&path).unwrap().curve;
        assert_eq!(read.iter().map(|point| (point.cost.steps, point.value)).collect::<Vec<_>>(), expected);
        for point in read {
            assert_eq!((point.cost.samples, point.cost.wall_seconds), (32.0 * point.cost.steps, 2.5));
        }
    }

    #[test]
    fn only_validation_is_on_the_curve() {
        let test = evaluation(20, 0.9).replace("validation", "test");
        let step = r#"{"event":"step","step":1,"loss":2.0}"#;
        check(&format!("{step}\n{}\n{test}\n", evaluation(10, 0.5)), &[(10.0, 0.5)]);
    }

    #[test]
    fn the_last_evaluation_says_what_is_forgotten() {
        let forgetting = |lost: f64| {
            evaluation(10, 0.5).replace(
                "\"unweighted\"",
                &format!("\"forgetting\":{{\"a\":{{\"since\":0,\"token_accuracy\":{lost}}}}},\"unweighted\""),
            )
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, format!("{}\n{}\n", forgetting(0.5), forgetting(0.125))).unwrap();
        assert_eq!(read(&path).unwrap().forgotten, BTreeMap::from([("a".to_owned(), 0.125)]));
    }

    #[test]
    fn what_a_resumed_run_wrote_again_holds() {
        let lines = [evaluation(10, 0.1), evaluation(20, 0.2), evaluation(30, 0.3), evaluation(20, 0.25), evaluation(30, 0.35)];
        check(&lines.join("\n"), &[(10.0, 0.1), (20.0, 0.25), (30.0, 0.35)]);
    }

    #[test]
    fn half_a_last_line_is_passed_over_and_any_other_is_an_error() {
        check(&format!("{}\n{{\"event\":\"st", evaluation(10, 0.5)), &[(10.0, 0.5)]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, format!("{}\nnonsense\n{}\n", evaluation(1, 0.1), evaluation(2, 0.2))).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 2"));
    }
}
