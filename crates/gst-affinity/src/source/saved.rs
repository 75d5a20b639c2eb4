//! Gradients in `.npy` and safetensors files.

use safetensors::{Dtype, SafeTensors};

use super::numbers::{Kind, Numbers};
use super::{GradientSource, SourceError, Take, npy};

/// Values handed over at a time.
const BLOCK: usize = 1 << 16;

/// Batch gradients in the bytes of files, which the caller reads (or maps) and keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedGradients<'a> {
    names: Vec<String>,
    datasets: Vec<Dataset<'a>>,
    parameters: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Dataset<'a> {
    batches: usize,
    parts: Vec<Part<'a>>,
}

/// One array of `[batches, …]`: batch b's values are `first + b · length..` of it.
#[derive(Debug, Clone, PartialEq)]
struct Part<'a> {
    numbers: Numbers<'a>,
    first: usize,
    length: usize,
}

impl<'a> SavedGradients<'a> {
    /// One `.npy` array `[datasets, batches, parameters]` (parameters may be several axes) and the datasets' names.
    ///
    /// # Errors
    /// A file that is not `.npy` or ends early, a type other than float16, 32 or 64, Fortran order, fewer than three axes, a
    /// wrong number of names.
    pub fn from_npy<S: AsRef<str>>(bytes: &'a [u8], source_name: &str, names: &[S]) -> Result<Self, SourceError> {
        let numbers = npy::parse(bytes, source_name)?;
        let [found, batches, rest @ ..] = numbers.shape.as_slice() else {
            return Err(bad_shape(source_name, &numbers.shape, "[datasets, batches, parameters]"));
        };
        let (found, batches, length) = (*found, *batches, values(rest));
        if rest.is_empty() || length == 0 {
            return Err(bad_shape(source_name, &numbers.shape, "[datasets, batches, parameters]"));
        }
        if names.len() != found {
            return Err(SourceError::BadNames { source_name: source_name.to_owned(), found: names.len(), expected: found });
        }
        let part = |dataset: usize| Part { numbers: numbers.clone(), first: dataset * batches * length, length };
        let datasets = (0..found).map(|dataset| Dataset { batches, parts: vec![part(dataset)] }).collect();
        Ok(Self { names: names.iter().map(|name| name.as_ref().to_owned()).collect(), datasets, parameters: length })
    }

    /// One `.npy` array `[batches, parameters]` (parameters may be several axes) a dataset: `(name, bytes)`. The numbers of
    /// batches may differ.
    ///
    /// # Errors
    /// As [`from_npy`](Self::from_npy), and unequal numbers of parameters.
    pub fn from_npy_files<S: AsRef<str>>(files: &[(S, &'a [u8])]) -> Result<Self, SourceError> {
        let read = |(name, bytes): &(S, &'a [u8])| {
            let numbers = npy::parse(bytes, name.as_ref())?;
            dataset(vec![(name.as_ref().to_owned(), numbers)])
        };
        Self::of_files(files, read)
    }

    /// One safetensors file a dataset: `(name, bytes)`. Every tensor is `[batches, …]`; a gradient is all of them, in the order
    /// of their names.
    ///
    /// # Errors
    /// A file that is not safetensors, another type than bfloat16 or float16, 32, 64, unequal numbers of batches or parameters.
    pub fn from_safetensors_files<S: AsRef<str>>(files: &[(S, &'a [u8])]) -> Result<Self, SourceError> {
        let read = |(name, bytes): &(S, &'a [u8])| dataset(tensors(bytes, name.as_ref())?);
        Self::of_files(files, read)
    }

    /// One safetensors file with a tensor `[batches, …]` for each dataset, called as the dataset is; datasets in the order of
    /// their names.
    ///
    /// # Errors
    /// As [`from_safetensors_files`](Self::from_safetensors_files).
    pub fn from_safetensors(bytes: &'a [u8], source_name: &str) -> Result<Self, SourceError> {
        let tensors = tensors(bytes, source_name)?;
        let names = tensors.iter().map(|(name, _)| name.clone()).collect();
        let datasets = tensors.into_iter().map(|tensor| dataset(vec![tensor])).collect::<Result<Vec<_>, _>>()?;
        Self::of_datasets(names, datasets)
    }

    fn of_files<S: AsRef<str>, T>(
        files: &[(S, T)],
        read: impl Fn(&(S, T)) -> Result<Dataset<'a>, SourceError>,
    ) -> Result<Self, SourceError> {
        let names = files.iter().map(|(name, _)| name.as_ref().to_owned()).collect();
        let datasets = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Self::of_datasets(names, datasets)
    }

    fn of_datasets(names: Vec<String>, datasets: Vec<Dataset<'a>>) -> Result<Self, SourceError> {
        let parameters = datasets.first().map_or(0, Dataset::parameters);
        for (name, dataset) in names.iter().zip(&datasets) {
            let found = dataset.parameters();
            if found != parameters {
                let expected = format!("[batches, {parameters}], as the first dataset has,");
                return Err(bad_shape(name, &[dataset.batches, found], &expected));
            }
        }
        Ok(Self { names, datasets, parameters })
    }
}

impl GradientSource for SavedGradients<'_> {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn batches(&self, dataset: usize) -> usize {
        self.datasets.get(dataset).map_or(0, |dataset| dataset.batches)
    }

    fn parameters(&self) -> u64 {
        self.parameters as u64
    }

    fn read(&self, dataset: usize, batch: usize, take: Take<'_>) -> Result<(), SourceError> {
        let missing = SourceError::NoSuchBatch { dataset, batch };
        let found = self.datasets.get(dataset).filter(|dataset| batch < dataset.batches).ok_or(missing)?;
        let mut offset = 0;
        for part in &found.parts {
            for start in (0..part.length).step_by(BLOCK) {
                let count = BLOCK.min(part.length - start);
                let values = part.numbers.read(part.first + batch * part.length + start, count);
                take(offset + start as u64, &values)?;
            }
            offset += part.length as u64;
        }
        Ok(())
    }
}

impl Dataset<'_> {
    fn parameters(&self) -> usize {
        self.parts.iter().map(|part| part.length).sum()
    }
}

/// A dataset of named arrays `[batches, …]`.
fn dataset(arrays: Vec<(String, Numbers<'_>)>) -> Result<Dataset<'_>, SourceError> {
    let mut made = Dataset { batches: 0, parts: Vec::new() };
    for (place, (name, numbers)) in arrays.into_iter().enumerate() {
        let [batches, rest @ ..] = numbers.shape.as_slice() else {
            return Err(bad_shape(&name, &numbers.shape, "[batches, parameters]"));
        };
        let (batches, length) = (*batches, values(rest));
        if rest.is_empty() || length == 0 {
            return Err(bad_shape(&name, &numbers.shape, "[batches, parameters]"));
        }
        if place > 0 && batches != made.batches {
            return Err(bad_shape(&name, &numbers.shape, &format!("{} batches, as the tensor before has,", made.batches)));
        }
        made.batches = batches;
        made.parts.push(Part { numbers, first: 0, length });
    }
    Ok(made)
}

/// Values of some axes; 0 where there are more than memory has, which an array of no batches can claim.
fn values(axes: &[usize]) -> usize {
    axes.iter().try_fold(1_usize, |values, axis| values.checked_mul(*axis)).unwrap_or(0)
}

/// The tensors of a safetensors file, by name.
fn tensors<'a>(bytes: &'a [u8], source_name: &str) -> Result<Vec<(String, Numbers<'a>)>, SourceError> {
    let bad = |reason: String| SourceError::BadSafetensors { source_name: source_name.to_owned(), reason };
    let file = SafeTensors::deserialize(bytes).map_err(|e| bad(e.to_string()))?;
    if file.is_empty() {
        return Err(bad("it holds no tensor".to_owned()));
    }
    let mut tensors = file.tensors();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let numbers = |(name, view): (String, safetensors::tensor::TensorView<'a>)| {
        let kind = match view.dtype() {
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::BF16,
            Dtype::F32 => Kind::F32,
            Dtype::F64 => Kind::F64,
            other => {
                let source_name = format!("{source_name}, tensor `{name}`");
                return Err(SourceError::BadType { source_name, found: format!("{other:?}") });
            }
        };
        let shape = view.shape().to_vec();
        Ok((name, Numbers { kind, big_endian: false, shape, bytes: view.data() }))
    };
    tensors.into_iter().map(numbers).collect()
}

fn bad_shape(source_name: &str, found: &[usize], expected: &str) -> SourceError {
    SourceError::BadShape { source_name: source_name.to_owned(), found: found.to_vec(), expected: expected.to_owned() }
}
