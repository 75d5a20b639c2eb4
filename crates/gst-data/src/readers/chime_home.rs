//! CHiME-Home: which of seven kinds of sound are heard in four seconds of a home.
//!
//! Reads the lists `development_chunks_refined.csv` (training) and `evaluation_chunks_refined.csv` (test), which have no header
//! (`id,chunkname`), and for each chunk `chunks/NAME.csv`, which has no header either (`key,value`). Asks which sounds are heard; the answer
//! names those on which most annotators agreed (`majorityvote`), in a fixed order, "none of them" where there are none of the seven
//! (`S`, silence). Unidentifiable sounds (`U`) are not named; a chunk with nothing else is passed over. `chunks = "raw"` takes
//! `development_chunks_raw.csv`, every development chunk instead of those of strong agreement; `rate` chooses between the two recordings of a chunk.

use super::{Encoding, Key, Kind, Reader, Sink, Source, table::Table};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct ChimeHome;

const SOUNDS: [(char, &str); 7] = [
    ('c', "child speech"),
    ('m', "adult male speech"),
    ('f', "adult female speech"),
    ('v', "video game or television"),
    ('p', "percussive sounds"),
    ('b', "broadband noise"),
    ('o', "other identifiable sounds"),
];

const QUESTIONS: [&str; 4] = [
    "Which kinds of sound are heard in this home?",
    "Name the kinds of sound in this domestic recording.",
    "What can be heard here: speech, television, noise or something else?",
    "Which household sounds does this clip contain?",
];

impl Reader for ChimeHome {
    fn keys(&self) -> &'static [Key] {
        const {
            &[
                Key::new(
                    "chunks",
                    Kind::OneOf(&["refined", "raw"]),
                    "refined",
                    "training chunks: those of strong agreement, or all",
                ),
                Key::new("rate", Kind::OneOf(&["16kHz", "48kHz"]), "16kHz", "which recording of a chunk: mono or stereo"),
            ]
        }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let chunks = source.text("chunks").unwrap_or_default();
        let rate = source.text("rate").unwrap_or_default();
        let lists = [
            (Split::Train, format!("development_chunks_{chunks}.csv")),
            (Split::Test, "evaluation_chunks_refined.csv".to_owned()),
        ];
        for (split, list) in lists {
            let list = source.find(&[&list], "a list of chunks, from chime_home.tar.gz")?;
            let mut table = Table::without_header(source, &list, b',', Encoding::Utf8)?;
            while let Some(row) = table.next_row()? {
                let chunk = row.some(1)?;
                let vote = majority_vote(source, &chunk)?;
                let heard: Vec<&str> =
                    SOUNDS.iter().filter(|(letter, _)| vote.contains(*letter)).map(|(_, name)| *name).collect();
                if let Some(letter) = vote.chars().find(|letter| !"cmfvpboSU".contains(*letter)) {
                    return Err(source.bad(format!("majorityvote has `{letter}`; expected letters of c m f v p b o S U")));
                }
                if heard.is_empty() && !vote.contains('S') {
                    continue;
                }
                let record = Record {
                    audio: format!("chunks/{chunk}.{rate}.wav"),
                    question: source.ask(&QUESTIONS, &chunk),
                    answer: if heard.is_empty() { "none of them".to_owned() } else { heard.join(", ") },
                    label: Some(vote),
                    domain: source.domain(),
                    id: chunk,
                    ..Record::default()
                };
                sink(split, record)?;
            }
        }
        Ok(())
    }
}

/// The letters on which most annotators of a chunk agreed.
fn majority_vote(source: &Source<'_>, chunk: &str) -> Result<String, DataError> {
    let path = source.find(&[format!("chunks/{chunk}.csv")], "the labels of a chunk that a list names")?;
    let mut table = Table::without_header(source, &path, b',', Encoding::Utf8)?;
    while let Some(row) = table.next_row()? {
        if row.some(0)? == "majorityvote" {
            return if row.len() > 1 { row.text(1) } else { Ok(String::new()) };
        }
    }
    Err(source.bad("no line `majorityvote,LETTERS`"))
}
