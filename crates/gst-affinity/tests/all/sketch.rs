//! Sketches: exact laws, and the error of inner products.

use gst_affinity::sketch::{MAX_EXACT, MAX_SIZE, MIN_SIZE};
use gst_affinity::{SketchError, SketchParams, SketchStream, Sketcher};
use proptest::prelude::*;

use crate::synthetic::Normal;

fn sketcher(size: usize, seed: u64) -> Sketcher {
    Sketcher::new(SketchParams { size, seed }).unwrap()
}

fn gradient(length: usize, seed: u64) -> Vec<f32> {
    let mut normal = Normal::new(seed);
    (0..length).map(|_| normal.next() as f32).collect()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    let most = a.iter().fold(1e-6_f32, |most, value| most.max(value.abs()));
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * most)
}

/// A cheap counter-based number with mean 0: the test needs 280 million of them.
fn noise(vector: u64, index: u64) -> f32 {
    let mut x = vector.wrapping_mul(0xa076_1d64_78bd_642f) ^ index.wrapping_mul(0xe703_7ed1_a0b4_28db);
    x ^= x >> 32;
    x = x.wrapping_mul(0xe703_7ed1_a0b4_28db);
    x ^= x >> 29;
    ((x >> 40) as f32 + (x & 0xff_ffff) as f32) / (1_u32 << 24) as f32 - 1.0
}

#[test]
fn inner_products_of_ten_million_values_are_within_a_twentieth() {
    const LENGTH: u64 = 10_000_000;
    const BLOCK: u64 = 1 << 14;
    let params = SketchParams { size: 8192, seed: 3 };
    // 14 random vectors, and 14 that share a part, with cosines about 0.1 to 0.8 and norms that differ.
    let weight = |v: usize| 0.3 + 0.1 * (v as f32);
    let mut streams: Vec<SketchStream> = (0..28).map(|_| Sketcher::new(params).unwrap().start()).collect();
    let mut exact = vec![vec![0.0_f64; 28]; 28];
    let mut block = vec![vec![0.0_f32; BLOCK as usize]; 28];
    for start in (0..LENGTH).step_by(BLOCK as usize) {
        let count = BLOCK.min(LENGTH - start) as usize;
        for (v, values) in block.iter_mut().enumerate() {
            values.truncate(count);
            for (place, value) in values.iter_mut().enumerate() {
                let index = start + place as u64;
                *value = noise(v as u64 + 1, index);
                if v >= 14 {
                    *value += weight(v - 14) * noise(99, index);
                }
            }
        }
        for i in 0..28 {
            streams[i].add_block(start, &block[i]).unwrap();
            for j in 0..=i {
                // Short blocks: 32-bit sums of them are exact enough, and quick.
                exact[i][j] += f64::from(block[i].iter().zip(&block[j]).map(|(a, b)| a * b).sum::<f32>());
            }
        }
    }
    let sketches: Vec<Vec<f32>> = streams.into_iter().map(|stream| stream.finish().unwrap()).collect();
    let mut worst = 0.0_f64;
    for i in 0..28 {
        for j in 0..=i {
            let estimate: f64 = sketches[i].iter().zip(&sketches[j]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            worst = worst.max((estimate - exact[i][j]).abs() / (exact[i][i] * exact[j][j]).sqrt());
        }
    }
    println!("largest error of an inner product: {worst:.4} of the norms");
    assert!(worst <= 0.05, "{worst}");
    assert!(worst > 0.005, "a sketch this good would not be a sketch: {worst}");
}

#[test]
fn the_error_has_the_variance_that_intervals_count_with() {
    let (x, y) = (gradient(3000, 1), gradient(3000, 2));
    let mixed: Vec<f32> = x.iter().zip(&y).map(|(x, y)| 0.6 * x + 0.8 * y).collect();
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let size = 128;
    let truth = product(&x, &mixed);
    let errors: Vec<f64> = (0..600)
        .map(|seed| {
            let sketcher = sketcher(size, seed);
            product(&sketcher.sketch(&x), &sketcher.sketch(&mixed)) - truth
        })
        .collect();
    let mean = errors.iter().sum::<f64>() / 600.0;
    let variance = errors.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / 599.0;
    let expected = (product(&x, &x) * product(&mixed, &mixed) + truth * truth) / size as f64;
    assert!((variance / expected - 1.0).abs() < 0.25, "{variance} for {expected}");
    assert!(mean.abs() < 4.0 * (variance / 600.0).sqrt(), "the error has mean {mean}");
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let values = gradient(1_200_000, 5);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| sketcher(512, 9).sketch(&values))
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn a_stored_stream_goes_on_where_it_was() {
    let values = gradient(5000, 6);
    for size in [0, 64] {
        let whole = sketcher(size, 2).sketch(&values);
        let mut stream = sketcher(size, 2).start();
        stream.add_block(0, &values[..1700]).unwrap();
        let stored = serde_json::to_string(&stream).unwrap();
        let mut resumed: SketchStream = serde_json::from_str(&stored).unwrap();
        assert_eq!(resumed.covered(), [(0, 1700)]);
        resumed.add_block(1700, &values[1700..]).unwrap();
        assert_eq!(resumed.added(), 5000);
        assert!(close(&resumed.finish().unwrap(), &whole));
    }
}

#[test]
fn a_damaged_stream_is_refused() {
    let text = |sums: &str, covered: &str, exact: &str| {
        format!(r#"{{"params":{{"size":0,"seed":0}},"covered":{covered},"sums":{sums},"exact":{exact}}}"#)
    };
    for (sums, covered, exact) in
        [("[1.0]", "[]", "[]"), ("[]", "[[0,9]]", "[1.0]"), ("[]", "[[4,2]]", "[]"), ("[]", "[[0,1],[1,2]]", "[1.0,2.0]")]
    {
        let stream: SketchStream = serde_json::from_str(&text(sums, covered, exact)).unwrap();
        assert!(matches!(stream.clone().finish(), Err(SketchError::Damaged { .. })), "{stream:?}");
        assert!(matches!(sketcher(0, 0).start().merge(&stream), Err(SketchError::Damaged { .. })), "{stream:?}");
        assert!(matches!(stream.clone().merge(&sketcher(0, 0).start()), Err(SketchError::Damaged { .. })), "{stream:?}");
    }
    for (size, sums, refused) in [(64, "[]", "0 sums for a sketch of 64"), (2, "[0.0,0.0]", "2")] {
        let text = format!(r#"{{"params":{{"size":{size},"seed":0}},"covered":[],"sums":{sums},"exact":[]}}"#);
        let mut stream: SketchStream = serde_json::from_str(&text).unwrap();
        let error = stream.add_block(0, &[1.0]).unwrap_err().to_string();
        assert!(error.contains(refused), "{error}");
    }
}

#[test]
fn sizes_out_of_range_are_refused() {
    for size in [1, MIN_SIZE - 1, MAX_SIZE + 1, usize::MAX] {
        assert_eq!(Sketcher::new(SketchParams { size, seed: 0 }), Err(SketchError::BadSize { found: size }));
    }
}

#[test]
fn blocks_that_do_not_fit_are_refused_and_change_nothing() {
    let mut stream = sketcher(16, 0).start();
    stream.add_block(10, &[1.0; 5]).unwrap();
    let before = stream.clone();
    assert_eq!(stream.add_block(12, &[1.0; 9]), Err(SketchError::Overlap { from: 12, to: 21 }));
    assert_eq!(stream.add_block(0, &[1.0; 11]), Err(SketchError::Overlap { from: 0, to: 11 }));
    assert!(matches!(stream.add_block(u64::MAX, &[1.0; 2]), Err(SketchError::TooLong { .. })));
    assert!(matches!(stream.add_block(20, &[1.0, f32::NAN]), Err(SketchError::NotFinite { index: 21, .. })));
    assert!(matches!(stream.merge(&sketcher(16, 1).start()), Err(SketchError::OtherParams { .. })));
    assert_eq!(stream.merge(&before.clone()), Err(SketchError::Overlap { from: 10, to: 15 }));
    assert_eq!(stream, before);
    assert_eq!(stream.clone().finish(), Err(SketchError::Gap { from: 0, to: 10 }));
    stream.add_block(0, &[1.0; 4]).unwrap();
    assert_eq!(stream.finish(), Err(SketchError::Gap { from: 4, to: 10 }));
    let mut exact = sketcher(0, 0).start();
    assert!(matches!(exact.add_block(MAX_EXACT, &[1.0]), Err(SketchError::TooLong { .. })));
    assert_eq!(exact.finish(), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn blocks_in_any_order_and_shards_make_the_same_sketch(
        cuts in proptest::collection::vec(0_usize..400, 0..6),
        order in any::<u64>(), exact in any::<bool>(), shards in 1_usize..4,
    ) {
        let values = gradient(400, 11);
        let sketcher = sketcher(if exact { 0 } else { 32 }, 5);
        let mut bounds = cuts;
        bounds.extend([0, 400]);
        bounds.sort_unstable();
        let mut blocks: Vec<(usize, usize)> = bounds.windows(2).map(|pair| (pair[0], pair[1])).collect();
        blocks.sort_by_key(|block| (block.0 as u64).wrapping_mul(order | 1));
        let mut streams: Vec<SketchStream> = (0..shards).map(|_| sketcher.start()).collect();
        for (place, (from, to)) in blocks.into_iter().enumerate() {
            streams[place % shards].add_block(from as u64, &values[from..to]).unwrap();
        }
        let mut whole = streams.pop().unwrap();
        for shard in &streams {
            whole.merge(shard).unwrap();
        }
        prop_assert!(close(&whole.finish().unwrap(), &sketcher.sketch(&values)));
    }

    #[test]
    fn a_sketch_is_linear(a in -3.0_f32..3.0, b in -3.0_f32..3.0, seed in any::<u64>()) {
        let (x, y) = (gradient(200, 1), gradient(200, 2));
        let sketcher = sketcher(24, seed);
        let sum: Vec<f32> = x.iter().zip(&y).map(|(x, y)| a * x + b * y).collect();
        let parts: Vec<f32> = sketcher.sketch(&x).iter().zip(sketcher.sketch(&y)).map(|(x, y)| a * x + b * y).collect();
        let apart = sketcher.sketch(&sum).iter().zip(&parts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        prop_assert!(apart < 1e-4, "{}", apart);
    }
}
