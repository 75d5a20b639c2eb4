//! The file: what is written fits the published schema, reads back, and is refused when it contradicts itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper that fails is the test failing")]

use gst_affinity::{DatasetFacts, Document};
use gst_schedule::{Change, Decision, Schedule, ScheduleParams, Strategy, Weighting, simulate, write_weights_csv};
use serde_json::{Value, json};

fn datasets() -> Vec<DatasetFacts> {
    let mut datasets = [("a", 40), ("b,\"c\"", 30), ("d", 30)].map(|(name, size)| DatasetFacts::new(name, size)).to_vec();
    DatasetFacts::weigh_by_size(&mut datasets);
    datasets
}

fn schedule(strategy: Strategy) -> Schedule {
    let ramp_steps = if strategy == Strategy::StrictCycle { 5 } else { 3 };
    let mix_floor = (strategy != Strategy::GstAdaptive).then_some(0.0);
    let params = ScheduleParams { strategy, steps: 200, ramp_steps, replay_floor: 0.2, mix_floor, ..ScheduleParams::default() };
    Schedule::new(&datasets(), Some(&[vec![1], vec![0, 2]]), &params).unwrap()
}

/// What of JSON Schema the published schema uses; the first thing that does not fit is returned.
fn misfit(root: &Value, schema: &Value, value: &Value, place: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("no {reference} in the schema"));
        return misfit(root, target, value, place);
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("type {other} in the schema"),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        _ => vec![],
    };
    let wrong = |what: String| Some(format!("{place}: {what}, found {value}"));
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        return wrong(format!("not of type {kinds:?}"));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        return wrong(format!("not {}", schema["const"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return wrong(format!("none of {allowed:?}"));
    }
    if let Some(number) = value.as_f64() {
        let beyond = |bound: &str| schema[bound].as_f64();
        if beyond("minimum").is_some_and(|least| number < least) || beyond("maximum").is_some_and(|most| number > most) {
            return wrong("out of range".to_owned());
        }
    }
    if let Some(items) = value.as_array() {
        if schema["minItems"].as_u64().is_some_and(|least| (items.len() as u64) < least) {
            return wrong("too few".to_owned());
        }
        let found = items.iter().enumerate().find_map(|(i, item)| misfit(root, &schema["items"], item, &format!("{place}[{i}]")));
        return found;
    }
    let fields = value.as_object()?;
    for name in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            return wrong(format!("{name} is missing"));
        }
    }
    fields.iter().find_map(|(name, field)| match (&schema["properties"][name], &schema["additionalProperties"]) {
        (Value::Null, Value::Bool(false)) => wrong(format!("{name} is not in the schema")),
        (Value::Null, others) => misfit(root, others, field, &format!("{place}.{name}")),
        (known, _) => misfit(root, known, field, &format!("{place}.{name}")),
    })
}

fn published() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schedule.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn written(schedule: &Schedule) -> Value {
    serde_json::from_str(&Document::new(schedule.clone()).from_source("data", "sha256:0").to_json().unwrap()).unwrap()
}

#[test]
fn every_schedule_fits_the_schema_and_reads_back() {
    let schema = published();
    for strategy in Strategy::ALL {
        let mut schedule = schedule(strategy);
        if strategy == Strategy::GstAdaptive {
            let log = [
                Decision { step: 10, change: Change::Advance, reason: "test".to_owned() },
                Decision { step: 10, change: Change::Regroup { groups: vec![vec![0], vec![2]] }, reason: "test".to_owned() },
                Decision { step: 11, change: Change::Reweight { weights: vec![1, 2, 3] }, reason: "test".to_owned() },
                Decision { step: 15, change: Change::MixAll, reason: "test".to_owned() },
            ];
            schedule = schedule.replay(&log).unwrap();
        }
        assert_eq!(misfit(&schema, &schema, &written(&schedule), "$"), None, "{strategy}");
        let text = Document::new(schedule.clone()).to_json().unwrap();
        assert_eq!(Document::<Schedule>::from_json(&text, "test").unwrap().body, schedule, "{strategy}");
    }
}

/// The schema says no where the crate does: each of these edits must be refused by both.
#[test]
fn edited_files_are_refused() {
    let schema = published();
    let check = |edit: fn(&mut Value), says: &str, schema_sees_it: bool| {
        let mut file = written(&schedule(Strategy::GstAdaptive));
        edit(&mut file);
        let error = Document::<Schedule>::from_json(&file.to_string(), "edited.json").unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("edited.json"), "`{error}` does not say `{says}`");
        assert_eq!(misfit(&schema, &schema, &file, "$").is_some(), schema_sees_it, "the schema and {says}");
    };
    check(|file| file["format"] = json!("gst-grouping"), "gst-grouping", true);
    check(|file| file["version"] = json!(2), "version 2", true);
    check(|file| file["strategy"] = json!("mixall"), "mixall", true);
    check(|file| file["steps"] = json!(201), "found 200, expected 201", false);
    check(|file| file["steps"] = json!(-1), "-1", true);
    check(|file| file["batch_size"] = json!(0), "batch_size", true);
    check(|file| file["stages"] = json!([]), "stages", true);
    check(|file| file["datasets"][1]["name"] = json!("a"), "both named `a`", false);
    check(|file| file["datasets"][1]["size"] = json!(0), "no training samples", true);
    check(|file| file["groups"] = json!([[0, 1]]), "`d` is in no group", false);
    check(|file| file["stages"][0]["weights"] = json!([1, 2]), "one for each of 3 datasets", false);
    check(|file| file["stages"][0]["weights"] = json!([0, 0, 0]), "sum of weights", false);
    check(|file| file["stages"][0]["weights"] = json!([u64::MAX, 1, 1]), "sum of weights", true);
    check(|file| file["stages"][0]["datasets"] = json!([7, 1, 2]), "an index below 3", false);
    check(|file| file["stages"][1]["datasets"] = json!([1, 1, 2]), "1 twice", false);
    check(|file| file["stages"][0]["groups"] = json!([9]), "group", false);
    check(|file| file["stages"][1]["ramp"][0]["steps"] = json!(500), "steps of the ramp", false);
    check(|file| file["stages"][1]["ramp"][0]["steps"] = json!(0), "ramp: steps", true);
    check(|file| file["policy"]["weights"] = json!([1]), "policy: weights", false);
    check(|file| file["policy"]["replay_floor"] = json!(1.5), "replay_floor", true);
    check(|file| file["policy"]["mix_floor"] = json!(-0.1), "mix_floor", true);
    check(|file| file["policy"]["plateau"]["patience"] = json!(0), "patience", true);
    check(|file| drop(file.as_object_mut().unwrap().remove("seed")), "seed", true);
}

/// The table of weights holds a line for each step, quotes names, and follows stages and ramps.
#[test]
fn the_weights_table_follows_the_stages() {
    let schedule = schedule(Strategy::GstProgressive);
    let mut csv = String::new();
    write_weights_csv(&schedule, &mut csv).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 201);
    assert_eq!(lines[0], "step,stage,a,\"b,\"\"c\"\"\",d");
    assert_eq!(lines[1], "0,0,0,1,0");
    for (line, step) in lines[1..].iter().zip(0_u64..) {
        let fields: Vec<u64> = line.split(',').map(|field| field.parse().unwrap()).collect();
        assert_eq!((fields[0], fields[1]), (step, schedule.stage_at(step) as u64));
    }
    let shares = |line: &str| -> Vec<f64> {
        let weights: Vec<f64> = line.split(',').skip(2).map(|field| field.parse().unwrap()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    };
    // The first of three ramp pieces is a quarter of the way from (0, 1, 0) to (0.4, 0.3, 0.3).
    let first = shares(lines[31]);
    assert!((first[0] - 0.1).abs() < 1e-5 && (first[1] - 0.825).abs() < 1e-5, "{first:?}");
    assert_eq!(lines[200], "199,1,4,3,3");
}

/// A failing writer is an error, not a panic.
#[test]
fn a_table_that_cannot_be_written_is_an_error() {
    struct Full;
    impl std::fmt::Write for Full {
        fn write_str(&mut self, _: &str) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }
    let error = write_weights_csv(&schedule(Strategy::MixAll), &mut Full).unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
}

#[test]
fn a_simulation_counts_what_is_drawn() {
    let mut schedule = schedule(Strategy::GstProgressive);
    for dataset in &mut schedule.datasets {
        (dataset.mean_tokens, dataset.mean_audio_seconds, dataset.seconds_per_sample) = (10.0, 2.5, 0.01);
    }
    let simulation = simulate(&schedule).unwrap();
    let draws = gst_schedule::Draws::new(&schedule).unwrap();
    let mut counted = vec![vec![0_u64; 3]; 2];
    for step in 0..200 {
        for draw in draws.step(step) {
            counted[draws.stage_at(step)][draw.dataset] += 1;
        }
    }
    for (stage, counted) in simulation.stages.iter().zip(&counted) {
        for used in &stage.datasets {
            assert_eq!(used.samples, counted[used.dataset], "{}", stage.name);
        }
        assert_eq!(stage.cost.samples, counted.iter().sum::<u64>());
    }
    for used in &simulation.datasets {
        assert_eq!(used.samples, counted[0][used.dataset] + counted[1][used.dataset]);
        assert_eq!(used.tokens, used.samples * 10);
    }
    assert_eq!((simulation.total.steps, simulation.total.samples, simulation.total.tokens), (200, 6400, 64_000));
    assert!((simulation.total.audio_seconds - 16_000.0).abs() < 1e-6);
    let warnings = simulation.warnings(10.0);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].contains("`a` is gone through"), "{warnings:?}");
    let table = simulation.to_string();
    assert!(table.lines().count() == 11 && table.contains("groups 1..2") && table.contains("6400"), "{table}");
}

#[test]
fn a_simulation_warns_of_what_is_never_or_hardly_drawn() {
    let weighting = Weighting::Fixed(vec![1.0, 0.0, 0.01]);
    let schedule =
        Schedule::new(&datasets(), None, &ScheduleParams { steps: 5, weighting, ..ScheduleParams::default() }).unwrap();
    let warnings = simulate(&schedule).unwrap().warnings(4.0);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("never drawn"));
    assert!(warnings[1].contains("6.7 % of dataset `d`"), "{warnings:?}");
}
