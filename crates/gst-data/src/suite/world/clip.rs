//! One clip of a world.

use serde_json::Value;

use super::super::clip::{Clip, Row, first_word};
use super::super::dice::Dice;
use super::super::scene::{Facts, Part};
use super::super::sound::envelope::fade_edges;
use super::super::sound::mixing::{add_at, from_db, peak, rms, scale};
use super::board::{Ask, Place};
use super::ladder::letters_of;
use super::{ANSWERS, RATE, WORLD_VERSION};

/// Peak level in dB below full scale, from and to.
const LEVEL_DB: (f64, f64) = (-10.0, -3.0);
/// Seconds over which both ends of a clip are faded.
const FADE_SECONDS: f64 = 0.004;

/// Clip number `index` of a half. It depends on the seed, on what the place asks, on its noise, on the half and on the number only.
pub(in crate::suite) fn make(place: &Place, part: Part, index: usize, seed: u64) -> Clip {
    let name = format!("{}_{index:04}", part.name());
    let id = format!("{}-{name}", place.name);
    let mut dice = Dice::keyed(seed, &format!("world {WORLD_VERSION}/{id}"));
    let value = value_of(place, part, index, seed);
    let mut facts = Facts::new();
    let (mut samples, questions, choices) = match place.ask {
        Ask::Own(skill) => (skill.play(value, seed, &mut dice), skill.questions(), skill.choices()),
        Ask::Rung(ladder, sounds) => {
            let letters = letters_of(value, sounds, &mut dice);
            let played = ladder.play(&letters, seed, &mut dice);
            facts.insert("sounds", letters.iter().map(usize::to_string).collect::<Vec<_>>().join(" ").into());
            (played, ladder.questions(sounds), ladder.choices(sounds))
        }
    };
    let noise = place.style.samples(&mut dice, samples.len(), f64::from(RATE));
    let level = rms(&samples) * from_db(-place.snr_db);
    add_at(&mut samples, &noise, 0, level);
    fade_edges(&mut samples, (FADE_SECONDS * f64::from(RATE)) as usize);
    let gain = from_db(dice.between(LEVEL_DB.0, LEVEL_DB.1)) / peak(&samples).max(1e-9);
    scale(&mut samples, gain);
    facts.insert("value", Value::from(value));
    facts.insert("style", place.style.name().into());
    let answer = choices[(value + place.turn) % ANSWERS];
    let row = Row {
        audio: format!("audio/{name}.wav"),
        question: questions[(first_word(&id) % 2) as usize],
        answer,
        choices,
        label: answer,
        domain: place.domain(),
        facts,
        id,
    };
    Clip { row, samples: samples.iter().map(|sample| (sample * f64::from(i16::MAX)).round() as i16).collect() }
}

/// The value of a clip: every run of four clips has each value once, in an order of its own.
fn value_of(place: &Place, part: Part, index: usize, seed: u64) -> usize {
    let key = format!("world {WORLD_VERSION}/{}/{}/values/{}", place.name, part.name(), index / ANSWERS);
    Dice::keyed(seed, &key).permutation(ANSWERS)[index % ANSWERS]
}
