//! CochlScene: in which of 13 places a ten-second recording was made.
//!
//! Reads the folders `{Train,Val,Test}/CLASS/*.wav`, whatever their case; the class is the folder's name. (The table that comes along
//! says the same, and is not needed.) Asks for the place, with the thirteen as choices, because the clips are labelled with it and
//! nothing else. The official splits are kept.

use std::path::PathBuf;

use super::{Reader, Sink, Source, clips::stem};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct CochlScene;

const PLACES: [(&str, &str); 13] = [
    ("bus", "bus"),
    ("cafe", "cafe"),
    ("car", "car"),
    ("crowdedindoor", "crowded indoor place"),
    ("elevator", "elevator"),
    ("kitchen", "kitchen"),
    ("park", "park"),
    ("residentialarea", "residential area"),
    ("restaurant", "restaurant"),
    ("restroom", "restroom"),
    ("street", "street"),
    ("subway", "subway"),
    ("subwaystation", "subway station"),
];

const QUESTIONS: [&str; 4] =
    ["Where was this recorded?", "In which place is this?", "What kind of place does this sound like?", "Which scene is this?"];

impl Reader for CochlScene {
    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["CochlScene"]);
        let root = source.clips_folder();
        let folders = source.sorted(&root)?;
        for (split, name) in [(Split::Train, "train"), (Split::Validation, "val"), (Split::Test, "test")] {
            let Some(part) = folders.iter().find(|folder| folder.eq_ignore_ascii_case(name)) else {
                let candidate = [PathBuf::from(&root).join(name)];
                return source.find(&candidate, "a folder of the split, from https://zenodo.org/records/7080122").map(|_| ());
            };
            for class in source.sorted(&root.join(part))? {
                let folder = root.join(part).join(&class);
                if !folder.is_dir() {
                    continue;
                }
                source.at(&folder, 0);
                let spelled = class.replace([' ', '_', '-'], "").to_lowercase();
                let Some((_, place)) = PLACES.iter().find(|(known, _)| *known == spelled) else {
                    let known = PLACES.map(|(known, _)| known).join(", ");
                    return Err(source.bad(format!("`{class}` is none of the 13 places ({known})")));
                };
                for file in source.sorted(&folder)?.iter().filter(|file| stem(file).is_some()) {
                    let id = format!("{name}/{class}/{file}");
                    let record = Record {
                        audio: format!("{part}/{class}/{file}"),
                        question: source.ask(&QUESTIONS, &id),
                        answer: (*place).to_owned(),
                        choices: PLACES.map(|(_, place)| place.to_owned()).to_vec(),
                        label: Some((*place).to_owned()),
                        domain: source.domain(),
                        id,
                        ..Record::default()
                    };
                    sink(split, record)?;
                }
            }
        }
        Ok(())
    }
}
