//! What one adapted layer costs, forward and backward: ours, which multiplies by the two factors one after the other, and that
//! of Burn, which forms their full-size product. Time a step and peak memory of the process:
//!
//! ```text
//! cargo run -p gst-model --example lora_cost -- ours 4096 8 512 5
//! cargo run -p gst-model --example lora_cost -- burn 4096 8 512 5
//! ```
//!
//! The numbers are width, rank, rows and steps. Without arguments it runs both on a small layer.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use burn::module::{Lora, Module};
use burn::nn::LinearConfig;
use burn::tensor::{Device, Distribution, Tensor};
use gst_model::lora::{LoraConfig, Projection};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => {
            for method in ["ours", "burn"] {
                measure(method, 256, 8, 64, 3)?;
            }
            Ok(())
        }
        [method, width, rank, rows, steps] => measure(method, width.parse()?, rank.parse()?, rows.parse()?, steps.parse()?),
        _ => Err("expected: ours|burn WIDTH RANK ROWS STEPS".into()),
    }
}

fn measure(method: &str, width: usize, rank: usize, rows: usize, steps: usize) -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    let config = LoraConfig { rank, alpha: 16.0, dropout: 0.0, ..LoraConfig::default() };
    let mut ours = Projection::new(width, width, false, &device).freeze();
    ours.adapt(&config);
    let burn = LinearConfig::new(width, width).with_bias(false);
    // Never touched, never allocated: only the layer that is asked for counts.
    let burn = if method == "burn" { Some(burn.init(&device).apply_lora(Lora::new(rank, config.alpha))) } else { None };
    let forward = |x: Tensor<2>| burn.as_ref().map_or_else(|| ours.forward(x.clone()), |burn| burn.forward(x.clone()));

    let mut seconds = Vec::with_capacity(steps);
    for step in 0..=steps {
        // Layers below have adapters too, so the input needs its gradient.
        let x = Tensor::<2>::random([rows, width], Distribution::Default, &device).require_grad();
        let began = Instant::now();
        let gradients = forward(x.clone()).mean().backward();
        let _ = x.grad(&gradients).ok_or("no gradient")?.into_data();
        if step > 0 {
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown", str::trim);
    let median = seconds.get(steps / 2).copied().unwrap_or(f64::NAN);
    println!("{method}: width {width}, rank {rank}, rows {rows}: {:.1} ms a step, peak {peak}", 1e3 * median);
    Ok(())
}
