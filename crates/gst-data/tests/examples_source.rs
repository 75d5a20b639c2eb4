//! Examples as a model is fed them, and the feature cache.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{fs, path::PathBuf, sync::Arc, thread};

use fixture::Root;
use gst_data::{
    CachedClip, Collection, DataError, ExampleSource, FeatureCache, OpenParams, Record, Split,
    audio::AudioError,
    mel::{Features, LogMel},
    text::TextTokenizer,
    training_texts,
};

fn source(root: &Root) -> ExampleSource {
    let collection = Arc::new(Collection::open(root.path(), &OpenParams::default()).unwrap());
    let tokenizer = TextTokenizer::try_train(training_texts(&collection, 4), 400).unwrap();
    ExampleSource::new(collection, Arc::new(tokenizer), LogMel::new(80).unwrap())
}

#[test]
fn an_example_is_what_the_record_says() {
    let root = Root::new();
    root.dataset("a", 6, 2, 1);
    root.dataset("b", 6, 2, 2);
    let source = source(&root);
    for split in Split::ALL {
        for dataset in 0..2 {
            for index in 0..source.collection().datasets[dataset].len(split) {
                let example = source.load(split, dataset, index).unwrap();
                let (_, record) = source.record(split, dataset, index).unwrap();
                assert_eq!((example.dataset, example.record, example.audio_seconds), (dataset, index, 0.05));
                assert_eq!((example.features.frames, example.features.mels), (5, 80));
                assert_eq!(source.tokenizer().decode(&example.prompt).unwrap(), record.question);
                let (last, answer) = example.answer.split_last().unwrap();
                assert_eq!(*last, source.tokenizer().eos_id());
                assert_eq!(answer.len(), 1, "`{}` is one token", record.answer);
                assert_eq!(source.tokenizer().decode(answer).unwrap(), format!(" {}", record.answer));
            }
        }
    }
    let means = source.means(1).unwrap();
    let first = source.load(Split::Train, 1, 0).unwrap();
    assert!((means.audio_seconds - 0.05).abs() < 1e-12);
    assert_eq!(means.tokens, (first.prompt.len() + first.answer.len()) as f64);
}

#[test]
fn questions_of_one_clip_share_features() {
    let root = Root::new();
    root.dataset("a", 6, 2, 2);
    let source = source(&root);
    let (first, second) = (source.load(Split::Test, 0, 0).unwrap(), source.load(Split::Test, 0, 1).unwrap());
    assert!(Arc::ptr_eq(&first.features, &second.features));
    assert_eq!((source.cache().counts().hits, source.cache().counts().misses), (1, 1));
}

#[test]
fn threads_load_what_one_loads() {
    let root = Root::new();
    root.dataset("a", 12, 4, 2);
    let alone = source(&root);
    let expected: Vec<_> = (0..8).map(|index| alone.load(Split::Test, 0, index).unwrap()).collect();
    let shared = source(&root);
    let found: Vec<Vec<_>> = thread::scope(|scope| {
        let loads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..8).map(|index| shared.load(Split::Test, 0, index).unwrap()).collect())).collect();
        loads.into_iter().map(|load| load.join().unwrap()).collect()
    });
    assert!(found.iter().all(|found| *found == expected));
}

#[test]
fn cut_and_padded() {
    let root = Root::new();
    root.dataset("a", 4, 1, 1);
    let cut = source(&root).with_seconds(0.03, false).load(Split::Test, 0, 0).unwrap();
    assert_eq!((cut.features.frames, cut.audio_seconds), (3, 0.03));
    let padded = source(&root).with_seconds(1.0, true).load(Split::Test, 0, 0).unwrap();
    assert_eq!((padded.features.frames, padded.audio_seconds), (100, 0.05));
}

#[test]
fn what_is_not_there() {
    let root = Root::new();
    let folder = root.dataset("a", 4, 1, 1);
    let source = source(&root);
    for (dataset, index, part) in [(0, 1, "dataset a, which has 1"), (9, 0, "dataset 9, which has 0")] {
        let error = source.load(Split::Test, dataset, index).unwrap_err();
        assert!(matches!(error, DataError::NoSuchRecord { .. }) && error.to_string().contains(part), "{error}");
    }
    fs::remove_file(folder.join("audio/4.wav")).unwrap();
    let error = source.load(Split::Test, 0, 0).unwrap_err();
    assert!(matches!(&error, DataError::Audio { source: AudioError::Read { .. }, .. }), "{error}");
    assert!(error.to_string().contains("a-4-0") && error.to_string().contains("4.wav"), "{error}");
}

fn clip(frames: usize) -> CachedClip {
    CachedClip { features: Arc::new(Features { frames, mels: 1, values: vec![0.0; frames] }), seconds: 1.0 }
}

#[test]
fn the_cache_keeps_to_its_budget() {
    let cache = FeatureCache::new(1_000);
    for number in 0..200usize {
        cache.put(PathBuf::from(number.to_string()), clip(number % 30));
        assert!(cache.bytes() <= 1_000);
        // What was put last is there.
        assert!(cache.get(&PathBuf::from(number.to_string())).is_some(), "{number}");
    }
    assert!(cache.counts().evicted > 100);
    let kept: usize = (0..200)
        .filter_map(|number: usize| cache.get(&PathBuf::from(number.to_string())))
        .map(|clip| clip.features.bytes())
        .sum();
    assert_eq!(kept, cache.bytes());
    cache.put("large".into(), clip(300));
    assert!(cache.get(&PathBuf::from("large")).is_none());
    let none = FeatureCache::new(0);
    none.put("a".into(), clip(1));
    assert!(none.get(&PathBuf::from("a")).is_none());
}

#[test]
fn a_small_cache_changes_nothing_but_time() {
    let root = Root::new();
    root.dataset("a", 12, 4, 1);
    let (plenty, scarce) = (source(&root), source(&root).with_cache(Arc::new(FeatureCache::new(4_000))));
    for _ in 0..3 {
        for index in 0..4 {
            assert_eq!(plenty.load(Split::Test, 0, index).unwrap(), scarce.load(Split::Test, 0, index).unwrap());
        }
    }
    assert!(scarce.cache().counts().evicted > 0 && plenty.cache().counts().evicted == 0);
}

#[test]
fn broken_records_are_replaced_by_the_next_good_one() {
    let root = Root::new();
    let folder = root.dataset("pitch", 10, 2, 2);
    let collection = Arc::new(Collection::open(root.path(), &OpenParams::default()).unwrap());
    let records: Vec<Record> = collection.datasets[0].records(Split::Train).map(Result::unwrap).collect();
    let last = records.len() - 1;
    // Two neighbours (one clip has two questions) and the last, so that replacing goes round the end.
    let break_clip = |index: usize| fs::write(folder.join(&records[index].audio), b"no audio").unwrap();
    break_clip(4);
    break_clip(last);
    let broken: Vec<usize> =
        (0..records.len()).filter(|&index| [4, last].iter().any(|&other| records[other].audio == records[index].audio)).collect();
    let tokenizer = Arc::new(TextTokenizer::try_train(training_texts(&collection, 2), 300).unwrap());
    let source = ExampleSource::new(Arc::clone(&collection), tokenizer, LogMel::new(80).unwrap());
    for index in (0..records.len()).chain((0..records.len()).rev()) {
        let (example, met) = source.load_usable(Split::Train, 0, index).unwrap();
        let expected = (index..index + records.len()).map(|at| at % records.len()).find(|at| !broken.contains(at)).unwrap();
        assert_eq!(example.record, expected, "in the place of {index}");
        let passed: Vec<usize> = (index..).map(|at| at % records.len()).take_while(|&at| at != expected).collect();
        assert_eq!(met.iter().map(|broken| broken.record).collect::<Vec<_>>(), passed);
        assert!(met.iter().all(|broken| broken.error.to_string().contains(&records[broken.record].audio)));
    }
    // Planning leaves them out, too.
    assert!((source.means(0).unwrap().audio_seconds - 0.05).abs() < 1e-9);
    // Nothing left to put in their place.
    for index in 0..records.len() {
        break_clip(index);
    }
    let fresh = ExampleSource::new(Arc::clone(&collection), Arc::new(source.tokenizer().clone()), LogMel::new(80).unwrap());
    let error = fresh.load_usable(Split::Train, 0, 3).unwrap_err();
    assert!(matches!(error, DataError::BrokenInARow { .. }), "{error:?}");
    let all = format!("{} train records in a row cannot be used, of {}", records.len(), records.len());
    assert!(error.to_string().contains(&all), "{error}");
    assert!(matches!(fresh.means(0).unwrap_err(), DataError::Audio { .. }));
}
