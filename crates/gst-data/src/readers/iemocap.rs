//! IEMOCAP: the emotion of an utterance of acted dialogue.
//!
//! Reads `SessionN/dialog/EmoEvaluation/*.txt` of the full release: for each utterance a line `[START - END]⇥UTTERANCE⇥EMOTION⇥[V, A, D]`,
//! then the annotators' lines, which are not needed. Clips are `SessionN/sentences/wav/DIALOG/UTTERANCE.wav`. Asks for the emotion, with
//! the classes as choices. By the usual convention there are four, *neutral, happy, sad, angry*, with *excited* counted as happy
//! (5,531 utterances in the literature); `classes = "six"` keeps excited apart and adds frustrated, `classes = "all"` has every agreed label;
//! `excited` says what becomes of it among four. Utterances without agreement (`xxx`) are passed over, and so is every class not asked for.
//! There is no official split: the two speakers of `test_session` (5) are the test, as in leave-one-session-out; run five times for all of it.

use std::io::BufRead;

use super::{Key, Kind, Reader, Sink, Source};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct Iemocap;

const EMOTIONS: [(&str, &str); 10] = [
    ("neu", "neutral"),
    ("hap", "happy"),
    ("sad", "sad"),
    ("ang", "angry"),
    ("exc", "excited"),
    ("fru", "frustrated"),
    ("fea", "fearful"),
    ("sur", "surprised"),
    ("dis", "disgusted"),
    ("oth", "other"),
];

const QUESTIONS: [&str; 4] = [
    "Which emotion does the speaker express?",
    "How does the speaker feel?",
    "What is the emotional tone of this utterance?",
    "Name the emotion in this voice.",
];

impl Reader for Iemocap {
    fn keys(&self) -> &'static [Key] {
        const {
            &[
                Key::new("classes", Kind::OneOf(&["four", "six", "all"]), "four", "which emotions are asked for"),
                Key::new("excited", Kind::OneOf(&["happy", "leave-out"]), "happy", "what excited is among four classes"),
                Key::new("dialogs", Kind::OneOf(&["all", "improvised", "scripted"]), "all", "which dialogues"),
                Key::new("test_session", Kind::Whole(1, 5), "5", "the session whose two speakers are the test"),
            ]
        }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let count = match source.text("classes") {
            Some("four") => 4,
            Some("six") => 6,
            _ => EMOTIONS.len(),
        };
        let choices: Vec<String> = EMOTIONS[..count].iter().map(|(_, name)| (*name).to_owned()).collect();
        let merged = count == 4 && source.text("excited") == Some("happy");
        let dialogs = source.text("dialogs").unwrap_or_default();
        for session in 1..=5_u8 {
            let split = if f64::from(session) == source.number("test_session") { Split::Test } else { Split::Train };
            let folder = format!("Session{session}/dialog/EmoEvaluation");
            let folder = source.find(&[folder], "labels of a session, from IEMOCAP_full_release")?;
            for file in source.sorted(&folder)?.iter().filter(|file| file.ends_with(".txt")) {
                let improvised = file.contains("impro");
                if (dialogs == "improvised" && !improvised) || (dialogs == "scripted" && improvised) {
                    continue;
                }
                let path = folder.join(file);
                for (number, line) in source.open(&path)?.split(b'\n').enumerate() {
                    let line = line.map_err(|error| DataError::Read { path: path.clone(), source: error })?;
                    source.at(&path, number + 1);
                    // Annotators' comments are in several encodings; the lines that count are ASCII.
                    let line = String::from_utf8_lossy(&line);
                    if !line.starts_with('[') {
                        continue;
                    }
                    let (utterance, code) = utterance(source, &line)?;
                    let code = if merged && code == "exc" { "hap" } else { code };
                    let Some((_, emotion)) = EMOTIONS[..count].iter().find(|(known, _)| *known == code) else { continue };
                    let dialog = utterance.rsplit_once('_').map_or(utterance, |(dialog, _)| dialog);
                    let record = Record {
                        id: utterance.to_owned(),
                        audio: format!("Session{session}/sentences/wav/{dialog}/{utterance}.wav"),
                        question: source.ask(&QUESTIONS, utterance),
                        answer: (*emotion).to_owned(),
                        choices: choices.clone(),
                        label: Some((*emotion).to_owned()),
                        domain: source.domain(),
                        ..Record::default()
                    };
                    sink(split, record)?;
                }
            }
        }
        Ok(())
    }
}

/// Name and emotion on the line that begins an utterance.
fn utterance<'l>(source: &Source<'_>, line: &'l str) -> Result<(&'l str, &'l str), DataError> {
    let mut fields = line.split('\t').skip(1).map(str::trim);
    let (Some(name), Some(code)) = (fields.next(), fields.next()) else {
        return Err(source.bad("expected [START - END], utterance, emotion and [V, A, D], separated by tabs"));
    };
    if code != "xxx" && !EMOTIONS.iter().any(|(known, _)| *known == code) {
        let known = EMOTIONS.map(|(known, _)| known).join(", ");
        return Err(source.bad(format!("emotion `{code}`; expected {known} or xxx")));
    }
    Ok((name, code))
}
