//! Who speaks? Six people with steady traits, other words in the test.

use crate::suite::scene::Scene;
use crate::suite::sound::formant::speak;
use crate::suite::sound::phone::syllable;
use crate::suite::sound::speaker::Speaker;
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "voice",
    domain: "speech",
    skill: "identity of a voice across words",
    questions: &["Who is speaking?", "Whose voice is this?", "Name the person who talks.", "Which of the six people says this?"],
    choices: &["ada", "ben", "cleo", "dora", "emil", "finn"],
    rate: 16_000,
    stereo: false,
    train: 180,
    test: 60,
    held_out: &["words", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

fn compose(scene: &mut Scene) -> Sound {
    let speaker = Speaker::voice(scene.seed, scene.class);
    let words = [(); 3].map(|()| scene.held(["ba", "di", "mu", "no", "se"], ["bi", "du", "ma", "ne", "so"]));
    scene.note("words", words.concat());
    let dice = &mut scene.dice;
    let pace = dice.between(0.85, 1.15);
    let phones: Vec<_> = words.iter().flat_map(|word| syllable(word, pace * dice.between(0.12, 0.18), pace)).collect();
    let seconds: f64 = phones.iter().map(|phone| phone.seconds).sum();
    let (from, to) = (dice.between(0.95, 1.2), dice.between(0.8, 1.05));
    let pitch = |time: f64| speaker.pitch * (from + (to - from) * time / seconds);
    Sound::Mono(speak(&speaker, &phones, pitch, scene.rate, dice))
}
