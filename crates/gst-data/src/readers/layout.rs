//! A folder in gst's own layout, among others in a list.

use super::{Reader, Sink, Source, lines::lines};
use crate::{error::DataError, manifest::Row, record::Split};

pub(crate) struct Layout;

impl Reader for Layout {
    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        for split in Split::ALL {
            let file = format!("{split}.jsonl");
            let path = match source.look_for(&[&file]) {
                Some(path) => path,
                None if split == Split::Validation => continue,
                None => {
                    let path = source.path().join(&file);
                    return Err(DataError::MissingManifest { dataset: source.name().into(), path });
                }
            };
            lines(source, &path, |line| sink(split, Row::parse(line, || source.place())?.into_record(source.place().line)))?;
        }
        Ok(())
    }
}
