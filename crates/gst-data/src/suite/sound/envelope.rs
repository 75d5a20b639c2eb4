//! Curves over time: loudness envelopes, pitch contours, fades.

use std::f64::consts::PI;

/// Loudness of a note: linear attack, exponential fall towards a sustained level, smooth release at its end. Times in seconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::suite) struct Envelope {
    pub(in crate::suite) attack: f64,
    /// Time constant of the fall.
    pub(in crate::suite) decay: f64,
    /// Level that the fall tends to, 0 to 1.
    pub(in crate::suite) sustain: f64,
    pub(in crate::suite) release: f64,
}

impl Envelope {
    /// The level, 0 to 1, at `time` of a note that is `length` long.
    pub(in crate::suite) fn at(&self, time: f64, length: f64) -> f64 {
        let start = (time / self.attack.max(1e-4)).min(1.0);
        let fallen = (-(time - self.attack).max(0.0) / self.decay.max(1e-4)).exp();
        let body = self.sustain + (1.0 - self.sustain) * fallen;
        let end = ((length - time) / self.release.max(1e-4)).clamp(0.0, 1.0);
        start * body * smooth(end)
    }
}

/// Level of an exponential decay that has lost 60 dB after `t60` seconds.
pub(in crate::suite) fn decaying(time: f64, t60: f64) -> f64 {
    (-6.907_755_278_982_137 * time / t60).exp()
}

/// A curve through points (position, value) with smooth steps between them, constant beyond the ends.
#[derive(Debug, Clone)]
pub(in crate::suite) struct Contour {
    points: Vec<(f64, f64)>,
}

impl Contour {
    /// Points in order of position.
    pub(in crate::suite) fn through(points: Vec<(f64, f64)>) -> Self {
        Self { points }
    }

    /// The value at `position`; 0 where there are no points.
    pub(in crate::suite) fn at(&self, position: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 <= position);
        match (after.checked_sub(1).and_then(|before| self.points.get(before)), self.points.get(after)) {
            (Some(left), Some(right)) => left.1 + (right.1 - left.1) * smooth((position - left.0) / (right.0 - left.0)),
            (Some(only), None) | (None, Some(only)) => only.1,
            (None, None) => 0.0,
        }
    }
}

/// Half a cosine from 0 to 1 for a position from 0 to 1.
fn smooth(position: f64) -> f64 {
    0.5 - 0.5 * (PI * position).cos()
}

/// Fades both ends over `length` samples, so that no clip begins or ends with a click.
pub(in crate::suite) fn fade_edges(samples: &mut [f64], length: usize) {
    let length = length.min(samples.len() / 2);
    let count = samples.len();
    for index in 0..length {
        let gain = smooth((index as f64 + 0.5) / length as f64);
        samples[index] *= gain;
        samples[count - 1 - index] *= gain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contours_pass_through_their_points() {
        let contour = Contour::through(vec![(0.2, 1.0), (0.5, 3.0), (1.0, 2.0)]);
        for (position, value) in [(0.0, 1.0), (0.2, 1.0), (0.35, 2.0), (0.5, 3.0), (1.0, 2.0), (2.0, 2.0)] {
            assert!((contour.at(position) - value).abs() < 1e-12, "at {position}");
        }
    }

    #[test]
    fn envelopes_start_and_end_at_nothing() {
        let envelope = Envelope { attack: 0.01, decay: 0.1, sustain: 0.5, release: 0.05 };
        assert_eq!(envelope.at(0.0, 1.0), 0.0);
        assert!(envelope.at(0.01, 1.0) > 0.99);
        assert!((envelope.at(0.9, 1.0) - 0.5).abs() < 1e-3);
        assert!(envelope.at(1.0, 1.0).abs() < 1e-12);
        assert!((decaying(0.3, 0.3) - 1e-3).abs() < 1e-12);
    }
}
