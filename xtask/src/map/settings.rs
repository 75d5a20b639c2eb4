//! What a map is: the TOML file behind `cargo xtask map`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::experiment::{Generate, Settings, check_folder};

/// The map that comes with the workspace.
const BUILT_IN: &str = include_str!("../../../experiments/map.toml");

/// Name of the arm that repeats the baseline with other seeds.
pub(crate) const NULL: &str = "null";

/// A whole map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapSettings {
    /// Arms of which the best in the sweep is the baseline that all are judged against.
    pub(crate) baselines: Vec<String>,
    /// Other arms that a judged one may run as, for instance with another shape of the learning rate: the best of it and them in the sweep.
    #[serde(default)]
    pub(crate) variants: BTreeMap<String, Vec<String>>,
    /// Worlds that are judged: the union of these blocks.
    pub(crate) design: Vec<Block>,
    /// Worlds that learning rates and baseline are chosen on; their seeds are none of the design's.
    pub(crate) sweep: Vec<Block>,
    /// What is run in every world. Its strategies are the judged arms beside the baselines; its data is replaced by the worlds.
    pub(crate) experiment: Settings,
}

/// Worlds: every combination of these values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    pub(crate) conflict: Vec<f64>,
    pub(crate) dependence: Vec<f64>,
    pub(crate) inequality: Vec<f64>,
    pub(crate) difficulty: Vec<f64>,
    /// Seeds of the worlds.
    pub(crate) worlds: Vec<u64>,
    /// Arms that are judged in these worlds beside those of all.
    #[serde(default)]
    pub(crate) strategies: Vec<String>,
}

/// The knobs of one world.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(crate) struct Knobs {
    pub(crate) conflict: f64,
    pub(crate) dependence: f64,
    pub(crate) inequality: f64,
    pub(crate) difficulty: f64,
}

impl Knobs {
    /// Name and value of each.
    pub(crate) fn named(&self) -> [(&'static str, f64); 4] {
        let Self { conflict, dependence, inequality, difficulty } = *self;
        [("conflict", conflict), ("dependence", dependence), ("inequality", inequality), ("difficulty", difficulty)]
    }

    /// The places in [`Knobs::named`] of those to tell worlds apart by: conflict, dependence, and what is not everywhere as usual (equal
    /// sizes, equal noise).
    pub(crate) fn told(corners: &[Self]) -> Vec<usize> {
        let unequal = corners.iter().any(|knobs| knobs.inequality != 1.0);
        let uneven = corners.iter().any(|knobs| knobs.difficulty != 0.0);
        [(0, true), (1, true), (2, unequal), (3, uneven)].into_iter().filter(|(_, told)| *told).map(|(place, _)| place).collect()
    }
}

/// One world.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) knobs: Knobs,
    pub(crate) seed: u64,
}

impl World {
    /// A name for its folder and for people.
    pub(crate) fn name(&self) -> String {
        let Knobs { conflict, dependence, inequality, difficulty } = self.knobs;
        format!("c{conflict}-d{dependence}-i{inequality}-n{difficulty}-w{}", self.seed)
    }

    /// What `gst data generate` is told.
    pub(crate) fn generate(&self, scale: f64) -> Generate {
        let Knobs { conflict, dependence, inequality, difficulty } = self.knobs;
        Generate {
            seed: self.seed,
            scale,
            conflict: Some(conflict),
            dependence: Some(dependence),
            inequality: Some(inequality),
            difficulty: Some(difficulty),
        }
    }
}

impl Block {
    fn worlds(&self) -> impl Iterator<Item = World> + '_ {
        // Worlds outermost: a map that is stopped has whole designs to compare.
        self.worlds.iter().flat_map(move |&seed| {
            self.conflict.iter().flat_map(move |&conflict| {
                self.dependence.iter().flat_map(move |&dependence| {
                    self.inequality.iter().flat_map(move |&inequality| {
                        self.difficulty
                            .iter()
                            .map(move |&difficulty| World { knobs: Knobs { conflict, dependence, inequality, difficulty }, seed })
                    })
                })
            })
        })
    }
}

impl MapSettings {
    /// The built-in map.
    pub(crate) fn built_in() -> Result<Self> {
        Self::parse(BUILT_IN, "experiments/map.toml")
    }

    /// Reads a map from a file.
    pub(crate) fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the map {}", path.display()))?;
        let mut settings = Self::parse(&text, &path.display().to_string())?;
        settings.experiment.found_from(path);
        Ok(settings)
    }

    fn parse(text: &str, source: &str) -> Result<Self> {
        let settings: Self = toml::from_str(text).with_context(|| format!("{source} is no map"))?;
        settings.check().with_context(|| source.to_string())?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        self.experiment.check()?;
        self.arms().iter().try_for_each(|arm| check_folder("arm", arm))?;
        let Some(sweep) = &self.experiment.sweep else {
            bail!("experiment.sweep is missing: every arm chooses its learning rate before it is judged");
        };
        for (key, seeds) in [("experiment.seeds", self.experiment.seeds), ("experiment.sweep.seeds", sweep.seeds)] {
            if seeds != 1 {
                bail!("{key} = {seeds}: a map has one seed a world, name more worlds instead; expected 1");
            }
        }
        if self.experiment.data.generate.is_none() {
            bail!("experiment.data.generate is missing: it says how large worlds are");
        }
        if self.baselines.is_empty() {
            bail!("no baselines: name at least one arm of mix-all");
        }
        let judged: Vec<u64> = self.judged().iter().map(|world| world.seed).collect();
        if let Some(world) = self.swept().iter().find(|world| judged.contains(&world.seed)) {
            bail!("world {} is swept and judged: choose on other worlds than those of the comparison", world.seed);
        }
        if let Some(arm) = self.arms().iter().find(|arm| *arm == NULL) {
            bail!("an arm cannot be named `{arm}`: that is the baseline with other seeds");
        }
        let compared = self.compared();
        if let Some(arm) = self.variants.keys().find(|arm| !compared.contains(arm)) {
            bail!("variants of `{arm}`, which is not judged: expected one of {}", compared.join(", "));
        }
        Ok(())
    }

    /// The arms that are judged somewhere, each once.
    pub(crate) fn compared(&self) -> Vec<String> {
        let of_blocks = self.design.iter().flat_map(|block| &block.strategies);
        each_once(self.experiment.strategies.iter().chain(of_blocks).cloned())
    }

    /// The arms that are judged in a world.
    pub(crate) fn compared_in(&self, world: &World) -> Vec<String> {
        let here = self.design.iter().filter(|block| block.worlds().any(|other| other == *world));
        each_once(self.experiment.strategies.iter().chain(here.flat_map(|block| &block.strategies)).cloned())
    }

    /// Baselines, judged arms and their variants, each once.
    pub(crate) fn arms(&self) -> Vec<String> {
        each_once(self.baselines.iter().cloned().chain(self.compared()).chain(self.variants.values().flatten().cloned()))
    }

    /// Worlds of the design, each once, in an order in which one stopped early is still balanced.
    pub(crate) fn judged(&self) -> Vec<World> {
        distinct(&self.design)
    }

    /// Worlds of the sweep.
    pub(crate) fn swept(&self) -> Vec<World> {
        distinct(&self.sweep)
    }

    /// The experiment of one world.
    pub(crate) fn in_world(&self, world: &World) -> Settings {
        let mut settings = self.experiment.clone();
        settings.name = world.name();
        let scale = settings.data.generate.as_ref().map_or(1.0, |generate| generate.scale);
        settings.data.generate = Some(world.generate(scale));
        settings
    }
}

fn each_once(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn distinct(blocks: &[Block]) -> Vec<World> {
    let mut worlds: Vec<World> = Vec::new();
    let all: Vec<World> = blocks.iter().flat_map(Block::worlds).collect();
    let mut seeds: Vec<u64> = all.iter().map(|world| world.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    // Seed by seed over all blocks.
    for seed in seeds {
        for world in all.iter().filter(|world| world.seed == seed) {
            if !worlds.contains(world) {
                worlds.push(*world);
            }
        }
    }
    worlds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_map_judges_on_worlds_that_chose_nothing() {
        let map = MapSettings::built_in().unwrap();
        // Enough pairs for an interval in every corner (docs/protocol.md).
        for block in &map.design {
            assert!(block.worlds.len() >= 5, "{block:?}");
        }
        assert!(map.swept().len() >= 2);
        for needed in ["gst-affinity", "gst-oracle", "gst-random", "mix-half-learned", "gst-adaptive"] {
            assert!(map.arms().iter().any(|arm| arm == needed), "{needed}");
        }
        for baseline in &map.baselines {
            assert_eq!(map.experiment.arm(baseline).strategy, "mix-all", "{baseline}");
        }
        let refused = |change: fn(&mut MapSettings)| {
            let mut broken = map.clone();
            change(&mut broken);
            broken.check().unwrap_err().to_string()
        };
        assert!(refused(|map| map.baselines.push("../x".into())).contains("arm `../x`"));
        assert!(refused(|map| map.experiment.seeds = 3).contains("experiment.seeds = 3"));
        let mut broken = map;
        broken.sweep[0].worlds.push(broken.design[0].worlds[0]);
        assert!(broken.check().unwrap_err().to_string().contains("is swept and judged"));
    }

    #[test]
    fn blocks_are_joined_without_repeats_and_seed_by_seed() {
        let block = |conflict: &[f64]| Block {
            conflict: conflict.to_vec(),
            dependence: vec![0.0, 1.0],
            inequality: vec![1.0],
            difficulty: vec![0.0],
            worlds: vec![1, 2],
            strategies: Vec::new(),
        };
        let worlds = distinct(&[block(&[0.0]), block(&[0.0, 1.0])]);
        assert_eq!(worlds.len(), 8);
        assert!(worlds.windows(2).all(|pair| pair[0].seed <= pair[1].seed));
        assert_eq!(worlds[0].name(), "c0-d0-i1-n0-w1");
    }
}
