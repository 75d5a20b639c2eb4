//! Short hits for the tasks about time: where they fall matters, what they are does not.

use super::super::dice::Dice;
use super::envelope::decaying;
use super::filter::{Resonator, high_pass};
use super::impact::{Mode, blow, ring};
use super::mixing::to_unit_peak;
use super::oscillator::{Phasor, sine};

/// What is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::suite) enum Hit {
    /// Knuckles on wood.
    Knock,
    /// A dry tick.
    Click,
    /// A water drop: a tone that slides up.
    Drop,
    /// Hands.
    Clap,
    /// An electronic tone.
    Beep,
    /// A bass drum.
    Kick,
    /// A closed hi-hat.
    Hat,
    /// A triangle, damped.
    Ting,
}

impl Hit {
    /// The word in the record's extra fields.
    pub(in crate::suite) fn name(self) -> &'static str {
        match self {
            Self::Knock => "knock",
            Self::Click => "click",
            Self::Drop => "drop",
            Self::Clap => "clap",
            Self::Beep => "beep",
            Self::Kick => "kick",
            Self::Hat => "hat",
            Self::Ting => "ting",
        }
    }

    /// One hit with random details, at most a quarter of a second, peak 1.
    pub(in crate::suite) fn sound(self, rate: f64, dice: &mut Dice) -> Vec<f64> {
        let mut samples = match self {
            Self::Knock => {
                let hz = dice.ratio_between(180.0, 380.0);
                let modes = [(1.0, 0.1, 1.0), (2.1, 0.07, 0.6), (3.4, 0.05, 0.5), (5.2, 0.03, 0.3)]
                    .map(|(ratio, t60, gain)| Mode { hz: hz * ratio * dice.between(0.95, 1.05), t60, gain });
                ring(&modes, &blow(0.001, 0.5, rate, dice), span(0.12, rate), rate)
            }
            Self::Click => {
                let hz = dice.ratio_between(1800.0, 3600.0);
                let modes = [(1.0, 0.03, 1.0), (1.6, 0.02, 0.7)].map(|(ratio, t60, gain)| Mode { hz: hz * ratio, t60, gain });
                ring(&modes, &blow(0.0002, 0.8, rate, dice), span(0.05, rate), rate)
            }
            Self::Drop => {
                let (from, to) = (dice.ratio_between(450.0, 800.0), dice.between(1.8, 2.8));
                slide(from, from * to, 0.09, 0.12, rate)
            }
            Self::Clap => clap(rate, dice),
            Self::Beep => {
                let hz = dice.ratio_between(700.0, 1500.0);
                slide(hz, hz, 0.07, 1.0, rate)
            }
            Self::Kick => {
                let hz = dice.ratio_between(140.0, 220.0);
                slide(hz, 55.0, 0.14, 0.2, rate)
            }
            Self::Hat => {
                let t60 = dice.between(0.05, 0.1);
                let mut samples: Vec<f64> =
                    (0..span(0.1, rate)).map(|index| decaying(index as f64 / rate, t60) * dice.white()).collect();
                high_pass(&mut samples, 4500.0, rate);
                samples
            }
            Self::Ting => {
                let hz = dice.ratio_between(2200.0, 3000.0);
                let modes = [(1.0, 0.2, 1.0), (1.43, 0.16, 0.8), (2.05, 0.12, 0.6)].map(|(ratio, t60, gain)| Mode {
                    hz: hz * ratio,
                    t60,
                    gain,
                });
                ring(&modes, &blow(0.0003, 0.2, rate, dice), span(0.22, rate), rate)
            }
        };
        to_unit_peak(&mut samples);
        samples
    }
}

fn span(seconds: f64, rate: f64) -> usize {
    (seconds * rate) as usize
}

/// A sine from one frequency to another, fading within `t60`, over `seconds`.
fn slide(from: f64, to: f64, seconds: f64, t60: f64, rate: f64) -> Vec<f64> {
    let mut phase = Phasor::starting_at(0.0);
    (0..span(seconds, rate))
        .map(|index| {
            let time = index as f64 / rate;
            let hz = from * (to / from).powf(time / seconds);
            let end = ((seconds - time) / 0.01).min(1.0);
            decaying(time, t60) * end * sine(phase.advance(hz, rate))
        })
        .collect()
}

/// Three or four bursts of noise around 1.2 kHz, a few milliseconds apart, and a short tail.
fn clap(rate: f64, dice: &mut Dice) -> Vec<f64> {
    let mut band = Resonator::default();
    band.tune_band(dice.ratio_between(900.0, 1700.0), 900.0, rate);
    let bursts = 3 + dice.below(2);
    let spacing = dice.between(0.007, 0.012);
    (0..span(0.14, rate))
        .map(|index| {
            let time = index as f64 / rate;
            let burst = ((time / spacing) as usize).min(bursts - 1) as f64;
            let t60 = if burst as usize + 1 == bursts { 0.1 } else { 0.02 };
            band.step(dice.white() * decaying(time - burst * spacing, t60))
        })
        .collect()
}
