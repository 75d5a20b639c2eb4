use burn::module::{ModuleVisitor, Param};
use burn::tensor::Tensor;
use gst_data::suite::{self, SuiteParams};
use gst_schedule::{ScheduleParams, Strategy};

use super::*;
use crate::rate::RateShape;

struct Values(Vec<f32>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().into_data().iter::<f32>());
    }
}

fn values(model: &AudioModel) -> Vec<f32> {
    let mut values = Values(Vec::new());
    model.visit(&mut values);
    values.0
}

/// A setup without dropout, so that the split into parts changes nothing but rounding.
fn setup(data: &Path) -> (Setup, TrainConfig, Schedule) {
    suite::generate(data, &SuiteParams { seed: 1, scale: 0.1 }, |_, _| {}).unwrap();
    let config = TrainConfig {
        data: data.to_owned(),
        only: ["event_count", "noise_colour", "pitch_class"].map(String::from).to_vec(),
        rate: RateShape::Constant,
        learning_rate: 1.0,
        warmup: 0.0,
        weight_decay: 0.0,
        clip_norm: 1e9,
        // So large an ε makes AdamW's update all but proportional to the gradient, which rounding hardly moves.
        epsilon: 10.0,
        ..TrainConfig::default()
    };
    let mut setup = Setup::open(&config).unwrap();
    setup.model.mini_mut().unwrap().dropout = 0.0;
    let params = ScheduleParams { strategy: Strategy::MixAll, steps: 4, batch_size: 16, ..ScheduleParams::default() };
    let schedule = Schedule::new(&setup.facts().unwrap(), None, &params).unwrap();
    (setup, config, schedule)
}

/// One step from `model`: other tests of this process draw from the generator that fresh weights come from.
fn step(setup: &Setup, config: &TrainConfig, schedule: &Schedule, model: &AudioModel) -> (Vec<f32>, Event) {
    let batcher = Batcher::new(setup, schedule, config).unwrap();
    let mut learner = Learner::new(setup, config, schedule).unwrap();
    (learner.model, learner.optimizer) = (model.clone(), adamw(model, config).unwrap());
    let event = learner.step(&batcher.step(0).unwrap(), schedule, &batcher, &|| false).unwrap().unwrap();
    (values(&learner.model), event)
}

#[test]
fn parts_add_up_to_one_big_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (setup, config, schedule) = setup(folder.path());
    let model = setup.fresh_model(config.seed).unwrap();
    let before = values(&model);
    let (whole, at_once) = step(&setup, &TrainConfig { micro_batch: 16, ..config.clone() }, &schedule, &model);
    let (split, in_parts) = step(&setup, &TrainConfig { micro_batch: 3, ..config }, &schedule, &model);
    let far = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let moved = far(&whole, &before);
    assert!(moved > 0.01, "the step moved the weights by {moved}");
    assert!(far(&whole, &split) < 1e-4 * moved, "{} of {moved}", far(&whole, &split));

    let (
        Event::Step { loss, gradient_norm, datasets, .. },
        Event::Step { loss: loss_2, gradient_norm: norm_2, datasets: parts, .. },
    ) = (at_once, in_parts)
    else {
        panic!("a step tells of a step");
    };
    assert!((loss - loss_2).abs() < 1e-5 * loss && (gradient_norm - norm_2).abs() < 1e-4 * gradient_norm);
    let near = |a: f64, b: f64| (a - b).abs() < 1e-4 * a.abs().max(1e-3);
    for (name, part) in &datasets {
        let other = &parts[name];
        assert_eq!((part.samples, part.tokens), (other.samples, other.tokens), "{name}");
        assert!(near(part.loss, other.loss) && near(part.gradient_share, other.gradient_share), "{name}: {part:?} {other:?}");
        assert!(near(part.audio_seconds, other.audio_seconds) && part.audio_seconds > 0.0, "{name}");
    }
    assert_eq!(datasets.values().map(|part| part.samples).sum::<u64>(), 16);
    assert!((datasets.values().map(|part| part.gradient_share).sum::<f64>() - 1.0).abs() < 1e-9);
}
