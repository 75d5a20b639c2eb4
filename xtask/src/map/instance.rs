//! The cells of one world: which are to be run, and the rows of those that are done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::rows::{Phase, Row, curve_text};
use super::settings::World;
use crate::experiment::{Ground, Job, Record, Settings, plan_jobs};
use crate::report::{CellFacts, Measured};

/// One world with the experiment that is run in it.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) phase: Phase,
    pub(crate) world: World,
    /// Its strategies are the arms, each with its learning rate; one seed.
    pub(crate) settings: Settings,
}

impl Instance {
    /// The key of every arm's cell.
    ///
    /// It is known before the world is generated: the command that generates it stands for the data, and a placeholder for the groups
    /// that are right, which follow from the same command.
    pub(crate) fn keys(&self, gst_version: &str) -> BTreeMap<String, String> {
        let arm_of = |record: &Path| Some(record.strip_prefix("runs").ok()?.iter().next()?.to_string_lossy().into_owned());
        self.plan(gst_version).into_iter().filter_map(|job| Some((arm_of(&job.record)?, job.key))).collect()
    }

    /// Number of jobs: its cells, and what they need.
    pub(crate) fn jobs(&self, gst_version: &str) -> usize {
        self.plan(gst_version).len()
    }

    fn plan(&self, gst_version: &str) -> Vec<Job> {
        let data = serde_json::json!(self.settings.data.generate).to_string();
        let ground = Ground::new(&self.settings, data, gst_version.to_owned(), Some("ORACLE".into()));
        plan_jobs(&self.settings, &ground)
    }

    /// The same with only the arms whose keys are not among `done`; `None` when none is left.
    pub(crate) fn missing(&self, gst_version: &str, done: &dyn Fn(&str) -> bool) -> Option<Self> {
        let keys = self.keys(gst_version);
        let mut rest = self.clone();
        rest.settings.strategies.retain(|arm| !keys.get(arm).is_some_and(|key| done(key)));
        (!rest.settings.strategies.is_empty()).then_some(rest)
    }

    /// The rows of the arms in `folder` whose records are among `done`: what else lies there was made by other settings.
    pub(crate) fn rows(&self, folder: &Path, done: &BTreeSet<PathBuf>, made: &Made<'_>) -> Result<Vec<Row>> {
        let keys = self.keys(made.gst_version);
        let seed = self.settings.first_seed;
        let plan = self.plan(made.gst_version);
        let mut rows = Vec::new();
        for arm in &self.settings.strategies {
            let run = Path::new("runs").join(arm).join(format!("seed-{seed}"));
            let cell = run.join("cell.json");
            if !done.contains(&cell) {
                continue;
            }
            let (Some(facts), Some(record)) = (CellFacts::read(&folder.join(run))?, Record::read(&folder.join(&cell))) else {
                continue;
            };
            let settings = self.settings.arm(arm);
            let tested = |value: Option<f64>| value.filter(|_| self.phase == Phase::Judge);
            let probe = probe_of(&plan, &cell).filter(|_| facts.probe_samples > 0.0);
            let probed = probe.map(|path| Measured::read(&folder.join(path))).transpose()?.flatten();
            rows.push(Row {
                phase: self.phase,
                conflict: self.world.knobs.conflict,
                dependence: self.world.knobs.dependence,
                inequality: self.world.knobs.inequality,
                difficulty: self.world.knobs.difficulty,
                world: self.world.seed,
                arm: arm.clone(),
                seed: seed + settings.seed_offset,
                learning_rate: settings.learning_rate.with_context(|| format!("arm {arm} has no learning rate"))?,
                batch_size: self.settings.training.batch_size,
                probe_samples: facts.probe_samples,
                validation: curve_text(facts.curve.iter().copied()),
                test_weighted: tested(facts.test.weighted.token_accuracy),
                test_unweighted: tested(facts.test.unweighted.token_accuracy),
                exact_weighted: tested(facts.test.weighted.exact_match),
                exact_unweighted: tested(facts.test.unweighted.exact_match),
                zeta_ratio: probed.as_ref().and_then(|measured| measured.zeta_ratio),
                negative_share: probed.as_ref().and_then(|measured| measured.negative_share),
                directed_share: probed.as_ref().and_then(|measured| measured.directed_share),
                seconds: record.seconds,
                side_by_side: made.side_by_side,
                key: keys.get(arm).cloned().unwrap_or_default(),
                commit: made.commit.to_owned(),
                date: made.date.to_owned(),
            });
        }
        Ok(rows)
    }
}

/// The measurement that the groups of a cell come of, if they come of one.
fn probe_of<'a>(plan: &'a [Job], cell: &Path) -> Option<&'a Path> {
    let needed = |job: &Job| plan.get(job.needs?);
    let is_probe =
        |job: &&Job| job.commands.first().is_some_and(|command| command.first().is_some_and(|word| word == "affinity"));
    let cell = plan.iter().find(|job| job.record == cell)?;
    std::iter::successors(needed(cell), |job| needed(job)).find(is_probe).map(|job| job.result.as_path())
}

/// How the cells of a map were made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made<'a> {
    pub(crate) gst_version: &'a str,
    pub(crate) commit: &'a str,
    pub(crate) date: &'a str,
    pub(crate) side_by_side: usize,
}

#[cfg(test)]
mod tests {
    use super::super::settings::MapSettings;
    use super::*;

    #[test]
    fn what_was_measured_is_that_of_the_arms_own_probe() {
        let toml = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments/map-pretrained.toml");
        let map = MapSettings::from_file(&toml).unwrap();
        let world = map.judged()[0];
        let mut settings = map.in_world(&world);
        settings.strategies = ["mix-half-learned", "gst-found", "gst-progressive"].map(str::to_owned).to_vec();
        (settings.first_seed, settings.seeds) = (7, 1);
        let plan = Instance { phase: Phase::Judge, world, settings }.plan("gst 0.1.0");
        let probe = |arm: &str| probe_of(&plan, &Path::new("runs").join(arm).join("seed-7/cell.json"));
        assert_eq!(probe("mix-half-learned"), None);
        assert_eq!(probe("gst-progressive"), Some(Path::new("seeds/7/affinity.json")));
        let found = probe("gst-found").unwrap().display().to_string();
        assert!(found.starts_with("seeds/7/affinity-lookahead-"), "{found}");
    }

    #[test]
    fn a_cell_is_known_by_all_that_makes_it_and_by_nothing_else() {
        let map = MapSettings::built_in().unwrap();
        let instance = |change: &dyn Fn(&mut Settings)| {
            let world = map.judged()[0];
            let mut settings = map.in_world(&world);
            settings.seeds = 1;
            change(&mut settings);
            Instance { phase: Phase::Judge, world, settings }
        };
        let base = instance(&|_| {});
        let keys = base.keys("gst 0.1.0");
        assert_eq!(keys.len(), base.settings.strategies.len());
        assert_eq!(instance(&|s| s.strategies.reverse()).keys("gst 0.1.0"), keys);
        type Change = fn(&mut Settings);
        let others: [(&str, Change); 3] = [
            ("world", |s| s.data.generate.as_mut().unwrap().seed += 1),
            ("knob", |s| s.data.generate.as_mut().unwrap().conflict = Some(0.123)),
            ("batch", |s| s.training.batch_size += 1),
        ];
        for (what, change) in others {
            assert!(instance(&change).keys("gst 0.1.0").values().all(|key| !keys.values().any(|known| known == key)), "{what}");
        }
        assert_ne!(base.keys("gst 0.2.0"), keys);
        let first = base.settings.strategies[0].clone();
        let rest = base.missing("gst 0.1.0", &|key| key == keys[&first]).unwrap();
        assert_eq!(rest.settings.strategies, base.settings.strategies[1..]);
        assert!(base.missing("gst 0.1.0", &|key| keys.values().any(|known| known == key)).is_none());
    }
}
