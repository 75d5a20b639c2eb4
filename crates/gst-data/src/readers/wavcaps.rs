//! WavCaps: captions that a language model made of the descriptions of 400,000 sounds.
//!
//! Reads `json_files/{FreeSound/fsd_final,BBC_Sound_Effects/bbc_final,SoundBible/sb_final,AudioSet_SL/as_final}.json`
//! (`{data: [{id, caption, …}]}`, the other fields differ by source) of the `sources` asked for, all four unless set. Asks for a caption. Clips are looked for by id, without the `.wav` that AudioSet ids carry,
//! below a folder whose name begins with the source's where several have one name. Rows without a clip are left out and counted unless `missing = "error"`.
//!
//! Parts of WavCaps are test clips of other datasets. The authors' lists of those are heeded: `exclude` names `json_files/blacklist/blacklist_exclude_NAME.json`,
//! by default `test_ac` (the tests of AudioCaps and Clotho); `"none"` keeps all. There is no official split: `test_share` (0.01) of the clips, by hash of source and id, are the test.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{Key, Kind, Reader, Sink, Source, ask::CAPTION, json};
use crate::{error::DataError, record::Record};

pub(crate) struct WavCaps;

const SOURCES: [(&str, &str); 4] =
    [("FreeSound", "fsd_final"), ("BBC_Sound_Effects", "bbc_final"), ("SoundBible", "sb_final"), ("AudioSet_SL", "as_final")];

#[derive(Deserialize)]
struct Entry {
    id: String,
    caption: String,
}

impl Reader for WavCaps {
    fn keys(&self) -> &'static [Key] {
        const NAMES: [&str; 4] = ["FreeSound", "BBC_Sound_Effects", "SoundBible", "AudioSet_SL"];
        const LISTS: [&str; 4] = ["test_ac", "all_ac", "ub8k_esc50_vggsound", "none"];
        const {
            &[
                Key::new("sources", Kind::SomeOf(&NAMES), "FreeSound, BBC_Sound_Effects, SoundBible, AudioSet_SL", "which parts"),
                Key::new("exclude", Kind::OneOf(&LISTS), "test_ac", "the authors' list of clips to leave out"),
                Key::new("test_share", Kind::Share, "0.01", "share of the clips that are test"),
            ]
        }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["waveforms", "audio", "Zip_files"]);
        let share = source.number("test_share");
        let excluded = excluded(source)?;
        let clips = source.clips()?;
        for (part, file) in SOURCES.into_iter().filter(|(part, _)| source.asks_for("sources", part)) {
            let candidates = ["json_files", "data/json_files", ""].map(|folder| format!("{folder}/{part}/{file}.json"));
            let candidates = candidates.map(|path| path.trim_start_matches('/').to_owned());
            let path = source.find(&candidates, "from https://huggingface.co/datasets/cvssp/WavCaps")?;
            // The lists spell the sources in their own way.
            let listed = excluded.get(part.split('_').next().unwrap_or(part));
            json::each(source, &path, Some("data"), |entry: Entry| {
                if listed.is_some_and(|listed| listed.contains(&entry.id)) {
                    return Ok(());
                }
                let name = entry.id.trim_end_matches(".wav");
                let id = format!("{part}/{name}");
                let origin = match part {
                    "FreeSound" => format!("freesound:{name}"),
                    "BBC_Sound_Effects" => format!("bbc:{}", name.to_lowercase()),
                    "SoundBible" => format!("soundbible:{name}"),
                    _ => format!("youtube:{}", name.strip_prefix('Y').unwrap_or(name)),
                };
                let record = Record {
                    audio: clips.path(source, &[name], part)?,
                    question: source.ask(&CAPTION, &id),
                    answer: entry.caption.trim().to_owned(),
                    domain: source.domain(),
                    source: vec![origin],
                    id: id.clone(),
                    ..Record::default()
                };
                sink(source.split_by(&id, share), record)
            })?;
        }
        Ok(())
    }
}

/// Ids to leave out, by source as the list spells it.
fn excluded(source: &Source<'_>) -> Result<HashMap<String, HashSet<String>>, DataError> {
    let Some(name) = source.text("exclude").filter(|name| *name != "none") else { return Ok(HashMap::new()) };
    let file = format!("blacklist/blacklist_exclude_{name}.json");
    let candidates = [format!("json_files/{file}"), format!("data/json_files/{file}"), file];
    let hint = "the authors' list of other datasets' test clips, from https://github.com/XinhaoMei/WavCaps; `exclude = \"none\"` keeps them";
    json::whole(source, &source.find(&candidates, hint)?)
}
