//! Which vowel? Eight English vowels, steady, by many speakers.

use crate::suite::scene::Scene;
use crate::suite::sound::formant::speak;
use crate::suite::sound::phone::vowel;
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "vowel",
    domain: "speech",
    skill: "vowel quality across speakers",
    questions: &[
        "Which word has the vowel that is spoken?",
        "The vowel you hear is the one of which word?",
        "Name the word with this vowel.",
    ],
    choices: &["heed", "hid", "head", "had", "hod", "hood", "who", "heard"],
    rate: 16_000,
    stereo: false,
    train: 240,
    test: 64,
    held_out: &["speaker", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

/// First three formants in Hz in the order of the choices; men's averages of Peterson and Barney (1952), rounded.
const FORMANTS: [[f64; 3]; 8] = [
    [270.0, 2300.0, 3000.0],
    [390.0, 2000.0, 2550.0],
    [530.0, 1840.0, 2480.0],
    [660.0, 1720.0, 2410.0],
    [730.0, 1090.0, 2440.0],
    [440.0, 1020.0, 2240.0],
    [300.0, 870.0, 2240.0],
    [490.0, 1350.0, 1700.0],
];

fn compose(scene: &mut Scene) -> Sound {
    let speaker = scene.speaker();
    let dice = &mut scene.dice;
    let seconds = dice.between(0.4, 0.52);
    // Nobody says a vowel twice in the same place.
    let formants = FORMANTS[scene.class].map(|hz| hz * dice.between(0.93, 1.07));
    let (from, to) = (dice.between(0.9, 1.15), dice.between(0.8, 1.05));
    let pitch = |time: f64| speaker.pitch * (from + (to - from) * time / seconds);
    Sound::Mono(speak(&speaker, &[vowel(formants, seconds)], pitch, scene.rate, dice))
}
