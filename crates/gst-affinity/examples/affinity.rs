//! From batch gradients to a verdict, without Burn: `cargo run -p gst-affinity --example affinity --no-default-features`.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use gst_affinity::{Affinity, DatasetFacts, Document, EstimateParams, GradientSamples, Metric, ProbeFacts};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Four datasets: two of speech that agree, two of music that pull the other way. Any trainer can supply such gradients.
    let names = ["speech-a", "speech-b", "music-a", "music-b"];
    let mut samples = GradientSamples::new(names)?;
    for (dataset, side) in [1.0, 1.2, -0.8, -1.0_f32].into_iter().enumerate() {
        for batch in 0..8 {
            let noise = |p: usize| ((31 * dataset + 17 * batch + 7 * p) as f32).sin();
            samples.push(dataset, (0..64).map(|p| side * (p as f32 / 10.0).cos() + noise(p)).collect())?;
        }
    }

    let mut datasets: Vec<DatasetFacts> =
        names.iter().zip([900, 600, 300, 200]).map(|(name, size)| DatasetFacts::new(*name, size)).collect();
    DatasetFacts::weigh_by_size(&mut datasets);
    let probe = ProbeFacts { model: "example".to_owned(), batch_size: 16, ..ProbeFacts::default() };
    let affinity = Affinity::estimate(&[samples], datasets, Metric::Cosine, &EstimateParams::default(), probe)?;

    let cosines = affinity.table(Metric::Cosine).ok_or("every affinity has cosines")?;
    for (i, name) in names.iter().enumerate() {
        let row: Vec<String> =
            (0..names.len()).map(|j| cosines.get(i, j).map_or("   ?".to_owned(), |c| format!("{c:5.2}"))).collect();
        println!("{name:10} {}", row.join(" "));
    }
    let split = affinity.split(&[vec![0, 1], vec![2, 3]])?;
    println!("ζ² {:.2} = within {:.2} + between {:.2}", split.total, split.within, split.between);
    affinity.verdict.iter().for_each(|sentence| println!("{sentence}"));
    println!("affinity.json would take {} bytes", Document::new(affinity).to_json()?.len());
    Ok(())
}
