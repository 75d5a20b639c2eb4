//! SoundDescs: descriptions of BBC sound effects.
//!
//! Reads the lists of ids `{train,val,test}_list.txt` and `descriptions.json`, an object from id to text; `categories.json`, from id to a list, is read where
//! categories are asked for. The host ships the two as Python pickles, which are programs and are not read: convert each once with
//!
//! ```sh
//! python -c 'import json, pickle, sys; json.dump(pickle.load(open(sys.argv[1], "rb"), encoding="latin1"), open(sys.argv[2], "w"))' descriptions.pkl descriptions.json
//! ```
//!
//! Asks for the description; with `questions = ["description", "category"]` also for the categories. The official splits are kept. Clips are looked for by id, as the
//! lists spell it or in capitals, as the BBC does.

use std::collections::HashMap;
use std::io::BufRead;

use super::{Key, Kind, Reader, Sink, Source, ask::CAPTION, json};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct SoundDescs;

const CATEGORY: [&str; 3] =
    ["Which category of sound effect is this?", "To which category does this sound belong?", "Categorise this sound effect."];

impl Reader for SoundDescs {
    fn keys(&self) -> &'static [Key] {
        const { &[Key::new("questions", Kind::SomeOf(&["description", "category"]), "description", "what is asked")] }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["audio", "audios", "wav"]);
        let described = source.asks_for("questions", "description");
        let categorised = source.asks_for("questions", "category");
        let descriptions: HashMap<String, String> = if described { object(source, "descriptions")? } else { HashMap::new() };
        let categories: HashMap<String, Vec<String>> = if categorised { object(source, "categories")? } else { HashMap::new() };
        let clips = source.clips()?;
        for (split, part) in [(Split::Train, "train"), (Split::Validation, "val"), (Split::Test, "test")] {
            let file = format!("{part}_list.txt");
            let hint = "a list of ids, from https://github.com/akoepke/audio-retrieval-benchmark";
            let path = source.find(&[file.clone(), format!("data/SoundDescs/{file}")], hint)?;
            for (number, line) in source.open(&path)?.lines().enumerate() {
                let line = line.map_err(|error| DataError::Read { path: path.clone(), source: error })?;
                let id = line.trim();
                if id.is_empty() {
                    continue;
                }
                source.at(&path, number + 1);
                let audio = clips.path(source, &[id, &id.to_uppercase()], "")?;
                let record = |slot: &str, forms: &[&str], answer: String| {
                    let (name, id) = (id, format!("{id}#{slot}"));
                    let question = source.ask(forms, &id);
                    let origin = vec![format!("bbc:{}", name.to_lowercase())];
                    Record {
                        audio: audio.clone(),
                        question,
                        answer,
                        domain: source.domain(),
                        source: origin,
                        id,
                        ..Record::default()
                    }
                };
                if described {
                    let text = descriptions.get(id).ok_or_else(|| source.bad(format!("no description of `{id}`")))?;
                    sink(split, record("description", &CAPTION, text.trim().to_owned()))?;
                }
                // Some effects have no category.
                if let Some(found) = categories.get(id).filter(|found| !found.is_empty()) {
                    let answer = found.join(", ");
                    let record = record("category", &CATEGORY, answer.clone());
                    sink(split, Record { label: Some(format!("category={answer}")), ..record })?;
                }
            }
        }
        Ok(())
    }
}

fn object<T: serde::de::DeserializeOwned>(source: &Source<'_>, name: &str) -> Result<HashMap<String, T>, DataError> {
    let candidates = [format!("{name}.json"), format!("sounddescs_data/{name}.json")];
    let hint = format!(
        "pickles are not read: python -c 'import json, pickle, sys; json.dump(pickle.load(open(sys.argv[1], \"rb\"), \
         encoding=\"latin1\"), open(sys.argv[2], \"w\"))' {name}.pkl {name}.json"
    );
    json::whole(source, &source.find(&candidates, &hint)?)
}
