//! Builds `mini` with fresh weights and lets it answer a question about a second of silence: the shortest way to see the parts
//! fit. The answer is noise; `gst train` makes it mean something.
#![allow(clippy::print_stdout, reason = "an example prints")]

use burn::tensor::Device;
use gst_data::mel::LogMel;
use gst_model::{AudioLm, Batch, ModelConfig, Sample};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let config = ModelConfig::preset("mini")?.with_vocabulary(300);
    let model = config.init(0, &device)?;
    let features = LogMel::new(config.mels)?.extract(&[0.0; 16_000]);
    let batch = Batch::collate(&[Sample { features: &features, prompt: &[10, 11, 12], answer: &[] }], 2)?;
    let answer = model.generate(&batch, 4);
    println!("{} frames in, answer tokens {:?}", features.frames, answer[0]);
    Ok(())
}
