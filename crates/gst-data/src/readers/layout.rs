//! A folder in gst's own layout, among others in a list.

use super::{Reader, Sink, Source};
use crate::{error::DataError, manifest::ManifestReader, record::Split};

pub(crate) struct Layout;

impl Reader for Layout {
    fn read(&self, source: &Source<'_>, sink: &mut Sink<'_>) -> Result<(), DataError> {
        for split in Split::ALL {
            let file = format!("{split}.jsonl");
            let path = match source.look_for(&[&file]) {
                None if split == Split::Validation => continue,
                found => found.unwrap_or_else(|| source.path().join(&file)),
            };
            source.stamp(&path);
            let mut records = ManifestReader::open(source.name(), &path)?;
            while let Some(record) = records.next() {
                source.at(&path, records.place().line);
                sink(split, record?)?;
            }
        }
        Ok(())
    }
}
