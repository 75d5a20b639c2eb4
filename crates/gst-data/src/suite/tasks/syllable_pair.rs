//! Which two syllables, in which order? Only the consonants differ. The answer has two words; exact match needs both.

use crate::suite::scene::Scene;
use crate::suite::sound::formant::speak;
use crate::suite::sound::phone::syllable;
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "syllable_pair",
    domain: "speech",
    skill: "transcription of two syllables",
    questions: &["Which two syllables are spoken?", "Write down what the speaker says.", "What does the speaker say?"],
    choices: &[
        "ba ba", "ba da", "ba ma", "ba na", "da ba", "da da", "da ma", "da na", "ma ba", "ma da", "ma ma", "ma na", "na ba",
        "na da", "na ma", "na na",
    ],
    rate: 16_000,
    stereo: false,
    train: 480,
    test: 96,
    held_out: &["speaker", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

const SYLLABLES: [&str; 4] = ["ba", "da", "ma", "na"];

fn compose(scene: &mut Scene) -> Sound {
    let speaker = scene.speaker();
    let (first, second) = (SYLLABLES[scene.class / 4], SYLLABLES[scene.class % 4]);
    let dice = &mut scene.dice;
    let pace = speaker.pace * dice.between(0.9, 1.1);
    let mut phones = syllable(first, pace * dice.between(0.13, 0.2), pace);
    phones.extend(syllable(second, pace * dice.between(0.15, 0.24), pace));
    let seconds: f64 = phones.iter().map(|phone| phone.seconds).sum();
    let (from, to) = (dice.between(1.0, 1.2), dice.between(0.8, 1.0));
    let pitch = |time: f64| speaker.pitch * (from + (to - from) * time / seconds);
    Sound::Mono(speak(&speaker, &phones, pitch, scene.rate, dice))
}
