//! The tensors of a checkpoint: where each lies, in which file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Tensor, TensorData};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde::Deserialize;

use super::{Precision, PretrainedError, read_json};

/// One file with everything in it.
const SINGLE: &str = "model.safetensors";
/// The list of which tensor lies in which file.
const INDEX: &str = "model.safetensors.index.json";
/// Longest header that is read: that of a model of hundreds of layers is a few MB.
const MAX_HEADER: u64 = 100 << 20;

/// An opened checkpoint: headers are read and checked, tensors are read when they are asked for.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    path: PathBuf,
    tensors: BTreeMap<String, StoredTensor>,
}

/// A tensor as it lies in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its number format; nothing where Burn has no such format.
    pub dtype: Option<DType>,
    format: String,
    file: PathBuf,
    start: u64,
    length: usize,
}

impl StoredTensor {
    /// Name of the number format as the file gives it.
    #[must_use]
    pub fn format(&self) -> &str {
        &self.format
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, PathBuf>,
}

impl Checkpoint {
    /// Opens a `.safetensors` file, or a folder with `model.safetensors` or `model.safetensors.index.json` and its shards.
    ///
    /// # Errors
    /// [`PretrainedError::Io`] when a file is absent, [`PretrainedError::Format`] when one is damaged or cut off, or a shard
    /// lacks a tensor that the index promises.
    pub fn open(path: &Path) -> Result<Self, PretrainedError> {
        if !path.is_dir() {
            return Self::file(path, path);
        }
        let (single, index) = (path.join(SINGLE), path.join(INDEX));
        if !index.is_file() {
            return Self::file(path, &single);
        }
        let promised: Index = read_json(&index)?;
        let mut shards: Vec<&PathBuf> = promised.weight_map.values().collect();
        shards.sort_unstable();
        shards.dedup();
        let mut tensors = BTreeMap::new();
        for shard in shards {
            if shard.components().count() != 1 || shard.file_name().is_none() {
                let reason = format!("it names the shard `{}`, expected a file beside it", shard.display());
                return Err(PretrainedError::format(&index, reason));
            }
            for (name, tensor) in read_header(&path.join(shard))? {
                if promised.weight_map.get(&name) == Some(shard) {
                    tensors.insert(name, tensor);
                }
            }
        }
        if let Some((name, shard)) = promised.weight_map.iter().find(|(name, _)| !tensors.contains_key(*name)) {
            let reason = format!("it promises `{name}` in {}, which has no such tensor", shard.display());
            return Err(PretrainedError::format(&index, reason));
        }
        Ok(Self { path: path.to_owned(), tensors })
    }

    fn file(path: &Path, file: &Path) -> Result<Self, PretrainedError> {
        Ok(Self { path: path.to_owned(), tensors: read_header(file)?.collect() })
    }

    /// The file or folder that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files it consists of, the index among them, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let index = Some(self.path.join(INDEX)).filter(|index| index.is_file());
        let files: BTreeSet<PathBuf> = self.tensors.values().map(|tensor| tensor.file.clone()).chain(index).collect();
        files.into_iter().collect()
    }

    /// Names, shapes and formats of all tensors, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &StoredTensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Shape and format of the tensor `name`, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(name)
    }

    /// Reads the tensor `name`.
    ///
    /// # Errors
    /// [`PretrainedError::Format`] when there is no such tensor or it does not hold floating-point numbers,
    /// [`PretrainedError::Io`] when it cannot be read.
    pub fn data(&self, name: &str, precision: Precision) -> Result<TensorData, PretrainedError> {
        let refuse = |reason: String| PretrainedError::format(&self.path, reason);
        let stored = self.get(name).ok_or_else(|| refuse(format!("there is no tensor `{name}`")))?;
        let mut file = File::open(&stored.file).map_err(PretrainedError::io(&stored.file))?;
        let mut bytes = vec![0; stored.length];
        file.seek(SeekFrom::Start(stored.start)).map_err(PretrainedError::io(&stored.file))?;
        file.read_exact(&mut bytes).map_err(PretrainedError::io(&stored.file))?;
        let data = stored.dtype.and_then(|dtype| precision.decode(&bytes, dtype, &stored.shape));
        data.ok_or_else(|| refuse(format!("`{name}` is {}, expected F32, F16 or BF16", stored.format)))
    }

    /// Reads the tensor `name` onto `device`.
    ///
    /// # Errors
    /// As [`Checkpoint::data`]; [`PretrainedError::Format`] also when it has not `D` axes.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        precision: Precision,
        device: &Device,
    ) -> Result<Tensor<D>, PretrainedError> {
        let data = self.data(name, precision)?;
        if data.rank() != D {
            let reason = format!("`{name}` is {:?}, expected {D} axes", data.shape());
            return Err(PretrainedError::format(&self.path, reason));
        }
        Ok(Tensor::from_data(data, (device, precision.dtype())))
    }
}

fn read_header(path: &Path) -> Result<impl Iterator<Item = (String, StoredTensor)>, PretrainedError> {
    let refuse = |reason: String| PretrainedError::format(path, format!("not a whole safetensors file: {reason}"));
    let mut file = File::open(path).map_err(PretrainedError::io(path))?;
    let size = file.metadata().map_err(PretrainedError::io(path))?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| refuse(format!("it has {size} bytes, expected a header of at least 8")))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER || length + 8 > size {
        return Err(refuse(format!("its header says it has {length} bytes, the file has {size}")));
    }
    let mut header = vec![0; usize::try_from(length).map_err(|error| refuse(error.to_string()))?];
    file.read_exact(&mut header).map_err(PretrainedError::io(path))?;
    // Deserializing checks that offsets follow each other and agree with shapes.
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| refuse(error.to_string()))?;
    let expected = length + 8 + metadata.data_len() as u64;
    if expected != size {
        return Err(refuse(format!("it has {size} bytes, expected {expected}")));
    }
    let file = path.to_owned();
    let infos: Vec<_> = metadata.offset_keys();
    Ok(infos.into_iter().filter_map(move |name| {
        let info = metadata.info(&name)?;
        let (from, to) = info.data_offsets;
        let stored = StoredTensor {
            shape: info.shape.clone(),
            dtype: dtype(info.dtype),
            format: format!("{:?}", info.dtype),
            file: file.clone(),
            start: length + 8 + from as u64,
            length: to - from,
        };
        Some((name, stored))
    }))
}

fn dtype(stored: Dtype) -> Option<DType> {
    match stored {
        Dtype::F64 => Some(DType::F64),
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        Dtype::I64 => Some(DType::I64),
        Dtype::I32 => Some(DType::I32),
        _ => None,
    }
}
