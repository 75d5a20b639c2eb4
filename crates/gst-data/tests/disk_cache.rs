//! Features on disk: the same values, nothing torn, nothing stale, never more than the limit.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod fixture;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use fixture::{Root, sine, write_wav};
use gst_data::{
    CachedClip, Collection, DiskCache, DiskCacheCounts, ExampleSource, FeatureCache, FeatureKey, OpenParams, Split,
    mel::{Features, LogMel},
    text::TextTokenizer,
};
use proptest::prelude::*;
use tempfile::TempDir;

fn entries(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort_unstable();
    found
}

fn size(root: &Path) -> u64 {
    entries(root).iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

/// Keys of `count` clips that differ.
fn keys(folder: &Path, count: usize) -> Vec<FeatureKey> {
    (0..count)
        .map(|clip| {
            let path = folder.join(format!("{clip}.raw"));
            fs::write(&path, format!("clip {clip}")).unwrap();
            FeatureKey::new(&path, &LogMel::new(80).unwrap(), 30.0, false).unwrap()
        })
        .collect()
}

fn clip(frames: usize, value: f32) -> CachedClip {
    let features = Arc::new(Features { frames, mels: 80, values: vec![value; frames * 80] });
    CachedClip { features, seconds: frames as f64 / 100.0 }
}

/// Seconds in the past that make an entry older than any process here.
fn age(path: &Path, seconds: u64) {
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

#[test]
fn a_second_run_reads_what_the_first_made_bit_for_bit() {
    let root = Root::new();
    root.dataset("pitch", 12, 2, 1);
    let cache = TempDir::new().unwrap();
    let collection = Arc::new(Collection::open(root.path(), &OpenParams::default()).unwrap());
    let tokenizer = Arc::new(TextTokenizer::train(["How high?", " low", " high"].into_iter(), 300).unwrap());
    let run = |disk: Option<Arc<DiskCache>>| {
        let source = ExampleSource::new(Arc::clone(&collection), Arc::clone(&tokenizer), LogMel::new(80).unwrap())
            .with_cache(Arc::new(FeatureCache::new(0)));
        let source = disk.into_iter().fold(source, ExampleSource::with_disk_cache);
        let load = |index| source.load(Split::Train, 0, index).unwrap();
        (0..collection.datasets[0].len(Split::Train)).map(load).collect::<Vec<_>>()
    };
    let plain = run(None);
    let open = || Arc::new(DiskCache::open(cache.path(), 1 << 30).unwrap());
    let (first, second) = (open(), open());
    assert_eq!(run(Some(Arc::clone(&first))), plain);
    assert_eq!(run(Some(Arc::clone(&second))), plain);
    let records = plain.len() as u64;
    assert_eq!(first.counts(), DiskCacheCounts { misses: records, written: records, ..DiskCacheCounts::default() });
    assert_eq!(second.counts(), DiskCacheCounts { hits: records, ..DiskCacheCounts::default() });
}

#[test]
fn the_address_follows_content_and_settings_and_not_the_name() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_wav(&path("a.wav"), 16_000, sine(16_000, 300.0, 0.1));
    fs::copy(path("a.wav"), path("b.wav")).unwrap();
    write_wav(&path("c.wav"), 16_000, sine(16_000, 301.0, 0.1));
    let key =
        |name: &str, mels, seconds, padded| FeatureKey::new(&path(name), &LogMel::new(mels).unwrap(), seconds, padded).unwrap();
    let base = key("a.wav", 80, 30.0, false);
    assert_eq!(base, key("b.wav", 80, 30.0, false));
    for other in [
        key("c.wav", 80, 30.0, false),
        key("a.wav", 128, 30.0, false),
        key("a.wav", 80, 20.0, false),
        key("a.wav", 80, 30.0, true),
    ] {
        assert_ne!(base, other);
    }
    assert!(FeatureKey::new(folder.path(), &LogMel::new(80).unwrap(), 30.0, false).is_err());
}

#[test]
fn a_damaged_entry_is_made_again() {
    let folder = TempDir::new().unwrap();
    let cache = DiskCache::open(&folder.path().join("cache"), 1 << 30).unwrap();
    let key = &keys(folder.path(), 1)[0];
    let good = clip(30, 0.25);
    assert!(cache.put(key, &good));
    let path = &entries(&folder.path().join("cache"))[0];
    let whole = fs::read(path).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for damaged in [
        Vec::new(),
        whole[..40].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        flipped(0),
        flipped(9),
        flipped(100),
        flipped(whole.len() - 1),
    ] {
        fs::write(path, damaged).unwrap();
        assert!(cache.get(key).is_none());
        assert!(!path.exists(), "a damaged entry stays");
    }
    assert_eq!(cache.counts().damaged, 7);
    assert!(cache.put(key, &good));
    let again = cache.get(key).unwrap();
    assert_eq!((again.features, again.seconds), (good.features, good.seconds));
}

#[test]
fn the_limit_holds_and_what_is_in_use_stays() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("cache");
    let keys = keys(folder.path(), 20);
    let one = {
        let cache = DiskCache::open(&root, 1 << 30).unwrap();
        (0..4).for_each(|at| assert!(cache.put(&keys[at], &clip(10, at as f32))));
        size(&root) / 4
    };
    // Four entries of an earlier run, the second the longest unused.
    let mut old = Vec::new();
    for path in entries(&root) {
        age(&path, 1_000 + 10 * old.len() as u64);
        old.push(path);
    }
    age(&old[1], 5_000);

    let cache = DiskCache::open(&root, 6 * one + 10).unwrap();
    let used = (0..4).find(|&at| old[0].to_string_lossy().contains(&format!("{:?}", keys[at])[12..30])).unwrap();
    assert!(cache.get(&keys[used]).is_some());
    assert!(cache.put(&keys[4], &clip(10, 4.0)) && cache.put(&keys[5], &clip(10, 5.0)));
    assert_eq!(entries(&root).len(), 6);
    // The seventh makes the longest unused go.
    assert!(cache.put(&keys[6], &clip(10, 6.0)));
    assert!(!old[1].exists() && old[0].exists() && old[2].exists() && old[3].exists());
    assert!(cache.put(&keys[7], &clip(10, 7.0)) && cache.put(&keys[8], &clip(10, 8.0)));
    assert!(!old[2].exists() && !old[3].exists());
    // What is left was used by this run: nothing more is kept, and nothing is lost.
    for key in &keys[9..20] {
        assert!(!cache.put(key, &clip(10, 9.0)));
    }
    assert_eq!(cache.counts().refused, 11);
    assert!(size(&root) <= 6 * one + 10);
    for at in [used, 4, 5, 6, 7, 8] {
        assert!(cache.get(&keys[at]).is_some(), "{at}");
    }
    // One clip larger than all.
    assert!(!DiskCache::open(&root, 100).unwrap().put(&keys[9], &clip(10, 0.0)));
}

#[test]
fn leftovers_of_a_killed_process_go_after_a_day() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("ab")).unwrap();
    let (fresh, old) = (folder.path().join("ab/abc.1-2-3.partial"), folder.path().join("ab/abd.1-2-3.partial"));
    fs::write(&fresh, "half").unwrap();
    fs::write(&old, "half").unwrap();
    age(&old, 2 * 24 * 3600);
    DiskCache::open(folder.path(), 1 << 20).unwrap();
    assert!(fresh.exists() && !old.exists());
}

#[test]
fn a_file_in_the_way_is_an_error_that_names_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("taken");
    fs::write(&path, "").unwrap();
    assert!(DiskCache::open(&path, 1).unwrap_err().to_string().contains("taken"));
}

/// Threads of two caches over one folder, as two processes would be, write and read the same clips: whatever is found is whole.
#[test]
fn two_users_of_one_folder() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("cache");
    let keys = keys(folder.path(), 8);
    let caches = [DiskCache::open(&root, 1 << 16).unwrap(), DiskCache::open(&root, 1 << 16).unwrap()];
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (cache, keys) = (&caches[worker % 2], &keys);
            scope.spawn(move || {
                for round in 0..200 {
                    let at = (round * 5 + worker) % 8;
                    match cache.get(&keys[at]) {
                        Some(found) => assert!(found.features.values.iter().all(|&value| value == at as f32)),
                        None => {
                            cache.put(&keys[at], &clip(40, at as f32));
                        }
                    }
                }
            });
        }
    });
    assert_eq!(caches.iter().map(|cache| cache.counts().damaged).sum::<u64>(), 0);
    assert!(caches.iter().all(|cache| cache.counts().hits > 0));
    assert!(entries(&root).iter().all(|path| path.extension().unwrap() == "features"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is stored comes back to the last bit, NaN and infinities too.
    #[test]
    fn values_come_back(frames in 0usize..20, mels in 1usize..9, bits in any::<u32>(), seconds in any::<f64>()) {
        let folder = TempDir::new().unwrap();
        let cache = DiskCache::open(&folder.path().join("cache"), 1 << 20).unwrap();
        let key = &keys(folder.path(), 1)[0];
        let values: Vec<f32> = (0..frames * mels).map(|n| f32::from_bits(bits.wrapping_mul(n as u32 + 1))).collect();
        let expected: Vec<u32> = values.iter().map(|value| value.to_bits()).collect();
        cache.put(key, &CachedClip { features: Arc::new(Features { frames, mels, values }), seconds });
        let found = cache.get(key).unwrap();
        prop_assert_eq!((found.features.frames, found.features.mels), (frames, mels));
        prop_assert_eq!(found.seconds.to_bits(), seconds.to_bits());
        prop_assert_eq!(found.features.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), expected);
    }
}
