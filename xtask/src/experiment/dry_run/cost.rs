//! What the cells of an experiment come to.

use super::survey::Survey;
use crate::experiment::settings::Settings;
use crate::experiment::sweep::swept;

/// Cells of one strategy, or of all.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cost {
    pub(super) name: String,
    pub(super) cells: u64,
    /// Of all these cells together, as everything below.
    pub(super) steps: u64,
    pub(super) samples: u64,
    pub(super) audio_seconds: Option<f64>,
    pub(super) seconds: Option<f64>,
}

impl Cost {
    fn of(name: &str, cells: u64, steps: u64, settings: &Settings, survey: &Survey, per_second: Option<f64>) -> Self {
        let samples = steps * settings.training.batch_size;
        Self {
            name: name.to_string(),
            cells,
            steps,
            samples,
            audio_seconds: survey.mean_seconds().map(|mean| mean * samples as f64),
            seconds: per_second.map(|per_second| steps as f64 / per_second),
        }
    }

    /// A row for the sweep, if there is one, a row a strategy, and the sum.
    pub(super) fn table(settings: &Settings, survey: &Survey, per_second: Option<f64>) -> Vec<Self> {
        let steps = |name: &str| settings.arm(name).steps.unwrap_or(settings.training.steps);
        let row = |name: &str, cells: u64, steps: u64| Self::of(name, cells, steps, settings, survey, per_second);
        let mut rows = Vec::new();
        if let Some(sweep) = &settings.sweep {
            let each = sweep.learning_rates.len() as u64 * sweep.seeds;
            let swept = swept(settings);
            let all: u64 = swept.iter().map(|name| steps(name)).sum();
            rows.push(row("(sweep)", each * swept.len() as u64, each * all));
        }
        rows.extend(settings.strategies.iter().map(|name| row(name, settings.seeds, settings.seeds * steps(name))));
        let (cells, all) = rows.iter().fold((0, 0), |(cells, steps), row| (cells + row.cells, steps + row.steps));
        rows.push(row("together", cells, all));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::survey::Dataset;
    use super::*;
    use crate::experiment::settings::Arm;
    use crate::experiment::sweep::Sweep;

    #[test]
    fn arms_sweep_and_seeds_are_counted() {
        let mut settings = Settings::built_in("quick").unwrap();
        settings.strategies = vec!["mix-all".into(), "short".into(), "told".into()];
        let told = Arm { strategy: "mix-all".into(), learning_rate: Some(1e-3), steps: Some(10), ..Arm::default() };
        settings.arms.insert("told".into(), told);
        settings.arms.insert("short".into(), Arm { strategy: "mix-all".into(), steps: Some(100), ..Arm::default() });
        (settings.seeds, settings.training.steps, settings.training.batch_size) = (3, 500, 16);
        settings.sweep = Some(Sweep { learning_rates: vec![1e-3, 2e-3], seeds: 1, first_seed: 1000 });
        let dataset = Dataset { training: Some(10), clip_seconds: Some(2.0), ..Dataset::default() };
        let survey = Survey { datasets: vec![dataset], longest: None };
        let rows = Cost::table(&settings, &survey, Some(4.0));
        let steps: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.cells, row.steps)).collect();
        assert_eq!(
            steps,
            [("(sweep)", 4, 1200), ("mix-all", 3, 1500), ("short", 3, 300), ("told", 3, 30), ("together", 13, 3030)]
        );
        let all = rows.last().unwrap();
        assert_eq!((all.samples, all.audio_seconds, all.seconds), (48_480, Some(96_960.0), Some(757.5)));
        let unknown = Cost::table(&settings, &Survey::default(), None);
        assert!(unknown.iter().all(|row| row.audio_seconds.is_none() && row.seconds.is_none()));
    }
}
