//! Directed measurements: losses and Hessian-vector products.

use gst_affinity::{Affinity, CommutatorSample, EstimateParams, LossTable, Measurements, Metric, ProbeFacts, Symmetrize};

use crate::synthetic::{Normal, dot, facts, noisy};

fn measured(measurements: Measurements<'_>, datasets: usize, metric: Metric) -> Affinity {
    let params = EstimateParams { resamples: 20, ..EstimateParams::default() };
    let mut normal = Normal::new(1);
    let means: Vec<Vec<f64>> = (0..datasets).map(|_| normal.vector(6, 1.0)).collect();
    let points = [noisy(&means, 4, 0.2, 3)];
    let measurements = Measurements { gradients: &points, ..measurements };
    Affinity::from_measurements(&measurements, facts(datasets), metric, &params, ProbeFacts::default()).unwrap()
}

/// Training on i lowers the loss of j by `gain(i, j)`, give or take noise.
fn losses(datasets: usize, repeats: usize, noise: f64, gain: impl Fn(usize, usize) -> f64) -> Vec<LossTable> {
    let mut normal = Normal::new(21);
    let mut one = || LossTable {
        before: vec![2.0; datasets],
        after: (0..datasets).map(|i| (0..datasets).map(|j| 2.0 * (1.0 - gain(i, j) - noise * normal.next())).collect()).collect(),
    };
    (0..repeats).map(|_| one()).collect()
}

#[test]
fn a_gain_is_the_share_of_the_loss_that_goes_and_keeps_its_direction() {
    let tables = losses(3, 1, 0.0, |i, j| if i < j { 0.25 } else { -0.5 });
    let affinity = measured(Measurements { transferability: &tables, ..Measurements::default() }, 3, Metric::Transferability);
    let table = affinity.table(Metric::Transferability).unwrap();
    assert!((table.get(0, 2).unwrap() - 0.25).abs() < 1e-12 && (table.get(2, 0).unwrap() + 0.5).abs() < 1e-12);
    assert_eq!(table.interval(0, 2), None, "one repeat has no interval");
    assert!((table.symmetrize(Symmetrize::Mean).get(2, 0).unwrap() + 0.125).abs() < 1e-12);
    assert!(affinity.replicates.is_empty());
    assert!(affinity.dependence(Metric::Transferability).unwrap().directed.is_empty());
}

#[test]
fn prerequisites_are_found_and_chance_is_not_taken_for_them() {
    let staircase = losses(6, 6, 0.01, |i, j| if i + 1 == j { 0.1 } else { 0.02 });
    let affinity = measured(Measurements { lookahead: &staircase, ..Measurements::default() }, 6, Metric::Lookahead);
    let dependence = affinity.dependence(Metric::Lookahead).unwrap();
    assert!(dependence.is_beyond_chance());
    for step in 0..5 {
        assert!(
            dependence.directed.iter().any(|pair| pair.from == step && pair.to == step + 1 && pair.low > 0.0),
            "{dependence:?}"
        );
    }
    assert_eq!(affinity.replicates.len(), 20);
    assert!(affinity.verdict.last().unwrap().contains("prerequisite"), "{:?}", affinity.verdict);

    let mutual = losses(6, 6, 0.01, |_, _| 0.05);
    let affinity = measured(Measurements { lookahead: &mutual, ..Measurements::default() }, 6, Metric::Lookahead);
    assert!(!affinity.dependence(Metric::Lookahead).unwrap().is_beyond_chance());
    assert!(affinity.verdict.last().unwrap().contains("mix-all"));
}

/// A probe looks ahead over the same batches at each of its points.
#[test]
fn repeats_over_the_same_batches_are_one_repeat() {
    let once = losses(6, 4, 0.05, |_, _| 0.05);
    let points = |tables: &[LossTable], directed_points| {
        let affinity =
            measured(Measurements { lookahead: tables, directed_points, ..Measurements::default() }, 6, Metric::Lookahead);
        (affinity.table(Metric::Lookahead).unwrap().interval(0, 1).unwrap(), affinity.dependence[0].repeats)
    };
    let ((low, high), repeats) = points(&once, 0);
    assert_eq!(repeats, 4);
    let twice: Vec<LossTable> = once.iter().chain(&once).cloned().collect();
    let ((again_low, again_high), repeats) = points(&twice, 2);
    assert!(repeats == 4 && (again_low - low).abs() < 1e-12 && (again_high - high).abs() < 1e-12, "{again_low} to {again_high}");
    assert!(points(&twice, 1).0.0 > low, "eight repeats would seem to know more");

    let odd = Measurements { lookahead: &twice[..7], directed_points: 2, ..Measurements::default() };
    let samples = [noisy(&vec![vec![1.0, 2.0]; 6], 4, 0.2, 3)];
    let odd = Measurements { gradients: &samples, ..odd };
    let refused = Affinity::from_measurements(&odd, facts(6), Metric::Cosine, &EstimateParams::default(), ProbeFacts::default());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("directed_points") && message.contains("2 for 7 repeats"), "{message}");
}

#[test]
fn chance_directs_about_one_pair_in_twenty() {
    let mut found = 0;
    for seed in 0..60 {
        let mut normal = Normal::new(seed);
        let tables: Vec<LossTable> = (0..5)
            .map(|_| LossTable {
                before: vec![1.0; 5],
                after: (0..5).map(|_| (0..5).map(|_| 1.0 + 0.01 * normal.next()).collect()).collect(),
            })
            .collect();
        let affinity = measured(Measurements { lookahead: &tables, ..Measurements::default() }, 5, Metric::Lookahead);
        found += affinity.dependence(Metric::Lookahead).unwrap().directed.len();
    }
    let share = found as f64 / 600.0;
    assert!((0.025..=0.08).contains(&share), "{share} of the pairs are directed by chance, 0.05 should be");
}

/// A quadratic loss ½ wᵀ A w − bᵀ w with a symmetric A.
struct Quadratic {
    a: Vec<Vec<f64>>,
    b: Vec<f64>,
}

impl Quadratic {
    fn new(normal: &mut Normal, size: usize) -> Self {
        let root: Vec<Vec<f64>> = (0..size).map(|_| normal.vector(size, 0.5)).collect();
        Self { a: root.iter().map(|x| root.iter().map(|y| dot(x, y)).collect()).collect(), b: normal.vector(size, 1.0) }
    }

    fn times(&self, v: &[f64]) -> Vec<f64> {
        self.a.iter().map(|row| dot(row, v)).collect()
    }

    fn gradient(&self, w: &[f64]) -> Vec<f64> {
        self.times(w).iter().zip(&self.b).map(|(x, b)| x - b).collect()
    }

    fn loss(&self, w: &[f64]) -> f64 {
        0.5 * dot(w, &self.times(w)) - dot(&self.b, w)
    }
}

#[test]
fn the_commutator_tells_which_order_of_two_steps_ends_lower() {
    let (size, datasets, rate) = (5, 4, 1e-3);
    let mut normal = Normal::new(12);
    let tasks: Vec<Quadratic> = (0..datasets).map(|_| Quadratic::new(&mut normal, size)).collect();
    let w = normal.vector(size, 1.0);
    let gradients: Vec<Vec<f64>> = tasks.iter().map(|task| task.gradient(&w)).collect();
    let common: Vec<f64> = (0..size).map(|p| gradients.iter().map(|g| g[p]).sum::<f64>() / datasets as f64).collect();
    let narrow = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let sample = CommutatorSample {
        gradients: gradients.iter().map(|g| narrow(g)).collect(),
        products: tasks.iter().map(|task| narrow(&task.times(&common))).collect(),
    };
    let affinity = measured(Measurements { commutator: &[sample], ..Measurements::default() }, datasets, Metric::Commutator);
    let table = affinity.table(Metric::Commutator).unwrap();
    let step = |task: &Quadratic, w: &[f64]| -> Vec<f64> { w.iter().zip(task.gradient(w)).map(|(w, g)| w - rate * g).collect() };
    let whole = |w: &[f64]| tasks.iter().map(|task| task.loss(w)).sum::<f64>() / datasets as f64;
    for i in 0..datasets {
        for j in 0..datasets {
            let (i_first, j_first) = (step(&tasks[j], &step(&tasks[i], &w)), step(&tasks[i], &step(&tasks[j], &w)));
            let saved = (whole(&j_first) - whole(&i_first)) / (rate * rate);
            let value = table.get(i, j).unwrap();
            assert!((value - saved).abs() < 0.05 * (1.0 + saved.abs()), "{i} before {j} saves {saved}, the table says {value}");
            assert!((value + table.get(j, i).unwrap()).abs() < 1e-9);
        }
    }
    assert!(affinity.distance().iter().all(|value| value.is_finite() && *value >= 0.0));
}
