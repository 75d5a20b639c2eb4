//! What is taken, and what is refused.

use super::*;

#[test]
fn the_built_in_experiments_are_valid() {
    for (name, _) in BUILT_IN {
        let settings = Settings::built_in(name).unwrap();
        settings.check().unwrap();
        assert_eq!(settings.name, name);
        assert_eq!(settings.strategies.first().map(String::as_str), Some("mix-all"), "{name}: the baseline comes first");
        assert_eq!(toml::from_str::<Settings>(&toml::to_string(&settings).unwrap()).unwrap(), settings);
    }
}

#[test]
fn quick_is_what_the_readme_promises() {
    let quick = Settings::built_in("quick").unwrap();
    assert_eq!(quick.strategies, ["mix-all", "sequential", "gst-progressive"]);
    assert_eq!(quick.seeds, 1);
    assert!(quick.data.generate.is_some());
}

#[test]
fn what_cannot_be_run_is_refused() {
    let valid = Settings::built_in("quick").unwrap();
    type Break = fn(&mut Settings);
    let broken: [(&str, Break); 7] = [
        ("no strategies", |s| s.strategies.clear()),
        ("folder", |s| s.strategies.push("../escape".into())),
        ("twice", |s| s.strategies.push("mix-all".into())),
        ("seeds = 0", |s| s.seeds = 0),
        ("folder", |s| s.name = "..".into()),
        ("[pretrain]", |s| s.training.adapters = Some(8)),
        ("pretrain.steps = 0", |s| s.pretrain = Some(Pretrain { steps: 0, learning_rate: None, batch_size: None })),
    ];
    for (expected, breaks) in broken {
        let mut settings = valid.clone();
        breaks(&mut settings);
        let message = settings.check().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_key_nobody_knows_is_refused_by_name() {
    let error =
        Settings::parse("name='x'\nstrategies=['mix-all']\nseeds=1\n[training]\nmodel='mini'\nstep=3", "mine.toml").unwrap_err();
    assert!(format!("{error:#}").contains("step"), "{error:#}");
}

#[test]
fn the_two_experiments_of_the_paper_differ_in_what_it_varies_and_in_their_length() {
    let full = Settings::built_in("paper-full").unwrap();
    let mut few = Settings::built_in("paper-low-resource").unwrap();
    assert_eq!((full.data.limit(), few.data.limit()), (None, Some(250)));
    few.name.clone_from(&full.name);
    few.description.clone_from(&full.description);
    few.data = full.data.clone();
    (few.training.steps, few.training.evaluate_every) = (full.training.steps, full.training.evaluate_every);
    few.seeds = full.seeds;
    assert_eq!(few, full);
    let rows = ["original", "individual", "sequential", "mix-all", "gst-t2", "gst-g2", "gst-g3"];
    assert!(rows.iter().all(|row| full.strategies.iter().any(|name| name == row)), "{:?}", full.strategies);
    for (arm, metric, groups) in
        [("gst-t2", "transferability", "2"), ("gst-g2", "gradient-distance", "2"), ("gst-g3", "gradient-distance", "3")]
    {
        let Arm { strategy, probe, grouping, .. } = full.arm(arm);
        assert_eq!(strategy, "gst-progressive");
        assert_eq!(probe.unwrap_or(full.probe.clone()).metric, metric, "{arm}");
        assert_eq!(grouping.unwrap_or(full.grouping.clone()).groups, groups, "{arm}");
    }
    assert_eq!(full.model.unwrap()["trained"].as_str(), Some("salmonn-v1"));
}

#[test]
fn folders_are_taken_from_where_the_file_lies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let text = "name='x'\nstrategies=['mix-all']\nseeds=1\n[data]\nfolder='d'\n[training]\nmodel='m'\nsteps=1\nbatch_size=1\nweights='w'";
    std::fs::write(&file, text).unwrap();
    let settings = Settings::from_file(&file).unwrap();
    assert_eq!((settings.data.folder, settings.training.weights), (Some(folder.path().join("d")), Some(folder.path().join("w"))));
}
