//! MACS: captions and tags of ten-second recordings of a city.
//!
//! Reads `MACS.yaml` (`files`, each with `filename` and `annotations` of `annotator_id`, `sentence`, `tags`). Asks for a caption: one row an annotator. With
//! `questions = ["caption", "tags"]` it also asks for the tags, of which it takes those that at least two annotators of the clip gave. `competence` above 0 leaves
//! out annotators below it, by `MACS_competence.csv`, which is separated by tabs. The clips are those of TAU Urban Acoustic Scenes 2019 (development).
//! There is no official split: whole places (`SCENE-CITY-PLACE` of the file name), chosen by hash, are the test, since clips of one place sound alike.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use serde::Deserialize;

use super::{Encoding, Key, Kind, Reader, Sink, Source, ask::CAPTION};
use crate::{error::DataError, record::Record};

pub(crate) struct Macs;

const TAGS: [&str; 3] =
    ["Which kinds of sound are heard?", "Tag the sounds in this recording.", "Which sound sources are present?"];

/// 2.8 MB as published.
const MAX_YAML_BYTES: u64 = 64 << 20;

#[derive(Deserialize)]
struct File {
    files: Vec<Clip>,
}

#[derive(Deserialize)]
struct Clip {
    filename: String,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    annotator_id: u32,
    sentence: String,
    #[serde(default)]
    tags: Vec<String>,
}

impl Reader for Macs {
    fn keys(&self) -> &'static [Key] {
        const {
            &[
                Key::new("questions", Kind::SomeOf(&["caption", "tags"]), "caption", "what is asked"),
                Key::new("competence", Kind::Share, "0", "least competence of an annotator"),
                Key::new("test_share", Kind::Share, "0.1", "share of the places that are test"),
            ]
        }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&[
            "TAU-urban-acoustic-scenes-2019-development/audio",
            "TAU_urban_acoustic_scenes_2019/audio",
            "audio",
        ]);
        let incompetent = incompetent(source)?;
        let path = source.find(&["MACS.yaml"], "from https://zenodo.org/records/5114771")?;
        let file = parse(source, &path)?;
        for clip in file.files {
            let Some((origin, _)) = clip.filename.rmatch_indices('-').nth(1).map(|(at, _)| clip.filename.split_at(at)) else {
                return Err(source.bad(format!("filename `{}`; expected SCENE-CITY-PLACE-PART-DEVICE.wav", clip.filename)));
            };
            let split = source.split_by(origin, source.number("test_share"));
            let record = |what: &str, forms: &[&str], answer: String| {
                let id = format!("{}#{what}", clip.filename);
                let (audio, question) = (clip.filename.clone(), source.ask(forms, &id));
                Record { audio, question, answer, domain: source.domain(), id, ..Record::default() }
            };
            let annotations: Vec<&Annotation> =
                clip.annotations.iter().filter(|annotation| !incompetent.contains_key(&annotation.annotator_id)).collect();
            let mut tags: BTreeMap<&str, usize> = BTreeMap::new();
            for annotation in annotations {
                if source.asks_for("questions", "caption") {
                    sink(split, record(&annotation.annotator_id.to_string(), &CAPTION, annotation.sentence.clone()))?;
                }
                for tag in &annotation.tags {
                    *tags.entry(tag).or_default() += 1;
                }
            }
            let agreed: Vec<String> =
                tags.into_iter().filter(|(_, votes)| *votes > 1).map(|(tag, _)| tag.replace('_', " ")).collect();
            if source.asks_for("questions", "tags") && !agreed.is_empty() {
                sink(split, record("tags", &TAGS, agreed.join(", ")))?;
            }
        }
        Ok(())
    }
}

/// Annotators below the competence asked for.
fn incompetent(source: &Source<'_>) -> Result<HashMap<u32, f64>, DataError> {
    let least = source.number("competence");
    let mut found = HashMap::new();
    if least > 0.0 {
        let path = source.find(&["MACS_competence.csv"], "from https://zenodo.org/records/5114771")?;
        let mut table = source.table(&path, b'\t', Encoding::Utf8)?;
        let (annotator, competence) = (table.column("annotator_id")?, table.column("competence")?);
        while let Some(row) = table.next_row()? {
            let (id, value) = (row.some(annotator)?, row.some(competence)?);
            match (id.parse(), value.parse::<f64>()) {
                (Ok(id), Ok(value)) if value < least => {
                    found.insert(id, value);
                }
                (Ok(_), Ok(_)) => {}
                _ => return Err(source.bad(format!("annotator `{id}` with competence `{value}`; expected two numbers"))),
            }
        }
    }
    Ok(found)
}

fn parse(source: &Source<'_>, path: &std::path::Path) -> Result<File, DataError> {
    let mut text = String::new();
    let mut file = source.open(path)?.take(MAX_YAML_BYTES);
    file.read_to_string(&mut text).map_err(|error| DataError::Read { path: path.into(), source: error })?;
    // The parser's usual limits are for configuration files; the published file has some 200,000 nodes.
    let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_nodes: 8_000_000, max_events: 16_000_000 } };
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        let line = error.location().map_or(0, |location| usize::try_from(location.line()).unwrap_or(0));
        source.at(path, line);
        source.bad(format!("not the YAML expected: {error}"))
    })
}
