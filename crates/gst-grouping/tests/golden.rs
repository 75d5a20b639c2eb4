//! Equal results with scikit-learn and SciPy; `xtask/reference/grouping_golden.py` says how the file was made.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like the tests themselves")]

use gst_grouping::{Distances, Embedding, Kernel, Linkage, Partition, agglomerative, dendrogram, silhouette, spectral};
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    distances: Vec<Vec<f64>>,
    spectral: Vec<Spectral>,
    linkage: ByLinkage<Vec<[f64; 4]>>,
    cuts: ByLinkage<Vec<Vec<usize>>>,
    silhouettes: Vec<f64>,
    agreements: Vec<f64>,
}

#[derive(Deserialize)]
struct Spectral {
    kernel: String,
    value: f64,
    groups: usize,
    labels: Vec<usize>,
    eigenvalues: Vec<f64>,
}

#[derive(Deserialize)]
struct ByLinkage<T> {
    average: T,
    ward: T,
}

fn cases() -> Vec<(Case, Distances)> {
    let reference: Reference = serde_json::from_str(include_str!("golden/reference.json")).unwrap();
    let with_distances = |case: Case| {
        let n = case.distances.len();
        let distances = Distances::new(Array2::from_shape_fn((n, n), |(i, j)| case.distances[i][j])).unwrap();
        (case, distances)
    };
    reference.cases.into_iter().map(with_distances).collect()
}

#[test]
fn spectral_groups_equal_scikit_learn() {
    let mut compared = 0;
    for (case, distances) in cases() {
        for expected in &case.spectral {
            let kernel = match expected.kernel.as_str() {
                "fixed" => Kernel::Fixed(expected.value),
                _ => Kernel::Neighbour(expected.value as usize),
            };
            let what = format!("{}: {kernel:?}, {} groups", case.name, expected.groups);
            let embedding = Embedding::new(&distances, kernel, expected.groups + 1, 0).unwrap();
            for (found, value) in embedding.values().iter().zip(&expected.eigenvalues) {
                assert!((found - value).abs() < 1e-9, "{what}: eigenvalue {found}, expected {value}");
            }
            let found = spectral(&distances, expected.groups, kernel, 0).unwrap();
            assert_eq!(found, Partition::from_labels(&expected.labels), "{what}");
            compared += 1;
        }
    }
    assert_eq!(compared, 45);
}

#[test]
fn merges_and_cuts_equal_scipy() {
    for (case, distances) in cases() {
        for (linkage, merges, cuts) in
            [(Linkage::Average, &case.linkage.average, &case.cuts.average), (Linkage::Ward, &case.linkage.ward, &case.cuts.ward)]
        {
            for (found, expected) in dendrogram(&distances, linkage).iter().zip(merges) {
                let found = [found.first as f64, found.second as f64, found.height, found.size as f64];
                let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-8);
                assert!(near, "{} {linkage}: {found:?}, expected {expected:?}", case.name);
            }
            for (cut, groups) in cuts.iter().zip(2..) {
                let found = agglomerative(&distances, groups, linkage).unwrap();
                assert_eq!(found, Partition::from_labels(cut), "{} {linkage}, {groups} groups", case.name);
            }
        }
    }
}

#[test]
fn scores_equal_scikit_learn() {
    for (case, distances) in cases() {
        let pairs = case.cuts.average.iter().zip(&case.cuts.ward);
        for ((average, ward), (width, agreement)) in pairs.zip(case.silhouettes.iter().zip(&case.agreements)) {
            let (average, ward) = (Partition::from_labels(average), Partition::from_labels(ward));
            assert!((silhouette(&distances, &average).unwrap() - width).abs() < 1e-9, "{}", case.name);
            assert!((average.adjusted_rand(&ward).unwrap() - agreement).abs() < 1e-9, "{}", case.name);
        }
    }
}
