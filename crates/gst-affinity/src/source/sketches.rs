//! `sketches.safetensors`: batch gradients kept between probing and estimating.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use super::SourceError;
use super::numbers::{Kind, Numbers};
use crate::{DatasetFacts, GradientSamples, ProbeFacts, SketchParams};

/// The key of the header's one entry: a single one, so that equal sketches are equal bytes.
const KEY: &str = "gst";
const FORMAT: &str = "gst-sketches";
const VERSION: u32 = 2;

/// The batch gradients of all probe points, with what their sketches were made by: another estimate (other resamples, another
/// metric, datasets added by another run with the same parameters) needs no second probe.
///
/// As a safetensors file: a tensor `point-T/dataset-I` of `[batches, values]` (float32) for each, all else as JSON in the header.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedSketches {
    /// Size and seed of the sketches; size 0 for exact gradients.
    pub params: SketchParams,
    /// The datasets, as an estimate needs them; of the names that every point has.
    pub datasets: Vec<DatasetFacts>,
    /// How the gradients were taken.
    pub probe: ProbeFacts,
    /// One entry a probe point.
    pub points: Vec<GradientSamples>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    params: SketchParams,
    datasets: Vec<DatasetFacts>,
    probe: ProbeFacts,
    points: usize,
}

impl SavedSketches {
    /// The file's bytes; equal sketches give equal bytes.
    ///
    /// # Errors
    /// [`SourceError::BadSafetensors`] where the format cannot hold them, or a point has other datasets.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SourceError> {
        let bad = |reason: String| SourceError::BadSafetensors { source_name: "sketches".to_owned(), reason };
        let names: Vec<&String> = self.datasets.iter().map(|dataset| &dataset.name).collect();
        if let Some(other) = self.points.iter().find(|samples| !samples.names().iter().eq(names.iter().copied())) {
            return Err(bad(format!("a point has the datasets {:?}, expected {names:?}", other.names())));
        }
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            params: self.params,
            datasets: self.datasets.clone(),
            probe: self.probe.clone(),
            points: self.points.len(),
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

    /// Whether bytes begin like such a file, so that a reader can tell it from other safetensors.
    pub fn is_one(bytes: &[u8]) -> bool {
        let metadata = SafeTensors::read_metadata(bytes).ok();
        metadata.is_some_and(|(_, found)| found.metadata().as_ref().is_some_and(|entries| entries.contains_key(KEY)))
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
        for point in 0..header.points {
            let mut samples = GradientSamples::new(header.datasets.iter().map(|dataset| dataset.name.clone()))?;
            for dataset in 0..header.datasets.len() {
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
        Ok(Self { params: header.params, datasets: header.datasets, probe: header.probe, points })
    }
}

fn tensor_name(point: usize, dataset: usize) -> String {
    format!("point-{point}/dataset-{dataset}")
}
