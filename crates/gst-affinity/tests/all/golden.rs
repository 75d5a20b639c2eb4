//! The same numbers as NumPy: see `xtask/reference/affinity_golden.py`.

use gst_affinity::source::{SavedGradients, collect};
use gst_affinity::{
    Affinity, DatasetFacts, EstimateParams, GradientSamples, Metric, ProbeFacts, SketchParams, Sketcher, rank_correlation,
};
use serde_json::Value;

const EXPECTED: &str = include_str!("../golden/expected.json");
const FIRST: &[u8] = include_bytes!("../golden/gradients.npy");
const LATER: &[u8] = include_bytes!("../golden/gradients_later.npy");
const TENSORS: &[u8] = include_bytes!("../golden/gradients.safetensors");

fn expected() -> Value {
    serde_json::from_str(EXPECTED).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().flat_map(|v| if v.is_array() { numbers(v) } else { vec![v.as_f64().unwrap()] }).collect()
}

fn names() -> Vec<String> {
    expected()["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn samples(bytes: &[u8]) -> GradientSamples {
    let source = SavedGradients::from_npy(bytes, "gradients.npy", &names()).unwrap();
    collect(&source, &Sketcher::new(SketchParams::EXACT).unwrap()).unwrap()
}

fn affinity(points: &[GradientSamples]) -> Affinity {
    let weights = numbers(&expected()["weights"]);
    let fact = |(name, weight): (String, f64)| DatasetFacts { weight, ..DatasetFacts::new(name, 1) };
    let datasets = names().into_iter().zip(weights).map(fact).collect();
    let params = EstimateParams { resamples: 20, ..EstimateParams::default() };
    Affinity::estimate(points, datasets, Metric::GradientDistance, &params, ProbeFacts::default()).unwrap()
}

fn agrees(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
            "{what}[{place}]: {found}, NumPy says {expected}"
        );
    }
}

fn entries(affinity: &Affinity, metric: Metric) -> Vec<f64> {
    affinity.table(metric).unwrap().values.iter().flatten().map(|value| value.unwrap()).collect()
}

#[test]
fn one_probe_point_agrees_with_numpy() {
    let affinity = affinity(&[samples(FIRST)]);
    let expected = &expected()["one_point"];
    agrees("gram", &affinity.gram.concat(), &numbers(&expected["gram"]), 1e-12);
    for metric in [Metric::GradientDistance, Metric::UnitDistance, Metric::Cosine] {
        // Where a debiased cosine is nearly 1 a root makes rounding visible.
        let tolerance = if metric == Metric::Cosine { 1e-12 } else { 1e-7 };
        agrees(metric.name(), &entries(&affinity, metric), &numbers(&expected[metric.name()]), tolerance);
    }
    // Preconditioned gradients are kept in 32 bits.
    let metric = Metric::PreconditionedCosine;
    agrees(metric.name(), &entries(&affinity, metric), &numbers(&expected[metric.name()]), 1e-5);
    agrees("‖g‖²", &[affinity.heterogeneity.global_norm_squared], &[expected["global_norm_squared"].as_f64().unwrap()], 1e-12);
    let split = affinity.split(&[vec![0, 3], vec![1, 2, 4]]).unwrap();
    let numpy = ["total", "within", "between"].map(|part| expected["split"][part].as_f64().unwrap());
    agrees("split", &[split.total, split.within, split.between], &numpy, 1e-12);
}

#[test]
fn two_probe_points_are_averaged_as_numpy_does() {
    let affinity = affinity(&[samples(FIRST), samples(LATER)]);
    let expected = &expected()["two_points"];
    agrees("gram", &affinity.gram.concat(), &numbers(&expected["gram"]), 1e-12);
    agrees("distance", &entries(&affinity, Metric::GradientDistance), &numbers(&expected["gradient-distance"]), 1e-9);
    agrees("cosine", &entries(&affinity, Metric::Cosine), &numbers(&expected["cosine"]), 1e-12);
}

#[test]
fn rank_correlation_agrees_with_scipy() {
    let pairs = |bytes| affinity(&[samples(bytes)]).table(Metric::Cosine).unwrap().pairs();
    let found = rank_correlation(&pairs(FIRST), &pairs(LATER)).unwrap();
    agrees("rank correlation", &[found], &[expected()["rank_correlation"].as_f64().unwrap()], 1e-12);
}

#[test]
fn safetensors_give_the_same_gradients_as_npy() {
    let source = SavedGradients::from_safetensors(TENSORS, "gradients.safetensors").unwrap();
    let tensors = collect(&source, &Sketcher::new(SketchParams::EXACT).unwrap()).unwrap();
    let arrays = samples(FIRST);
    assert_eq!(tensors.names(), ["alarms", "birds", "music", "speech", "steps"], "by name");
    for (place, name) in tensors.names().iter().enumerate() {
        let other = arrays.names().iter().position(|other| other == name).unwrap();
        assert_eq!(tensors.batches(place), arrays.batches(other), "{name}");
    }
}

#[test]
fn a_sketch_in_python_is_the_same_sketch() {
    let sketch = &expected()["sketch"];
    let size = usize::try_from(sketch["size"].as_u64().unwrap()).unwrap();
    let params = SketchParams { size, seed: sketch["seed"].as_u64().unwrap() };
    let found = Sketcher::new(params).unwrap().sketch(&samples(FIRST).batches(0)[0]);
    let found: Vec<f64> = found.into_iter().map(f64::from).collect();
    agrees("sketch", &found, &numbers(&sketch["values"]), 1e-6);
}
