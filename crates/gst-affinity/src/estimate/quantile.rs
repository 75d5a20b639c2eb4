//! Quantiles: of resamples, of the normal and of Student's distribution.

/// The q-quantile of ascending values, interpolated; `values` is not empty.
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let position = q.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (position - below as f64) * (values[above] - values[below])
}

/// The p-quantile of the standard normal distribution, 0 < p < 1, to about 1e-9 relative (P. Acklam's rational approximation).
pub(crate) fn normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e+01,
        2.209460984245205e+02,
        -2.759285104469687e+02,
        1.38357751867269e+02,
        -3.066479806614716e+01,
        2.506628277459239e+00,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e+01,
        1.615858368580409e+02,
        -1.556989798598866e+02,
        6.680131188771972e+01,
        -1.328068155288572e+01,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e+00,
        -2.549732539343734e+00,
        4.374664141464968e+00,
        2.938163982698783e+00,
    ];
    const D: [f64; 5] = [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1.0];
    const TAIL: f64 = 0.02425;
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    }
}

/// The p-quantile of Student's distribution with n ≥ 1 degrees of freedom, 0.5 ≤ p < 1, to about 1e-4 relative (G. Hill,
/// Algorithm 396, 1970).
pub(crate) fn student(p: f64, n: usize) -> f64 {
    use std::f64::consts::{FRAC_PI_2, PI};
    let two_sided = 2.0 * (1.0 - p);
    if two_sided >= 1.0 {
        return 0.0;
    }
    match n {
        0 | 1 => return 1.0 / (two_sided * FRAC_PI_2).tan(),
        2 => return (2.0 / (two_sided * (2.0 - two_sided)) - 2.0).sqrt(),
        _ => {}
    }
    let n = n as f64;
    let a = 1.0 / (n - 0.5);
    let b = 48.0 / (a * a);
    let mut c = ((20700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * PI / 2.0).sqrt() * n;
    let mut x = d * two_sided;
    let mut y = x.powf(2.0 / n);
    if y > 0.05 + a {
        x = normal(two_sided / 2.0);
        y = x * x;
        if n < 5.0 {
            c += 0.3 * (n - 4.5) * (x + 0.6);
        }
        c += (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
        y = a * y * y;
        y = if y > 0.002 { y.exp() - 1.0 } else { 0.5 * y * y + y };
    } else {
        y = ((1.0 / (((n + 6.0) / (n * y) - 0.089 * d - 0.822) * (n + 2.0) * 3.0) + 0.5 / (n + 4.0)) * y - 1.0) * (n + 1.0)
            / (n + 2.0)
            + 1.0 / y;
    }
    (n * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        for (p, expected) in [(0.5, 0.0), (0.975, 1.959963985), (0.995, 2.575829304), (0.01, -2.326347874), (0.001, -3.090232306)]
        {
            assert!((normal(p) - expected).abs() < 1e-7, "{p}: {}", normal(p));
        }
    }

    #[test]
    fn student_quantiles_are_those_of_the_tables() {
        let cases = [
            (0.975, 1, 12.70620),
            (0.975, 2, 4.302653),
            (0.975, 3, 3.182446),
            (0.975, 4, 2.776445),
            (0.975, 9, 2.262157),
            (0.975, 30, 2.042272),
            (0.95, 5, 2.015048),
            (0.995, 6, 3.707428),
            (0.9, 3, 1.637744),
            (0.9995, 4, 8.610302),
        ];
        for (p, n, expected) in cases {
            assert!((student(p, n) / expected - 1.0).abs() < 2e-3, "{p} {n}: {} for {expected}", student(p, n));
        }
    }

    #[test]
    fn quantiles_of_values_are_interpolated() {
        for (q, expected) in [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0), (0.25, 1.75)] {
            assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], q), expected);
        }
    }
}
