//! Reports from made-up run folders.
#![allow(clippy::expect_used, reason = "helpers of tests may fail like tests")]

mod fake;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fake::Fake;
use xtask::write_report;

const STRATEGIES: [&str; 3] = ["mix-all", "sequential", "gst-progressive"];

fn made_up(seeds: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    Fake { strategies: &STRATEGIES, seeds, steps: 400 }.write(folder.path()).expect("made-up results");
    folder
}

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("report.html")).expect("report.html")
}

/// `results.csv` by strategy, seed, dataset and measure.
fn results(folder: &Path) -> BTreeMap<(String, u64, String, String), f64> {
    let mut reader = csv::Reader::from_path(folder.join("results.csv")).expect("results.csv");
    assert_eq!(reader.headers().expect("a head"), vec!["strategy", "seed", "dataset", "measure", "value"]);
    let rows = reader.deserialize::<(String, u64, String, String, f64)>();
    rows.map(|row| row.expect("a row"))
        .map(|(strategy, seed, dataset, measure, value)| ((strategy, seed, dataset, measure), value))
        .collect()
}

#[test]
fn the_page_stands_alone() {
    let folder = made_up(2);
    let written = write_report(folder.path()).expect("a report");
    assert_eq!((written.cells, written.missing), (6, 0));
    let page = page(folder.path());
    for foreign in ["<script", "<link", "<img", "src=", "url(", "@import", "<foreignObject"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let references = page.matches("http").count();
    assert_eq!(
        references,
        page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count(),
        "only the name of SVG looks like an address"
    );
    for part in [
        "Accuracy on the test split",
        "Time to target",
        "Affinity and groups",
        "Schedules",
        "Provenance",
        "affinity alone (seed 0): mix-all.",
        "optimizer steps",
        "majority",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for file in [
        "learning-curves.svg",
        "accuracy.svg",
        "affinity-gradient-distance-seed-0.svg",
        "affinity-cosine-seed-1.svg",
        "schedule-sequential.svg",
    ] {
        let svg = fs::read_to_string(folder.path().join(file)).expect(file);
        assert!(svg.starts_with("<svg xmlns=") && svg.trim_end().ends_with("</svg>"), "{file}");
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count(), "{file}");
    }
    let markdown = fs::read_to_string(folder.path().join("table.md")).expect("table.md");
    assert!(markdown.contains("**weighted mean**") || markdown.contains("weighted mean"));
    assert!(markdown.contains("![Figure 1](accuracy.svg)"));
}

#[test]
fn the_same_folder_gives_the_same_report() {
    let folder = made_up(2);
    write_report(folder.path()).expect("a report");
    let first = page(folder.path());
    write_report(folder.path()).expect("a report");
    assert_eq!(page(folder.path()), first);
}

#[test]
fn one_seed_is_too_short_to_judge() {
    let folder = made_up(1);
    write_report(folder.path()).expect("a report");
    let page = page(folder.path());
    assert!(page.contains("too short to judge"));
    assert!(!page.contains("samples than mix-all") && !page.contains("mix-all against mix-all</small>"));
    let results = results(folder.path());
    assert!(!results.keys().any(|(.., measure)| measure.starts_with("saving_")));
    assert!(results.keys().any(|(.., measure)| measure == "steps_to_90"));
}

#[test]
fn two_seeds_give_a_saving_with_its_interval_and_a_null() {
    let folder = made_up(2);
    write_report(folder.path()).expect("a report");
    let page = page(folder.path());
    assert!(page.contains("null<small>mix-all against mix-all") && page.contains("samples than mix-all to reach"));
    let results = results(folder.path());
    let get =
        |strategy: &str, seed, measure: &str| results[&(strategy.to_string(), seed, "weighted".to_string(), measure.to_string())];
    for seed in 0..2 {
        let (ours, baseline) = (get("gst-progressive", seed, "steps_to_90"), get("mix-all", seed, "steps_to_90"));
        assert!((get("gst-progressive", seed, "saving_steps_to_90") - (1.0 - ours / baseline)).abs() < 1e-9);
        assert!((get("gst-progressive", seed, "log_ratio_steps_to_90") - (ours / baseline).ln()).abs() < 1e-9);
        assert_eq!(get("mix-all", seed, "saving_steps_to_90"), 0.0);
        assert_eq!(get("sequential", seed, "missed_95"), 1.0, "it forgets");
    }
    assert!(page.contains("not reached, &gt; 400"), "a miss is censored at the run’s length");
}

#[test]
fn the_probe_is_counted_for_strategies_that_read_groups() {
    let folder = made_up(1);
    write_report(folder.path()).expect("a report");
    let before = results(folder.path());
    let path = folder.path().join("runs/gst-progressive/seed-0/result.json");
    let mut result: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).expect("a result")).expect("JSON");
    result["probe_cost"]["steps"] = 1000.into();
    fs::write(&path, result.to_string()).expect("written");
    write_report(folder.path()).expect("a report");
    let after = results(folder.path());
    let key = |strategy: &str| (strategy.to_string(), 0, "weighted".to_string(), "steps_to_90".to_string());
    assert!((after[&key("gst-progressive")] - before[&key("gst-progressive")] - 980.0).abs() < 1e-6, "1000 instead of 400 / 20");
    assert_eq!(after[&key("mix-all")], before[&key("mix-all")]);
}

#[test]
fn what_is_saved_if_the_probe_cost_nothing_is_said_beside_it() {
    let folder = made_up(2);
    write_report(folder.path()).expect("a report");
    let results = results(folder.path());
    let get = |strategy: &str, seed, of: &str, measure: &str| {
        results[&(strategy.to_string(), seed, of.to_string(), measure.to_string())]
    };
    let saved = |seed| {
        let probe = get("gst-progressive", seed, "all", "probe_samples");
        assert!(probe > 0.0 && get("gst-progressive", seed, "weighted", "missed_95") == 0.0, "the test needs both");
        let (ours, baseline) =
            (get("gst-progressive", seed, "weighted", "samples_to_95"), get("mix-all", seed, "weighted", "samples_to_95"));
        1.0 - (ours - probe) / baseline
    };
    let mean = 100.0 * (saved(0) + saved(1)) / 2.0;
    let table = fs::read_to_string(folder.path().join("table.md")).expect("table.md");
    let row = table.lines().find(|line| line.starts_with("| samples to 95 %, if the probe cost nothing |")).expect("a row");
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert_eq!(cells[3], "–", "sequential has no probe: {row}");
    let sign = if mean > 0.0 { "+" } else { "−" };
    assert!(cells[2].contains(&format!("{sign}{:.0}\u{202f}%", mean.abs())), "{mean} of {row}");
}

#[test]
fn figures_of_the_table_are_the_means_of_the_results() {
    let folder = made_up(2);
    write_report(folder.path()).expect("a report");
    let results = results(folder.path());
    let of = |seed| results[&("mix-all".to_string(), seed, "tempo".to_string(), "test_exact_match".to_string())];
    let mean = format!("{:.3}", (of(0) + of(1)) / 2.0);
    let markdown = fs::read_to_string(folder.path().join("table.md")).expect("table.md");
    let row = markdown.lines().find(|line| line.starts_with("| tempo")).expect("a row");
    assert!(row.contains(&mean), "{mean} in {row}");
}

#[test]
fn broken_and_missing_cells_are_named_and_the_rest_is_reported() {
    let folder = made_up(2);
    fs::remove_file(folder.path().join("runs/sequential/seed-1/result.json")).expect("removed");
    fs::write(folder.path().join("runs/sequential/seed-0/result.json"), "{\"format\":\"gst-result\",").expect("broken");
    let written = write_report(folder.path()).expect("a report");
    assert_eq!((written.cells, written.missing), (4, 2));
    let page = page(folder.path());
    assert!(page.contains("Cells without a result") && page.contains("sequential, seed 1: cut off before its end"));
    assert!(page.contains("sequential, seed 0: its files cannot be read"));
}

#[test]
fn another_version_of_a_file_is_refused_by_name() {
    let folder = made_up(1);
    let path = folder.path().join("seeds/0/affinity.json");
    let text = fs::read_to_string(&path).expect("affinity").replacen("\"version\":1", "\"version\":2", 1);
    fs::write(&path, text).expect("written");
    let error = write_report(folder.path()).expect_err("refused").to_string();
    assert!(error.contains("affinity.json") && error.contains("version 2"), "{error}");
}

#[test]
fn a_folder_without_an_experiment_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = write_report(folder.path()).expect_err("refused").to_string();
    assert!(error.contains("holds no experiment"), "{error}");
}

#[test]
fn names_cannot_break_out_of_the_page() {
    let folder = made_up(1);
    for strategy in ["mix-all", "sequential", "gst-progressive"] {
        for file in ["schedule.json", "result.json"] {
            let path = folder.path().join(format!("runs/{strategy}/seed-0/{file}"));
            let text = fs::read_to_string(&path).expect(file).replace("\"tempo\"", "\"<script>alert(1)</script>\"");
            fs::write(&path, text).expect("written");
        }
    }
    write_report(folder.path()).expect("a report");
    let page = page(folder.path());
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
}
