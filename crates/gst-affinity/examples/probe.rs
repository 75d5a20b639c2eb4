//! Gradients of a Burn module, sketched as they come: `cargo run -p gst-affinity --example probe`.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use gst_affinity::{
    Affinity, DatasetFacts, EstimateParams, GradientProbe, GradientSamples, Metric, ProbeFacts, SketchParams, Sketcher,
};

/// The closure that the probe asks for: module and batch in, loss out.
fn loss(model: &Linear, batch: &Tensor<2>, target: f32) -> Tensor<1> {
    let error = model.forward(batch.clone()) - target;
    (error.clone() * error).mean()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let model = LinearConfig::new(256, 8).init(&device);
    let probe = GradientProbe::matching(&["weight$"])?; // every trainable parameter: GradientProbe::all()
    let sketcher = Sketcher::new(SketchParams { size: 512, seed: 7 })?;

    let mut samples = GradientSamples::new(["up", "down"])?;
    for (dataset, target) in [1.0, -1.0].into_iter().enumerate() {
        for _ in 0..6 {
            let batch = Tensor::<2>::random([16, 256], burn::tensor::Distribution::Uniform(0.0, 1.0), &device);
            samples.push(dataset, probe.sketch(&model, loss(&model, &batch, target), &sketcher)?)?;
        }
    }
    let mut datasets = vec![DatasetFacts::new("up", 96), DatasetFacts::new("down", 96)];
    DatasetFacts::weigh_by_size(&mut datasets);
    let facts = ProbeFacts { parameters: probe.parameters(&model)?, sketch_size: 512, batch_size: 16, ..ProbeFacts::default() };
    let affinity = Affinity::estimate(&[samples], datasets, Metric::Cosine, &EstimateParams::default(), facts)?;
    affinity.verdict.iter().for_each(|sentence| println!("{sentence}"));

    let batch = Tensor::<2>::random([16, 256], burn::tensor::Distribution::Uniform(0.0, 1.0), &device);
    let gradient = probe.gradient(&model, loss(&model, &batch, 1.0))?;
    let product = probe.hessian_vector(&model, &gradient, |model| loss(model, &batch, 1.0))?;
    println!("a Hessian-vector product of {} values", product.len());
    Ok(())
}
