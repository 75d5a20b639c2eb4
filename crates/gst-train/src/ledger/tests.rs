use std::collections::BTreeSet;

use gst_schedule::{Change, Decision};
use serde_json::Value;

use super::*;
use crate::evaluate::DatasetScores;

/// An evaluation with this loss; what is no number has the accuracies of 0.5.
fn evaluation_of(step: u64, loss: f64) -> Event {
    let accuracy = if loss.is_nan() { 0.5 } else { 1.0 - loss };
    let row = DatasetScores {
        loss,
        token_accuracy: accuracy,
        token_accuracy_with_eos: accuracy,
        exact_match: accuracy,
        majority: 0.25,
        records: 4,
    };
    let scores = Evaluation::new([("a".to_owned(), row)].into(), &[("a".to_owned(), 1.0)].into());
    Event::Evaluation {
        split: "validation".into(),
        step,
        stage: 0,
        samples: 8,
        tokens: 80,
        audio_seconds: 8.0,
        wall_seconds: 1.0,
        scores,
        forgetting: BTreeMap::new(),
    }
}

fn evaluation(step: u64, accuracy: f64) -> Event {
    evaluation_of(step, 1.0 - accuracy)
}

fn step(step: u64) -> Event {
    let part = DatasetStep { samples: 8, tokens: 80, audio_seconds: 8.0, loss: 1.5, gradient_share: 1.0 };
    Event::Step {
        step,
        stage: 0,
        loss: 1.5,
        learning_rate: 1e-3,
        gradient_norm: 0.5,
        samples: 8 * step,
        tokens: 80 * step,
        audio_seconds: 8.0 * step as f64,
        wall_seconds: step as f64,
        data_wait_seconds: 0.0,
        data_wait_share: 0.0,
        datasets: [("a".to_owned(), part)].into(),
    }
}

fn events() -> Vec<Event> {
    let stage = Event::Stage { step: 0, stage: 0, name: "all".into(), datasets: vec!["a".into()], shares: vec![1.0] };
    let decision = Decision { step: 2, change: Change::Reweight { weights: vec![1] }, reason: "a test".into() };
    vec![stage, step(1), evaluation(1, 0.75), Event::Decision(decision), step(2), evaluation(2, 0.5), step(3)]
}

#[derive(Default)]
struct Seen {
    events: usize,
    notes: usize,
}

impl Watch for Seen {
    fn see(&mut self, _event: &Event) {
        self.events += 1;
    }

    fn note(&mut self, _text: &str) {
        self.notes += 1;
    }
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn forgetting_is_told_and_everything_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut watch = Seen::default();
    let mut ledger = Ledger::create(&path, None, &mut watch).unwrap();
    events().into_iter().for_each(|event| ledger.write(event).unwrap());
    ledger.note("by the way");
    let lines = lines(&path);
    assert_eq!(lines[2]["forgetting"]["a"]["token_accuracy"], 0.0);
    assert_eq!(lines[5]["forgetting"]["a"]["token_accuracy"], 0.25);
    assert_eq!(lines[5]["scoring"], "token-for-token");
    assert_eq!((watch.events, watch.notes), (lines.len(), 1));
}

/// A model may be beyond all numbers on one dataset: the files stay readable, and a run goes on with them.
#[test]
fn a_loss_that_is_no_number_is_null_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut nobody = ();
    let mut ledger = Ledger::create(&path, Some(&folder.path().join("board")), &mut nobody).unwrap();
    ledger.write(events().remove(0)).unwrap();
    ledger.write(evaluation_of(1, f64::NAN)).unwrap();
    let row = &lines(&path)[1];
    assert!(
        row["datasets"]["a"]["loss"].is_null() && row["weighted"]["loss"].is_null() && row["forgetting"]["a"]["loss"].is_null()
    );
    let read: Event = serde_json::from_value(row.clone()).unwrap();
    let Event::Evaluation { scores, forgetting, .. } = read else { panic!("another event") };
    assert!(scores.datasets["a"].loss.is_nan() && forgetting["a"].loss.is_nan());
}

#[test]
fn wherever_it_is_resumed_both_files_are_those_of_a_run_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, events: &[Event], state: LedgerState| {
        let (path, board) = (folder.path().join(name), folder.path().join(format!("{name}.board")));
        let mut nobody = ();
        let (mut ledger, _) = Ledger::resume(&path, Some(&board), state, &mut nobody).unwrap();
        let mut states = vec![ledger.state()];
        for event in events {
            ledger.write(event.clone()).unwrap();
            states.push(ledger.state());
        }
        (fs::read(&path).unwrap(), fs::metadata(board.join(tensorboard::FILE)).unwrap().len(), states)
    };
    let (whole, board, _) = run("whole", &events(), LedgerState::default());
    for stop in 0..events().len() {
        let name = format!("stopped-{stop}");
        let (.., states) = run(&name, &events(), LedgerState::default());
        let saved = serde_json::to_string(&states[stop]).unwrap();
        // Two bytes of a torn line behind what the checkpoint knows.
        let path = folder.path().join(&name);
        let torn =
            fs::read(&path).unwrap()[..states[stop].metrics_bytes as usize].iter().chain(b"{\"").copied().collect::<Vec<_>>();
        fs::write(&path, torn).unwrap();
        let (again, again_board, _) = run(&name, &events()[stop..], serde_json::from_str(&saved).unwrap());
        assert!(again == whole, "stopped after {stop} events");
        assert_eq!(again_board, board, "stopped after {stop} events");
    }
}

#[test]
fn lost_work_is_cut_off_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut nobody = ();
    let mut ledger = Ledger::create(&path, None, &mut nobody).unwrap();
    ledger.write(step(1)).unwrap();
    let state = ledger.state();
    let first = fs::read(&path).unwrap();
    assert_eq!(state.metrics_bytes, first.len() as u64);
    ledger.write(step(2)).unwrap();
    ledger.write(step(3)).unwrap();
    let (mut again, lost) = Ledger::resume(&path, None, state.clone(), &mut nobody).unwrap();
    assert_eq!((lost, fs::read(&path).unwrap()), (2, first.clone()));
    again.write(step(1)).unwrap();
    assert_eq!(again.state().metrics_bytes, 2 * state.metrics_bytes);

    // A file that lost its end keeps its whole lines; one that is gone begins anew.
    let bytes = |ledger: &Ledger<'_>| ledger.state().metrics_bytes;
    let longer = LedgerState { metrics_bytes: 10 * state.metrics_bytes, ..state.clone() };
    fs::write(&path, [first.as_slice(), b"{\"event\":\"st"].concat()).unwrap();
    let (short, lost) = Ledger::resume(&path, None, longer, &mut nobody).unwrap();
    assert_eq!((bytes(&short), lost), (state.metrics_bytes, 0));
    fs::remove_file(&path).unwrap();
    assert_eq!(bytes(&Ledger::resume(&path, None, state, &mut nobody).unwrap().0), 0);
}

/// Every key that a line of `metrics.jsonl` can have is named in docs/files.md.
#[test]
fn the_documentation_names_every_field() {
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                found.insert(key.clone());
                keys(value, found);
            }),
            Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut nobody = ();
    let mut ledger = Ledger::create(&path, None, &mut nobody).unwrap();
    events().into_iter().for_each(|event| ledger.write(event).unwrap());
    let mut found = BTreeSet::new();
    lines(&path).iter().for_each(|line| keys(line, &mut found));
    // The name of the dataset of this test.
    found.remove("a");

    let docs = include_str!("../../../../docs/files.md");
    let section = docs.split_once("### `metrics.jsonl`").unwrap().1.split_once("### `result.json`").unwrap().0;
    let missing: Vec<_> = found.iter().filter(|key| !section.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/files.md does not name {missing:?}");
    // The innermost keys were looked at, too.
    assert!(["gradient_share", "since", "majority", "weights"].iter().all(|key| found.contains(*key)), "{found:?}");
}
