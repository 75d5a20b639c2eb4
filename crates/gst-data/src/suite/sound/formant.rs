//! The voice: glottal pulses and noise through a cascade of formants.

use std::f64::consts::PI;

use super::super::dice::Dice;
use super::filter::Resonator;
use super::oscillator::Phasor;
use super::phone::Phone;
use super::speaker::Speaker;

/// Samples between two updates of the filters: 2 ms at 16 kHz.
const CONTROL: usize = 32;
/// Time constant of changes in loudness, in seconds.
const LOUDNESS_GLIDE: f64 = 0.006;
/// Bandwidths of the five formants in Hz.
const BANDWIDTHS: [f64; 5] = [70.0, 95.0, 140.0, 220.0, 300.0];
/// The two highest formants of a long vocal tract, in Hz: they carry the voice's colour, not the vowel.
const UPPER_FORMANTS: [f64; 2] = [3450.0, 4500.0];

/// Speaks the phones one after another. `pitch` gives the frequency in Hz at a time in seconds.
pub(in crate::suite) fn speak(
    speaker: &Speaker,
    phones: &[Phone],
    pitch: impl Fn(f64) -> f64,
    rate: f64,
    dice: &mut Dice,
) -> Vec<f64> {
    let mut voice = Voice::new(speaker, phones.first(), rate, dice.unit());
    let mut samples = Vec::new();
    for phone in phones {
        let count = (phone.seconds * rate).round() as usize;
        for index in 0..count {
            if index % CONTROL == 0 {
                voice.approach(phone, CONTROL as f64 / rate);
            }
            let hz = pitch(samples.len() as f64 / rate);
            samples.push(voice.step(hz, dice));
        }
    }
    samples
}

/// The moving state of the synthesizer.
struct Voice<'a> {
    speaker: &'a Speaker,
    rate: f64,
    phase: Phasor,
    last_phase: f64,
    /// Factor on the loudness of the present period.
    shimmer: f64,
    /// Factor on the length of the present period.
    jitter: f64,
    formants: [f64; 3],
    voicing: f64,
    hiss: f64,
    hiss_hz: f64,
    cascade: [Resonator; 5],
    mouth: Resonator,
}

impl<'a> Voice<'a> {
    fn new(speaker: &'a Speaker, first: Option<&Phone>, rate: f64, phase: f64) -> Self {
        Self {
            speaker,
            rate,
            phase: Phasor::starting_at(phase),
            last_phase: 0.0,
            shimmer: 1.0,
            jitter: 1.0,
            formants: first.map_or([500.0, 1500.0, 2500.0], |phone| phone.formants),
            voicing: 0.0,
            hiss: 0.0,
            hiss_hz: first.map_or(4000.0, |phone| phone.hiss_hz),
            cascade: Default::default(),
            mouth: Resonator::default(),
        }
    }

    /// Moves every parameter towards the phone's targets for a step of `seconds`, and tunes the filters.
    fn approach(&mut self, phone: &Phone, seconds: f64) {
        let formant_step = 1.0 - (-seconds / phone.glide).exp();
        let loudness_step = 1.0 - (-seconds / LOUDNESS_GLIDE).exp();
        for (formant, target) in self.formants.iter_mut().zip(phone.formants) {
            *formant += formant_step * (target - *formant);
        }
        self.voicing += loudness_step * (phone.voicing - self.voicing);
        self.hiss += loudness_step * (phone.hiss - self.hiss);
        if phone.hiss > 0.0 {
            self.hiss_hz = phone.hiss_hz;
        }
        let [first, second, third] = self.formants;
        let [fourth, fifth] = UPPER_FORMANTS;
        let highest = 0.47 * self.rate;
        for (index, hz) in [first, second, third, fourth, fifth].into_iter().enumerate() {
            let habit = self.speaker.habit.get(index).copied().unwrap_or(1.0);
            let width = BANDWIDTHS[index] * (1.0 + 2.0 * self.speaker.breath);
            self.cascade[index].tune_formant((hz * self.speaker.tract * habit).min(highest), width, self.rate);
        }
        self.mouth.tune_band(self.hiss_hz.min(0.45 * self.rate), 0.4 * self.hiss_hz, self.rate);
    }

    /// One sample at a pitch of `hz`.
    fn step(&mut self, hz: f64, dice: &mut Dice) -> f64 {
        let phase = self.phase.advance(hz * self.jitter, self.rate);
        if phase < self.last_phase {
            self.shimmer = 1.0 + 0.05 * dice.normal();
            self.jitter = 1.0 + 0.006 * dice.normal();
        }
        self.last_phase = phase;
        let noise = dice.white();
        let breath = self.speaker.breath * noise * if phase < self.speaker.open { 1.0 } else { 0.4 };
        let source = self.voicing * (self.shimmer * glottal_pulse(phase, self.speaker.open) + breath);
        let throat = self.cascade.iter_mut().fold(source, |value, formant| formant.step(value));
        throat + 2.0 * self.hiss * self.mouth.step(noise)
    }
}

/// Slope of the air flow through the vocal folds at a phase of the period (Rosenberg 1971, the pulse of cosines), scaled to a
/// negative peak near -1: the folds open for two thirds of the open share, close over the last third.
fn glottal_pulse(phase: f64, open: f64) -> f64 {
    let (rise, fall) = (open * 2.0 / 3.0, open / 3.0);
    if phase < rise {
        0.5 * (fall / rise) * 2.0 * (PI * phase / rise).sin()
    } else if phase < open {
        -(PI * (phase - rise) / (2.0 * fall)).sin()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::sound::filter::band_level;
    use crate::suite::sound::phone::{plain_vowel, vowel};

    #[test]
    fn vowels_are_loud_at_their_formants() {
        let speaker = Speaker { pitch: 110.0, tract: 1.0, habit: [1.0; 4], breath: 0.02, open: 0.6, pace: 1.0 };
        for letter in ['i', 'a'] {
            let formants = plain_vowel(letter);
            let said = speak(&speaker, &[vowel(formants, 0.4)], |_| 110.0, 16_000.0, &mut Dice::keyed(3, "vowel"));
            let level = |hz: f64| band_level(&said, hz, 200.0, 16_000.0);
            let valley = (formants[0] + formants[1]) / 2.0;
            if letter == 'i' {
                assert!(level(formants[1]) > 3.0 * level(valley), "second formant of {letter}");
            }
            assert!(level(formants[0]) > 3.0 * level(3900.0), "first formant of {letter}");
        }
    }
}
