//! Things that are struck: bodies as sums of damped modes.

use super::super::dice::Dice;
use super::filter::Resonator;

/// One way in which a body rings.
#[derive(Debug, Clone, Copy)]
pub(in crate::suite) struct Mode {
    pub(in crate::suite) hz: f64,
    /// Seconds until 60 dB are lost.
    pub(in crate::suite) t60: f64,
    pub(in crate::suite) gain: f64,
}

/// A blow: half a sine of `contact` seconds (a soft mallet stays longer and wakes fewer high modes) with a little noise.
pub(in crate::suite) fn blow(contact: f64, noise: f64, rate: f64, dice: &mut Dice) -> Vec<f64> {
    let count = ((contact * rate).round() as usize).max(2);
    (0..count)
        .map(|index| {
            let shape = (std::f64::consts::PI * (index as f64 + 0.5) / count as f64).sin();
            shape * (1.0 + noise * dice.white()) / count as f64
        })
        .collect()
}

/// The body's answer to a blow over `count` samples. Modes above 0.45 of the rate are left out.
pub(in crate::suite) fn ring(modes: &[Mode], blow: &[f64], count: usize, rate: f64) -> Vec<f64> {
    let mut samples = vec![0.0; count];
    for mode in modes.iter().filter(|mode| mode.hz < 0.45 * rate) {
        let mut body = Resonator::default();
        body.tune_mode(mode.hz, mode.t60, rate);
        for (index, sample) in samples.iter_mut().enumerate() {
            *sample += mode.gain * body.step(blow.get(index).copied().unwrap_or(0.0));
        }
    }
    samples
}
