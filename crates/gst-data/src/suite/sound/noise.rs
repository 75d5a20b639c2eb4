//! Noise of any colour, and the backgrounds that clips are laid over.

use super::super::dice::Dice;
use super::filter::{Shelf, high_pass};
use super::mixing::{rms, scale};
use super::oscillator::{Phasor, harmonics};

/// Lowest corner of the slope filters, in Hz: below it every colour is flat.
const SLOPE_FROM_HZ: f64 = 30.0;

/// `count` samples of noise whose power changes by `slope` dB an octave above 30 Hz (0 = white, -3 = pink, -6 = brown,
/// 3 = blue, 6 = violet), with a root mean square of 1.
///
/// The slope comes from poles and zeros that alternate on a logarithmic axis: the ripple stays under 0.5 dB.
pub(in crate::suite) fn coloured(dice: &mut Dice, count: usize, slope: f64, rate: f64) -> Vec<f64> {
    let mut shelves = slope_filter(slope, rate);
    let mut samples: Vec<f64> =
        (0..count).map(|_| shelves.iter_mut().fold(dice.white(), |value, shelf| shelf.step(value))).collect();
    high_pass(&mut samples, SLOPE_FROM_HZ, rate);
    let level = rms(&samples);
    scale(&mut samples, 1.0 / level.max(1e-9));
    samples
}

/// Octave-spaced shelves that together fall or rise by `slope` dB an octave.
fn slope_filter(slope: f64, rate: f64) -> Vec<Shelf> {
    let mut shelves = Vec::new();
    let mut corner = SLOPE_FROM_HZ;
    // A step of one octave between pole and zero is 6.02 dB; more than that an octave would make neighbours overlap, which is
    // harmless.
    let ratio = (-slope / 6.020_6).exp2();
    while corner < 0.5 * rate {
        shelves.push(Shelf::between(corner, corner * ratio, rate));
        corner *= 2.0;
    }
    shelves
}

/// What a clip was recorded over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::suite) enum Backdrop {
    Clean,
    White,
    Pink,
    Brown,
    Hum,
    Crackle,
}

impl Backdrop {
    /// The word in the record's `noise` field.
    pub(in crate::suite) fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::White => "white",
            Self::Pink => "pink",
            Self::Brown => "brown",
            Self::Hum => "hum",
            Self::Crackle => "crackle",
        }
    }

    /// `count` samples with a root mean square of 1 (nothing for `Clean`).
    pub(in crate::suite) fn samples(self, dice: &mut Dice, count: usize, rate: f64) -> Vec<f64> {
        let mut samples = match self {
            Self::Clean => return vec![0.0; count],
            Self::White => coloured(dice, count, 0.0, rate),
            Self::Pink => coloured(dice, count, -3.0, rate),
            Self::Brown => coloured(dice, count, -6.0, rate),
            Self::Hum => hum(dice, count, rate),
            Self::Crackle => crackle(dice, count, rate),
        };
        let level = rms(&samples);
        scale(&mut samples, 1.0 / level.max(1e-9));
        samples
    }
}

/// Mains hum with its harmonics over a little pink noise.
fn hum(dice: &mut Dice, count: usize, rate: f64) -> Vec<f64> {
    let hz = dice.pick([50.0, 60.0]);
    let amplitudes: Vec<f64> = (1..=9).map(|n| dice.between(0.2, 1.0) / f64::from(n)).collect();
    let mut phase = Phasor::starting_at(dice.unit());
    let mut samples = coloured(dice, count, -3.0, rate);
    for sample in &mut samples {
        *sample = 0.4 * *sample + harmonics(phase.advance(hz, rate), &amplitudes);
    }
    samples
}

/// The crackle of an old record: sparse clicks over soft white noise.
fn crackle(dice: &mut Dice, count: usize, rate: f64) -> Vec<f64> {
    let chance = 60.0 / rate;
    let mut level = 0.0;
    (0..count)
        .map(|_| {
            level *= 0.6;
            if dice.chance(chance) {
                level = dice.between(2.0, 6.0);
            }
            (0.6 + level) * dice.white()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::sound::filter::band_level;

    #[test]
    fn colours_have_their_slopes() {
        // Bands that grow with their centre add 3 dB an octave to the density's slope.
        for slope in [-6.0, -3.0, 0.0, 3.0, 6.0] {
            let noise = coloured(&mut Dice::keyed(1, "slope"), 200_000, slope, 44_100.0);
            let level = |hz: f64| 20.0 * band_level(&noise, hz, hz / 3.0, 44_100.0).log10();
            let measured = (level(4000.0) - level(500.0)) / 3.0 - 3.0;
            assert!((measured - slope).abs() < 0.5, "slope {slope}, measured {measured}");
        }
    }
}
