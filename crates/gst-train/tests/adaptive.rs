//! Schedules that change while they run: what was decided is in the run folder, and replaying it gives the same schedule.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use common::Bench;
use gst_affinity::artifact::Document;
use gst_schedule::adaptive::Learned;
use gst_schedule::{OrderRule, Schedule};

const FOUR: &str = "event_count,noise_colour,pitch_class,vowel";

fn schedule(bench: &Bench, name: &str) -> Schedule {
    Document::from_json(&bench.text(name), name).unwrap().body
}

fn decisions(bench: &Bench, run: &str) -> Vec<serde_json::Value> {
    let text = bench.text(&format!("{run}/metrics.jsonl"));
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["event"] == "decision").collect()
}

#[test]
fn gst_adaptive_measures_again_and_regroups_what_is_not_yet_in() {
    let bench = Bench::new();
    bench.ok(&format!("affinity --data data --only {FOUR} --points 1 --batches 3 --batch-size 2 --out affinity.json"));
    bench.ok(&format!("group affinity.json --partition {} --out grouping.json", FOUR.replace(',', ";")));
    bench.ok(
        "schedule grouping.json --strategy gst-adaptive --regroup --steps 24 --batch-size 8 --early-share 0.2 --out planned.json",
    );
    bench.ok(&format!("train --data data --only {FOUR} --schedule planned.json --evaluate-every 2 --out run"));

    let taken = decisions(&bench, "run");
    let regrouped = taken.iter().find(|line| line["change"] == "regroup").expect("no regroup decision");
    assert!(regrouped["reason"].as_str().unwrap().contains("measured again"), "{regrouped}");
    let resolved = schedule(&bench, "run/schedule.json");
    assert_eq!(resolved.decisions.len(), taken.len());
    assert_eq!(schedule(&bench, "planned.json").replay(&resolved.decisions).unwrap(), resolved);
    // What measuring again cost is in the run's cost, beside its 24 steps of 8 samples.
    let cost = &bench.json("run/result.json")["cost"];
    assert!(cost["samples"].as_u64().unwrap() > 24 * 8, "{cost}");

    bench.ok(&format!("train --data data --only {FOUR} --schedule planned.json --evaluate-every 2 --workers 0 --out again"));
    assert_eq!(bench.json("again/result.json")["test"], bench.json("run/result.json")["test"]);
}

#[test]
fn mix_adaptive_moves_its_weights() {
    let bench = Bench::new();
    bench.ok(&format!("schedule --data data --only {FOUR} --strategy mix-adaptive --steps 12 --batch-size 8 --out planned.json"));
    bench.ok(&format!("train --data data --only {FOUR} --schedule planned.json --evaluate-every 3 --out run"));
    let taken = decisions(&bench, "run");
    assert!(taken.iter().any(|line| line["change"] == "reweight"), "{taken:?}");
    let resolved = schedule(&bench, "run/schedule.json");
    assert!(resolved.stages.len() > 1 && resolved.steps == 12);
    assert_ne!(resolved.stages[0].weights, resolved.stages.last().unwrap().weights);
}

#[test]
fn groups_of_ones_own_need_no_probe() {
    let bench = Bench::new();
    let schedule_with = |partition: &str| {
        let strategy = "--strategy gst-adaptive --mix-floor 0 --steps 20 --batch-size 8 --early-share 0.2";
        format!("schedule --data data --only {FOUR} {strategy} --partition {partition} --out planned.json")
    };
    bench.ok(&schedule_with("vowel,pitch_class;event_count;noise_colour"));
    let planned = schedule(&bench, "planned.json");
    let names: Vec<&str> = planned.stages[0].datasets.iter().map(|&dataset| planned.datasets[dataset].name.as_str()).collect();
    assert_eq!((names, planned.stages.len(), planned.probe_cost.samples), (vec!["vowel", "pitch_class"], 3, 0));
    let unknown = bench.fails(&schedule_with("vowel,pitch;event_count;noise_colour"));
    assert!(unknown.contains("\"pitch\"") && unknown.contains("known: event_count, noise_colour"), "{unknown}");
    let forgotten = bench.fails(&schedule_with("vowel;event_count"));
    assert!(forgotten.contains("`noise_colour` is in no group"), "{forgotten}");
}

/// What a run decides about its order is what its own validation scores say.
#[test]
fn an_order_is_asked_of_the_run() {
    let bench = Bench::new();
    let without_share =
        "--strategy gst-adaptive --steps 20 --batch-size 8 --partition vowel,pitch_class;event_count;noise_colour --check-order";
    bench.ok(&format!("schedule --data data --only {FOUR} --out planned.json {without_share}"));
    assert_eq!(schedule(&bench, "planned.json").stages[0].steps, 2, "a tenth");
    for (run, partition) in
        [("one", "vowel,pitch_class;event_count;noise_colour"), ("other", "noise_colour;event_count;vowel,pitch_class")]
    {
        let strategy = "--strategy gst-adaptive --check-order 0.5 --steps 20 --batch-size 8 --early-share 0.1";
        bench.ok(&format!("schedule --data data --only {FOUR} {strategy} --partition {partition} --out planned.json"));
        bench.ok(&format!("train --data data --only {FOUR} --schedule planned.json --evaluate-every 5 --out {run}"));
        let planned = schedule(&bench, "planned.json");
        assert_eq!(planned.stages[0].steps, 10);
        let metrics = bench.text(&format!("{run}/metrics.jsonl"));
        let mut lines = metrics.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let scores = lines.find(|line| line["split"] == "validation" && line["step"] == 10).unwrap();
        let learned = |first: bool| {
            let of = planned.datasets.iter().enumerate().filter(|(index, _)| planned.groups[0].contains(index) == first);
            let (sum, weight) = of.fold((0.0, 0.0), |(sum, weight), (_, facts)| {
                let score = |field: &str| scores["datasets"][&facts.name][field].as_f64().unwrap();
                let learned = (score("exact_match") - score("majority")) / (1.0 - score("majority"));
                (sum + facts.weight * learned, weight + facts.weight)
            });
            sum / weight
        };
        let shows = OrderRule::default().shows(&Learned { first: learned(true), others: learned(false) });
        let given_up = decisions(&bench, run).into_iter().find(|line| line["change"] == "mix-all" && line["step"] == 10);
        assert_eq!(given_up.is_some(), !shows, "{partition}");
        if let Some(decision) = given_up {
            let (first, others) = (learned(true), learned(false));
            let says = format!("{first:.2} of the first group is learned and {others:.2} of the others");
            assert!(decision["reason"].as_str().unwrap().contains(&says), "{decision}: not {says}");
        }
    }
}
