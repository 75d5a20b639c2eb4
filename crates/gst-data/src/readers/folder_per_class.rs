//! A folder of clips for each class, with or without a folder for each split above them.
//!
//! `CLASS/*.wav` is split by hash of the clip's name; `{train,val,test}/CLASS/*.wav` (or the other usual names of splits) is kept as it is. The answer is the class, its folder's name
//! with `_` and `-` as blanks; the choices are all classes.

use std::{collections::BTreeSet, path::Path};

use super::{Key, Kind, Reader, Sink, Source, clips::stem, fields::split_named};
use crate::{
    error::DataError,
    record::{Record, Split},
    sources::SourceError,
};

pub(crate) struct FolderPerClass;

const KEYS: [Key; 3] = [
    Key::required("question", Kind::Texts, "the question, or several forms of it"),
    Key::new("domain", Kind::Text, "audio", "the kind of audio: speech, music, environment, …"),
    Key::new("test_share", Kind::Share, "0.1", "share of the clips that are test where there is no folder for each split"),
];

impl Reader for FolderPerClass {
    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let root = source.clips_folder();
        let parts: Vec<(Split, String)> =
            folders(source, &root)?.into_iter().filter_map(|name| Some((split_named(&name)?, name))).collect();
        let mut classes: Vec<(Option<Split>, String, String)> = Vec::new();
        if parts.is_empty() {
            classes.extend(folders(source, &root)?.into_iter().map(|name| (None, name.clone(), name)));
        }
        for (split, part) in parts {
            let found = folders(source, &root.join(&part))?;
            classes.extend(found.into_iter().map(|name| (Some(split), format!("{part}/{name}"), name)));
        }
        let spelled = |class: &str| class.replace(['_', '-'], " ");
        let choices: BTreeSet<String> = classes.iter().map(|(_, _, class)| spelled(class)).collect();
        if choices.len() < 2 {
            let hint = format!(
                "expected a folder of clips for each class in it, or for each split and class; found {} classes",
                choices.len()
            );
            return Err(SourceError::MissingFile { dataset: source.name().into(), path: root, hint }.into());
        }
        let choices: Vec<String> = choices.into_iter().collect();
        let forms = source.texts("question");
        for (split, folder, class) in classes {
            let at = root.join(&folder);
            source.at(&at, 0);
            for file in source.sorted(&at)?.iter().filter(|file| stem(file).is_some()) {
                let audio = format!("{folder}/{file}");
                let split = split.unwrap_or_else(|| source.split_by(&audio, source.number("test_share")));
                let record = Record {
                    question: source.ask(&forms, &audio),
                    answer: spelled(&class),
                    choices: choices.clone(),
                    label: Some(spelled(&class)),
                    domain: source.text("domain").unwrap_or_default().to_owned(),
                    id: audio.clone(),
                    audio,
                    ..Record::default()
                };
                sink(split, record)?;
            }
        }
        Ok(())
    }
}

fn folders(source: &Source<'_>, root: &Path) -> Result<Vec<String>, DataError> {
    Ok(source.sorted(root)?.into_iter().filter(|name| root.join(name).is_dir()).collect())
}
