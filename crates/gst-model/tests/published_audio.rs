//! Names, shapes and number formats of published checkpoints, by their published configurations; nothing is allocated.
//! `xtask/reference/audio_encoders_golden.py` wrote the table from the references' own classes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gst_model::beats::{Beats, BeatsConfig};
use gst_model::pretrained::{Checkpoint, Misfit, Precision, PretrainedError};
use gst_model::qformer::{WindowQFormer, WindowQFormerConfig};
use gst_model::whisper::{WhisperConfig, WhisperEncoder};
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;

#[derive(Deserialize)]
struct Published {
    config: serde_json::Value,
    count: usize,
    parameters: usize,
    tensors: BTreeMap<String, Vec<usize>>,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn table() -> BTreeMap<String, Published> {
    serde_json::from_str(&std::fs::read_to_string(golden("published_audio.json")).unwrap()).unwrap()
}

/// What a module would read: from a checkpoint without tensors everything is missing, and listed with its shape.
fn expected<M>(load: impl FnOnce(&Checkpoint) -> Result<M, PretrainedError>) -> BTreeMap<String, Vec<usize>> {
    let file = tempfile::Builder::new().suffix(".safetensors").tempfile().unwrap();
    safetensors::serialize_to_file(Vec::<(String, TensorView<'_>)>::new(), None, file.path()).unwrap();
    let Err(PretrainedError::Misfits { misfits, .. }) = load(&Checkpoint::open(file.path()).unwrap()) else {
        panic!("an empty checkpoint was loaded")
    };
    let missing = misfits.into_iter().map(|misfit| match misfit {
        Misfit::Missing { name, expected } => (name, expected),
        other => panic!("{other}"),
    });
    missing.collect()
}

fn check(name: &str, published: &Published, found: &BTreeMap<String, Vec<usize>>, parameters: usize) {
    assert_eq!((found.len(), parameters), (published.count, published.parameters), "{name}");
    for (tensor, shape) in &published.tensors {
        assert_eq!(found.get(tensor), Some(shape), "{name}: {tensor}");
    }
}

#[test]
fn every_published_whisper_has_the_tensors_that_are_read() {
    let models = table().into_iter().filter(|(name, _)| name.starts_with("whisper-"));
    let mut sizes = 0;
    for (name, published) in models {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), published.config.to_string()).unwrap();
        let config = WhisperConfig::read(file.path()).unwrap();
        assert_eq!(config.window(), 3000);
        let encoder = config.init(&Device::flex()).unwrap();
        let parameters = encoder.num_params();
        check(&name, &published, &expected(|empty| encoder.load(empty, Precision::F32)), parameters);
        sizes += 1;
    }
    assert_eq!(sizes, 6);
}

#[test]
fn the_published_beats_has_the_tensors_that_are_read() {
    let published = &table()["BEATs_iter3_plus_AS2M"];
    let config: BeatsConfig = serde_json::from_value(published.config.clone()).unwrap();
    assert_eq!(config, BeatsConfig::default());
    assert_eq!(config.patches(2998), 1496);
    let beats: Beats = config.init(&Device::flex()).unwrap();
    let parameters = beats.num_params();
    check("BEATs", published, &expected(|empty| beats.load(empty, Precision::F32)), parameters);
}

#[test]
fn the_bridge_of_salmonn_has_the_tensors_that_are_read() {
    let published = &table()["salmonn-13b bridge"];
    let config = WindowQFormerConfig::salmonn(2048, 5120);
    assert_eq!(config.embeddings(1500), 88);
    let bridge: WindowQFormer = config.init(&Device::flex()).unwrap();
    let parameters = bridge.num_params();
    // The Q-Former with its query, and the projection.
    assert_eq!(parameters, 22_838_016 + 3_937_280);
    check("SALMONN", published, &expected(|empty| bridge.load(empty, Precision::F32)), parameters);
}

#[test]
fn a_checkpoint_in_half_precision_is_read_into_the_precision_asked_for() {
    // whisper-large-v3 is published in 16 bits, the smaller ones in 32.
    let formats: Vec<_> = table().values().filter_map(|model| model.config.get("torch_dtype").cloned()).collect();
    assert!(formats.contains(&"float16".into()) && formats.contains(&"float32".into()));
    let whole = Checkpoint::open(&golden("whisper")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let halves: Vec<_> =
        whole.tensors().map(|(name, stored)| (name, stored, whole.data(name, Precision::F16).unwrap())).collect();
    let view = |shape: &[usize], bytes| TensorView::new(Dtype::F16, shape.to_vec(), bytes).unwrap();
    let views: Vec<_> = halves.iter().map(|(name, stored, data)| (*name, view(&stored.shape, data.as_bytes()))).collect();
    safetensors::serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();

    let device = Device::flex();
    let config = WhisperConfig::read(&golden("whisper").join("config.json")).unwrap();
    let encoder: WhisperEncoder = config.init(&device).unwrap();
    let encoder = encoder.load(&Checkpoint::open(folder.path()).unwrap(), Precision::F32).unwrap();
    let known = Checkpoint::open(&golden("whisper").join("golden.safetensors")).unwrap();
    let tensor = |name: &str| -> Tensor<3> { known.tensor(name, Precision::F32, &device).unwrap() };
    let worst = (encoder.forward(tensor("input")) - tensor("output")).abs().max().into_scalar::<f32>();
    assert!(worst > 0.0 && worst < 0.02, "{worst}");
}
