use std::collections::BTreeMap;

use console::{measure_text_width, strip_ansi_codes};
use gst_affinity::DatasetFacts;
use gst_schedule::{ScheduleParams, Strategy};

use super::*;
use crate::evaluate::{DatasetScores, Evaluation};
use crate::ledger::DatasetStep;
use crate::ledger::forgetting::Forgetting;

/// A run of 100 steps at 4 steps a second, seen after 50 of them; `b` was forgotten, `c` has not come in.
fn view() -> View {
    let mut datasets = [("a", 60), ("b", 30), ("c", 10)].map(|(name, size)| DatasetFacts::new(name, size));
    DatasetFacts::weigh_by_size(&mut datasets);
    let params = ScheduleParams { strategy: Strategy::GstProgressive, steps: 100, ..ScheduleParams::default() };
    let schedule = Schedule::new(&datasets, Some(&[vec![0, 1], vec![2]]), &params).unwrap();
    let mut view = View::new(&schedule);
    let names = vec!["a".to_owned(), "b".to_owned()];
    let stage = Event::Stage { step: 0, stage: 0, name: "groups 1..1".into(), datasets: names, shares: vec![0.75, 0.25] };
    view.see(&stage, 0.0);
    for step in 1..=50 {
        view.see(&step_event(step), step as f64 * 0.25);
    }
    view.see(&evaluation(), 12.5);
    view.memory = Some(54 << 20);
    view
}

fn step_event(step: u64) -> Event {
    let part = |loss, gradient_share| DatasetStep { samples: 4, tokens: 40, audio_seconds: 4.0, loss, gradient_share };
    Event::Step {
        step,
        stage: 0,
        loss: 1.25,
        learning_rate: 1e-3,
        gradient_norm: 0.5,
        samples: 8 * step,
        tokens: 80 * step,
        audio_seconds: 8.0 * step as f64,
        wall_seconds: step as f64 * 0.25,
        data_wait_seconds: step as f64 * 0.025,
        data_wait_share: 0.0,
        datasets: [("a".to_owned(), part(1.0, 0.625)), ("b".to_owned(), part(1.5, 0.375))].into(),
    }
}

fn evaluation() -> Event {
    let row = |accuracy: f64| DatasetScores {
        loss: 2.0 - accuracy,
        token_accuracy: accuracy,
        token_accuracy_with_eos: accuracy,
        exact_match: accuracy / 2.0,
        majority: 0.25,
        records: 4,
    };
    let datasets = [("a", 0.75), ("b", 0.5), ("c", 0.0)].map(|(name, accuracy)| (name.to_owned(), row(accuracy)));
    let weights = [("a", 0.6), ("b", 0.3), ("c", 0.1)].map(|(name, weight)| (name.to_owned(), weight));
    let lost = |token_accuracy| Forgetting { since: 0, loss: 0.0, token_accuracy, exact_match: 0.0 };
    Event::Evaluation {
        split: "validation".into(),
        step: 50,
        stage: 0,
        samples: 400,
        tokens: 4000,
        audio_seconds: 400.0,
        wall_seconds: 12.5,
        scores: Evaluation::new(datasets.into(), &weights.into()),
        forgetting: BTreeMap::from([("a".to_owned(), lost(0.0)), ("b".to_owned(), lost(0.25))]),
    }
}

#[test]
fn the_table_has_every_figure() {
    let lines = view().table(130, 20, false);
    assert_eq!(lines[0], "gst-progressive · step 50/100 · 50.0 % · 4.00 steps/s · 0:13 left");
    assert_eq!(lines[1], format!("{}{}", "━".repeat(65), "─".repeat(65)));
    assert_eq!(lines[2], "stage 1 of 2, groups 1..1 · loss 1.250");
    assert_eq!(lines[3], "learning rate 1.00e-3 · gradient norm 0.50 · memory 54 MiB · data wait 10.0 %");
    assert_eq!(
        lines[4..],
        [
            "dataset  samples  gradient   loss  validation  accuracy   exact  forgotten",
            "a         75.0 %    62.5 %  1.000       1.250    75.0 %  37.5 %      0.0 %",
            "b         25.0 %    37.5 %  1.500       1.500    50.0 %  25.0 %     25.0 %",
            "c              –         –      –       2.000     0.0 %   0.0 %          –",
        ]
    );
}

#[test]
fn it_fits_any_terminal_and_colour_changes_no_letter() {
    let view = view();
    for width in [1, 10, 40, 79, 200] {
        for height in [0, 1, 4, 5, 6, 7, 50] {
            let plain = view.table(width, height, false);
            assert!(plain.len() <= height && plain.iter().all(|line| measure_text_width(line) <= width), "{plain:?}");
            let painted = view.table(width, height, true);
            let stripped: Vec<_> = painted.iter().map(|line| strip_ansi_codes(line).into_owned()).collect();
            assert_eq!(stripped, plain);
        }
    }
    assert_eq!(view.table(79, 7, false).last().map(String::as_str), Some("… and 2 more"));
    // What was forgotten stands out, what is not in the stage steps back, and nothing is painted without colour.
    let painted = view.table(79, 20, true);
    assert!(painted[6].starts_with("\x1b[33mb") && painted[7].starts_with("\x1b[2mc") && painted[5].starts_with('a'));
    assert!(!view.table(79, 20, false).concat().contains('\x1b'));
}

#[test]
fn a_log_gets_a_line_for_stages_evaluations_and_decisions() {
    let view = view();
    assert_eq!(view.line(&step_event(51)), None);
    assert_eq!(
        view.line(&evaluation()).unwrap(),
        "step 50/100: loss 1.250 · validation loss 1.400, token accuracy 60.0 %, exact match 30.0 % · forgotten 25.0 % of b · \
         4.00 steps/s · 0:13 left"
    );
}

#[test]
fn times_are_read_at_a_glance() {
    for (seconds, expected) in [(0.4, "0:00"), (61.0, "1:01"), (3599.6, "1:00:00"), (90_061.0, "25:01:01")] {
        assert_eq!(clock(seconds), expected);
    }
}
