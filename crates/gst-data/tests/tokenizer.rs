//! The tokenizer: determinism, round trip, specials, files.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::{fs, path::Path};

use gst_data::text::{MIN_VOCAB, TextError, TextTokenizer};
use proptest::prelude::*;
use tempfile::TempDir;

const QUESTIONS: [&str; 4] =
    ["Which note is played?", "How many events do you hear?", "What is the speaker's name?", "Is it rain or wind?"];
const ANSWERS: [&str; 8] = ["seven", "two to six months", "C#", "closed hi-hat", "washing machine", "theo", "7", "naïve café"];

/// Question and answer texts as they are fed in training, more than one of each.
fn texts() -> Vec<String> {
    let mut texts = Vec::new();
    for round in 0..50 {
        texts.push(QUESTIONS[round % 4].to_owned());
        texts.push(format!(" {}", ANSWERS[round * 3 % 8]));
    }
    texts
}

fn train(texts: &[String], vocab_size: usize) -> TextTokenizer {
    TextTokenizer::train(texts.iter().map(String::as_str), vocab_size).unwrap()
}

#[test]
fn equal_texts_give_equal_tokenizers() {
    let mut texts = texts();
    let expected = train(&texts, 340).to_json().unwrap();
    for threads in [1, 2, 8] {
        texts.reverse();
        texts.rotate_left(7);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| train(&texts, 340).to_json().unwrap());
        assert!(found == expected, "{threads} threads");
    }
}

#[test]
fn frequent_answers_are_one_token() {
    let tokenizer = train(&texts(), 1_024);
    for answer in ["seven", "theo", "7"] {
        assert_eq!(tokenizer.encode(&format!(" {answer}")).unwrap().len(), 1, "{answer}");
    }
}

#[test]
fn specials_have_fixed_ids_and_are_no_text() {
    let tokenizer = train(&texts(), 300);
    assert_eq!((tokenizer.pad_id(), tokenizer.bos_id(), tokenizer.eos_id()), (0, 1, 2));
    assert_eq!(tokenizer.vocab_size(), 300);
    let ids = tokenizer.encode("say <eos> and <pad>").unwrap();
    assert!(ids.iter().all(|&id| id > 2 && (id as usize) < 300), "{ids:?}");
    assert_eq!(tokenizer.decode(&ids).unwrap(), "say <eos> and <pad>");
    let ended: Vec<u32> = ids.iter().copied().chain([2, 0, 0]).collect();
    assert_eq!(tokenizer.decode(&ended).unwrap(), "say <eos> and <pad>");
}

#[test]
fn saved_and_loaded_it_is_the_same() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tokenizer.json");
    let tokenizer = train(&texts(), 400);
    tokenizer.save(&path).unwrap();
    let loaded = TextTokenizer::from_file(&path).unwrap();
    assert_eq!(loaded.to_json().unwrap(), tokenizer.to_json().unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    for text in texts() {
        assert_eq!(loaded.encode(&text).unwrap(), tokenizer.encode(&text).unwrap());
    }
    assert_eq!((loaded.pad_id(), loaded.bos_id(), loaded.eos_id()), (0, 1, 2));
}

#[test]
fn another_tokenizers_specials_are_found() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tokenizer.json");
    let json = train(&texts(), 300).to_json().unwrap();
    fs::write(&path, json.replace("<bos>", "<s>").replace("<eos>", "</s>").replace("<pad>", "<unused>")).unwrap();
    let loaded = TextTokenizer::from_file(&path).unwrap();
    // Without padding of its own the end token pads: its places are masked anyway.
    assert_eq!((loaded.pad_id(), loaded.bos_id(), loaded.eos_id()), (2, 1, 2));
}

#[test]
fn bad_parameters_and_files() {
    for size in [0, MIN_VOCAB - 1, usize::MAX] {
        let error = TextTokenizer::train(["text"].into_iter(), size).unwrap_err();
        assert!(matches!(error, TextError::VocabSize { found } if found == size));
    }
    assert!(matches!(TextTokenizer::train([""].into_iter(), 300).unwrap_err(), TextError::NoText));
    let folder = TempDir::new().unwrap();
    let check = |name: &str, content: Option<&str>, part: &str| {
        let path = folder.path().join(name);
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let text = TextTokenizer::from_file(&path).unwrap_err().to_string();
        assert!(text.contains(name) && text.contains(part), "{text}");
    };
    check("none.json", None, "No such file");
    check("text.json", Some("not json"), "tokenizer.json");
    check("other.json", Some("{\"version\": 1}"), "tokenizer.json");
    let endless = train(&texts(), 300).to_json().unwrap().replace("<eos>", "<e>");
    check("endless.json", Some(&endless), "end-of-sequence");
    // The library panics on this one.
    let good = train(&texts(), 300).to_json().unwrap();
    let at = good.find("\"decoder\": {").unwrap() + 12;
    check("decoder.json", Some(&format!("{}x{}", &good[..at], &good[at..])), "not a usable tokenizer.json");
    let far = good.replacen("\"!\": 3,", "\"!\": 4000000000,", 1);
    assert_ne!(far, good);
    check("far.json", Some(&far), "ids go up to 4000000000; at most 1048576 tokens");
    assert!(matches!(train(&texts(), 300).save(Path::new("/nowhere/x/tokenizer.json")), Err(TextError::Save { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes cover everything: any text comes back.
    #[test]
    fn any_text_comes_back(text in "\\PC{0,40}") {
        thread_local! { static TOKENIZER: TextTokenizer = train(&texts(), 320) }
        TOKENIZER.with(|tokenizer| -> Result<(), TestCaseError> {
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(tokenizer.decode(&ids).unwrap(), text);
            prop_assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
            Ok(())
        })?;
    }
}
