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
        let measured = Measured::read(&folder.join(format!("seeds/{seed}/affinity.json")))?;
        let mut rows = Vec::new();
        for arm in &self.settings.strategies {
            let run = Path::new("runs").join(arm).join(format!("seed-{seed}"));
            if !done.contains(&run.join("cell.json")) {
                continue;
            }
            let run = folder.join(run);
            let (Some(facts), Some(record)) = (CellFacts::read(&run)?, Record::read(&run.join("cell.json"))) else { continue };
            let settings = self.settings.arm(arm);
            let tested = |value: Option<f64>| value.filter(|_| self.phase == Phase::Judge);
            let probed = measured.as_ref().filter(|_| facts.probe_samples > 0.0);
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
                zeta_ratio: probed.and_then(|measured| measured.zeta_ratio),
                negative_share: probed.and_then(|measured| measured.negative_share),
                directed_share: probed.and_then(|measured| measured.directed_share),
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
