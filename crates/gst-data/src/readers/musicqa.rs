//! MusicQA: questions and answers about music, written by a language model from captions and tags.
//!
//! Reads `FinetuneMusicQA.json` (training; clips of MagnaTagATune) and `EvalMusicQA.json` (test; clips of MTG-Jamendo), with `pretrain = true` also
//! `PretrainMusicQA.json` (MusicCaps) for training: a list of `{audio_name, conversation: [{from: human, value}, {from: gpt, value}]}`. Every turn of a
//! conversation is one row with the published question; nothing is reworded. Clips are looked for by name in `audios/` or the whole folder, whatever their format. The split is the authors'.

use std::path::Path;

use serde::Deserialize;

use super::{Clips, Key, Kind, Reader, Sink, Source, clips::stem, jamendo, json};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct MusicQa;

#[derive(Deserialize)]
struct Entry {
    audio_name: String,
    conversation: Vec<Turn>,
}

#[derive(Deserialize)]
struct Turn {
    from: String,
    value: String,
}

impl Reader for MusicQa {
    fn keys(&self) -> &'static [Key] {
        const { &[Key::new("pretrain", Kind::Flag, "false", "train on the questions about MusicCaps too")] }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["audios", "MusicQA/audios", "MusicQA/MusicQA/audios"]);
        let clips = source.clips()?;
        let mut files = vec![(Split::Train, "Finetune"), (Split::Test, "Eval")];
        if source.flag("pretrain") {
            files.insert(0, (Split::Train, "Pretrain"));
        }
        for (split, part) in files {
            let file = format!("{part}MusicQA.json");
            let candidates = [file.clone(), format!("MusicQA/{file}"), format!("MusicQA/MusicQA/{file}")];
            let path = source.find(&candidates, "from https://huggingface.co/datasets/mu-llama/MusicQA")?;
            questions(source, &path, &clips, part, split, sink)?;
        }
        Ok(())
    }
}

fn questions(
    source: &Source<'_>,
    path: &Path,
    clips: &Clips,
    part: &str,
    split: Split,
    sink: &mut Sink<'_>,
) -> Result<(), DataError> {
    let mut number = 0_usize;
    json::each(source, path, None, |entry: Entry| {
        let name = Path::new(&entry.audio_name).file_name().and_then(|name| name.to_str()).unwrap_or(&entry.audio_name);
        let clip = stem(name).unwrap_or(name);
        let audio = clips.path(source, &[clip], "")?;
        for turn in entry.conversation.chunks(2) {
            let [question, answer] = turn else { return Err(source.bad("a question without an answer")) };
            if question.from != "human" || answer.from != "gpt" {
                let found = format!("{} and {}", question.from, answer.from);
                return Err(source.bad(format!("turns of {found}; expected human and gpt")));
            }
            number += 1;
            let record = Record {
                id: format!("{part}/{number}"),
                audio: audio.clone(),
                question: question.value.trim().to_owned(),
                answer: answer.value.trim().to_owned(),
                domain: source.domain(),
                source: origin(part, clip).into_iter().collect(),
                ..Record::default()
            };
            sink(split, record)?;
        }
        Ok(())
    })
}

/// The recording of a clip; those of MusicCaps may or may not be called by their video.
fn origin(part: &str, clip: &str) -> Option<String> {
    let of_video = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    match part {
        "Eval" => Some(jamendo::origin(clip)),
        "Finetune" => Some(format!("magnatagatune:{clip}")),
        _ => (clip.len() == 11 && clip.chars().all(of_video)).then(|| format!("youtube:{clip}")),
    }
}
