//! One clip from its task, half and number.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::dice::Dice;
use super::scene::{Facts, Part, Scene};
use super::sound::envelope::fade_edges;
use super::sound::mixing::{add_at, from_db, peak, rms, scale};
use super::sound::noise::Backdrop;
use super::task::{Sound, Task};

/// Seconds over which both ends of a clip are faded.
const FADE_SECONDS: f64 = 0.004;
/// Length in seconds that a shorter clip is filled up to with silence (or the noise it lies over).
const MIN_SECONDS: f64 = 0.4;
/// Ratio of the sound to the noise under it, in dB of root mean square over the clip, from and to.
const SNR_DB: (f64, f64) = (20.0, 38.0);

/// A line of `train.jsonl` or `test.jsonl`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) audio: String,
    pub(super) question: &'static str,
    pub(super) answer: &'static str,
    pub(super) choices: &'static [&'static str],
    pub(super) label: &'static str,
    pub(super) domain: &'static str,
    #[serde(flatten)]
    pub(super) facts: Facts,
}

/// A finished clip: its line and its samples, interleaved.
pub(super) struct Clip {
    pub(super) row: Row,
    pub(super) samples: Vec<i16>,
}

impl Clip {
    /// Length in seconds at a sample rate in Hz.
    pub(super) fn seconds(&self, rate: u32, channels: u16) -> f64 {
        self.samples.len() as f64 / f64::from(rate) / f64::from(channels)
    }
}

/// Clip number `index` of a half. It depends on the seed, the task, the half and the number only: not on how many there are, so a
/// smaller suite is the beginning of a larger one.
pub(super) fn make(task: &Task, part: Part, index: usize, seed: u64) -> Clip {
    let name = format!("{}_{index:04}", part.name());
    let id = format!("{}-{name}", task.name);
    let class = class_of(task, part, index, seed);
    let question = (first_word(&id) % task.questions.len() as u64) as usize;
    let mut scene =
        Scene { seed, part, class, question, rate: f64::from(task.rate), dice: Dice::keyed(seed, &id), facts: Facts::new() };
    let mut channels = match (task.compose)(&mut scene) {
        Sound::Mono(samples) => vec![samples],
        Sound::Stereo(left, right) => vec![left, right],
    };
    let shortest = scene.samples(MIN_SECONDS);
    for samples in channels.iter_mut().filter(|samples| samples.len() < shortest) {
        samples.resize(shortest, 0.0);
    }
    if task.noisy {
        lay_over_noise(&mut scene, &mut channels);
    }
    finish(task, &mut scene, &mut channels);
    let row = Row {
        id,
        audio: format!("audio/{name}.wav"),
        question: task.questions[question],
        answer: task.choices[class],
        choices: task.choices,
        label: task.choices[class],
        domain: task.domain,
        facts: scene.facts,
    };
    Clip { row, samples: interleaved(&channels) }
}

/// The answer of a clip: every run of as many clips as there are choices has each choice once, in an order of its own.
fn class_of(task: &Task, part: Part, index: usize, seed: u64) -> usize {
    let classes = task.choices.len();
    let key = format!("{}/{}/answers/{}", task.name, part.name(), index / classes);
    Dice::keyed(seed, &key).permutation(classes)[index % classes]
}

/// First eight bytes of the hash of a clip's id.
pub(super) fn first_word(id: &str) -> u64 {
    Sha256::digest(id.as_bytes()).iter().take(8).fold(0, |word, &byte| (word << 8) | u64::from(byte))
}

/// Adds a noise whose kind belongs to this half.
fn lay_over_noise(scene: &mut Scene, channels: &mut [Vec<f64>]) {
    use Backdrop::{Brown, Clean, Crackle, Hum, Pink, White};
    let backdrop = scene.held([Clean, White, Pink, Hum], [Brown, Crackle]);
    scene.note("noise", backdrop.name());
    if backdrop == Clean {
        return;
    }
    let snr = scene.dice.between(SNR_DB.0, SNR_DB.1);
    scene.note_number("snr_db", snr);
    let loudest = channels.iter().map(|samples| rms(samples)).fold(0.0, f64::max);
    for samples in channels {
        let noise = backdrop.samples(&mut scene.dice, samples.len(), scene.rate);
        add_at(samples, &noise, 0, loudest * from_db(-snr));
    }
}

/// Fades the ends and sets the peak level.
fn finish(task: &Task, scene: &mut Scene, channels: &mut [Vec<f64>]) {
    let [train, test] = task.levels;
    let level = scene.held_between(train, test);
    scene.note_number("level_db", level);
    let fade = scene.samples(FADE_SECONDS);
    for samples in channels.iter_mut() {
        fade_edges(samples, fade);
    }
    let highest = channels.iter().map(|samples| peak(samples)).fold(0.0, f64::max);
    let gain = from_db(level) / highest.max(1e-9);
    for samples in channels {
        scale(samples, gain);
    }
}

/// 16-bit samples, channel by channel within a frame.
fn interleaved(channels: &[Vec<f64>]) -> Vec<i16> {
    let frames = channels.first().map_or(0, Vec::len);
    let mut samples = Vec::with_capacity(frames * channels.len());
    for frame in 0..frames {
        for channel in channels {
            // A float outside the range saturates; the level keeps it inside.
            samples.push((channel[frame] * f64::from(i16::MAX)).round() as i16);
        }
    }
    samples
}
