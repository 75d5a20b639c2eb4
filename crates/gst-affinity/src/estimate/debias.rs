//! The debiased Gram matrix: products over different batches only.

use ndarray::Array2;

use super::products::Products;

/// D×D inner products of the datasets' gradients at one probe point.
pub(crate) struct Gram {
    /// Unbiased ⟨g_i, g_j⟩, on the diagonal ‖g_i‖²: means over pairs of different batches.
    pub(crate) debiased: Array2<f64>,
    /// ‖mean gradient‖² of each dataset, biased up by its noise.
    pub(crate) plain: Vec<f64>,
}

/// The Gram matrix with batch b counting `weights[b]` times, `[N]`. Each dataset needs two batches of weight above 0.
///
/// For dataset i with weights w: Σ_{a≠b} w_a w_b ⟨x_a, x_b⟩ / Σ_{a≠b} w_a w_b. Between datasets every pair of batches is of
/// different batches, but for those they share.
pub(crate) fn gram(products: &Products, weights: &[f64]) -> Gram {
    let datasets = products.datasets();
    let mut sums = Array2::<f64>::zeros((datasets, datasets));
    let mut masses = Array2::<f64>::zeros((datasets, datasets));
    let mut plain = vec![0.0; datasets];
    for i in 0..datasets {
        for j in 0..=i {
            let (sum, mass) = block(products, weights, i, j);
            sums[[i, j]] = sum;
            masses[[i, j]] = mass;
        }
        let own = products.batches(i).map(|a| weights[a].powi(2) * products.values[[a, a]]).sum::<f64>();
        let squares = products.batches(i).map(|a| weights[a].powi(2)).sum::<f64>();
        plain[i] = sums[[i, i]] / masses[[i, i]];
        sums[[i, i]] -= own;
        masses[[i, i]] -= squares;
    }
    for shared in &products.shared {
        let ((i, j), (a, b)) = (shared.datasets, shared.batches);
        let weight = weights[a] * weights[b];
        // Where nothing else is left (two equal datasets without noise) the shared batches are all there is.
        if masses[[j, i]] - weight > 0.5 {
            sums[[j, i]] -= weight * products.values[[a, b]];
            masses[[j, i]] -= weight;
        }
    }
    let mut debiased = Array2::zeros((datasets, datasets));
    for i in 0..datasets {
        for j in 0..=i {
            let value = sums[[i, j]] / masses[[i, j]];
            debiased[[i, j]] = value;
            debiased[[j, i]] = value;
        }
    }
    Gram { debiased, plain }
}

/// Σ w_a w_b ⟨x_a, x_b⟩ and Σ w_a w_b over the batches of two datasets.
fn block(products: &Products, weights: &[f64], i: usize, j: usize) -> (f64, f64) {
    let columns = products.batches(j);
    let theirs = &weights[columns.clone()];
    let mut sum = 0.0;
    for a in products.batches(i).filter(|a| weights[*a] != 0.0) {
        let row = products.values.row(a);
        let inner: f64 = columns.clone().zip(theirs).map(|(b, weight)| weight * row[b]).sum();
        sum += weights[a] * inner;
    }
    let mass = |dataset: usize| products.batches(dataset).map(|a| weights[a]).sum::<f64>();
    (sum, mass(i) * mass(j))
}

/// The variance of each entry of [`gram`]'s debiased matrix that comes from noise times noise: tr(Σ_i Σ_j) / (n_i n_j) between
/// datasets, 2 tr(Σ_i²) / (n_i (n_i − 1)) on the diagonal. Read from what an additive model (mean + part of batch a + part of
/// batch b) leaves of the products. 0 where too few batches leave nothing: fewer than 4 on the diagonal.
pub(crate) fn noise_variance(products: &Products) -> Array2<f64> {
    let datasets = products.datasets();
    let mut variance = Array2::zeros((datasets, datasets));
    for i in 0..datasets {
        variance[[i, i]] = noise_within(products, i);
        for j in 0..i {
            let value = noise_between(products, i, j);
            variance[[i, j]] = value;
            variance[[j, i]] = value;
        }
    }
    variance
}

fn noise_between(products: &Products, i: usize, j: usize) -> f64 {
    let block = products.between(i, j);
    let (n, m) = (block.nrows() as f64, block.ncols() as f64);
    let row_means: Vec<f64> = block.rows().into_iter().map(|row| row.sum() / m).collect();
    let column_means: Vec<f64> = block.columns().into_iter().map(|column| column.sum() / n).collect();
    let mean = row_means.iter().sum::<f64>() / n;
    let left = |((a, b), value): ((usize, usize), &f64)| value + mean - row_means[a] - column_means[b];
    let squares: f64 = block.indexed_iter().map(|entry| left(entry).powi(2)).sum();
    squares / ((n - 1.0) * (m - 1.0) * n * m)
}

/// The squared norms on the diagonal hold tr Σ and stay out of the model.
fn noise_within(products: &Products, i: usize) -> f64 {
    let block = products.between(i, i);
    let n = block.nrows() as f64;
    if block.nrows() < 4 {
        return 0.0;
    }
    let others: Vec<f64> = block.rows().into_iter().zip(block.diag()).map(|(row, own)| (row.sum() - own) / (n - 1.0)).collect();
    let mean = others.iter().sum::<f64>() / n;
    let part: Vec<f64> = others.iter().map(|other| (other - mean) * (n - 1.0) / (n - 2.0)).collect();
    let left = |((a, b), value): ((usize, usize), &f64)| value - mean - part[a] - part[b];
    let squares: f64 = block.indexed_iter().filter(|((a, b), _)| a < b).map(|entry| left(entry).powi(2)).sum();
    let trace = squares / (n * (n - 3.0) / 2.0);
    2.0 * trace / (n * (n - 1.0))
}
