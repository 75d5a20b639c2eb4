//! What a folder is filled with: the suite of fourteen, or a world.

use sha2::{Digest, Sha256};

use super::clip::{Clip, make};
use super::generate::SuiteParams;
use super::marker::written;
use super::report::{DatasetReport, World, planned};
use super::scene::Part;
use super::task::Task;
use super::tasks::TASKS;
use super::world::{self, Place, WorldParams};

/// Datasets that are made together.
pub(super) struct Contents {
    pub(super) seed: u64,
    pub(super) scale: f64,
    /// Hash of everything that decides the contents.
    pub(super) recipe: String,
    pub(super) sets: Vec<Set>,
    pub(super) world: Option<World>,
}

/// One dataset: its row before its clips are there, and how a clip of it is made.
pub(super) struct Set {
    pub(super) row: DatasetReport,
    pub(super) make: Box<dyn Fn(Part, usize) -> Clip + Sync>,
}

impl Contents {
    /// The suite of fourteen.
    pub(super) fn of_suite(params: &SuiteParams) -> Self {
        let SuiteParams { seed, scale } = *params;
        let mut hash = Sha256::new();
        hash.update(super::RECIPE_VERSION.to_le_bytes());
        hash.update(seed.to_le_bytes());
        hash.update(scale.to_bits().to_le_bytes());
        for task in TASKS {
            let sizes = task.sizes(scale);
            hash.update(format!("{} {sizes:?} {} {:?} {:?}\n", task.name, task.rate, task.questions, task.choices));
        }
        let set = |task: &&'static Task| {
            let task = *task;
            Set { row: planned(task, scale), make: Box::new(move |part, index| make(task, part, index, seed)) }
        };
        Self { seed, scale, recipe: written(hash), sets: TASKS.iter().map(set).collect(), world: None }
    }

    /// A world.
    pub(super) fn of_world(params: &WorldParams) -> Self {
        let places = world::board(params);
        let mut hash = Sha256::new();
        hash.update(b"world");
        hash.update(super::RECIPE_VERSION.to_le_bytes());
        hash.update(world::WORLD_VERSION.to_le_bytes());
        for place in &places {
            hash.update(format!("{} {place:?}\n", params.seed));
        }
        let knobs = World { knobs: *params, datasets: world::truth(&places) };
        let seed = params.seed;
        let set =
            |place: Place| Set { row: row(&place), make: Box::new(move |part, index| world::make(&place, part, index, seed)) };
        Self { seed, scale: params.scale, recipe: written(hash), sets: places.into_iter().map(set).collect(), world: Some(knobs) }
    }
}

/// The row of a world's dataset before its clips are there.
fn row(place: &Place) -> DatasetReport {
    let [train, test] = place.sizes;
    DatasetReport {
        name: place.name.clone(),
        domain: place.domain().to_owned(),
        task: place.skill(),
        train,
        test,
        clips: train + test,
        classes: world::ANSWERS,
        sample_rate: world::RATE,
        channels: 1,
        held_out: Vec::new(),
        source: format!("generated, world {}", world::WORLD_VERSION),
        bytes: 0,
        audio_seconds: 0.0,
        shortest_seconds: 0.0,
        longest_seconds: 0.0,
    }
}
