//! Statement, question, exclamation or an unfinished phrase? Only the melody of the voice tells.

use crate::suite::scene::Scene;
use crate::suite::sound::envelope::Contour;
use crate::suite::sound::formant::speak;
use crate::suite::sound::phone::syllable;
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "intonation",
    domain: "speech",
    skill: "intonation contour",
    questions: &[
        "Is this a question or something else?",
        "What kind of utterance is it, by its melody?",
        "How is the phrase meant?",
    ],
    choices: &["statement", "question", "exclamation", "unfinished"],
    rate: 16_000,
    stereo: false,
    train: 280,
    test: 48,
    held_out: &["speaker", "syllables", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

fn compose(scene: &mut Scene) -> Sound {
    let speaker = scene.speaker();
    let count: usize = scene.held([2, 4], [3]);
    scene.note("syllables", count);
    let dice = &mut scene.dice;
    let pace = 0.8 * speaker.pace;
    let mut phones = Vec::new();
    let mut last = 0.0;
    for index in 0..count {
        let letters = dice.pick(["ma", "na", "mi", "no", "ba", "ni"]);
        let seconds = pace * if index + 1 == count { dice.between(0.28, 0.36) } else { dice.between(0.08, 0.12) };
        last = seconds;
        phones.extend(syllable(letters, seconds, pace));
    }
    let total: f64 = phones.iter().map(|phone| phone.seconds).sum();
    let contour = melody(scene.class, total, last, |low, high| dice.between(low, high));
    Sound::Mono(speak(&speaker, &phones, |time| speaker.pitch * contour.at(time), scene.rate, dice))
}

/// Pitch as a factor on the speaker's middle, over seconds; `last` is the length of the last vowel.
fn melody(class: usize, total: f64, last: f64, mut between: impl FnMut(f64, f64) -> f64) -> Contour {
    let turn = total - last;
    Contour::through(match class {
        0 => vec![(0.0, between(1.05, 1.2)), (turn, between(0.92, 1.0)), (total, between(0.52, 0.64))],
        1 => vec![(0.0, between(0.95, 1.05)), (turn, between(0.88, 0.98)), (total, between(1.6, 2.0))],
        2 => vec![
            (0.0, between(0.95, 1.1)),
            (0.45 * total, between(1.6, 1.9)),
            (turn, between(1.35, 1.5)),
            (total, between(0.75, 0.9)),
        ],
        _ => vec![(0.0, between(0.95, 1.1)), (turn, between(0.98, 1.05)), (total, between(0.98, 1.06))],
    })
}
