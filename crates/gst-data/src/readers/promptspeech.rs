//! PromptSpeech (real): how sentences of LibriTTS are spoken.
//!
//! Reads `Real_training.csv` and, where it is there, `Real_testing.csv`; columns are found by name, in any order, behind a byte order mark or not. Asks for the
//! description of the style (`style_prompt`), which is what the dataset is for, and for the four factors behind it (gender, pitch, speed, energy), whose
//! answers can be scored exactly: `questions` chooses among the five. The published split is kept; without `Real_testing.csv` whole speakers, chosen by hash,
//! are the test. Clips are those of LibriTTS, looked for by `item_name` below `clips`.

use super::{
    Encoding, Key, Kind, Reader, Sink, Source,
    style::{self, ENERGY, Factor, GENDER, PITCH, SPEED_FORMS, SPEEDS, Spoken},
};
use crate::{error::DataError, record::Split};

pub(crate) struct PromptSpeech;

const FACTORS: [Factor; 4] =
    [GENDER, PITCH, Factor { slot: "speed", column: "speaking_speed", values: &SPEEDS, forms: &SPEED_FORMS }, ENERGY];

impl Reader for PromptSpeech {
    fn keys(&self) -> &'static [Key] {
        const ASKED: [&str; 5] = ["style", "gender", "pitch", "speed", "energy"];
        const {
            &[
                Key::new("questions", Kind::SomeOf(&ASKED), "style, gender, pitch, speed, energy", "what is asked"),
                Key::new("train", Kind::Text, "Real_training.csv", "the training table"),
                Key::new("test", Kind::Text, "Real_testing.csv", "the test table; without it, speakers are held out"),
                Key::new("test_share", Kind::Share, "0.05", "share of the speakers that are test where there is no test table"),
            ]
        }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let hint = "from https://speechresearch.github.io/dataset/promptspeech/Real_training.zip";
        let train = source.find(&[source.text("train").unwrap_or_default()], hint)?;
        let test = source.look_for(&[source.text("test").unwrap_or_default()]);
        let clips = source.clips()?;
        let (described, factors) = style::asked(source, &FACTORS);
        let tables = [(Some(Split::Train).filter(|_| test.is_some()), Some(train)), (Some(Split::Test), test)];
        for (split, path) in tables {
            let Some(path) = path else { continue };
            let mut table = source.table(&path, b',', Encoding::Utf8)?;
            let (item, speaker, prompt) = (table.column("item_name")?, table.column("spk_id")?, table.column("style_prompt")?);
            let columns = factors.iter().map(|factor| table.column(factor.column)).collect::<Result<Vec<_>, _>>()?;
            while let Some(row) = table.next_row()? {
                let item = row.some(item)?;
                let by_speaker = || Ok::<_, DataError>(source.split_by(&row.some(speaker)?, source.number("test_share")));
                let split = split.map_or_else(by_speaker, Ok)?;
                let audio = clips.path(source, &[&item], "")?;
                let spoken = Spoken { item: &item, audio: &audio, origin: Some(format!("libritts:{item}")) };
                if described {
                    sink(split, style::describe(source, &spoken, row.some(prompt)?))?;
                }
                for (factor, &column) in factors.iter().zip(&columns) {
                    sink(split, style::ask(source, factor, &spoken, &row, column)?)?;
                }
            }
        }
        Ok(())
    }
}
