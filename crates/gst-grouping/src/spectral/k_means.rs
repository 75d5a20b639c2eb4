//! linfa-clustering's k-means, seeded, with no empty group.

use std::sync::OnceLock;

use linfa::DatasetBase;
use linfa::prelude::{Fit, ParamGuard, Predict};
use linfa_clustering::KMeans;
use ndarray::{Array1, Array2, ArrayView1};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{GroupingError, Partition};

/// Starts, of which the one that ends with the least inertia is kept.
const RUNS: u64 = 20;
/// Centres that move less than this, in units of the points' root mean square, have settled; single moves do the rest.
const TOLERANCE: f64 = 1e-3;
/// A move or another start must lower the inertia by this share, so that rounding decides nothing.
const LEAST_GAIN: f64 = 1e-9;
const MOST_ITERATIONS: u64 = 300;

/// Divides the rows of `points`, `[n, dimensions]` with finite entries, into `groups` groups, `1 ≤ groups ≤ n`.
pub(crate) fn cluster(mut points: Array2<f64>, groups: usize, seed: u64) -> Result<Partition, GroupingError> {
    let scale = (points.iter().map(|x| x * x).sum::<f64>() / points.nrows().max(1) as f64).sqrt();
    if scale > 0.0 {
        points /= scale;
    }
    let observations = DatasetBase::from(points);
    on_one_thread(|| {
        let mut best = run(&observations, groups, Xoshiro256Plus::seed_from_u64(seed))?;
        for start in 1..RUNS {
            let rival = run(&observations, groups, Xoshiro256Plus::seed_from_u64(seed.wrapping_add(start)))?;
            if rival.inertia < best.inertia * (1.0 - LEAST_GAIN) {
                best = rival;
            }
        }
        Ok(Partition::from_labels(&best.labels))
    })
}

struct Run {
    labels: Vec<usize>,
    inertia: f64,
}

/// One start of k-means++, brought to an end by moves of single points.
fn run(observations: &DatasetBase<Array2<f64>, Array1<()>>, groups: usize, rng: Xoshiro256Plus) -> Result<Run, GroupingError> {
    let fault = |reason: String| GroupingError::Numeric { routine: "k-means", reason };
    let params = KMeans::params_with_rng(groups, rng)
        .n_runs(1)
        .tolerance(TOLERANCE)
        .max_n_iterations(MOST_ITERATIONS)
        .check()
        .map_err(|e| fault(e.to_string()))?;
    let model = params.fit(observations).map_err(|e| fault(e.to_string()))?;
    let labels: Array1<usize> = model.predict(observations.records());
    let points = observations.records();
    let distances = |dataset: usize| squared_distance(points.row(dataset), model.centroids().row(labels[dataset]));
    let labels = filled(labels.to_vec(), groups, distances);
    Ok(settled(labels, groups, points))
}

/// linfa runs every step of k-means as rayon jobs. Handing a step to several threads takes many times what the step itself
/// does, so it is given a pool of one, in which a job is a function call.
fn on_one_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    match POOL.get_or_init(|| ThreadPoolBuilder::new().num_threads(1).build().ok()) {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

fn squared_distance(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// Moves single points while that lowers the inertia (Hartigan 1975). Where k-means has settled a point may still be better
/// off in a group whose centre is farther, because the centre would follow it.
fn settled(mut labels: Vec<usize>, groups: usize, points: &Array2<f64>) -> Run {
    let mut sizes = vec![0.0; groups];
    let mut sums: Array2<f64> = Array2::zeros((groups, points.ncols()));
    for (point, &label) in points.rows().into_iter().zip(&labels) {
        sizes[label] += 1.0;
        sums.row_mut(label).scaled_add(1.0, &point);
    }
    for _ in 0..MOST_ITERATIONS {
        let mut moved = false;
        for (n, point) in points.rows().into_iter().enumerate() {
            let here = labels[n];
            if sizes[here] < 2.0 {
                continue;
            }
            let from_centre = |group: usize| squared_distance(point, (&sums.row(group) / sizes[group]).view());
            let leaving = sizes[here] / (sizes[here] - 1.0) * from_centre(here);
            let joining = (0..groups).filter(|g| *g != here).map(|g| (g, sizes[g] / (sizes[g] + 1.0) * from_centre(g)));
            let Some((there, cost)) = joining.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            if cost < leaving * (1.0 - LEAST_GAIN) {
                labels[n] = there;
                for (group, sign) in [(here, -1.0), (there, 1.0)] {
                    sizes[group] += sign;
                    sums.row_mut(group).scaled_add(sign, &point);
                }
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let centres = Array2::from_shape_fn(sums.dim(), |(group, d)| sums[(group, d)] / f64::max(sizes[group], 1.0));
    let inertia = labels.iter().zip(points.rows()).map(|(label, point)| squared_distance(point, centres.row(*label))).sum();
    Run { labels, inertia }
}

/// Fewer groups than asked for come out when datasets are equal. Then the dataset farthest from its centre, among those that
/// are not alone, starts the missing group; among equals the last one does.
fn filled(mut labels: Vec<usize>, groups: usize, distance: impl Fn(usize) -> f64) -> Vec<usize> {
    let mut moved = vec![false; labels.len()];
    for group in 0..groups {
        if labels.contains(&group) {
            continue;
        }
        let candidate = (0..labels.len())
            .filter(|&i| !moved[i] && labels.iter().filter(|l| **l == labels[i]).count() > 1)
            .max_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        if let Some(dataset) = candidate {
            labels[dataset] = group;
            moved[dataset] = true;
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn separated_points_and_the_same_seed_twice() {
        let points = array![[0.0, 0.0], [9.0, 9.0], [0.1, 0.0], [9.0, 9.1], [-5.0, 4.0]];
        let partition = cluster(points.clone(), 3, 7).unwrap();
        assert_eq!(partition.labels(), [0, 1, 0, 1, 2]);
        assert_eq!(partition, cluster(points, 3, 7).unwrap());
    }

    #[test]
    fn equal_points_still_fill_every_group() {
        for groups in 1..=5 {
            assert_eq!(cluster(Array2::zeros((5, 2)), groups, 0).unwrap().count(), groups);
        }
    }
}
