//! The alphabets of four sounds that ladders are built of, and how answers are composed of them.

use super::super::dice::Dice;
use super::super::scene::midi_hz;
use super::super::sound::envelope::Envelope;
use super::super::sound::filter::Resonator;
use super::super::sound::formant::speak;
use super::super::sound::mixing::{add_at, to_unit_peak};
use super::super::sound::oscillator::{Phasor, harmonics};
use super::super::sound::percussion::Hit;
use super::super::sound::phone::vowel;
use super::super::sound::speaker::Speaker;
use super::{ANSWERS, RATE};

/// An alphabet of four sounds, one a column of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::suite) enum Ladder {
    Tone,
    Vowel,
    Hit,
    Burst,
}

/// Seconds of one sound of an alphabet, and of the silence between two.
const SOUND_SECONDS: f64 = 0.15;
const GAP_SECONDS: (f64, f64) = (0.02, 0.04);
/// Seconds of a clip of one, two and three sounds.
const CLIP_SECONDS: [f64; 3] = [0.4, 0.42, 0.58];
/// Seconds before the first sound, at the least.
const LEAD_SECONDS: f64 = 0.01;
/// First three formants in Hz, four vowels of one sound each and then four of the other; men's averages of Peterson and Barney (1952),
/// rounded.
const VOWELS: [[f64; 3]; 8] = [
    [270.0, 2300.0, 3000.0],
    [530.0, 1840.0, 2480.0],
    [730.0, 1090.0, 2440.0],
    [300.0, 870.0, 2240.0],
    [440.0, 1020.0, 2240.0],
    [390.0, 2000.0, 2550.0],
    [490.0, 1350.0, 1700.0],
    [660.0, 1720.0, 2410.0],
];
/// The same for hits.
const HITS: [Hit; 8] = [Hit::Kick, Hit::Hat, Hit::Beep, Hit::Clap, Hit::Click, Hit::Knock, Hit::Ting, Hit::Drop];
/// People whose vowels are heard.
const SPEAKERS: usize = 24;

impl Ladder {
    pub(super) const ALL: [Self; 4] = [Self::Tone, Self::Vowel, Self::Hit, Self::Burst];

    /// Name of the dataset with so many sounds.
    pub(super) fn name(self, sounds: usize) -> &'static str {
        let names = match self {
            Self::Tone => ["tone", "tone_pair", "tone_triple"],
            Self::Vowel => ["vowel", "vowel_pair", "vowel_triple"],
            Self::Hit => ["hit", "hit_pair", "hit_triple"],
            Self::Burst => ["burst", "burst_pair", "burst_triple"],
        };
        names[sounds - 1]
    }

    pub(super) fn domain(self) -> &'static str {
        match self {
            Self::Tone => "music",
            Self::Vowel => "speech",
            Self::Hit | Self::Burst => "environment",
        }
    }

    /// How many different sounds a letter stands for.
    fn forms(self) -> usize {
        match self {
            Self::Tone => 4,
            Self::Burst => 3,
            Self::Vowel | Self::Hit => 2,
        }
    }

    /// Two ways to ask for the answer of so many sounds.
    pub(super) fn questions(self, sounds: usize) -> [&'static str; 2] {
        let [one, two, three] = match self {
            Self::Tone => [
                ["Which note?", "Name the note."],
                ["Which interval?", "Name the interval."],
                ["Which melody?", "Name the melody."],
            ],
            Self::Vowel => [
                ["Which vowel?", "Name the vowel."],
                ["Which diphthong?", "Name the diphthong."],
                ["Which word?", "Name the word."],
            ],
            Self::Hit => {
                [["What was hit?", "Name the hit."], ["Which beat?", "Name the beat."], ["Which rhythm?", "Name the rhythm."]]
            }
            Self::Burst => [
                ["Which noise?", "Name the noise."],
                ["Which machine?", "Name the machine."],
                ["Which signal?", "Name the signal."],
            ],
        };
        [one, two, three][sounds - 1]
    }

    /// The answers for so many sounds: one a value of [`compose`].
    pub(super) fn choices(self, sounds: usize) -> &'static [&'static str; ANSWERS] {
        match (self, sounds) {
            (Self::Tone, 1) => &["do", "mi", "sol", "ti"],
            (Self::Tone, 2) => &["unison", "third", "fifth", "seventh"],
            (Self::Tone, _) => &["march", "waltz", "lullaby", "hymn"],
            (Self::Vowel, 1) => &["thin", "narrow", "broad", "round"],
            (Self::Vowel, 2) => &["plain", "opening", "centring", "closing"],
            (Self::Vowel, _) => &["noun", "verb", "adverb", "particle"],
            (Self::Hit, 1) => &["north", "east", "south", "west"],
            (Self::Hit, 2) => &["rock", "samba", "polka", "tango"],
            (Self::Hit, _) => &["breve", "dactyl", "trochee", "spondee"],
            (Self::Burst, 1) => &["rumble", "rush", "hiss", "sizzle"],
            (Self::Burst, 2) => &["pump", "fan", "valve", "saw"],
            (Self::Burst, _) => &["ready", "warning", "fault", "stop"],
        }
    }

    /// One sound of the alphabet, peak 1: any of those that the letter stands for.
    pub(super) fn sound(self, letter: usize, seed: u64, dice: &mut Dice) -> Vec<f64> {
        let form = letter + ANSWERS * dice.below(self.forms());
        let rate = f64::from(RATE);
        let count = (SOUND_SECONDS * rate) as usize;
        let mut samples = match self {
            Self::Tone => {
                let hz = midi_hz(48.0 + 3.0 * form as f64 + dice.between(-0.4, 0.4));
                let amplitudes: Vec<f64> = (1..=5).map(|n| dice.between(0.3, 1.0) / f64::from(n)).collect();
                let envelope = Envelope { attack: 0.01, decay: 0.2, sustain: 0.7, release: 0.03 };
                let mut phase = Phasor::starting_at(dice.unit());
                (0..count)
                    .map(|n| envelope.at(n as f64 / rate, SOUND_SECONDS) * harmonics(phase.advance(hz, rate), &amplitudes))
                    .collect()
            }
            Self::Vowel => {
                let speaker = Speaker::drawn(seed, dice.below(SPEAKERS));
                let formants = VOWELS[form].map(|hz| hz * dice.between(0.95, 1.05));
                let pitch = speaker.pitch * dice.between(0.9, 1.1);
                speak(&speaker, &[vowel(formants, SOUND_SECONDS)], |_| pitch, rate, dice)
            }
            Self::Hit => HITS[form].sound(rate, dice),
            Self::Burst => {
                let centre = 300.0 * (16.0_f64).powf((form as f64 + dice.between(-0.2, 0.2)) / 11.0);
                let mut bands = [Resonator::default(); 2];
                bands.iter_mut().for_each(|band| band.tune_band(centre, 0.12 * centre, rate));
                let envelope = Envelope { attack: 0.01, decay: 0.2, sustain: 0.7, release: 0.03 };
                let noise = (0..count).map(|_| bands.iter_mut().fold(dice.white(), |value, band| band.step(value)));
                noise.enumerate().map(|(n, value)| envelope.at(n as f64 / rate, SOUND_SECONDS) * value).collect()
            }
        };
        to_unit_peak(&mut samples);
        samples
    }

    /// A clip of these sounds one after another, at a random place of the clip.
    pub(super) fn play(self, letters: &[usize], seed: u64, dice: &mut Dice) -> Vec<f64> {
        let rate = f64::from(RATE);
        let mut clip = vec![0.0; (CLIP_SECONDS[letters.len() - 1] * rate) as usize];
        let gaps: Vec<f64> = letters.iter().skip(1).map(|_| dice.between(GAP_SECONDS.0, GAP_SECONDS.1)).collect();
        let used = LEAD_SECONDS + SOUND_SECONDS * letters.len() as f64 + gaps.iter().sum::<f64>();
        let free = (clip.len() as f64 / rate - used).max(0.0);
        let mut start = LEAD_SECONDS + dice.between(0.0, free);
        for (index, &letter) in letters.iter().enumerate() {
            let sound = self.sound(letter, seed, dice);
            let gain = dice.between(0.6, 1.0);
            add_at(&mut clip, &sound, (start * rate) as usize, gain);
            start += SOUND_SECONDS + gaps.get(index).copied().unwrap_or(0.0);
        }
        clip
    }
}

/// The value of some sounds, the inverse of [`letters_of`].
#[cfg(test)]
pub(super) fn compose(letters: &[usize]) -> usize {
    match letters {
        [first, .., last] => first ^ last,
        _ => letters.first().copied().unwrap_or(0),
    }
}

/// So many sounds with this value, 0 to 3: the sound itself, or how the last differs from the first (bit by bit, exclusive or), whatever
/// lies between. All but the last are free.
pub(super) fn letters_of(value: usize, sounds: usize, dice: &mut Dice) -> Vec<usize> {
    let mut letters: Vec<usize> = (1..sounds).map(|_| dice.below(ANSWERS)).collect();
    letters.push(value ^ letters.first().copied().unwrap_or(0));
    letters
}
