//! Inner products of all batch gradients at a probe point.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

use crate::{GradientSamples, Preconditioner};

/// Batches in a tile: two tiles of 64-bit values and their product stay in a core's cache.
const TILE: usize = 32;
/// Coordinates taken at a time.
const DEPTH: usize = 1024;

/// ⟨x_a, x_b⟩ of all N batches of all datasets, in 64 bits.
pub(crate) struct Products {
    /// `starts[i]..starts[i + 1]` are the batches of dataset i.
    pub(crate) starts: Vec<usize>,
    /// `[N, N]`, symmetric.
    pub(crate) values: Array2<f64>,
    /// Pairs of batches of *different* datasets that are one and the same batch: (i, j, a, b) with i < j.
    pub(crate) shared: Vec<Shared>,
}

/// One batch that two datasets hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    pub(crate) datasets: (usize, usize),
    pub(crate) batches: (usize, usize),
}

impl Products {
    /// Of the gradients as they are, or as a preconditioner of their length makes them.
    pub(crate) fn of(samples: &GradientSamples, preconditioner: Option<&Preconditioner>) -> Self {
        let datasets = samples.names().len();
        let mut starts = vec![0];
        let mut rows: Vec<&[f32]> = Vec::new();
        for dataset in 0..datasets {
            rows.extend(samples.batches(dataset).iter().map(Vec::as_slice));
            starts.push(rows.len());
        }
        let gradients = Gradients { rows: &rows, length: samples.length(), scale: preconditioner.map(Preconditioner::scale) };
        let values = gradients.products();
        let shared = shared(&rows, &starts, &values);
        Self { starts, values, shared }
    }

    pub(crate) fn datasets(&self) -> usize {
        self.starts.len() - 1
    }

    /// Products of the batches of dataset i (rows) with those of dataset j (columns).
    pub(crate) fn between(&self, i: usize, j: usize) -> ArrayView2<'_, f64> {
        let mut block = self.values.view();
        block.slice_axis_inplace(Axis(0), Slice::from(self.batches(i)));
        block.slice_axis_inplace(Axis(1), Slice::from(self.batches(j)));
        block
    }

    pub(crate) fn batches(&self, dataset: usize) -> std::ops::Range<usize> {
        self.starts[dataset]..self.starts[dataset + 1]
    }
}

struct Gradients<'a> {
    rows: &'a [&'a [f32]],
    length: usize,
    scale: Option<&'a [f32]>,
}

impl Gradients<'_> {
    /// Tile by tile, each in the order of the coordinates, so that the sums do not depend on the number of threads.
    fn products(&self) -> Array2<f64> {
        let count = self.rows.len();
        let tiles: Vec<(usize, usize)> =
            (0..count).step_by(TILE).flat_map(|i| (0..=i).step_by(TILE).map(move |j| (i, j))).collect();
        let blocks: Vec<Array2<f64>> = tiles.par_iter().map(|&(i, j)| self.tile(i, j)).collect();
        let mut values = Array2::zeros((count, count));
        for ((i, j), block) in tiles.into_iter().zip(blocks) {
            for ((a, b), value) in block.indexed_iter() {
                values[[i + a, j + b]] = *value;
            }
        }
        // Only the lower half was made, but for the diagonal tiles, where rounding must not make the matrix lopsided.
        for a in 0..count {
            for b in 0..a {
                values[[b, a]] = values[[a, b]];
            }
        }
        values
    }

    fn tile(&self, i: usize, j: usize) -> Array2<f64> {
        let ours = &self.rows[i..(i + TILE).min(self.rows.len())];
        let theirs = &self.rows[j..(j + TILE).min(self.rows.len())];
        let mut block = Array2::zeros((ours.len(), theirs.len()));
        for start in (0..self.length).step_by(DEPTH) {
            let left = self.widened(ours, start);
            if i == j {
                general_mat_mul(1.0, &left, &left.t(), 1.0, &mut block);
            } else {
                general_mat_mul(1.0, &left, &self.widened(theirs, start).t(), 1.0, &mut block);
            }
        }
        block
    }

    /// The next coordinates of some rows, in 64 bits, scaled.
    fn widened(&self, rows: &[&[f32]], start: usize) -> Array2<f64> {
        let end = (start + DEPTH).min(self.length);
        let mut wide = Array2::zeros((rows.len(), end - start));
        for (mut wide, row) in wide.rows_mut().into_iter().zip(rows) {
            match self.scale {
                None => wide.iter_mut().zip(&row[start..end]).for_each(|(wide, value)| *wide = f64::from(*value)),
                Some(scale) => {
                    for ((wide, value), scale) in wide.iter_mut().zip(&row[start..end]).zip(&scale[start..end]) {
                        *wide = f64::from(*value) * f64::from(*scale);
                    }
                }
            }
        }
        wide
    }
}

/// Equal squared norms and an equal product make a candidate; equal bits decide.
fn shared(rows: &[&[f32]], starts: &[usize], values: &Array2<f64>) -> Vec<Shared> {
    let mut found = Vec::new();
    let dataset_of = |batch: usize| starts.partition_point(|start| *start <= batch) - 1;
    for a in 0..rows.len() {
        let i = dataset_of(a);
        for b in starts[i + 1]..rows.len() {
            let (own, other, both) = (values[[a, a]], values[[b, b]], values[[a, b]]);
            if own > 0.0 && (own - other).abs() <= 1e-9 * own && (own - both).abs() <= 1e-9 * own && rows[a] == rows[b] {
                found.push(Shared { datasets: (i, dataset_of(b)), batches: (a, b) });
            }
        }
    }
    found
}
