//! The validation curve in a run's `metrics.jsonl`.

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
}

/// Reads the weighted validation token accuracy of every evaluation, in order of steps.
///
/// A resumed run writes the steps after its checkpoint again: the later line holds. A last line without its end, as a killed run
/// leaves it, is passed over; any other line that is not JSON is an error.
pub(crate) fn read(path: &Path) -> Result<Vec<Point>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut curve: Vec<Point> = Vec::new();
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
            Ok(Some(point)) => {
                curve.retain(|earlier| earlier.cost.steps < point.cost.steps);
                curve.push(point);
            }
            Ok(None) => {}
            Err(_) if !line.ends_with('\n') => break,
            Err(error) => bail!("{}, line {number}: {error}", path.display()),
        }
    }
    Ok(curve)
}

fn point(line: &str) -> serde_json::Result<Option<Point>> {
    if serde_json::from_str::<Head>(line)?.event != "evaluation" {
        return Ok(None);
    }
    let evaluation: Evaluation = serde_json::from_str(line)?;
    let value = evaluation.weighted.token_accuracy.filter(|_| evaluation.split == "validation");
    Ok(value.map(|value| Point { cost: Cost { steps: evaluation.steps, ..evaluation.cost }, value }))
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
        let read = read(&path).unwrap();
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
