//! What a run tells: metrics, TensorBoard, lines for a log; and the options of the loop that change it.
#![allow(clippy::unwrap_used, reason = "test support: a failure here fails the test")]

mod common;

use common::{Bench, DATASETS};
use serde_json::Value;

fn lines(bench: &Bench, run: &str, event: &str) -> Vec<Value> {
    let text = bench.text(&format!("{run}/metrics.jsonl"));
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == event).collect()
}

/// Every option at once, in stages: what each of them leaves behind is looked for.
#[test]
fn a_run_with_every_option_tells_everything() {
    let bench = Bench::new();
    bench
        .ok(&format!("schedule --data data --only {DATASETS} --strategy sequential --steps 18 --batch-size 8 --out stages.json"));
    let settings = r#"
        rate = "linear"
        rate_horizon = "stage"
        rate_floor = 0.5
        warmup = 0.0
        ema = 0.5
        betas = [0.8, 0.9]
        evaluate_every = 0
        evaluate_every_seconds = 20.0
        [[parameter_groups]]
        pattern = '^encoder\.'
        learning_rate_factor = 0.0
    "#;
    std::fs::write(bench.path("settings.toml"), settings).unwrap();
    let train =
        format!("train --config settings.toml --data data --only {DATASETS} --schedule stages.json --tensorboard --out run");
    let output = bench.gst(&train);
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}");

    // The rate begins at its peak in every stage and ends it lower.
    let (stages, steps) = (lines(&bench, "run", "stage"), lines(&bench, "run", "step"));
    assert_eq!((stages.len(), steps.len()), (3, 18));
    let begins: Vec<usize> = stages.iter().map(|stage| stage["step"].as_u64().unwrap() as usize).collect();
    let ends: Vec<usize> = begins.iter().skip(1).copied().chain([18]).collect();
    for (&first, &end) in begins.iter().zip(&ends) {
        assert_eq!(steps[first]["learning_rate"], 2e-3, "{begins:?}");
        assert!(end > first + 1 && steps[end - 1]["learning_rate"].as_f64() < Some(2e-3), "{begins:?}");
    }
    // The parts of a step are its whole.
    for pair in steps.windows(2) {
        let grown = |field: &str| pair[1][field].as_f64().unwrap() - pair[0][field].as_f64().unwrap();
        let sum = |field: &str| {
            pair[1]["datasets"].as_object().unwrap().values().map(|part| part[field].as_f64().unwrap()).sum::<f64>()
        };
        for field in ["samples", "tokens", "audio_seconds"] {
            assert!((grown(field) - sum(field)).abs() < 1e-6, "{field}: {pair:?}");
        }
        assert!((sum("gradient_share") - 1.0).abs() < 1e-9);
    }
    // An evaluation whenever another 20 seconds of audio have passed, and at stage ends.
    let evaluations: Vec<Value> =
        lines(&bench, "run", "evaluation").into_iter().filter(|line| line["split"] == "validation").collect();
    let seconds: Vec<f64> = steps.iter().map(|step| step["audio_seconds"].as_f64().unwrap()).collect();
    let passed = |step: usize| (seconds[step] / 20.0).floor() > (if step > 0 { seconds[step - 1] } else { 0.0 } / 20.0).floor();
    let expected: Vec<u64> =
        (0..18).filter(|&step| passed(step) || ends.contains(&(step + 1))).map(|step| step as u64 + 1).collect();
    assert!(expected.len() > 3, "{seconds:?}");
    assert_eq!(evaluations.iter().map(|line| line["step"].as_u64().unwrap()).collect::<Vec<_>>(), expected);
    // Forgetting: of the first dataset from the start, of the last only once it is in; never below 0.
    let order: Vec<&str> = stages.iter().map(|stage| stage["datasets"][0].as_str().unwrap()).collect();
    let last = evaluations.last().unwrap()["forgetting"].as_object().unwrap();
    assert_eq!(last.len(), 3);
    for (name, &since) in order.iter().zip(&begins) {
        assert_eq!(last[*name]["since"], since);
        let measures = ["loss", "token_accuracy", "exact_match"];
        assert!(measures.iter().all(|measure| last[*name][measure].as_f64() >= Some(0.0)), "{last:?}");
    }
    assert!(evaluations[0]["forgetting"].get(order[2]).is_none() && evaluations[0]["scoring"] == "token-for-token");
    // Not on a terminal: one line a stage and an evaluation, none that moves a cursor.
    assert_eq!(log.lines().filter(|line| line.contains("stage ")).count(), 3, "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("validation loss")).count(), expected.len(), "{log}");
    assert!(!log.contains('\x1b'), "{log}");
    assert!(std::fs::metadata(bench.path("run/tensorboard/events.out.tfevents.gst")).unwrap().len() > 1000);

    // What is saved is what was evaluated: the moving average.
    let again: Value = serde_json::from_str(&bench.ok("evaluate run --split test --json")).unwrap();
    assert_eq!(again["weighted"], bench.json("run/result.json")["test"]["weighted"]);
}

#[test]
fn a_parameter_group_that_matches_nothing_is_refused() {
    let bench = Bench::new();
    bench.ok(&format!("schedule --data data --only {DATASETS} --strategy mix-all --steps 2 --batch-size 4 --out mix.json"));
    std::fs::write(bench.path("settings.toml"), "[[parameter_groups]]\npattern = 'no.such.layer'\n").unwrap();
    let message =
        bench.fails(&format!("train --config settings.toml --data data --only {DATASETS} --schedule mix.json --out run"));
    assert!(message.contains("no.such.layer") && message.contains("encoder"), "{message}");
}
