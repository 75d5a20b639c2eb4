//! Gradients in files: what is read, and what is refused.

use gst_affinity::source::{GradientSource, SavedGradients, SavedSketches, SourceError, collect, collect_preconditioned};
use gst_affinity::{
    Affinity, AffinityError, DatasetFacts, EstimateParams, GradientSamples, Measurements, Metric, Preconditioner, ProbeFacts,
    SketchError, SketchParams, Sketcher,
};
use proptest::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};

fn npy(version: u8, descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((header.len() as u16).to_le_bytes()),
        _ => bytes.extend((header.len() as u32).to_le_bytes()),
    }
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn floats(count: usize) -> Vec<u8> {
    (0..count).flat_map(|i| (i as f32).to_le_bytes()).collect()
}

fn exact() -> Sketcher {
    Sketcher::new(SketchParams::EXACT).unwrap()
}

fn tensors(parts: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let views = parts.iter().map(|(name, dtype, shape, data)| (*name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    serialize(views, None).unwrap()
}

#[test]
fn an_array_of_all_datasets_is_read_in_every_version() {
    for version in 1..=3 {
        let bytes = npy(version, "'<f4'", "False", "(2, 3, 2)", &floats(12));
        let source = SavedGradients::from_npy(&bytes, "g.npy", &["a", "b"]).unwrap();
        assert_eq!((source.parameters(), source.batches(1), source.batches(2)), (2, 3, 0));
        assert_eq!(collect(&source, &exact()).unwrap().batches(1), [[6.0, 7.0], [8.0, 9.0], [10.0, 11.0]]);
        let missing = source.read(1, 3, &mut |_, _| Ok(()));
        assert_eq!(missing, Err(SourceError::NoSuchBatch { dataset: 1, batch: 3 }));
    }
}

#[test]
fn files_of_one_dataset_may_have_their_own_numbers_of_batches() {
    let (two, three) = (npy(1, "'<f4'", "False", "(2, 2, 2)", &floats(8)), npy(1, "'<f4'", "False", "(3, 4)", &floats(12)));
    let source = SavedGradients::from_npy_files(&[("b", two.as_slice()), ("a", &three)]).unwrap();
    let samples = collect(&source, &exact()).unwrap();
    assert_eq!(
        (samples.names(), samples.batches(0).len(), samples.batches(1).len()),
        (["b".into(), "a".into()].as_slice(), 2, 3)
    );
    assert_eq!(samples.batches(0)[1], [4.0, 5.0, 6.0, 7.0]);
}

#[test]
fn tensors_of_a_dataset_follow_each_other_by_name() {
    let half: Vec<u8> = [0x3c00_u16, 0x4000, 0x4200, 0x4400].iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let file = tensors(&[("w.weight", Dtype::F32, vec![2, 1, 3], floats(6)), ("w.bias", Dtype::F16, vec![2, 2], half)]);
    let source = SavedGradients::from_safetensors_files(&[("a", file.as_slice())]).unwrap();
    assert_eq!(collect(&source, &exact()).unwrap().batches(0), [[1.0, 2.0, 0.0, 1.0, 2.0], [3.0, 4.0, 3.0, 4.0, 5.0]]);
}

#[test]
fn a_source_is_sketched_as_its_gradients_are() {
    let length = 100_000;
    let bytes = npy(2, "'<f4'", "False", &format!("(1, 2, {length})"), &floats(2 * length));
    let source = SavedGradients::from_npy(&bytes, "g.npy", &["a"]).unwrap();
    let sketcher = Sketcher::new(SketchParams { size: 64, seed: 1 }).unwrap();
    let whole = collect(&source, &exact()).unwrap();
    for (streamed, gradient) in collect(&source, &sketcher).unwrap().batches(0).iter().zip(whole.batches(0)) {
        let sketch = sketcher.sketch(gradient);
        let most = sketch.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(streamed.iter().zip(&sketch).all(|(a, b)| (a - b).abs() <= 1e-6 * most));
    }
}

#[test]
fn preconditioning_comes_before_sketching() {
    let bytes = npy(1, "'<f4'", "False", "(2, 3, 20)", &floats(120));
    let source = SavedGradients::from_npy(&bytes, "g.npy", &["a", "b"]).unwrap();
    let whole = collect(&source, &exact()).unwrap();
    let preconditioner = Preconditioner::from_gradients(&whole).unwrap();
    let changed = whole.preconditioned(&preconditioner).unwrap();
    assert_eq!(collect_preconditioned(&source, &exact(), &preconditioner).unwrap(), changed);
    let sketcher = Sketcher::new(SketchParams { size: 16, seed: 1 }).unwrap();
    let sketched = collect_preconditioned(&source, &sketcher, &preconditioner).unwrap();
    assert_eq!(sketched.batches(1)[2], sketcher.sketch(&changed.batches(1)[2]));
    let short = Preconditioner::from_second_moments(&[1.0], 1e-8).unwrap();
    let error = collect_preconditioned(&source, &sketcher, &short).unwrap_err();
    assert_eq!(error, SourceError::Affinity(AffinityError::OtherPreconditioner { found: 1, expected: 20 }));

    // In an affinity: sketched gradients get the table from what was preconditioned before, exact ones make it themselves.
    let facts = || {
        let mut facts = vec![DatasetFacts::new("a", 1), DatasetFacts::new("b", 1)];
        DatasetFacts::weigh_by_size(&mut facts);
        facts
    };
    let by_itself = {
        let params = EstimateParams::default();
        Affinity::estimate(std::slice::from_ref(&whole), facts(), Metric::PreconditionedCosine, &params, ProbeFacts::default())
            .unwrap()
    };
    let given = {
        let measured = Measurements { gradients: &[whole], preconditioned: &[changed], ..Measurements::default() };
        let params = EstimateParams::default();
        Affinity::from_measurements(&measured, facts(), Metric::PreconditionedCosine, &params, ProbeFacts::default()).unwrap()
    };
    let cosine = |affinity: &Affinity| affinity.table(Metric::PreconditionedCosine).unwrap().get(0, 1).unwrap();
    assert!((cosine(&by_itself) - cosine(&given)).abs() < 1e-6);
}

#[test]
fn files_that_cannot_be_gradients_are_refused_with_the_reason() {
    let data = floats(12);
    let good = npy(1, "'<f4'", "False", "(2, 3, 2)", &data);
    let cases = [
        (b"PK\x03\x04".to_vec(), "does not start with"),
        (b"\x93NUMPY".to_vec(), "ends inside its header"),
        (good[..40].to_vec(), "ends inside its header"),
        (good[..good.len() - 1].to_vec(), "47 bytes of values"),
        (npy(4, "'<f4'", "False", "(2, 3, 2)", &data), "version 4.0"),
        (npy(1, "'<i4'", "False", "(2, 3, 2)", &data), "`<i4`; float16"),
        (npy(1, "'|O'", "False", "(2, 3, 2)", &data), "`|O`; float16"),
        (npy(1, "[('a', '<f4')]", "False", "(12,)", &data), "structured"),
        (npy(1, "'<f4'", "True", "(2, 3, 2)", &data), "ascontiguousarray"),
        (npy(1, "'<f4'", "False", "(2, x, 2)", &data), "tuple of whole numbers"),
        (npy(1, "'<f4'", "False", "(-2, 3, 2)", &data), "tuple of whole numbers"),
        (npy(1, "'<f4'", "False", "(9999999999999, 9999999999999, 2)", &data), "more than memory has"),
        (npy(1, "'<f4'", "False", "(2, 6)", &data), "[datasets, batches, parameters]"),
        (npy(1, "'<f4'", "False", "(2, 3, 0)", &[]), "[datasets, batches, parameters]"),
        (npy(1, "'<f4'", "False", "(0, 1, 9999999999999, 9999999999999)", &[]), "[datasets, batches, parameters]"),
        (npy(1, "'<f4'", "False", "(3, 2, 2)", &data), "2 names for 3 datasets"),
        (npy(2, "'<f4'", "False", &format!("(12,{})", " ".repeat(20_000)), &data), "at most 10000"),
    ];
    for (bytes, expected) in cases {
        let error = SavedGradients::from_npy(&bytes, "g.npy", &["a", "b"]).unwrap_err().to_string();
        assert!(error.starts_with("g.npy") && error.contains(expected), "{error} for {expected}");
    }
    let integers = tensors(&[("t", Dtype::I32, vec![1, 3], floats(3))]);
    let ragged = tensors(&[("t", Dtype::F32, vec![1, 3], floats(3)), ("u", Dtype::F32, vec![2, 1], floats(2))]);
    let flat = tensors(&[("t", Dtype::F32, vec![3], floats(3))]);
    for (bytes, expected) in [
        (integers, "I32"),
        (ragged, "1 batches"),
        (flat, "[batches, parameters]"),
        (b"junk".to_vec(), "safetensors"),
        (tensors(&[]), "no tensor"),
    ] {
        let error = SavedGradients::from_safetensors_files(&[("a", bytes.as_slice())]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} for {expected}");
    }
    let (short, long) = (npy(1, "'<f4'", "False", "(2, 2)", &floats(4)), npy(1, "'<f4'", "False", "(2, 3)", &floats(6)));
    let error = SavedGradients::from_npy_files(&[("a", short.as_slice()), ("b", &long)]).unwrap_err().to_string();
    assert!(error.starts_with('b') && error.contains("[batches, 2]"), "{error}");
}

#[test]
fn values_that_are_not_finite_name_their_batch() {
    let mut data = floats(12);
    data[7 * 4..8 * 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let bytes = npy(1, "'<f4'", "False", "(2, 3, 2)", &data);
    let error = collect(&SavedGradients::from_npy(&bytes, "g.npy", &["a", "b"]).unwrap(), &exact()).unwrap_err();
    assert!(
        matches!(&error, SourceError::Unsketched { dataset, batch: 0, error: SketchError::NotFinite { index: 1, .. } } if dataset == "b"),
        "{error}"
    );
    let twins = collect(&SavedGradients::from_npy(&bytes, "g.npy", &["a", "a"]).unwrap(), &exact()).unwrap_err();
    assert_eq!(twins, SourceError::Affinity(AffinityError::DuplicateName { name: "a".into() }));
}

#[test]
fn sketches_are_kept_between_two_programs() {
    let names = ["b", "a"];
    let point = |shift: f32| {
        let mut samples = GradientSamples::new(names).unwrap();
        for batch in 0..5 {
            samples.push(batch % 2, (0..16).map(|v| shift + (batch * v) as f32).collect()).unwrap();
        }
        samples
    };
    let params = SketchParams { size: 16, seed: u64::MAX };
    let datasets = names.map(|name| DatasetFacts::new(name, 7)).to_vec();
    let probe = ProbeFacts { model: "mini".into(), points: vec![1, 2], ..ProbeFacts::default() };
    let saved = SavedSketches { params, datasets, probe, points: vec![point(0.1), point(-3.5)] };
    let bytes = saved.to_bytes().unwrap();
    assert_eq!(SavedSketches::from_bytes(&bytes, "s").unwrap(), saved);
    assert_eq!(saved.to_bytes().unwrap(), bytes);
    let refused = |bytes: &[u8]| SavedSketches::from_bytes(bytes, "RUN/sketches.safetensors").unwrap_err().to_string();
    assert!(refused(&bytes[..bytes.len() - 4]).starts_with("RUN/sketches.safetensors"));
    assert!(refused(&tensors(&[("t", Dtype::F32, vec![1, 3], floats(3))])).contains("not sketches of gst"));
    let from = bytes.windows(12).position(|window| window == b"gst-sketches").unwrap();
    let mut other = bytes.clone();
    other[from..from + 12].copy_from_slice(b"gst-schedule");
    assert!(refused(&other).contains("it holds gst-schedule version 2"), "{}", refused(&other));
    let mut broken = bytes;
    let last = broken.len() - 4;
    broken[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(refused(&broken).contains("NaN"), "{}", refused(&broken));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200, place in 0_usize..90, byte in any::<u8>(),
    ) {
        let mut broken = npy(1, "'<f4'", "False", "(2, 3, 2)", &floats(12));
        let place = place.min(broken.len() - 1);
        broken[place] = byte;
        broken.truncate(cut.max(10));
        let mut random = b"\x93NUMPY\x01\x00".to_vec();
        random.extend(&bytes);
        for bytes in [&bytes, &broken, &random] {
            if let Ok(source) = SavedGradients::from_npy(bytes, "g.npy", &["a", "b"]) {
                let _ = collect(&source, &exact());
            }
            let _ = SavedGradients::from_safetensors(bytes, "g");
            let _ = SavedSketches::from_bytes(bytes, "g");
        }
    }
}
