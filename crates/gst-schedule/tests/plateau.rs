//! How often the plateau rule fires too early or too late on loss curves with a known end: what its defaults rest on.
//!
//! The table is in docs/method.md. A curve falls as e^(−t / τ) from 3 to a floor, t counted in evaluations, and each evaluation adds noise of
//! a share of the loss. *Too early*: at least a tenth of the whole fall is yet to come. *Too late*: ten evaluations or more after the rule
//! fires on the same curve without noise.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail, and says what it measured")]

use gst_schedule::PlateauRule;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CURVES: u64 = 300;
const EVALUATIONS: usize = 150;

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random_range(f64::MIN_POSITIVE..1.0), rng.random_range(0.0..1.0));
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// The evaluation at which a run that asks after each one would end its stage, if any.
fn fires(rule: &PlateauRule, losses: &[f64]) -> Option<usize> {
    (1..=losses.len()).find(|n| rule.reached(&losses[..*n]).is_some())
}

/// Shares of the curves on which the rule fires too early and too late, over time constants of 2 to 15 evaluations.
fn shares(rule: &PlateauRule, noise: f64) -> (f64, f64) {
    let (mut early, mut late) = (0, 0);
    for seed in 0..CURVES {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (tau, floor) = (rng.random_range(2.0..15.0_f64), rng.random_range(0.3..1.5));
        let curve: Vec<f64> = (0..EVALUATIONS).map(|t| floor + (3.0 - floor) * (-(t as f64) / tau).exp()).collect();
        let noisy: Vec<f64> = curve.iter().map(|loss| loss * (1.0 + noise * normal(&mut rng))).collect();
        let known = fires(rule, &curve).unwrap();
        match fires(rule, &noisy) {
            Some(at) => {
                early += usize::from((curve[at - 1] - floor) / (3.0 - floor) > 0.1);
                late += usize::from(at >= known + 10);
            }
            None => late += 1,
        }
    }
    (early as f64 / CURVES as f64, late as f64 / CURVES as f64)
}

#[test]
fn the_default_is_seldom_too_early_or_too_late() {
    let default = PlateauRule::default();
    let plain = PlateauRule { smoothing: 0.0, ..default.clone() };
    let patient = PlateauRule { patience: 5, ..default.clone() };
    let at = |rule: &PlateauRule| [0.0, 0.01, 0.02, 0.05, 0.1].map(|noise| shares(rule, noise));
    let (found, plain, patient) = (at(&default), at(&plain), at(&patient));
    for (name, row) in [("default", &found), ("no smoothing", &plain), ("patience 5", &patient)] {
        println!("{name}, noise 0, 1, 2, 5, 10 %: (too early, too late) {row:.2?}");
    }
    assert_eq!(found[0], (0.0, 0.0));
    assert!(found[2].0 <= 0.03 && found[3].0 <= 0.2 && found.iter().all(|(_, late)| *late <= 0.01), "{found:.2?}");
    // What the documentation warns of, and what the two numbers of the rule are for.
    assert!(found[4].0 > 0.2, "noise of a tenth is too much for the default: {found:.2?}");
    assert!(plain[3].0 > 1.5 * found[3].0 && patient[3].0 < 0.5 * found[3].0, "{plain:.2?} {found:.2?} {patient:.2?}");
}
