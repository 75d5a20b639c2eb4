//! MusicNet: composer, ensemble and instruments of classical recordings.
//!
//! Reads `musicnet_metadata.csv`, and for the instruments `{train,test}_labels/ID.csv` (`start_time,end_time,instrument,…`, in samples at 44.1 kHz, the
//! instrument being a General MIDI program counted from 1). Clips are `{train,test}_data/ID.wav`, below the folder or `musicnet/`. Asks for composer and ensemble, with those
//! of the table as choices, and for the instruments that sound in the first `seconds` (30), which is what a model hears of a movement. The official split is
//! kept: it is the folder that a recording lies in. Notes are not asked for: a list of some hundred of them is no answer.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Encoding, Key, Kind, Reader, Sink, Source};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct MusicNet;

const INSTRUMENTS: [(u32, &str); 11] = [
    (1, "piano"),
    (7, "harpsichord"),
    (41, "violin"),
    (42, "viola"),
    (43, "cello"),
    (44, "double bass"),
    (61, "horn"),
    (69, "oboe"),
    (71, "bassoon"),
    (72, "clarinet"),
    (74, "flute"),
];

const COMPOSER: [&str; 3] = ["Who composed this music?", "Which composer wrote this?", "Name the composer of this piece."];
const ENSEMBLE: [&str; 3] =
    ["Which ensemble is playing?", "For which ensemble is this piece?", "What kind of ensemble performs here?"];
const PLAYED: [&str; 3] =
    ["Which instruments are played?", "What instruments can be heard?", "Name the instruments in this recording."];

/// Samples a second of the labels.
const LABEL_RATE: f64 = 44_100.0;

impl Reader for MusicNet {
    fn keys(&self) -> &'static [Key] {
        const ASKED: [&str; 3] = ["composer", "ensemble", "instruments"];
        const {
            &[
                Key::new("questions", Kind::SomeOf(&ASKED), "composer, ensemble, instruments", "what is asked"),
                Key::new("seconds", Kind::Whole(1, 1_800), "30", "seconds from the beginning whose instruments are asked for"),
            ]
        }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["musicnet"]);
        let hint = "from https://zenodo.org/records/5120004";
        let path = source.find(&["musicnet_metadata.csv", "musicnet/musicnet_metadata.csv"], hint)?;
        let (composers, ensembles) = choices(source, &path)?;
        let train = source.find(&["train_data", "musicnet/train_data"], hint)?;
        let training: BTreeSet<String> = source.sorted(&train)?.into_iter().collect();
        let mut table = source.table(&path, b',', Encoding::Either)?;
        let (id, composer, ensemble) = (table.column("id")?, table.column("composer")?, table.column("ensemble")?);
        while let Some(row) = table.next_row()? {
            let id = row.some(id)?;
            let (split, part) = match training.contains(&format!("{id}.wav")) {
                true => (Split::Train, "train"),
                false => (Split::Test, "test"),
            };
            let record = |slot: &str, forms: &[&str], answer: String, choices: &BTreeSet<String>| {
                let row = format!("{id}#{slot}");
                Record {
                    audio: format!("{part}_data/{id}.wav"),
                    question: source.ask(forms, &row),
                    label: Some(format!("{slot}={answer}")),
                    answer,
                    choices: choices.iter().cloned().collect(),
                    domain: source.domain(),
                    id: row,
                    ..Record::default()
                }
            };
            if source.asks_for("questions", "composer") {
                sink(split, record("composer", &COMPOSER, row.some(composer)?, &composers))?;
            }
            if source.asks_for("questions", "ensemble") {
                sink(split, record("ensemble", &ENSEMBLE, row.some(ensemble)?, &ensembles))?;
            }
            if source.asks_for("questions", "instruments") {
                let labels = format!("{part}_labels/{id}.csv");
                let labels =
                    source.find(&[labels.clone(), format!("musicnet/{labels}")], "labels of a recording in the table")?;
                let played = instruments(source, &labels)?;
                if !played.is_empty() {
                    sink(split, record("instruments", &PLAYED, played.join(", "), &BTreeSet::new()))?;
                }
            }
        }
        Ok(())
    }
}

/// All composers and all ensembles.
fn choices(source: &Source<'_>, path: &Path) -> Result<(BTreeSet<String>, BTreeSet<String>), DataError> {
    let mut table = source.table(path, b',', Encoding::Either)?;
    let (composer, ensemble) = (table.column("composer")?, table.column("ensemble")?);
    let (mut composers, mut ensembles) = (BTreeSet::new(), BTreeSet::new());
    while let Some(row) = table.next_row()? {
        composers.insert(row.some(composer)?);
        ensembles.insert(row.some(ensemble)?);
    }
    Ok((composers, ensembles))
}

/// Names of the instruments with a note in the first seconds, in the order of their programs.
fn instruments(source: &Source<'_>, path: &Path) -> Result<Vec<&'static str>, DataError> {
    let end = source.number("seconds") * LABEL_RATE;
    let mut table = source.table(path, b',', Encoding::Utf8)?;
    let (start, program) = (table.column("start_time")?, table.column("instrument")?);
    let mut found = BTreeSet::new();
    while let Some(row) = table.next_row()? {
        let (start, program) = (row.some(start)?, row.some(program)?);
        let (Ok(start), Ok(number)) = (start.parse::<f64>(), program.parse::<u32>()) else {
            return Err(source.bad(format!("start_time `{start}` and instrument `{program}`; expected two numbers")));
        };
        let Some(instrument) = INSTRUMENTS.iter().find(|(known, _)| *known == number) else {
            let known = INSTRUMENTS.map(|(number, name)| format!("{number} ({name})")).join(", ");
            return Err(source.bad(format!("instrument {number}; expected one of {known}")));
        };
        if start < end {
            found.insert(*instrument);
        }
    }
    Ok(found.into_iter().map(|(_, name)| name).collect())
}
