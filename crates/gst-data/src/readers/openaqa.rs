//! OpenAQA: 5.6 million questions about clips of eight datasets.
//!
//! Reads one JSON list of `{instruction, input, audio_id, dataset, task, output}`, entry by entry: the file that `path` names, or `openaqa_5.6M.json` in the folder. The
//! question is the instruction, with `input` behind it where there is any; nothing is reworded. `audio_id` is a path on the authors' machine: clips are looked for by
//! file name below `clips`, and where several have one name, below a folder whose name begins with that of the entry's `dataset`. Rows without a clip are left
//! out and counted unless `missing = "error"`, since few people have all eight datasets. `tasks` and `from` keep only some tasks or some
//! datasets, for instance to leave AudioCaps and Clotho out where these are tested on. There is no official split: `test_share` (0.01) of the clips, chosen by hash of the file name, are
//! the test with all their questions.

use serde::Deserialize;

use super::{Key, Kind, Reader, Sink, Source, clips::stem, clotho, json};
use crate::{error::DataError, record::Record};

pub(crate) struct OpenAqa;

#[derive(Deserialize)]
struct Entry {
    instruction: String,
    #[serde(default)]
    input: String,
    audio_id: String,
    dataset: String,
    task: String,
    output: String,
}

impl Reader for OpenAqa {
    fn keys(&self) -> &'static [Key] {
        const {
            &[
                Key::new("tasks", Kind::Texts, "", "keep only these tasks, as the file spells them"),
                Key::new("from", Kind::Texts, "", "keep only these datasets, as the file spells them"),
                Key::new("test_share", Kind::Share, "0.01", "share of the clips that are test"),
            ]
        }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let path = match source.path().is_file() {
            true => source.path().to_owned(),
            false => source.find(&["openaqa_5.6M.json", "openaqa_toy.json"], "from https://github.com/YuanGongND/ltu")?,
        };
        let clips = source.clips()?;
        let (tasks, from, share) = (source.texts("tasks"), source.texts("from"), source.number("test_share"));
        let mut number = 0_usize;
        json::each(source, &path, None, |entry: Entry| {
            number += 1;
            let kept = |known: &[&str], found: &str| known.is_empty() || known.contains(&found);
            if !kept(&tasks, &entry.task) || !kept(&from, &entry.dataset) {
                return Ok(());
            }
            let file = entry.audio_id.rsplit('/').next().unwrap_or_default();
            let name = stem(file).unwrap_or(file);
            let question = [entry.instruction.trim(), entry.input.trim()].join(" ");
            let record = Record {
                id: number.to_string(),
                audio: clips.path(source, &[name], &entry.dataset)?,
                question: question.trim_end().to_owned(),
                answer: entry.output.trim().to_owned(),
                domain: source.domain(),
                source: origin(&entry.dataset, name).into_iter().collect(),
                ..Record::default()
            };
            sink(source.split_by(name, share), record)
        })
    }
}

/// What a clip was cut from, by the naming of its dataset.
fn origin(dataset: &str, name: &str) -> Option<String> {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| dataset.starts_with(prefix));
    if begins(&["as_", "audiocaps"]) {
        Some(format!("youtube:{name}"))
    } else if begins(&["vggsound"]) {
        name.rsplit_once('_').map(|(video, _start)| format!("youtube:{video}"))
    } else if begins(&["freesound", "fsd50k"]) {
        Some(format!("freesound:{name}"))
    } else if begins(&["clotho"]) {
        Some(clotho::origin(name))
    } else {
        None
    }
}
