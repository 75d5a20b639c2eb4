//! Pitched instruments: additive, frequency modulation, plucked strings.

use std::f64::consts::TAU;

use super::super::dice::Dice;
use super::envelope::{Envelope, decaying};
use super::filter::{LowPass, Resonator, high_pass};
use super::mixing::to_unit_peak;
use super::oscillator::{Phasor, harmonics, harmonics_that_fit, sine};

/// What plays a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::suite) enum Instrument {
    Organ,
    PluckedString,
    Bell,
    ElectricPiano,
    BowedString,
    Flute,
    Clarinet,
    Trumpet,
}

impl Instrument {
    /// The name in answers and extra fields.
    pub(in crate::suite) fn name(self) -> &'static str {
        match self {
            Self::Organ => "organ",
            Self::PluckedString => "plucked string",
            Self::Bell => "bell",
            Self::ElectricPiano => "electric piano",
            Self::BowedString => "bowed string",
            Self::Flute => "flute",
            Self::Clarinet => "clarinet",
            Self::Trumpet => "trumpet",
        }
    }

    /// A note of `hz` over `count` samples, peak 1. Brightness, attack, vibrato and the like are drawn anew for every note.
    pub(in crate::suite) fn play(self, hz: f64, count: usize, rate: f64, dice: &mut Dice) -> Vec<f64> {
        let note = Note { hz, count, rate };
        let mut samples = match self {
            Self::Organ => note.organ(dice),
            Self::PluckedString => note.plucked(dice),
            Self::Bell => note.modulated(1.0, dice.between(1.38, 1.42), dice.between(3.0, 5.0), 0.35, 0.9, dice),
            Self::ElectricPiano => note.electric_piano(dice),
            Self::BowedString => note.bowed(dice),
            Self::Flute => note.flute(dice),
            Self::Clarinet => note.clarinet(dice),
            Self::Trumpet => note.trumpet(dice),
        };
        to_unit_peak(&mut samples);
        samples
    }
}

/// Frequency in Hz, length in samples, sample rate in Hz.
#[derive(Clone, Copy)]
struct Note {
    hz: f64,
    count: usize,
    rate: f64,
}

impl Note {
    fn length(&self) -> f64 {
        self.count as f64 / self.rate
    }

    /// Samples of a function of (time in seconds, phase in cycles), with a vibrato of `depth` (share of the frequency) at `speed`
    /// Hz that sets in after a fifth of a second.
    fn with_vibrato(&self, depth: f64, speed: f64, mut value: impl FnMut(f64, f64) -> f64) -> Vec<f64> {
        let mut phase = Phasor::starting_at(0.0);
        (0..self.count)
            .map(|index| {
                let time = index as f64 / self.rate;
                let onset = (time / 0.2).min(1.0);
                let hz = self.hz * (1.0 + depth * onset * sine(speed * time));
                value(time, phase.advance(hz, self.rate))
            })
            .collect()
    }

    /// Harmonics under one envelope.
    fn steady(&self, amplitudes: &[f64], envelope: Envelope) -> Vec<f64> {
        let length = self.length();
        let fitting = &amplitudes[..harmonics_that_fit(self.hz, self.rate, amplitudes.len())];
        self.with_vibrato(0.0, 0.0, |time, phase| envelope.at(time, length) * harmonics(phase, fitting))
    }

    fn organ(&self, dice: &mut Dice) -> Vec<f64> {
        let mut amplitudes = [0.0; 8];
        for drawbar in [1, 2, 3, 4, 6, 8] {
            amplitudes[drawbar - 1] = dice.between(0.2, 1.0);
        }
        amplitudes[0] = 1.0;
        self.steady(&amplitudes, Envelope { attack: dice.between(0.008, 0.03), decay: 1.0, sustain: 0.95, release: 0.04 })
    }

    /// Karplus and Strong (1983): a burst of noise in a delay line with a damping filter, here y = (1 - s) x + s x', where `s` is
    /// small enough for high notes to last.
    fn plucked(&self, dice: &mut Dice) -> Vec<f64> {
        let smoothing = dice.between(0.3, 0.5) * (300.0 / self.hz).min(1.0);
        let turn = TAU * self.hz / self.rate;
        let filter_delay = (smoothing * turn.sin()).atan2(1.0 - smoothing + smoothing * turn.cos()) / turn;
        let period = self.rate / self.hz - filter_delay;
        // The fraction of the delay is an all-pass, which damps nothing; from 0.3 to 1.3 samples it is well behaved.
        let whole = (period - 0.3).floor().max(1.0);
        let part = period - whole;
        let bend = ((1.0 - part) * turn / 2.0).sin() / ((1.0 + part) * turn / 2.0).sin();
        let mut pick = LowPass::at(dice.ratio_between(2500.0, 7000.0), self.rate);
        let mut line: Vec<f64> = (0..whole as usize).map(|_| pick.step(dice.white())).collect();
        let loss = decaying(1.0 / self.hz, dice.between(0.8, 2.0));
        let length = self.length();
        let (mut before, mut entered, mut left) = (0.0, 0.0, 0.0);
        let mut samples: Vec<f64> = (0..self.count)
            .map(|index| {
                let place = index % line.len();
                let read = line[place];
                left = bend * (read - left) + entered;
                entered = read;
                line[place] = loss * ((1.0 - smoothing) * left + smoothing * before);
                before = left;
                read * ((length - index as f64 / self.rate) / 0.03).min(1.0)
            })
            .collect();
        // The mean of the noise would stay in the line as an offset.
        high_pass(&mut samples, 0.3 * self.hz, self.rate);
        samples
    }

    /// Frequency modulation (Chowning 1973): carrier and modulator as multiples of the pitch, an index that decays within `fade`
    /// seconds.
    fn modulated(&self, carrier: f64, modulator: f64, index: f64, fade: f64, t60: f64, dice: &mut Dice) -> Vec<f64> {
        // Less modulation for high notes keeps the sidebands below half the sample rate.
        let room = (0.45 * self.rate / (self.hz * modulator) - 1.0).max(0.5);
        let index = index.min(room) * dice.between(0.8, 1.2);
        let length = self.length();
        self.with_vibrato(0.0, 0.0, |time, phase| {
            let depth = index * (-time / fade).exp();
            // The running phase would wrap for ratios that are not whole, so these two count from the start of the note.
            let cycles = if modulator.fract() == 0.0 { phase } else { self.hz * time };
            let bend = depth * sine(modulator * cycles) / TAU;
            let end = ((length - time) / 0.03).min(1.0);
            decaying(time, t60) * end * sine(carrier * cycles + bend)
        })
    }

    fn electric_piano(&self, dice: &mut Dice) -> Vec<f64> {
        let body = self.modulated(1.0, 1.0, dice.between(0.9, 1.8), 0.5, 1.6, dice);
        let tine = self.modulated(1.0, 7.0, dice.between(0.3, 0.9), 0.06, 0.3, dice);
        body.iter().zip(&tine).map(|(body, tine)| body + 0.5 * tine).collect()
    }

    fn bowed(&self, dice: &mut Dice) -> Vec<f64> {
        let fall = dice.between(0.9, 1.2);
        let mut amplitudes: Vec<f64> = (1..=20).map(|n| f64::from(n).powf(-fall) * dice.between(0.6, 1.3)).collect();
        amplitudes.truncate(harmonics_that_fit(self.hz, self.rate, 20));
        let envelope = Envelope { attack: dice.between(0.05, 0.12), decay: 1.0, sustain: 0.9, release: 0.06 };
        let (length, depth, speed) = (self.length(), dice.between(0.004, 0.009), dice.between(5.0, 6.8));
        self.with_vibrato(depth, speed, |time, phase| {
            envelope.at(time, length) * (harmonics(phase, &amplitudes) + 0.03 * dice.white())
        })
    }

    fn flute(&self, dice: &mut Dice) -> Vec<f64> {
        let amplitudes = [1.0, dice.between(0.15, 0.4), dice.between(0.05, 0.15), 0.03];
        let fitting = &amplitudes[..harmonics_that_fit(self.hz, self.rate, 4)];
        let envelope = Envelope { attack: dice.between(0.04, 0.09), decay: 1.0, sustain: 0.95, release: 0.06 };
        let (length, breath, speed) = (self.length(), dice.between(0.15, 0.4), dice.between(4.5, 6.0));
        let mut air = Resonator::default();
        air.tune_band((2.0 * self.hz).min(0.4 * self.rate), 1500.0, self.rate);
        self.with_vibrato(0.003, speed, |time, phase| {
            let noise = breath * air.step(dice.white());
            envelope.at(time, length) * (harmonics(phase, fitting) + noise)
        })
    }

    fn clarinet(&self, dice: &mut Dice) -> Vec<f64> {
        let fall = dice.between(0.8, 1.3);
        let amplitudes: Vec<f64> =
            (1..=13).map(|n| f64::from(n).powf(-fall) * if n % 2 == 1 { 1.0 } else { 0.06 } * dice.between(0.8, 1.2)).collect();
        self.steady(&amplitudes, Envelope { attack: dice.between(0.02, 0.05), decay: 1.0, sustain: 0.9, release: 0.05 })
    }

    /// Brass: the louder, the brighter (Risset and Mathews 1969), by modulation whose index follows the loudness.
    fn trumpet(&self, dice: &mut Dice) -> Vec<f64> {
        let room = (0.45 * self.rate / self.hz - 1.0).max(0.5);
        let index = dice.between(3.0, 5.5).min(room);
        let envelope = Envelope { attack: dice.between(0.03, 0.07), decay: 0.15, sustain: 0.75, release: 0.06 };
        let (length, speed) = (self.length(), dice.between(5.0, 6.0));
        self.with_vibrato(0.003, speed, |time, phase| {
            let level = envelope.at(time, length);
            level * sine(phase + index * level * sine(phase) / TAU)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Energy of a sine at `hz` in the middle of the note.
    fn tone(samples: &[f64], hz: f64, rate: f64) -> f64 {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        let (mut re, mut im) = (0.0, 0.0);
        for (index, sample) in middle.iter().enumerate() {
            let (sin, cos) = (TAU * hz * index as f64 / rate).sin_cos();
            re += sample * cos;
            im += sample * sin;
        }
        re.hypot(im)
    }

    #[test]
    fn harmonic_instruments_are_in_tune() {
        use Instrument::{BowedString, Clarinet, ElectricPiano, Flute, Organ, PluckedString, Trumpet};
        for instrument in [Organ, PluckedString, ElectricPiano, BowedString, Flute, Clarinet, Trumpet] {
            for hz in [262.0, 587.3, 1318.5] {
                let samples = instrument.play(hz, 16_000, 16_000.0, &mut Dice::keyed(5, "tuning"));
                // The strongest tone among shifts of up to half a semitone lies within six cents of the note.
                let cents = |cents: i32| tone(&samples, hz * (f64::from(cents) / 1200.0).exp2(), 16_000.0);
                let best = (-50..=50).max_by(|&a, &b| cents(a).total_cmp(&cents(b))).unwrap();
                assert!(best.abs() <= 6, "{instrument:?} at {hz} Hz is {best} cents off");
            }
        }
    }
}
