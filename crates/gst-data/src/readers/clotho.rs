//! Clotho: five captions for each clip of 15 to 30 seconds.
//!
//! Reads `clotho_captions_{development,validation,evaluation}.csv` (`file_name,caption_1..caption_5`); clips lie in folders of these
//! names, as the archives unpack, or in `clotho_audio_files/` or `clotho_audio_{…}/`. Asks for a caption, because that is what the
//! annotators wrote: five rows a clip. Development is training; the official splits are kept. `keywords = true` also asks for
//! the keywords that the uploader gave, from `clotho_metadata_{…}.csv`, which is ISO-8859-1 in the published release. Where
//! that table is there, the Freesound number of each clip is noted for finding overlap.

use std::collections::HashMap;

use super::{Encoding, Key, Kind, Reader, Sink, Source, ask::CAPTION, clips::stem};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct Clotho;

const KEYWORDS: [&str; 3] =
    ["Which keywords describe this recording?", "Give keywords for this sound.", "Tag this recording with keywords."];

const HINT: &str = "from https://zenodo.org/records/4783391";

impl Reader for Clotho {
    fn keys(&self) -> &'static [Key] {
        const { &[Key::new("keywords", Kind::Flag, "false", "ask for keywords too")] }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["clotho_audio_files"]);
        let parts = [(Split::Train, "development"), (Split::Validation, "validation"), (Split::Test, "evaluation")];
        for (split, part) in parts {
            let long = format!("clotho_audio_{part}");
            let folder = if source.clips_folder().join(&long).is_dir() { &long } else { part };
            let sounds = sounds(source, part)?;
            let record = |file: &str, row: &str, forms: &[&str], answer: String| {
                let id = format!("{part}/{file}#{row}");
                let named = origin(stem(file).unwrap_or(file));
                Record {
                    audio: format!("{folder}/{file}"),
                    question: source.ask(forms, &id),
                    answer,
                    domain: source.domain(),
                    source: sounds.get(file).cloned().into_iter().chain([named]).collect(),
                    id,
                    ..Record::default()
                }
            };
            let path = source.find(&[format!("clotho_captions_{part}.csv")], HINT)?;
            let mut table = source.table(&path, b',', Encoding::Either)?;
            let file = table.column("file_name")?;
            let captions = (1..=5).map(|n| table.column(&format!("caption_{n}"))).collect::<Result<Vec<_>, _>>()?;
            while let Some(row) = table.next_row()? {
                // Names of files begin and end with blanks at times: they are kept as they are.
                let file = row.text(file)?;
                for (number, &caption) in captions.iter().enumerate() {
                    sink(split, record(&file, &(number + 1).to_string(), &CAPTION, row.some(caption)?))?;
                }
            }
            if source.flag("keywords") {
                let path = source.find(&[format!("clotho_metadata_{part}.csv")], HINT)?;
                let mut table = source.table(&path, b',', Encoding::Either)?;
                let (file, keywords) = (table.column("file_name")?, table.column("keywords")?);
                while let Some(row) = table.next_row()? {
                    let words: Vec<String> = row.some(keywords)?.split(';').map(|word| word.trim().to_owned()).collect();
                    sink(split, record(&row.text(file)?, "keywords", &KEYWORDS, words.join(", ")))?;
                }
            }
        }
        Ok(())
    }
}

/// What a clip was cut from, by its name without ending: other datasets spell blanks and signs in their own way.
pub(crate) fn origin(name: &str) -> String {
    let plain = |sign: char| if sign.is_alphanumeric() { sign.to_ascii_lowercase() } else { '_' };
    format!("clotho:{}", name.chars().map(plain).collect::<String>())
}

/// The Freesound number of each clip, where the metadata are there and have one.
fn sounds(source: &Source<'_>, part: &str) -> Result<HashMap<String, String>, DataError> {
    let mut sounds = HashMap::new();
    if let Some(path) = source.look_for(&[format!("clotho_metadata_{part}.csv")]) {
        let mut table = source.table(&path, b',', Encoding::Either)?;
        let (file, sound) = (table.column("file_name")?, table.column("sound_id")?);
        while let Some(row) = table.next_row()? {
            let number = row.text(sound)?;
            if number.parse::<u64>().is_ok() {
                sounds.insert(row.text(file)?, format!("freesound:{number}"));
            }
        }
    }
    Ok(sounds)
}
