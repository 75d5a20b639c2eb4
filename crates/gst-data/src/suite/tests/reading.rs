//! The rest of the crate reads what the suite writes.

use tempfile::tempdir;

use super::super::tasks::TASKS;
use super::super::{SuiteParams, generate};
use crate::{Collection, OpenParams, Split, audio};

#[test]
fn the_collection_and_the_decoder_read_the_suite() {
    let folder = tempdir().unwrap();
    generate(folder.path(), &SuiteParams { seed: 4, scale: 0.01 }, |_, _| {}).unwrap();
    let collection = Collection::open(folder.path(), &OpenParams::default()).unwrap();
    assert_eq!(collection.datasets.len(), TASKS.len());
    for (dataset, task) in collection.datasets.iter().zip(TASKS) {
        assert_eq!((dataset.name.as_str(), dataset.domain.as_str()), (task.name, task.domain));
        let [train, test] = task.sizes(0.01);
        assert_eq!((dataset.len(Split::Train) + dataset.len(Split::Validation), dataset.len(Split::Test)), (train, test));
        for split in [Split::Train, Split::Test] {
            let record = dataset.record(split, 0).unwrap();
            assert!(record.choices.contains(&record.answer), "{}", record.id);
            let waveform = audio::decode(&dataset.root.join(&record.audio)).unwrap();
            assert_eq!(
                (waveform.source_rate, u32::from(waveform.source_channels as u16)),
                (task.rate, u32::from(task.channels()))
            );
            assert!((waveform.samples.len() as f64 / 16_000.0 - waveform.seconds).abs() < 0.01, "{}", record.id);
        }
    }
}
