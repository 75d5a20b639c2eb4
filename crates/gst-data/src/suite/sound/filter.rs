//! Small recursive filters.

use std::f64::consts::{PI, TAU};

/// Two conjugate poles: a formant or one mode of a ringing body.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::suite) struct Resonator {
    gain: f64,
    first: f64,
    second: f64,
    past: [f64; 2],
}

impl Resonator {
    /// Centre and bandwidth in Hz; gain 1 at 0 Hz, as in a cascade of formants (Klatt 1980, eq. 1). Keeps the filter's memory.
    pub(in crate::suite) fn tune_formant(&mut self, hz: f64, bandwidth: f64, rate: f64) {
        self.set_poles(hz, bandwidth, rate);
        self.gain = 1.0 - self.first - self.second;
    }

    /// Centre and bandwidth in Hz; gain about 1 at the centre, as in a band-pass.
    pub(in crate::suite) fn tune_band(&mut self, hz: f64, bandwidth: f64, rate: f64) {
        self.set_poles(hz, bandwidth, rate);
        let radius = (-PI * bandwidth / rate).exp();
        self.gain = (1.0 - radius) * (1.0 - 2.0 * radius * (2.0 * TAU * hz / rate).cos() + radius * radius).sqrt();
    }

    /// A mode of `hz` that loses 60 dB in `t60` seconds and answers a unit impulse with about unit height.
    pub(in crate::suite) fn tune_mode(&mut self, hz: f64, t60: f64, rate: f64) {
        self.set_poles(hz, 6.907_755_278_982_137 / (PI * t60), rate);
        self.gain = (TAU * hz / rate).sin();
    }

    fn set_poles(&mut self, hz: f64, bandwidth: f64, rate: f64) {
        let radius = (-PI * bandwidth / rate).exp();
        self.first = 2.0 * radius * (TAU * hz / rate).cos();
        self.second = -radius * radius;
    }

    /// Filters one sample.
    pub(in crate::suite) fn step(&mut self, input: f64) -> f64 {
        let output = self.gain * input + self.first * self.past[0] + self.second * self.past[1];
        self.past = [output, self.past[0]];
        output
    }
}

/// One pole: a gentle low-pass, 6 dB an octave above its corner.
#[derive(Debug, Clone, Copy)]
pub(in crate::suite) struct LowPass {
    weight: f64,
    past: f64,
}

impl LowPass {
    /// Corner in Hz.
    pub(in crate::suite) fn at(hz: f64, rate: f64) -> Self {
        Self { weight: 1.0 - (-TAU * hz / rate).exp(), past: 0.0 }
    }

    /// Filters one sample.
    pub(in crate::suite) fn step(&mut self, input: f64) -> f64 {
        self.past += self.weight * (input - self.past);
        self.past
    }
}

/// What a [`LowPass`] at the same corner leaves: a gentle high-pass.
pub(in crate::suite) fn high_pass(samples: &mut [f64], hz: f64, rate: f64) {
    let mut low = LowPass::at(hz, rate);
    for sample in samples {
        *sample -= low.step(*sample);
    }
}

/// Filters in place with a [`LowPass`].
pub(in crate::suite) fn low_pass(samples: &mut [f64], hz: f64, rate: f64) {
    let mut low = LowPass::at(hz, rate);
    for sample in samples {
        *sample = low.step(*sample);
    }
}

/// One pole and one zero, both real: a step of the spectrum between two corners.
#[derive(Debug, Clone, Copy)]
pub(in crate::suite) struct Shelf {
    now: f64,
    before: f64,
    back: f64,
    input: f64,
    output: f64,
}

impl Shelf {
    /// Gain 1 at 0 Hz, turning at the pole (down) and at the zero (up), both in Hz (bilinear transform, corners prewarped).
    pub(in crate::suite) fn between(pole: f64, zero: f64, rate: f64) -> Self {
        let warped = |hz: f64| (PI * hz.min(0.49 * rate) / rate).tan();
        let (pole, zero) = (warped(pole), warped(zero));
        let scale = pole / zero / (1.0 + pole);
        Self {
            now: (1.0 + zero) * scale,
            before: (zero - 1.0) * scale,
            back: (1.0 - pole) / (1.0 + pole),
            input: 0.0,
            output: 0.0,
        }
    }

    /// Filters one sample.
    pub(in crate::suite) fn step(&mut self, input: f64) -> f64 {
        self.output = self.now * input + self.before * self.input + self.back * self.output;
        self.input = input;
        self.output
    }
}

/// Root mean square of what three equal band-passes in a row let through; steep enough to look at one part of a spectrum.
#[cfg(test)]
pub(in crate::suite) fn band_level(samples: &[f64], hz: f64, bandwidth: f64, rate: f64) -> f64 {
    let mut bands = [Resonator::default(); 3];
    bands.iter_mut().for_each(|band| band.tune_band(hz, bandwidth, rate));
    let passed: Vec<f64> = samples.iter().map(|&sample| bands.iter_mut().fold(sample, |value, band| band.step(value))).collect();
    super::mixing::rms(&passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gain of a filter at one frequency, from its answer to a long sine.
    fn gain(mut step: impl FnMut(f64) -> f64, hz: f64) -> f64 {
        let outputs: Vec<f64> = (0..32_000).map(|n| step((TAU * hz * f64::from(n) / 16_000.0).sin())).collect();
        outputs[16_000..].iter().fold(0.0, |peak: f64, value| peak.max(value.abs()))
    }

    #[test]
    fn bands_pass_their_centre_and_formants_pass_low_tones() {
        let mut band = Resonator::default();
        band.tune_band(1500.0, 200.0, 16_000.0);
        assert!((gain(|x| band.step(x), 1500.0) - 1.0).abs() < 0.1);
        assert!(gain(|x| band.step(x), 4000.0) < 0.1);
        let mut formant = Resonator::default();
        formant.tune_formant(700.0, 80.0, 16_000.0);
        assert!((gain(|x| formant.step(x), 20.0) - 1.0).abs() < 0.01);
        assert!(gain(|x| formant.step(x), 700.0) > 5.0);
    }

    #[test]
    fn a_shelf_falls_by_the_ratio_of_its_corners() {
        let mut shelf = Shelf::between(200.0, 800.0, 16_000.0);
        assert!((gain(|x| shelf.step(x), 5.0) - 1.0).abs() < 0.02);
        let mut shelf = Shelf::between(200.0, 800.0, 16_000.0);
        assert!((gain(|x| shelf.step(x), 7000.0) - 0.25).abs() < 0.02);
    }
}
