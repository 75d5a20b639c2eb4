//! What `generate` does to a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::tempdir;

use super::super::marker::MARKER_FILE;
use super::super::tasks::TASKS;
use super::super::{SuiteError, SuiteParams, SuiteReport, catalogue, generate};

/// One clip of each answer in each half.
const TINY: SuiteParams = SuiteParams { seed: 11, scale: 0.01 };

fn make(root: &Path, params: &SuiteParams) -> Result<SuiteReport, SuiteError> {
    generate(root, params, |_, _| {})
}

/// Every file under a folder with its bytes.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn with_threads(threads: usize, root: &Path, params: &SuiteParams) -> SuiteReport {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| make(root, params)).unwrap()
}

#[test]
fn equal_seeds_give_equal_files_for_any_number_of_threads() {
    let folders = [(); 3].map(|()| tempdir().unwrap());
    let reports: Vec<_> =
        folders.iter().zip([1, 2, 7]).map(|(folder, threads)| with_threads(threads, folder.path(), &TINY)).collect();
    let first = files(folders[0].path());
    assert_eq!(first.len(), reports[0].clips + 2 * 14 + 2);
    for (folder, report) in folders.iter().zip(&reports) {
        assert!(files(folder.path()) == first, "files differ");
        assert_eq!(report, &reports[0]);
    }
}

#[test]
fn another_seed_gives_other_clips_and_a_larger_scale_more_of_the_same() {
    let folders = [(); 3].map(|()| tempdir().unwrap());
    let all = [TINY, SuiteParams { seed: 12, ..TINY }, SuiteParams { scale: 0.06, ..TINY }];
    let reports: Vec<_> = folders.iter().zip(all).map(|(folder, params)| make(folder.path(), &params).unwrap()).collect();
    let [tiny, other, larger] = folders.map(|folder| files(folder.path()));
    assert_ne!(reports[0].fingerprint, reports[1].fingerprint);
    assert!(larger.len() > tiny.len());
    for (name, bytes) in tiny.iter().filter(|(name, _)| name.ends_with(".wav")) {
        assert!(other[name] != *bytes, "{name} is the same for two seeds");
        assert!(larger[name] == *bytes, "{name} depends on the scale");
    }
}

#[test]
fn a_second_call_reuses_the_suite_unless_something_is_missing() {
    let folder = tempdir().unwrap();
    let root = folder.path();
    let first = make(root, &TINY).unwrap();
    assert!(!first.reused);
    let (calls, last) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let again = generate(root, &TINY, |done, total| {
        calls.fetch_add(1, Ordering::Relaxed);
        last.store(total - done, Ordering::Relaxed);
    });
    assert_eq!(again.unwrap(), SuiteReport { reused: true, ..first.clone() });
    assert_eq!((calls.into_inner(), last.into_inner()), (1, 0), "one call says that all is done");
    let whole = files(root);
    let damages: [fn(&Path); 4] = [
        |root| fs::remove_file(root.join("vowel/audio/test_0003.wav")).unwrap(),
        |root| fs::write(root.join("tempo/audio/train_0001.wav"), "short").unwrap(),
        |root| fs::write(root.join("voice/train.jsonl"), "{}").unwrap(),
        |root| fs::write(root.join("voice/audio/more.wav"), "left over").unwrap(),
    ];
    for damage in damages {
        damage(root);
        assert!(!make(root, &TINY).unwrap().reused);
        assert!(files(root) == whole, "not made whole");
    }
}

#[test]
fn another_suite_is_replaced_and_what_lies_beside_it_stays() {
    let folder = tempdir().unwrap();
    let root = folder.path();
    make(root, &SuiteParams { seed: 1, scale: 0.06 }).unwrap();
    fs::create_dir(root.join("mine")).unwrap();
    fs::write(root.join("mine/notes.txt"), "keep").unwrap();
    make(root, &TINY).unwrap();
    let mut now = files(root);
    assert_eq!(now.remove("mine/notes.txt").as_deref(), Some(b"keep".as_slice()));
    let fresh = tempdir().unwrap();
    make(fresh.path(), &TINY).unwrap();
    assert!(now == files(fresh.path()), "something of the first suite is left");
}

#[test]
fn a_suite_that_was_cut_off_is_made_again() {
    let folder = tempdir().unwrap();
    let root = folder.path();
    let whole = make(root, &TINY).unwrap();
    // As after a stop in the middle: the marker without a report, half of the folders.
    let text = fs::read_to_string(root.join(MARKER_FILE)).unwrap();
    let mut marker: serde_json::Value = serde_json::from_str(&text).unwrap();
    marker["report"] = serde_json::Value::Null;
    fs::write(root.join(MARKER_FILE), marker.to_string()).unwrap();
    fs::remove_dir_all(root.join("vowel")).unwrap();
    assert_eq!(make(root, &TINY).unwrap(), whole);
    // As after a stop before the first marker had its name.
    let young = tempdir().unwrap();
    fs::write(young.path().join("suite.json.part"), "{\"for").unwrap();
    assert_eq!(make(young.path(), &TINY).unwrap(), whole);
}

#[test]
fn folders_of_others_are_refused_untouched() {
    for (name, content) in [("notes.txt", "mine"), (MARKER_FILE, "no json"), (MARKER_FILE, "{\"format\":\"other\"}")] {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join(name), content).unwrap();
        let error = make(folder.path(), &TINY).unwrap_err();
        assert!(matches!(error, SuiteError::NotASuite { .. }), "{error}");
        assert!(
            error.to_string().contains(&*folder.path().to_string_lossy()) && error.to_string().contains("nothing was written")
        );
        assert_eq!(files(folder.path()).len(), 1);
    }
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(make(&file, &TINY), Err(SuiteError::NotAFolder { .. })));
    assert!(matches!(make(&file.join("below"), &TINY), Err(SuiteError::NotAFolder { .. } | SuiteError::Io { .. })));
}

#[test]
fn markers_cannot_reach_outside_the_folder() {
    let folder = tempdir().unwrap();
    let root = folder.path().join("suite");
    make(&root, &TINY).unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let text = fs::read_to_string(root.join(MARKER_FILE)).unwrap();
    fs::write(root.join(MARKER_FILE), text.replace("\"vowel\"", "\"../outside\"")).unwrap();
    make(&root, &SuiteParams { seed: 2, ..TINY }).unwrap();
    assert!(outside.is_dir());
}

#[test]
fn scales_out_of_range_are_refused() {
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let folder = tempdir().unwrap();
        let error = make(&folder.path().join("new"), &SuiteParams { seed: 1, scale }).unwrap_err();
        assert!(matches!(error, SuiteError::Scale { .. }), "{scale}");
        assert!(!folder.path().join("new").exists());
    }
}

#[test]
fn the_catalogue_agrees_with_what_is_generated() {
    let folder = tempdir().unwrap();
    let report = make(folder.path(), &TINY).unwrap();
    let planned = catalogue(TINY.scale);
    for ((task, plan), made) in TASKS.iter().zip(&planned).zip(&report.datasets) {
        assert_eq!((task.name, &plan.name, plan.clips), (made.name.as_str(), &made.name, made.clips));
        assert!(made.bytes > 0 && made.shortest_seconds <= made.longest_seconds, "{}", made.name);
    }
    let table = fs::read_to_string(folder.path().join("datasets.json")).unwrap();
    assert_eq!(serde_json::from_str::<Vec<super::super::DatasetReport>>(&table).unwrap(), report.datasets);
}

/// What the recipe gives is pinned: whoever changes a clip or a line raises `RECIPE_VERSION`, so that suites on the disk are made
/// anew, and then this hash. Only here, because other math libraries may round a rare sample differently.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
#[test]
fn the_recipe_is_the_one_of_this_version() {
    let folder = tempdir().unwrap();
    let report = make(folder.path(), &TINY).unwrap();
    let pinned = (1, "sha256:62da2b596d4ed6181cae19eb23a796b14b99f7363a8c2dc2430559a6b2e70cef");
    assert_eq!((super::super::RECIPE_VERSION, report.fingerprint.as_str()), pinned);
}
