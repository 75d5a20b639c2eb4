//! Prints the learning rate of a short run in every shape: a run can be planned without training anything.
#![allow(clippy::print_stdout, reason = "an example prints")]

use gst_train::rate::{Rate, RateShape};

const STEPS: u64 = 40;

fn main() {
    for shape in RateShape::ALL {
        let rate = Rate { peak: 2e-3, shape, floor: 0.01, warmup: 0.125, decay: 0.2 };
        println!("{shape:?}");
        for step in 0..STEPS {
            let bar = "█".repeat((rate.at(step, STEPS) / rate.peak * 50.0).round() as usize);
            println!("{step:3} {:.2e} {bar}", rate.at(step, STEPS));
        }
    }
}
