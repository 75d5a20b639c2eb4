//! JSON files of any size, entry by entry.

use std::{
    fs::File,
    io::{BufReader, Read},
    marker::PhantomData,
    path::Path,
};

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Source;
use crate::error::DataError;

/// Hands over each entry of the list in a JSON file: the file's own list, or the one under `key` of its object.
///
/// The place of an entry is the line it ends on.
///
/// # Errors
/// When the file cannot be read or is not as described, and what `take` returns.
pub(crate) fn each<T: DeserializeOwned>(
    source: &Source<'_>,
    path: &Path,
    key: Option<&str>,
    mut take: impl FnMut(T) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let reader = Lines { inner: source.open(path)?, source, path, line: 1 };
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let (mut stopped, mut found) = (None, key.is_none());
    let list = List { key, take: &mut take, stopped: &mut stopped, found: &mut found, entry: PhantomData };
    let read = list.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (stopped, read) {
        (Some(stopped), _) => Err(stopped),
        (None, Err(error)) => {
            // The parser has read on by a byte; its own count is that of the mistake.
            source.at(path, error.line());
            Err(source.bad(format!("not the JSON expected: {error}")))
        }
        (None, Ok(())) if !found => {
            source.at(path, 0);
            Err(source.bad(format!("no list `{}` in it", key.unwrap_or_default())))
        }
        (None, Ok(())) => Ok(()),
    }
}

/// The whole of a small JSON file.
///
/// # Errors
/// When it cannot be read or does not have the form of `T`.
pub(crate) fn whole<T: DeserializeOwned>(source: &Source<'_>, path: &Path) -> Result<T, DataError> {
    serde_json::from_reader(source.open(path)?).map_err(|error| {
        source.at(path, error.line());
        source.bad(format!("not the JSON expected: {error}"))
    })
}

struct List<'t, 'k, T> {
    key: Option<&'k str>,
    take: &'t mut dyn FnMut(T) -> Result<(), DataError>,
    stopped: &'t mut Option<DataError>,
    found: &'t mut bool,
    entry: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for List<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.key.is_some() { deserializer.deserialize_map(self) } else { deserializer.deserialize_seq(self) }
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for List<'_, '_, T> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.key {
            Some(key) => write!(out, "an object with the list `{key}`"),
            None => out.write_str("a list"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if self.key == Some(key.as_str()) {
                *self.found = true;
                let (take, stopped) = (&mut *self.take, &mut *self.stopped);
                map.next_value_seed(List { key: None, take, stopped, found: &mut *self.found, entry: PhantomData })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<T>()? {
            if let Err(error) = (self.take)(entry) {
                *self.stopped = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// Counts lines as they are read.
struct Lines<'a> {
    inner: BufReader<File>,
    source: &'a Source<'a>,
    path: &'a Path,
    line: usize,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let ended = buffer[..read].iter().filter(|&&byte| byte == b'\n').count();
        if ended > 0 || self.line == 1 {
            self.line += ended;
            self.source.at(self.path, self.line);
        }
        Ok(read)
    }
}
