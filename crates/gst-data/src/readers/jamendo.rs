//! MTG-Jamendo: genre, instruments, and mood or theme of whole songs.
//!
//! Reads `autotagging_SUBSET-{train,validation,test}.tsv` of split N of the authors' repository (`data/splits/split-N/`): five columns, then one
//! tag in each further field, as many as a song has (`genre---rock`). Asks for each kind of tag that a song has, the answer being
//! its tags of that kind in alphabetical order. The official splits are kept, `split` chooses among the five. Clips are `48/948.mp3`, or `48/948.low.mp3`
//! in the low-bandwidth release. A model hears the beginning of a song, while its tags are of the whole.

use super::{Encoding, Key, Kind, Reader, Sink, Source};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct Jamendo;

const SUBSETS: Kind = Kind::OneOf(&["all", "genre", "instrument", "moodtheme", "top50tags"]);

const KINDS: [(&str, &str, [&str; 3]); 3] = [
    ("genre", "genre", ["What is the genre of this music?", "Which genres does this song belong to?", "Name the musical genre."]),
    (
        "instrument",
        "instrument",
        ["Which instruments are played?", "What instruments can be heard in this music?", "Name the instruments in this song."],
    ),
    (
        "mood/theme",
        "mood",
        [
            "What is the mood or theme of this music?",
            "Which mood does this song convey?",
            "For what mood or theme is this music?",
        ],
    ),
];

impl Reader for Jamendo {
    fn keys(&self) -> &'static [Key] {
        const {
            &[
                Key::new("subset", SUBSETS, "all", "which of the published tag tables"),
                Key::new("split", Kind::Whole(0, 4), "0", "which of the five official splits"),
                Key::new("questions", Kind::SomeOf(&["genre", "instrument", "mood"]), "genre, instrument, mood", "what is asked"),
            ]
        }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["audio", "audio-low"]);
        let folder = format!("split-{}", source.number("split"));
        let table_name = match source.text("subset") {
            Some("all") | None => "autotagging".to_owned(),
            Some(subset) => format!("autotagging_{subset}"),
        };
        for (split, part) in [(Split::Train, "train"), (Split::Validation, "validation"), (Split::Test, "test")] {
            let file = format!("{table_name}-{part}.tsv");
            let candidates = [format!("data/splits/{folder}/{file}"), format!("{folder}/{file}"), file];
            let path = source.find(&candidates, "a table of tags, from https://github.com/MTG/mtg-jamendo-dataset")?;
            let mut table = source.table(&path, b'\t', Encoding::Utf8)?;
            let (track, clip, tags) = (table.column("TRACK_ID")?, table.column("PATH")?, table.column("TAGS")?);
            while let Some(row) = table.next_row()? {
                let (track, clip) = (row.some(track)?, clip_path(source, &row.some(clip)?));
                let tags = (tags..row.len()).map(|at| row.some(at)).collect::<Result<Vec<_>, _>>()?;
                if let Some(tag) = tags.iter().find(|tag| !KINDS.iter().any(|(prefix, ..)| value(tag, prefix).is_some())) {
                    return Err(source.bad(format!("tag `{tag}`; expected genre---…, instrument---… or mood/theme---…")));
                }
                for (prefix, slot, forms) in KINDS.iter().filter(|(_, slot, _)| source.asks_for("questions", slot)) {
                    let mut values: Vec<&str> = tags.iter().filter_map(|tag| value(tag, prefix)).collect();
                    if values.is_empty() {
                        continue;
                    }
                    values.sort_unstable();
                    let (id, answer) = (format!("{track}#{slot}"), values.join(", "));
                    let record = Record {
                        audio: clip.clone(),
                        question: source.ask(forms, &id),
                        label: Some(format!("{slot}={answer}")),
                        answer,
                        domain: source.domain(),
                        source: vec![origin(&track)],
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

/// The recording `track_0012542`, which MusicQA calls `012542`.
pub(super) fn origin(track: &str) -> String {
    let number = track.strip_prefix("track_").unwrap_or(track);
    let significant = number.trim_start_matches('0');
    format!("jamendo:{}", if significant.is_empty() { number } else { significant })
}

fn value<'t>(tag: &'t str, prefix: &str) -> Option<&'t str> {
    tag.strip_prefix(prefix)?.strip_prefix("---")
}

/// The low-bandwidth release puts `.low` before the ending.
fn clip_path(source: &Source<'_>, clip: &str) -> String {
    let low = clip.replace(".mp3", ".low.mp3");
    if source.clips_folder().join(&low).is_file() { low } else { clip.to_owned() }
}
