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
    let broken: [(&str, Break); 5] = [
        ("no strategies", |s| s.strategies.clear()),
        ("folder", |s| s.strategies.push("../escape".into())),
        ("twice", |s| s.strategies.push("mix-all".into())),
        ("seeds = 0", |s| s.seeds = 0),
        ("folder", |s| s.name = "..".into()),
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
