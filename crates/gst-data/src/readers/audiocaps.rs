//! AudioCaps: captions of ten-second YouTube clips.
//!
//! Reads `train.csv`, `val.csv` and `test.csv` (`audiocap_id,youtube_id,start_time,caption`), as they lie in the authors' repository
//! (`dataset/`, or `dataset2.0/` with `version = "2"`) or in the folder itself. Asks for a caption, because that is what the
//! annotators wrote; validation and test clips have five captions each, which become five rows. The official splits are kept.
//!
//! The audio is YouTube's and has to be fetched by the user; some videos are gone, so rows without a clip are left out and counted
//! unless `missing = "error"`. A clip is looked for under the names that the usual download programs give: the YouTube id, with
//! or without `Y` before it, with or without start and end (in seconds or milliseconds) behind it, or the `audiocap_id`.

use super::{Encoding, Key, Kind, Reader, Sink, Source, ask::CAPTION};
use crate::{
    error::DataError,
    record::{Record, Split},
};

pub(crate) struct AudioCaps;

impl Reader for AudioCaps {
    fn keys(&self) -> &'static [Key] {
        const { &[Key::new("version", Kind::OneOf(&["1", "2"]), "1", "release of the captions: 1 (`dataset/`) or 2 (`dataset2.0/`)")] }
    }

    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        source.usual_clips(&["audio", "wav", "clips"]);
        let clips = source.clips()?;
        let folder = if source.text("version") == Some("2") { "dataset2.0" } else { "dataset" };
        for (split, stem) in [(Split::Train, "train"), (Split::Validation, "val"), (Split::Test, "test")] {
            let candidates = [format!("{stem}.csv"), format!("{folder}/{stem}.csv")];
            let path = source.find(&candidates, "a table of captions, from https://github.com/cdjkim/audiocaps")?;
            let mut table = source.table(&path, b',', Encoding::Utf8)?;
            let [id, video, start, caption] =
                ["audiocap_id", "youtube_id", "start_time", "caption"].map(|name| table.column(name));
            let (id, video, start, caption) = (id?, video?, start?, caption?);
            while let Some(row) = table.next_row()? {
                let (id, video, start) = (row.some(id)?, row.some(video)?, row.some(start)?);
                let names =
                    names(&video, &start, &id).ok_or_else(|| source.bad(format!("start_time is `{start}`; expected seconds")))?;
                sink(
                    split,
                    Record {
                        audio: clips.path(source, &names, "")?,
                        question: source.ask(&CAPTION, &id),
                        answer: row.some(caption)?,
                        domain: source.domain(),
                        source: vec![format!("youtube:{video}")],
                        id,
                        ..Record::default()
                    },
                )?;
            }
        }
        Ok(())
    }
}

/// Names under which a clip may lie; `None` when `start` is no number.
fn names(video: &str, start: &str, id: &str) -> Option<[String; 7]> {
    let seconds: f64 = start.parse().ok()?;
    let (from, to) = (seconds, seconds + 10.0);
    Some([
        video.to_owned(),
        format!("Y{video}"),
        format!("{video}_{start}"),
        format!("{video}_{from}_{to}"),
        format!("{video}_{}_{}", from * 1000.0, to * 1000.0),
        format!("Y{video}_{from}_{to}"),
        id.to_owned(),
    ])
}
