//! The targets, a module each: where its inputs begin, and what it does with them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use gst_affinity::{
    Affinity, Document, SketchParams, Sketcher,
    source::{SavedGradients, SavedSketches, collect},
};
use gst_data::{
    CachedClip, Collection, DiskCache, FeatureKey, OpenParams,
    mel::{Features, LogMel},
    sources::{SourceList, import},
    text::TextTokenizer,
};
use gst_grouping::Grouping;
use gst_schedule::{Draws, Schedule};

/// A folder for the files of this process, in memory where there is such a place.
fn scratch() -> &'static Path {
    static FOLDER: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let make = || {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
    };
    FOLDER.get_or_init(|| make().expect("a temporary folder")).path()
}

fn with_file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch().join(name);
    fs::write(&path, bytes).expect("a temporary file");
    path
}

/// A module a target, with what it starts from and what it does.
macro_rules! targets {
    ($($(#[$doc:meta])* $name:ident: $seeds:expr, |$bytes:ident| $check:block)*) => {
        $($(#[$doc])*
        pub mod $name {
            #[allow(unused_imports)]
            use super::*;

            /// Inputs to start from.
            pub fn seeds() -> Vec<Vec<u8>> {
                $seeds
            }

            /// Panics when something is wrong with how the bytes are taken.
            pub fn check($bytes: &[u8]) {
                $check
            }
        })*
    };
}

macro_rules! golden {
    ($folder:literal: $($name:literal),*) => {
        vec![$(include_bytes!(concat!("../../crates/", $folder, "/tests/golden/", $name)).to_vec()),*]
    };
}

/// A record as `train.jsonl` has it.
fn record(id: &str, more: &str) -> String {
    format!(
        r#"{{"id": "{id}", "audio": "audio/0.wav", "question": "How high?", "answer": "low", "choices": ["low", "high"], "domain": "music"{more}}}"#
    )
}

targets! {
    /// WAV, FLAC, OGG/Vorbis and MP3 to 16 kHz mono; the format is told by the content.
    audio: golden!("gst-data": "logmel.wav", "tone_16000_mono.flac", "tone_22050_stereo.flac", "tone_48000_mono_24bit.flac",
        "tone_44100_stereo.ogg", "tone_16000_mono.mp3", "tone_44100_stereo.mp3"),
    |bytes| {
        let path = with_file("clip", bytes);
        let _ = gst_data::audio::duration(&path);
        if let Ok(waveform) = gst_data::audio::decode(&path) {
            assert!(waveform.samples.len() >= gst_data::audio::MIN_CLIP_SAMPLES);
            assert!(waveform.samples.iter().all(|sample| sample.is_finite()));
        }
    }

    /// `train.jsonl` beside a good `test.jsonl`, with paths looked up on disk.
    manifest: vec![
            format!("{}\n{}\n", record("a", ""), record("b", r#", "label": "x=y""#)).into_bytes(),
            format!("\u{feff}{}\r\n\r\n{}", record("a", ""), record("ä", r#", "other": [1, {"a": null}]"#)).into_bytes(),
        ],
    |bytes| {
        let folder = scratch().join("data/pitch");
        if !folder.exists() {
            fs::create_dir_all(folder.join("audio")).expect("a folder");
            fs::write(folder.join("audio/0.wav"), "clip").expect("a file");
            fs::write(folder.join("audio/1.wav"), "clip").expect("a file");
            let test = record("test", "").replace("0.wav", "1.wav");
            fs::write(folder.join("test.jsonl"), test).expect("a file");
        }
        fs::write(folder.join("train.jsonl"), bytes).expect("a file");
        let params = OpenParams { validation_share: 0.0, ..OpenParams::default() };
        let root = scratch().join("data");
        let opened = Collection::open(&root, &params);
        let surveyed = Collection::survey(&root, &params);
        // One stops at the first problem that the other collects.
        assert_eq!(opened.is_ok(), surveyed.is_ok_and(|(_, problems)| problems.is_empty()));
    }

    /// The TOML file that lists datasets; what is read of it has names that can be asked for one by one.
    list: vec![
            br#"imported = "rows"
[datasets]
clotho = { path = "/data/clotho", keywords = true }
mine = { reader = "csv", path = "mine", clips = "wav", missing = "leave-out", audio = "{file}.wav", answer = "label", question = ["What is heard?", "Which sound?"] }
"#.to_vec(),
            br#"[datasets.jamendo]
path = '../mtg'
split = 2
subset = "genre"
questions = ["genre", "mood"]
"#.to_vec(),
        ],
    |bytes| {
        let path = with_file("sets.toml", bytes);
        let Ok(list) = SourceList::read(&path) else { return };
        let names: Vec<String> = list.datasets.iter().map(|settings| settings.name.clone()).collect();
        assert!(!names.is_empty() && names.is_sorted());
        for name in names {
            assert!(list.clone().only(Some(std::slice::from_ref(&name))).is_ok_and(|only| only.datasets.len() == 1));
        }
    }

    /// Files of hosts, by the readers that take them: the first byte chooses the reader, the rest is its file.
    rows: HOSTS.iter().zip(0_u8..).map(|(host, number)| [&[number], host.seed.as_bytes()].concat()).collect(),
    |bytes| {
        let Some((&number, content)) = bytes.split_first() else { return };
        let host = &HOSTS[usize::from(number) % HOSTS.len()];
        let folder = scratch().join("rows");
        fs::create_dir_all(folder.join("audio")).expect("a folder");
        fs::write(folder.join("audio/a.wav"), "clip").expect("a file");
        fs::write(folder.join(host.file), content).expect("a file");
        let text = format!("[datasets]\nmine = {{ reader = \"{}\", path = \"{}\", clips = \"audio\", missing = \"leave-out\"{} }}\n", host.reader, host.path, host.more);
        fs::write(folder.join("sets.toml"), text).expect("a file");
        let list = SourceList::read(&folder.join("sets.toml")).expect("a list");
        if let Ok(imported) = import(&list, &list.datasets[0]) {
            assert!(imported.rows.iter().sum::<usize>() > 0);
        }
        fs::remove_file(folder.join(host.file)).expect("a file");
    }

    /// `tokenizer.json`: what is read encodes, decodes, and has the specials it names.
    tokenizer: {
            let texts = ["Which animal is it?", " dog", " cat"];
            let tokenizer = TextTokenizer::train(texts.into_iter(), 300).expect("a tokenizer");
            let path = scratch().join("seed.json");
            tokenizer.save(&path).expect("a file");
            vec![fs::read(path).expect("a file")]
        },
    |bytes| {
        let path = with_file("tokenizer.json", bytes);
        if let Ok(tokenizer) = TextTokenizer::from_file(&path) {
            assert!((tokenizer.eos_id() as usize) < tokenizer.vocab_size());
            if let Ok(ids) = tokenizer.encode("Which animal is it?") {
                assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
                let _ = tokenizer.decode(&ids);
            }
        }
    }

    /// An entry of the feature folder: whole or nothing.
    features: {
            let (cache, key, path) = entry();
            let values = (0..160).map(|n| n as f32 / 100.0).collect();
            cache.put(&key, &CachedClip { features: Arc::new(Features { frames: 2, mels: 80, values }), seconds: 0.02 });
            vec![fs::read(path).expect("a file")]
        },
    |bytes| {
        let (cache, key, path) = entry();
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        if let Some(clip) = cache.get(&key) {
            assert_eq!(clip.features.values.len(), clip.features.frames * clip.features.mels);
        }
    }

    /// Gradients of another trainer, `.npy` and safetensors.
    gradients: golden!("gst-affinity": "gradients.npy", "gradients_later.npy", "gradients.safetensors"),
    |bytes| {
        let sketcher = Sketcher::new(SketchParams::EXACT).expect("a sketcher");
        for names in [&["a"][..], &["a", "b", "c"], &["a", "b", "c", "d", "e", "f"]] {
            if let Ok(saved) = SavedGradients::from_npy(bytes, "fuzz.npy", names) {
                let _ = collect(&saved, &sketcher);
            }
        }
        if let Ok(saved) = SavedGradients::from_npy_files(&[("a", bytes), ("b", bytes)]) {
            let _ = collect(&saved, &sketcher);
        }
        if let Ok(saved) = SavedGradients::from_safetensors(bytes, "fuzz.safetensors") {
            let _ = collect(&saved, &sketcher);
        }
    }

    /// `sketches.safetensors`: what is read is written again as it was.
    sketches: golden!("gst-affinity": "gradients.safetensors"),
    |bytes| {
        if let Ok(saved) = SavedSketches::from_bytes(bytes, "fuzz.safetensors")
            && let Ok(again) = saved.to_bytes()
        {
            assert!(SavedSketches::from_bytes(&again, "again.safetensors").is_ok());
        }
    }

    /// `affinity.json` and `grouping.json`: what is read is written and read again.
    artifact: vec![
            br#"{"format":"gst-grouping","version":1,"made_from":{"affinity":"sha256:00"},"method":"spectral","groups":[[0,1],[2]]}"#.to_vec(),
            br#"{"format":"gst-affinity","version":1,"made_from":{},"names":["a","b"],"metric":"cosine","gram":[[1.0,0.5],[0.5,1.0]]}"#.to_vec(),
        ],
    |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(affinity) = Document::<Affinity>::from_json(text, "fuzz.json") {
            assert!(affinity.to_json().is_ok_and(|text| Document::<Affinity>::from_json(&text, "again.json").is_ok()));
        }
        if let Ok(grouping) = Document::<Grouping>::from_json(text, "fuzz.json") {
            assert!(grouping.to_json().is_ok_and(|text| Document::<Grouping>::from_json(&text, "again.json").is_ok()));
        }
    }

    /// `schedule.json`: what is read can be drawn from, within its datasets.
    schedule: golden!("gst-schedule": "mix-all.schedule.json", "strict-cycle.schedule.json", "individual.schedule.json",
        "gst-reverse-ramps.schedule.json", "gst-adaptive-decided.schedule.json"),
    |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(schedule) = Document::<Schedule>::from_json(text, "fuzz.json") else { return };
        let schedule = schedule.body;
        let Ok(draws) = Draws::new(&schedule) else { return };
        let total = schedule.steps.saturating_mul(u64::from(schedule.batch_size));
        for n in [0, 1, total / 2, total.saturating_sub(1)].into_iter().filter(|&n| n < total) {
            let draw = draws.draw(n);
            let size = schedule.datasets.get(draw.dataset).map(|facts| facts.size);
            assert!(size.is_some_and(|size| draw.index < size), "draw {n}: {draw:?}");
        }
    }
}

/// A reader, the file that it takes, how a list names it, and what to begin with.
struct Host {
    reader: &'static str,
    file: &'static str,
    path: &'static str,
    more: &'static str,
    seed: &'static str,
}

const HOSTS: [Host; 4] = [
    Host {
        reader: "csv",
        file: "rows.csv",
        path: "rows.csv",
        more: r#", audio = "{file}.wav", answer = "label", question = "Which sound?", split = "part""#,
        seed: "file,label,part\na,\"dog, \"\"big\"\"\",train\na,cat,test\n",
    },
    Host {
        reader: "salmonn",
        file: "rows.json",
        path: ".",
        more: r#", train = "rows.json", test = "rows.json""#,
        seed: r#"{"annotation": [{"path": "/a.wav", "text": "a dog", "task": "audiocaption"}, {"path": "a.wav", "text": "no", "task": "QA", "Q": "Cat?"}]}"#,
    },
    Host {
        reader: "macs",
        file: "MACS.yaml",
        path: ".",
        more: "",
        seed: "files:\n- filename: a-b-1-2-a.wav\n  annotations:\n  - annotator_id: 1\n    sentence: birds sing\n    tags: [birds, wind]\n",
    },
    Host {
        reader: "openaqa",
        file: "rows.json",
        path: "rows.json",
        more: ", test_share = 0.5",
        seed: r#"[{"instruction": "What?", "input": "", "audio_id": "/x/a.wav", "dataset": "audiocaps_train", "task": "cla", "output": "A dog."}]"#,
    },
];

/// A feature folder, an address in it and the file there.
fn entry() -> (DiskCache, FeatureKey, PathBuf) {
    let clip = with_file("clip.wav", b"clip");
    let root = scratch().join("features");
    let cache = DiskCache::open(&root, 1 << 20).expect("a folder");
    let key = FeatureKey::new(&clip, &LogMel::new(80).expect("80 bands"), 30.0, false).expect("a key");
    let path = cache.path(&key);
    (cache, key, path)
}
