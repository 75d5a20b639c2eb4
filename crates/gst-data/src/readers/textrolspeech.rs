//! TextrolSpeech: how sentences of LibriTTS, VCTK and emotional corpora are spoken.
//!
//! Reads `caption/random_train.csv` and `caption/random_test.csv` (200 rows), and `caption/random_dev.csv` where it is there. Asks for the description of the style
//! (`style_prompt`), and for the five factors behind it (gender, pitch, tempo, energy, emotion), whose answers can be scored exactly: `questions` chooses among the
//! six. The published split is kept. Clips are the paths in `wav_fp`, below `clips`; where there is none, one is looked for by `item_name`.

use super::{
    Clips, Encoding, Key, Kind, Reader, Sink, Source,
    style::{self, ENERGY, Factor, GENDER, PITCH, SPEED_FORMS, SPEEDS, Spoken},
};
use crate::{error::DataError, record::Split};

pub(crate) struct TextrolSpeech;

const FACTORS: [Factor; 5] = [
    GENDER,
    PITCH,
    Factor { slot: "tempo", column: "tempo", values: &SPEEDS, forms: &SPEED_FORMS },
    ENERGY,
    Factor {
        slot: "emotion",
        column: "emotion",
        values: &[],
        forms: &["Which emotion does the voice express?", "How does the speaker feel?", "What is the emotion of this voice?"],
    },
];

impl Reader for TextrolSpeech {
    fn keys(&self) -> &'static [Key] {
        const ASKED: [&str; 6] = ["style", "gender", "pitch", "tempo", "energy", "emotion"];
        const { &[Key::new("questions", Kind::SomeOf(&ASKED), "style, gender, pitch, tempo, energy, emotion", "what is asked")] }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["wav", "wavs", "audio"]);
        let (described, factors) = style::asked(source, &FACTORS);
        let mut clips: Option<Clips> = None;
        for (split, part) in [(Split::Train, "train"), (Split::Validation, "dev"), (Split::Test, "test")] {
            let candidates = [format!("caption/random_{part}.csv"), format!("random_{part}.csv")];
            let path = match source.look_for(&candidates) {
                None if part == "dev" => continue,
                Some(path) => path,
                None => source.find(&candidates, "a table of styles, from https://github.com/jishengpeng/TextrolSpeech")?,
            };
            let mut table = source.table(&path, b',', Encoding::Utf8)?;
            let (clip, item, prompt) = (table.column("wav_fp")?, table.column("item_name")?, table.column("style_prompt")?);
            let number = table.column("num")?;
            let columns = factors.iter().map(|factor| table.column(factor.column)).collect::<Result<Vec<_>, _>>()?;
            while let Some(row) = table.next_row()? {
                let item = row.some(item)?;
                let mut audio = row.some(clip)?.trim_start_matches("./").to_owned();
                if !source.clips_folder().join(&audio).is_file() {
                    let clips = match &mut clips {
                        Some(clips) => clips,
                        unread => unread.insert(source.clips()?),
                    };
                    audio = clips.find(source, &[&item], "")?.map_or(audio, str::to_owned);
                }
                // One sentence may come with several descriptions: its name alone is not unique.
                let origin = audio.to_lowercase().contains("libritts").then(|| format!("libritts:{item}"));
                let spoken = Spoken { item: &format!("{part}/{}", row.some(number)?), audio: &audio, origin };
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
