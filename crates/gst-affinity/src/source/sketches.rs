//! `sketches.safetensors`: batch gradients kept between probing and estimating.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use super::SourceError;
use super::numbers::{Kind, Numbers};
use crate::{GradientSamples, SketchParams};

/// The key of the header's one entry: a single one, so that equal sketches are equal bytes.
const KEY: &str = "gst";
const FORMAT: &str = "gst-sketches";
const VERSION: u32 = 1;

/// The batch gradients of all probe points, with what their sketches were made by: another estimate (other resamples, another
/// metric, datasets added by another run with the same parameters) needs no second probe.
///
/// As a safetensors file: a tensor `point-T/dataset-I` of `[batches, values]` (float32) for each, names and parameters as JSON in
/// the header.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedSketches {
    /// Size and seed of the sketches; size 0 for exact gradients.
    pub params: SketchParams,
    /// One entry a probe point.
    pub points: Vec<GradientSamples>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    params: SketchParams,
    points: Vec<Vec<String>>,
}

impl SavedSketches {
    /// The file's bytes; equal sketches give equal bytes.
    ///
    /// # Errors
    /// [`SourceError::BadSafetensors`] where the format cannot hold them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SourceError> {
        let bad = |reason: String| SourceError::BadSafetensors { source_name: "sketches".to_owned(), reason };
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            params: self.params,
            points: self.points.iter().map(|samples| samples.names().to_vec()).collect(),
        };
        let mut data = Vec::new();
        for (point, samples) in self.points.iter().enumerate() {
            for dataset in 0..samples.names().len() {
                let batches = samples.batches(dataset);
                let bytes: Vec<u8> = batches.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
                data.push((tensor_name(point, dataset), vec![batches.len(), samples.length()], bytes));
            }
        }
        let mut views = Vec::new();
        for (name, shape, bytes) in &data {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| bad(e.to_string()))?;
            views.push((name.as_str(), view));
        }
        let header = serde_json::to_string(&header).map_err(|e| bad(e.to_string()))?;
        serialize(views, Some(HashMap::from([(KEY.to_owned(), header)]))).map_err(|e| bad(e.to_string()))
    }

    /// Reads a file's bytes. `source_name` (the file's path) is for error messages only.
    ///
    /// # Errors
    /// Bytes that are no such file, or of another version; values that are not finite.
    pub fn from_bytes(bytes: &[u8], source_name: &str) -> Result<Self, SourceError> {
        let bad = |reason: String| SourceError::BadSafetensors { source_name: source_name.to_owned(), reason };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| bad(e.to_string()))?;
        let entry = metadata.metadata().as_ref().and_then(|entries| entries.get(KEY).cloned());
        let entry = entry.ok_or_else(|| bad(format!("no `{KEY}` entry in its header: these are not sketches of gst")))?;
        let header: Header = serde_json::from_str(&entry).map_err(|e| bad(format!("the `{KEY}` entry: {e}")))?;
        if header.format != FORMAT || header.version != VERSION {
            let (format, version) = (header.format, header.version);
            return Err(bad(format!("it holds {format} version {version}, {FORMAT} version {VERSION} is read")));
        }
        let file = SafeTensors::deserialize(bytes).map_err(|e| bad(e.to_string()))?;
        let mut points = Vec::new();
        for (point, names) in header.points.iter().enumerate() {
            let mut samples = GradientSamples::new(names)?;
            for dataset in 0..names.len() {
                let name = tensor_name(point, dataset);
                let view = file.tensor(&name).map_err(|e| bad(format!("tensor `{name}`: {e}")))?;
                let (Dtype::F32, [batches, length]) = (view.dtype(), view.shape()) else {
                    return Err(bad(format!(
                        "tensor `{name}` is {:?} {:?}, float32 [batches, values] is read",
                        view.dtype(),
                        view.shape()
                    )));
                };
                let numbers = Numbers { kind: Kind::F32, big_endian: false, shape: vec![*batches, *length], bytes: view.data() };
                for batch in 0..*batches {
                    samples.push(dataset, numbers.read(batch * length, *length))?;
                }
            }
            points.push(samples);
        }
        Ok(Self { params: header.params, points })
    }
}

fn tensor_name(point: usize, dataset: usize) -> String {
    format!("point-{point}/dataset-{dataset}")
}
