//! Jobs, their commands and their keys.

use super::*;

fn plan(change: impl Fn(&mut Settings)) -> Vec<Job> {
    let mut settings = Settings::built_in("quick").unwrap();
    change(&mut settings);
    let ground = Ground::new(&settings, "sha256:data".into(), "gst 0.1.0".into(), None);
    jobs(&settings, &ground)
}

fn cell<'a>(jobs: &'a [Job], name: &str) -> &'a Job {
    jobs.iter().find(|job| job.label == format!("{name}, seed 0")).unwrap()
}

#[test]
fn the_probe_runs_once_a_seed_and_only_for_strategies_that_read_groups() {
    let labels: Vec<_> = plan(|s| s.seeds = 2).into_iter().map(|job| job.label).collect();
    assert_eq!(
        labels,
        [
            "mix-all, seed 0",
            "sequential, seed 0",
            "affinity, seed 0",
            "groups (spectral), seed 0",
            "gst-progressive, seed 0",
            "mix-all, seed 1",
            "sequential, seed 1",
            "affinity, seed 1",
            "groups (spectral), seed 1",
            "gst-progressive, seed 1",
        ]
    );
    let shared = plan(|s| s.strategies = vec!["gst-progressive".into(), "gst-reverse".into(), "strict-cycle".into()]);
    assert_eq!(shared.iter().filter(|job| job.label.starts_with("affinity")).count(), 1);
    assert_eq!(shared.iter().filter(|job| job.label.starts_with("groups")).count(), 1);
}

#[test]
fn the_commands_are_those_of_the_contract() {
    let jobs = plan(|s| s.training.learning_rate = Some(0.002));
    let progressive = cell(&jobs, "gst-progressive");
    assert_eq!(
        progressive.commands[0].join(" "),
        format!(
            "schedule seeds/0/grouping.json --strategy gst-progressive --steps {} --batch-size {} --out seeds/0/schedule-gst-progressive.json --seed 0",
            progressive.steps.unwrap(),
            Settings::built_in("quick").unwrap().training.batch_size
        )
    );
    let train = cell(&jobs, "mix-all").commands[1].join(" ");
    assert!(
        train.starts_with("train --data DATA --model mini --schedule seeds/0/schedule-mix-all.json --out runs/mix-all/seed-0"),
        "{train}"
    );
    assert!(train.ends_with("--seed 0 --device cpu") && train.contains("--learning-rate 0.002"), "{train}");
    let probe = jobs.iter().find(|job| job.label.starts_with("affinity")).unwrap().commands[0].join(" ");
    assert!(probe.contains("--learning-rate 0.002"), "a probe trains too: {probe}");
    assert!(cell(&jobs, "mix-all").commands[0].join(" ").starts_with("schedule --data DATA --strategy mix-all"));
}

#[test]
fn whatever_opens_the_data_is_told_its_limits() {
    for job in plan(|s| (s.data.limit, s.data.validation_share) = (Some(250), Some(0.2))) {
        for command in job.commands.iter().filter(|command| command.contains(&"--data".to_string())) {
            assert!(command.join(" ").contains("--limit 250 --validation-share 0.2"), "{command:?}");
        }
    }
}

#[test]
fn an_arm_has_its_own_grouping_and_its_own_budget() {
    let jobs = plan(|s| {
        s.strategies.push("random".into());
        let grouping = Some(Grouping { method: "random".into(), ..Grouping::default() });
        s.arms.insert(
            "random".into(),
            super::super::settings::Arm { strategy: "gst-progressive".into(), steps: Some(7), grouping, ..Default::default() },
        );
    });
    let arm = cell(&jobs, "random");
    assert!(arm.commands[0].join(" ").starts_with("schedule seeds/0/grouping-random.json --strategy gst-progressive --steps 7"));
    assert_eq!(jobs[arm.needs.unwrap()].commands[0][3], "random");
}

#[test]
fn an_arm_may_take_the_groups_that_are_right_another_seed_and_another_rate() {
    let mut settings = Settings::built_in("quick").unwrap();
    settings.strategies.push("oracle".into());
    let grouping = Some(Grouping { method: ORACLE.into(), ..Grouping::default() });
    let (strategy, rate) = ("gst-progressive".into(), Some("constant".into()));
    let arm = super::super::settings::Arm { strategy, rate, seed_offset: 500, grouping, ..Default::default() };
    settings.arms.insert("oracle".into(), arm);
    let ground = Ground::new(&settings, "sha256:data".into(), "gst 0.1.0".into(), Some("a,b;c".into()));
    let jobs = jobs(&settings, &ground);
    let oracle = cell(&jobs, "oracle");
    assert!(jobs[oracle.needs.unwrap()].commands[0].join(" ").contains("--partition a,b;c --out seeds/0/grouping-oracle.json"));
    let train = oracle.commands[1].join(" ");
    assert!(train.contains("--out runs/oracle/seed-0 ") && train.contains("--seed 500 "), "{train}");
    assert!(train.contains("--config seeds/rate-constant.toml"), "{train}");
    assert_eq!(oracle.files, [(PathBuf::from("seeds/rate-constant.toml"), "rate = \"constant\"\n".to_owned())]);
}

#[test]
fn the_key_follows_everything_that_could_change_a_result() {
    let base = cell(&plan(|_| {}), "gst-progressive").key.clone();
    assert_eq!(cell(&plan(|s| s.strategies.swap(0, 1)), "gst-progressive").key, base, "the order of strategies changes no cell");
    type Change = fn(&mut Settings);
    let changes: [(&str, Change); 4] = [
        ("steps", |s| s.training.steps += 1),
        ("probe", |s| s.probe.batches = Some(99)),
        ("groups", |s| s.grouping.groups = "2".into()),
        ("device", |s| s.training.device = "wgpu".into()),
    ];
    for (name, change) in changes {
        assert_ne!(cell(&plan(change), "gst-progressive").key, base, "{name}");
    }
    let settings = Settings::built_in("quick").unwrap();
    for (data, version) in [("sha256:other", "gst 0.1.0"), ("sha256:data", "gst 0.2.0")] {
        let ground = Ground::new(&settings, data.into(), version.into(), None);
        assert_ne!(cell(&jobs(&settings, &ground), "gst-progressive").key, base, "{data} {version}");
    }
    assert_eq!(
        cell(&plan(|s| s.probe.batches = Some(99)), "mix-all").key,
        cell(&plan(|_| {}), "mix-all").key,
        "mix-all reads no probe"
    );
}

#[test]
fn cells_of_one_report_share_their_context() {
    let settings = Settings::built_in("quick").unwrap();
    let context = |change: fn(&mut Settings)| {
        let mut changed = settings.clone();
        change(&mut changed);
        Ground::new(&changed, "sha256:data".into(), "gst 0.1.0".into(), None).context
    };
    assert_eq!(context(|s| s.strategies.truncate(1)), context(|s| s.seeds = 5));
    assert_ne!(context(|s| s.training.steps = 1), context(|_| {}));
}

#[test]
fn the_data_folder_is_put_in_only_behind_its_flag() {
    let command = words(&["train", "--data", DATA, "--out", DATA]);
    assert_eq!(with_folders(&command, Path::new("elsewhere"), None), ["train", "--data", "elsewhere", "--out", DATA]);
    let command = words(&["train", "--weights", WEIGHTS, "--out", WEIGHTS]);
    let weights = Some(Path::new("checkpoints"));
    assert_eq!(with_folders(&command, Path::new("d"), weights), ["train", "--weights", "checkpoints", "--out", WEIGHTS]);
}

#[test]
fn a_model_of_ones_own_and_further_settings_become_files_that_probe_and_training_read() {
    let jobs = plan(|s| {
        s.training.weights = Some("somewhere".into());
        s.training.rate = Some("linear".into());
        s.training.config.insert("clip_norm".into(), 5.0.into());
        s.model = Some(toml::Table::from_iter([("preset".to_string(), toml::Value::from("mine"))]));
    });
    for job in jobs.iter().filter(|job| job.label.starts_with("affinity") || job.steps.is_some()) {
        let command = job.commands.last().unwrap().join(" ");
        let [(model, described), (config, told)] = &job.files[..] else { panic!("{:?}", job.files) };
        assert!(command.contains(&format!("--model {} --weights WEIGHTS", model.display())), "{command}");
        assert!(command.contains(&format!("--config {}", config.display())), "{command}");
        assert_eq!(described, "preset = \"mine\"\n");
        let rate = if job.steps.is_some() { "rate = \"linear\"\n" } else { "" };
        assert_eq!(*told, format!("clip_norm = 5.0\n{rate}"), "the probe stays at the peak rate");
    }
    let key = |jobs: &[Job]| cell(jobs, "mix-all").key.clone();
    let other = plan(|s| {
        s.training.weights = Some("elsewhere".into());
        s.training.rate = Some("linear".into());
        s.training.config.insert("clip_norm".into(), 6.0.into());
        s.model = Some(toml::Table::from_iter([("preset".to_string(), toml::Value::from("mine"))]));
    });
    assert_ne!(key(&jobs), key(&other), "what a file says is in the key");
}

#[test]
fn an_arm_with_a_probe_of_its_own_is_not_charged_with_that_of_others() {
    let jobs = plan(|s| {
        let probe = Some(Probe { metric: "transferability".into(), ..Probe::default() });
        let arm = super::super::settings::Arm { strategy: "gst-progressive".into(), probe, ..Default::default() };
        for name in ["t2", "t2-again"] {
            s.strategies.push(name.into());
            s.arms.insert(name.into(), arm.clone());
        }
    });
    let affinities: Vec<_> = jobs.iter().filter(|job| job.label.starts_with("affinity")).map(|job| job.label.as_str()).collect();
    assert_eq!(affinities, ["affinity, seed 0", "affinity of t2, seed 0"], "equal probes run once");
    let own = jobs.iter().find(|job| job.label == "affinity of t2, seed 0").unwrap();
    assert!(own.result.to_str().unwrap().starts_with("seeds/0/affinity-transferability-"), "{}", own.result.display());
    for name in ["t2", "t2-again"] {
        let grouping = &jobs[cell(&jobs, name).needs.unwrap()];
        assert_eq!(grouping.commands[0][..2], ["group", own.result.to_str().unwrap()], "{name}");
        assert_eq!(grouping.result, PathBuf::from(format!("seeds/0/grouping-{name}.json")));
        assert_eq!(jobs[grouping.needs.unwrap()].result, own.result);
    }
    let second = plan(|s| {
        let probe = Some(Probe { metric: "transferability".into(), ..Probe::default() });
        let arm = super::super::settings::Arm { strategy: "gst-progressive".into(), probe, ..Default::default() };
        s.strategies.push("t2-again".into());
        s.arms.insert("t2-again".into(), arm);
    });
    let key = |jobs: &[Job]| cell(jobs, "t2-again").key.clone();
    assert_eq!(key(&second), key(&jobs), "an arm is the same cell whether or not others with its probe are in the plan");
}

#[test]
fn what_a_seed_starts_with_is_made_once_and_read_by_its_probe_and_every_cell() {
    let pretrained = |change: fn(&mut Settings)| {
        plan(|s| {
            s.seeds = 2;
            s.strategies.push("again".into());
            let arm = super::super::settings::Arm { strategy: "mix-all".into(), seed_offset: 500, ..Default::default() };
            s.arms.insert("again".into(), arm);
            s.pretrain = Some(Pretrain { steps: 40, learning_rate: Some(0.003), batch_size: None });
            s.training.adapters = Some(8);
            s.training.rate = Some("constant".into());
            change(s);
        })
    };
    let jobs = pretrained(|_| {});
    let batch_size = Settings::built_in("quick").unwrap().training.batch_size;
    for seed in [0, 1] {
        let made: Vec<_> = jobs.iter().filter(|job| job.label == format!("pretext, seed {seed}")).collect();
        let [pretext] = made[..] else { panic!("{made:?}") };
        let command = pretext.commands[0].join(" ");
        let expected = format!(
            "pretrain --data DATA --model mini --steps 40 --batch-size {batch_size} --out seeds/{seed}/pretrained --learning-rate 0.003"
        );
        assert!(command.starts_with(&expected) && command.ends_with(&format!("--seed {seed} --device cpu")), "{command}");
        assert!(!command.contains("constant"), "{command}");
    }
    let started = |job: &Job| job.commands.last().unwrap().join(" ").contains("--start seeds/0/pretrained --adapters 8");
    let of_seed: Vec<_> = jobs.iter().filter(|job| job.label.ends_with("seed 0")).collect();
    for job in &of_seed {
        assert_eq!(started(job), job.label.starts_with("affinity") || job.steps.is_some(), "{}", job.label);
        let mut at = *job;
        while let Some(needed) = at.needs {
            at = &jobs[needed];
        }
        assert_eq!(at.label, "pretext, seed 0", "{} needs it, and be it through others", job.label);
    }
    let other = pretrained(|s| s.pretrain.as_mut().unwrap().steps = 41);
    for (job, other) in jobs.iter().zip(&other) {
        assert_ne!(job.key, other.key, "{}", job.label);
    }
}
