//! One device with four parts of a batch, two with two and four with one: the same samples, and the same gradient.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;
use common::Bench;
use common::tiny;
use gst_model::{AudioLm, MiniAudioLm};
use gst_schedule::{ScheduleParams, Strategy};
use gst_train::batches::{Batcher, StepBatch};
use gst_train::{TrainConfig, shards};

struct Values<'a> {
    gradients: &'a GradientsParams,
    found: Vec<f32>,
}

impl ModuleVisitor for Values<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.found.extend(gradient.into_data().iter::<f32>());
        }
    }
}

/// The gradient of a step, its parts worked off by `devices` threads with a copy of the model each, added up in the order of parts.
fn gradient(model: &MiniAudioLm, batch: &StepBatch, devices: usize) -> Vec<f32> {
    let tokens = batch.answer_tokens() as f64;
    let part = |model: &MiniAudioLm, index: usize| {
        let losses = model.answer_logits(&batch.parts[index].batch).token_losses();
        (index, GradientsParams::from_grads(losses.sum().div_scalar(tokens).backward(), model))
    };
    let mut parts: Vec<(usize, GradientsParams)> = std::thread::scope(|scope| {
        let device = |indices: Vec<usize>| {
            let model = model.clone();
            scope.spawn(move || indices.into_iter().map(|index| part(&model, index)).collect::<Vec<_>>())
        };
        let threads: Vec<_> = shards::split(batch.parts.len(), devices).into_iter().map(device).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    parts.sort_by_key(|(index, _)| *index);
    let mut sum = GradientsAccumulator::new();
    parts.into_iter().for_each(|(_, gradients)| sum.accumulate(model, gradients));
    let gradients = sum.grads();
    let mut values = Values { gradients: &gradients, found: Vec::new() };
    model.visit(&mut values);
    values.found
}

#[test]
fn the_layout_changes_neither_batch_nor_gradient() {
    let bench = Bench::new();
    let config = TrainConfig { micro_batch: 1, ..tiny::config(&bench) };
    let mut setup = tiny::setup(&config);
    // Dropout draws from one generator for all threads of the CPU backend.
    setup.model.dropout = 0.0;
    let schedule = tiny::schedule(&setup, &ScheduleParams { strategy: Strategy::MixAll, steps: 3, ..ScheduleParams::default() });
    let batcher = Batcher::new(&setup, &schedule.body, &config).unwrap();
    let model = setup.fresh_model(1).unwrap();
    for step in 0..3 {
        let batch = batcher.step(step).unwrap();
        assert_eq!(batch.parts.len(), 4);
        let one = gradient(&model, &batch, 1);
        assert!(one.iter().any(|&value| value != 0.0));
        for devices in [2, 4] {
            assert!(gradient(&model, &batch, devices) == one, "{devices} devices, step {step}");
        }
    }
}
