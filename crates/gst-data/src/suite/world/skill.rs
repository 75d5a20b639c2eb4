//! Skills of their own: eight single sounds with four answers each.

use super::super::dice::Dice;
use super::super::sound::envelope::{Contour, Envelope};
use super::super::sound::formant::speak;
use super::super::sound::mixing::{add_at, to_unit_peak};
use super::super::sound::noise::coloured;
use super::super::sound::oscillator::{Phasor, harmonics, sine};
use super::super::sound::percussion::Hit;
use super::super::sound::phone::{plain_vowel, syllable, vowel};
use super::super::sound::speaker::Speaker;
use super::{ANSWERS, RATE};

/// What is asked where no ladder stands. Two for each column of the board, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::suite) enum Skill {
    Glide,
    Swell,
    Consonant,
    Register,
    Count,
    Onset,
    Tremolo,
    Length,
}

/// Seconds of a clip.
const SECONDS: f64 = 0.44;
/// People who speak.
const SPEAKERS: usize = 24;

impl Skill {
    pub(super) const ALL: [Self; 8] =
        [Self::Glide, Self::Swell, Self::Consonant, Self::Register, Self::Count, Self::Onset, Self::Tremolo, Self::Length];

    /// Name of the dataset.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Glide => "glide",
            Self::Swell => "swell",
            Self::Consonant => "consonant",
            Self::Register => "register",
            Self::Count => "count",
            Self::Onset => "onset",
            Self::Tremolo => "tremolo",
            Self::Length => "length",
        }
    }

    pub(super) fn domain(self) -> &'static str {
        match self {
            Self::Glide | Self::Swell => "music",
            Self::Consonant | Self::Register => "speech",
            Self::Count | Self::Onset | Self::Tremolo | Self::Length => "environment",
        }
    }

    pub(super) fn questions(self) -> [&'static str; 2] {
        match self {
            Self::Glide => ["Which way does it glide?", "Name the glide."],
            Self::Swell => ["How does it swell?", "Name the swell."],
            Self::Consonant => ["Which consonant?", "Name the consonant."],
            Self::Register => ["How high is the voice?", "Name the register."],
            Self::Count => ["How many hits?", "Count the hits."],
            Self::Onset => ["When is the hit?", "Name the quarter."],
            Self::Tremolo => ["How does it tremble?", "Name the tremolo."],
            Self::Length => ["How long is it?", "Name the length."],
        }
    }

    pub(super) fn choices(self) -> &'static [&'static str; ANSWERS] {
        match self {
            Self::Glide => &["up", "down", "peak", "dip"],
            Self::Swell => &["growing", "fading", "hill", "valley"],
            Self::Consonant => &["s", "m", "d", "f"],
            Self::Register => &["deep", "lower", "higher", "shrill"],
            Self::Count => &["one", "two", "three", "four"],
            Self::Onset => &["early", "soon", "late", "last"],
            Self::Tremolo => &["steady", "slow", "quick", "rapid"],
            Self::Length => &["tiny", "short", "medium", "long"],
        }
    }

    /// A clip whose value is `value`, 0 to 3.
    pub(super) fn play(self, value: usize, seed: u64, dice: &mut Dice) -> Vec<f64> {
        let rate = f64::from(RATE);
        let mut clip = vec![0.0; (SECONDS * rate) as usize];
        let (mut sound, start) = match self {
            Self::Glide => (glide(value, rate, dice), 0.02),
            Self::Swell => (swell(value, rate, dice), 0.02),
            Self::Consonant => {
                let speaker = Speaker::drawn(seed, dice.below(SPEAKERS));
                let letters = ["s", "m", "d", "f"][value].to_owned() + dice.pick(["a", "e", "o"]);
                let phones = syllable(&letters, dice.between(0.14, 0.2), 1.0);
                (speak(&speaker, &phones, |_| speaker.pitch, rate, dice), dice.between(0.01, 0.1))
            }
            Self::Register => {
                let pitch = [85.0, 125.0, 185.0, 275.0][value] * dice.between(0.92, 1.08);
                let speaker = Speaker { pitch, ..Speaker::drawn(seed, dice.below(SPEAKERS)) };
                let formants = plain_vowel(dice.pick(['a', 'e', 'o', 'i', 'u']));
                (speak(&speaker, &[vowel(formants, 0.25)], |_| pitch, rate, dice), dice.between(0.01, 0.15))
            }
            Self::Count => (hits(value + 1, rate, dice), 0.01),
            Self::Onset => {
                let start = 0.01 + 0.1 * value as f64 + dice.between(0.0, 0.04);
                (dice.pick([Hit::Knock, Hit::Click, Hit::Clap, Hit::Hat]).sound(rate, dice), start)
            }
            Self::Tremolo => (tremolo(value, rate, dice), 0.02),
            Self::Length => {
                let seconds = [0.05, 0.11, 0.2, 0.34][value] * dice.between(0.9, 1.1);
                let count = (seconds * rate) as usize;
                let envelope = Envelope { attack: 0.005, decay: 1.0, sustain: 1.0, release: 0.01 };
                let mut noise = coloured(dice, count, -3.0, rate);
                noise.iter_mut().enumerate().for_each(|(n, value)| *value *= envelope.at(n as f64 / rate, seconds));
                (noise, dice.between(0.01, 0.05))
            }
        };
        to_unit_peak(&mut sound);
        add_at(&mut clip, &sound, (start * rate) as usize, 1.0);
        clip
    }
}

/// A tone whose pitch moves by a third to a sixth.
fn glide(value: usize, rate: f64, dice: &mut Dice) -> Vec<f64> {
    let (low, ratio, seconds) = (dice.ratio_between(250.0, 600.0), dice.between(1.3, 1.7), 0.36);
    let high = low * ratio;
    let points = match value {
        0 => vec![(0.0, low), (seconds, high)],
        1 => vec![(0.0, high), (seconds, low)],
        2 => vec![(0.0, low), (0.5 * seconds, high), (seconds, low)],
        _ => vec![(0.0, high), (0.5 * seconds, low), (seconds, high)],
    };
    tone(&Contour::through(points), &Contour::through(vec![(0.0, 1.0)]), seconds, rate, dice)
}

/// A tone whose loudness moves by about 14 dB.
fn swell(value: usize, rate: f64, dice: &mut Dice) -> Vec<f64> {
    let (hz, soft, seconds) = (dice.ratio_between(250.0, 700.0), dice.between(0.12, 0.25), 0.36);
    let points = match value {
        0 => vec![(0.0, soft), (seconds, 1.0)],
        1 => vec![(0.0, 1.0), (seconds, soft)],
        2 => vec![(0.0, soft), (0.5 * seconds, 1.0), (seconds, soft)],
        _ => vec![(0.0, 1.0), (0.5 * seconds, soft), (seconds, 1.0)],
    };
    tone(&Contour::through(vec![(0.0, hz)]), &Contour::through(points), seconds, rate, dice)
}

/// Noise of any colour whose loudness beats at 0, 8, 14 or 25 Hz.
fn tremolo(value: usize, rate: f64, dice: &mut Dice) -> Vec<f64> {
    let hz = [0.0, 8.0, 14.0, 25.0][value] * dice.between(0.92, 1.08);
    let slope = dice.between(-5.0, 1.0);
    let mut samples = coloured(dice, (0.38 * rate) as usize, slope, rate);
    let mut phase = Phasor::starting_at(dice.unit());
    samples.iter_mut().for_each(|value| *value *= 0.55 + 0.45 * if hz > 0.0 { sine(phase.advance(hz, rate)) } else { 0.0 });
    samples
}

/// So many hits of one kind, at least 90 ms apart.
fn hits(count: usize, rate: f64, dice: &mut Dice) -> Vec<f64> {
    let hit = dice.pick([Hit::Knock, Hit::Click, Hit::Beep]);
    let mut cuts: Vec<f64> = (0..count).map(|_| dice.between(0.0, 0.38 - 0.09 * count as f64)).collect();
    cuts.sort_by(f64::total_cmp);
    let mut samples = vec![0.0; (0.42 * rate) as usize];
    for (index, cut) in cuts.into_iter().enumerate() {
        let (sound, gain) = (hit.sound(rate, dice), dice.between(0.7, 1.0));
        add_at(&mut samples, &sound, ((cut + 0.09 * index as f64) * rate) as usize, gain);
    }
    samples
}

/// Five harmonics that follow a pitch (Hz) and a loudness over time (seconds).
fn tone(pitch: &Contour, loudness: &Contour, seconds: f64, rate: f64, dice: &mut Dice) -> Vec<f64> {
    let amplitudes: Vec<f64> = (1..=5).map(|n| dice.between(0.3, 1.0) / f64::from(n)).collect();
    let mut phase = Phasor::starting_at(dice.unit());
    let at = |n: usize| n as f64 / rate;
    (0..(seconds * rate) as usize)
        .map(|n| loudness.at(at(n)) * harmonics(phase.advance(pitch.at(at(n)), rate), &amplitudes))
        .collect()
}
