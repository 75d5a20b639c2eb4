//! Prints the learning rate of a short run, step by step: a run can be planned without training anything.
#![allow(clippy::print_stdout, reason = "an example prints")]

use gst_train::rate::{Rate, RateShape};

fn main() {
    let rate = Rate { peak: 2e-3, shape: RateShape::Cosine, warmup_steps: 5, steps: 40 };
    for step in 0..rate.steps {
        let bar = "█".repeat((rate.at(step) / rate.peak * 50.0).round() as usize);
        println!("{step:3} {:.2e} {bar}", rate.at(step));
    }
}
