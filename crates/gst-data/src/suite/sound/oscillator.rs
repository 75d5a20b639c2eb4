//! Periodic signals from a running phase.

use std::f64::consts::TAU;

/// A phase in cycles that follows a frequency which may change with every sample.
#[derive(Debug, Clone, Copy)]
pub(in crate::suite) struct Phasor {
    cycles: f64,
}

impl Phasor {
    /// Starts at `cycles` (0 to 1).
    pub(in crate::suite) fn starting_at(cycles: f64) -> Self {
        Self { cycles }
    }

    /// The phase now, in `[0, 1)`; then moves on by one sample of `hz` at `rate`.
    pub(in crate::suite) fn advance(&mut self, hz: f64, rate: f64) -> f64 {
        let now = self.cycles;
        self.cycles = (now + hz / rate).fract();
        now
    }
}

/// A sine at a phase in cycles.
pub(in crate::suite) fn sine(cycles: f64) -> f64 {
    (TAU * cycles).sin()
}

/// Σ amplitudes[n-1] · sin(2π n · cycles), by Clenshaw's recurrence: two trigonometric calls for any number of harmonics.
pub(in crate::suite) fn harmonics(cycles: f64, amplitudes: &[f64]) -> f64 {
    let (sin, cos) = (TAU * cycles).sin_cos();
    let (mut next, mut after) = (0.0, 0.0);
    for &amplitude in amplitudes.iter().rev() {
        (next, after) = (amplitude + 2.0 * cos * next - after, next);
    }
    next * sin
}

/// How many harmonics of `hz` fit below 0.45 of the sample rate, at most `limit`.
pub(in crate::suite) fn harmonics_that_fit(hz: f64, rate: f64, limit: usize) -> usize {
    ((0.45 * rate / hz) as usize).clamp(1, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clenshaw_equals_the_plain_sum() {
        let amplitudes = [0.9, -0.4, 0.3, 0.0, 0.25];
        for step in 0..50 {
            let cycles = f64::from(step) / 50.0;
            let plain: f64 =
                amplitudes.iter().enumerate().map(|(index, amplitude)| amplitude * sine((index + 1) as f64 * cycles)).sum();
            assert!((harmonics(cycles, &amplitudes) - plain).abs() < 1e-12, "at {cycles}");
        }
    }

    #[test]
    fn a_phasor_keeps_its_frequency() {
        let mut phasor = Phasor::starting_at(0.0);
        let wraps = (0..16_000).map(|_| phasor.advance(440.0, 16_000.0)).collect::<Vec<_>>();
        assert_eq!(wraps.windows(2).filter(|pair| pair[1] < pair[0]).count(), 439);
    }
}
