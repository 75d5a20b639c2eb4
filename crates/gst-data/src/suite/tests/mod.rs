//! The suite as a whole: what it promises to its readers.

mod contents;
mod folder;
mod learnability;
mod reading;

use rayon::prelude::*;

use super::clip::{Clip, make};
use super::scene::Part;
use super::task::Task;

/// The first clips of one half, made in memory.
fn clips(task: &Task, part: Part, count: usize, seed: u64) -> Vec<Clip> {
    (0..count).into_par_iter().map(|index| make(task, part, index, seed)).collect()
}

/// Training and test clips at a scale.
fn both_halves(task: &Task, scale: f64, seed: u64) -> [Vec<Clip>; 2] {
    let [train, test] = task.sizes(scale);
    [clips(task, Part::Train, train, seed), clips(task, Part::Test, test, seed)]
}
