//! Annotation files of SALMONN: `{"annotation": [{"path", "text", "task", "Q"?}, …]}`.
//!
//! The question is `Q` where there is one, else one of the forms of the task, else the task's name after "Task:". Paths are relative to `clips`, or absolute with `strip` taken off.

use serde::Deserialize;

use super::{Key, Kind, Reader, Sink, Source, ask::CAPTION, fields, json};
use crate::{error::DataError, record::Record};

pub(crate) struct Salmonn;

const KEYS: [Key; 7] = [
    Key::new("train", Kind::Text, "", "the file with training rows, below `path`"),
    Key::new("validation", Kind::Text, "", "the file with validation rows; clips are held out of the training rows without"),
    Key::new("test", Kind::Text, "", "the file with test rows; a share of the clips without"),
    Key::new("tasks", Kind::Texts, "", "keep only these tasks, as the file spells them"),
    Key::new("test_share", Kind::Share, "0.1", "share of the clips that are test where there is no test file"),
    Key::new("strip", Kind::Text, "", "what to take off the beginning of paths"),
    Key::new("domain", Kind::Text, "audio", "the kind of audio: speech, music, environment, …"),
];

const ASR: [&str; 3] = ["What does the speaker say?", "Write down what is said.", "Transcribe the speech."];
const GENDER: [&str; 2] = ["What is the gender of the speaker?", "Is the speaker male or female?"];
const EMOTION: [&str; 2] = ["Which emotion does the speaker express?", "How does the speaker feel?"];
const MUSIC: [&str; 2] = ["Describe this music.", "What does this music sound like?"];

#[derive(Deserialize)]
struct Entry {
    path: String,
    text: String,
    #[serde(default)]
    task: String,
    #[serde(default, rename = "Q")]
    question: String,
}

impl Reader for Salmonn {
    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let (tasks, share) = (source.texts("tasks"), source.number("test_share"));
        let strip = source.text("strip").unwrap_or_default();
        let domain = source.text("domain").unwrap_or_default();
        let mut number = 0_usize;
        for (split, path) in fields::files(source, &["json"])? {
            json::each(source, &path, Some("annotation"), |entry: Entry| {
                number += 1;
                if !tasks.is_empty() && !tasks.contains(&entry.task.as_str()) {
                    return Ok(());
                }
                let audio = entry.path.strip_prefix(strip).unwrap_or(&entry.path).to_owned();
                let split = split.unwrap_or_else(|| source.split_by(&audio, share));
                let id = format!("{split}-{number}");
                let question = match (entry.question.trim(), entry.task.as_str()) {
                    ("", "asr") => source.ask(&ASR, &id),
                    ("", "audiocaption" | "audiocaption_v2") => source.ask(&CAPTION, &id),
                    ("", "music_description") => source.ask(&MUSIC, &id),
                    ("", "gender_recognition") => source.ask(&GENDER, &id),
                    ("", "emotion_recognition") => source.ask(&EMOTION, &id),
                    ("", "") => return Err(source.bad("neither `Q` nor `task`: there is no question")),
                    ("", task) => format!("Task: {}.", task.replace('_', " ")),
                    (question, _) => question.to_owned(),
                };
                let answer = entry.text.trim().to_owned();
                sink(split, Record { id, audio, question, answer, domain: domain.into(), ..Record::default() })
            })?;
        }
        Ok(())
    }
}
