//! What concerns more than one row: ids that occur twice, audio files, clips in two splits.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use crate::{
    builder::DatasetBuilder,
    collection::MAX_PROBLEMS,
    error::{DataError, Place},
    folder::{self, ClipFault, ClipFile},
    record::Split,
};

/// The rows that passed.
pub(crate) struct Admission {
    /// What is wrong, in the order of the rows.
    pub(crate) problems: Vec<DataError>,
    /// Row numbers in the order of the files, by [`Split`].
    pub(crate) splits: [Vec<u32>; 3],
    /// The file of each clip that a passed row names.
    pub(crate) files: Vec<Option<ClipFile>>,
    /// Rows left out because their file is not there.
    pub(crate) missing: usize,
}

impl Admission {
    /// Looks at all rows, test rows last.
    ///
    /// # Errors
    /// When the dataset's folder cannot be resolved.
    pub(crate) fn of(builder: &mut DatasetBuilder) -> Result<Self, DataError> {
        let files = folder::examine(&builder.root, &builder.rows.clips)?;
        let room = if builder.keep_going { MAX_PROBLEMS } else { 1 };
        let mut noted = std::mem::take(&mut builder.problems).into_iter().peekable();
        let mut found = Self { problems: Vec::new(), splits: Default::default(), files: vec![None; files.len()], missing: 0 };
        let mut rules = Rules {
            builder,
            files: &files,
            twice: repeated(&builder.id_hashes),
            ids: HashMap::new(),
            trained: vec![None; files.len()],
        };
        let rows = || (0u32..).zip(&builder.splits).map(|(row, &split)| (row, split));
        for (row, split) in rows().filter(|row| row.1 != Split::Test).chain(rows().filter(|row| row.1 == Split::Test)) {
            while let Some((_, problem)) = noted.next_if(|(before, _)| *before <= row as usize) {
                found.problems.push(problem);
            }
            if found.problems.len() >= room {
                break;
            }
            match rules.apply(row, split) {
                Ok(Some((clip, file))) => {
                    found.files[clip] = Some(file);
                    found.splits[split as usize].push(row);
                }
                Ok(None) => found.missing += 1,
                Err(problem) => found.problems.push(problem),
            }
        }
        found.problems.extend(noted.map(|(_, problem)| problem));
        found.problems.truncate(room);
        Ok(found)
    }
}

struct Rules<'a> {
    builder: &'a DatasetBuilder,
    files: &'a [Result<ClipFile, ClipFault>],
    /// Hashes that several ids have.
    twice: HashSet<u64>,
    /// The ids of those, with their first row.
    ids: HashMap<String, u32>,
    /// First training row of a clip.
    trained: Vec<Option<u32>>,
}

impl Rules<'_> {
    /// The clip of a row and its file; nothing where the row is left out.
    fn apply(&mut self, row: u32, split: Split) -> Result<Option<(usize, ClipFile)>, DataError> {
        let DatasetBuilder { name, rows, id_hashes, may_miss, .. } = self.builder;
        let place = || rows.place(name, row);
        let mut new_id = None;
        if id_hashes.get(row as usize).is_some_and(|hash| self.twice.contains(hash))
            && let Some(record) = rows.read(name, row)
        {
            let id = record?.id;
            if let Some(&first) = self.ids.get(&id) {
                let (first_file, first_line) = self.file_and_line(first);
                return Err(DataError::DuplicateId { place: place(), id, first_file, first_line });
            }
            new_id = Some(id);
        }
        let Some(clip) = rows.entry(row).map(|entry| entry.clip) else { return Ok(None) };
        let (number, audio) = (clip as usize, rows.clips.get(clip));
        if let (Split::Test, Some(Some(train))) = (split, self.trained.get(number)) {
            let (train_file, train_line) = self.file_and_line(*train);
            return Err(DataError::ClipInBothSplits { place: place(), audio: audio.into(), train_file, train_line });
        }
        let file = match self.files.get(number) {
            Some(Ok(file)) => *file,
            Some(Err(ClipFault::Missing)) | None if *may_miss => return Ok(None),
            Some(Err(fault)) => return Err(fault.at(place(), audio)),
            None => return Err(ClipFault::Missing.at(place(), audio)),
        };
        if let Some(id) = new_id {
            self.ids.insert(id, row);
        }
        if let (Split::Train | Split::Validation, Some(first @ None)) = (split, self.trained.get_mut(number)) {
            *first = Some(row);
        }
        Ok(Some((number, file)))
    }

    fn file_and_line(&self, row: u32) -> (String, usize) {
        let Place { file, line, .. } = self.builder.rows.place(&self.builder.name, row);
        (file.file_name().unwrap_or_default().to_string_lossy().into_owned(), line)
    }
}

/// The values that occur more than once.
fn repeated(values: &[u64]) -> HashSet<u64> {
    let mut sorted = values.to_vec();
    sorted.par_sort_unstable();
    sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
}
