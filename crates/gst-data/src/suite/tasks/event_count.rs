//! How many hits? One to five at uneven times; what is hit is new in the test.

use crate::suite::scene::Scene;
use crate::suite::sound::mixing::{add_at, from_db};
use crate::suite::sound::percussion::Hit::{Beep, Clap, Drop, Hat, Kick, Knock, Ting};
use crate::suite::task::{Sound, Task, USUAL_LEVELS};

pub(super) const TASK: Task = Task {
    name: "event_count",
    domain: "environment",
    skill: "number of events",
    questions: &["How many sounds do you hear?", "Count the events.", "How often does it sound?", "What is the number of hits?"],
    choices: &["one", "two", "three", "four", "five"],
    rate: 16_000,
    stereo: false,
    train: 320,
    test: 60,
    held_out: &["event", "noise"],
    noisy: true,
    levels: USUAL_LEVELS,
    compose,
};

/// Seconds between two hits, at the least.
const GAP: f64 = 0.14;
/// Seconds before the first hit, at the least, so that the fade of the clip's edge leaves it whole.
const LEAD: f64 = 0.02;

fn compose(scene: &mut Scene) -> Sound {
    let hit = scene.held([Knock, Kick, Beep, Ting, Hat], [Clap, Drop]);
    scene.note("event", hit.name());
    let seconds = scene.dice.between(0.9, 1.05);
    let count = scene.class + 1;
    // Free time is dealt out at random between hits that keep their distance.
    let free = seconds - LEAD - 0.15 - GAP * count as f64;
    let mut cuts: Vec<f64> = (0..count).map(|_| scene.dice.between(0.0, free)).collect();
    cuts.sort_by(f64::total_cmp);
    let mut samples = vec![0.0; scene.samples(seconds)];
    for (index, cut) in cuts.into_iter().enumerate() {
        let sound = hit.sound(scene.rate, &mut scene.dice);
        let start = scene.samples(LEAD + cut + GAP * index as f64);
        let level = from_db(scene.dice.between(-6.0, 0.0));
        add_at(&mut samples, &sound, start, level);
    }
    Sound::Mono(samples)
}
