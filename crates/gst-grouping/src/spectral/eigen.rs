//! The few largest eigenvalues of a symmetric matrix: densely when it is small, by a block Krylov method when it is not.

use linfa_linalg::eigh::{EigSort, EighInto};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice, concatenate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::GroupingError;

/// Up to this size all eigenvectors are found at once: below it that is the quicker way as well.
const DENSE_LIMIT: usize = 160;
/// Columns beyond the wanted ones; they bring neighbours of the last wanted eigenvalue in, which convergence depends on.
const GUARD_COLUMNS: usize = 4;
/// The Krylov basis grows to so many times the wanted vectors, and to [`LEAST_BASIS`] at least, before it is cut back to half.
const BASIS_BLOCKS: usize = 8;
const LEAST_BASIS: usize = 120;
/// How often it is cut back and grown again. At the edge of a spectrum without gaps the last vectors may never settle.
const MOST_RESTARTS: usize = 60;
/// Largest ‖Ax − λx‖ that counts as found, relative to the largest eigenvalue found so far.
const TOLERANCE: f64 = 1e-8;
/// The same for what is accepted when restarts run out: too coarse to matter to a clustering, which then has no gap to find.
const LAST_TOLERANCE: f64 = 1e-2;
/// A new direction shorter than this share of its length before orthogonalisation lies in the basis already.
const DEPENDENT: f64 = 1e-10;

/// Eigenvalues in descending order, `[m]`, and their vectors in columns, `[n, m]`.
pub(crate) type Eigenpairs = (Array1<f64>, Array2<f64>);

/// The `wanted` algebraically largest eigenpairs of the symmetric `matrix`, `[n, n]` with finite entries.
///
/// Θ(n³) time up to [`DENSE_LIMIT`], above it Θ(n² · `wanted`) for each of some dozens of products with the matrix. The same
/// seed gives the same vectors.
pub(crate) fn largest(matrix: Array2<f64>, wanted: usize, seed: u64) -> Result<Eigenpairs, GroupingError> {
    let wanted = wanted.min(matrix.nrows());
    if matrix.nrows() <= DENSE_LIMIT || wanted * 4 > matrix.nrows() {
        return dense(matrix, wanted);
    }
    match krylov(matrix.view(), wanted, seed)? {
        Some(pairs) => Ok(pairs),
        None => dense(matrix, wanted),
    }
}

/// All eigenpairs in descending order, cut to `wanted`.
fn dense(mut matrix: Array2<f64>, wanted: usize) -> Result<Eigenpairs, GroupingError> {
    // The solver stops when an off-diagonal entry is small beside its diagonal neighbours, which a diagonal of zeros never
    // lets happen. Shifted by twice the largest row sum all eigenvalues lie between one and three times that sum.
    let bound = matrix.rows().into_iter().map(|row| row.iter().map(|x| x.abs()).sum::<f64>()).fold(0.0, f64::max);
    let shift = if bound > 0.0 { 2.0 * bound } else { 1.0 };
    matrix.diag_mut().mapv_inplace(|x| x + shift);
    let (values, vectors) =
        matrix.eigh_into().map_err(|e| GroupingError::Numeric { routine: "the symmetric eigensolver", reason: e.to_string() })?;
    if values.iter().any(|v| !v.is_finite()) {
        return Err(GroupingError::Numeric {
            routine: "the symmetric eigensolver",
            reason: "an eigenvalue is not finite".to_owned(),
        });
    }
    let (values, vectors) = (values, vectors).sort_eig_desc();
    let first = Slice::from(..wanted);
    Ok((values.slice_axis(Axis(0), first).mapv(|v| v - shift), vectors.slice_axis(Axis(1), first).to_owned()))
}

/// Block Lanczos with thick restarts: Rayleigh–Ritz over a growing basis [X, AX, A²X, …], which is cut back to its best vectors
/// and the newest block whenever it is full. `None` when that does not settle.
///
/// A block of start vectors finds eigenvalues of any multiplicity up to its width, as a graph in several parts has them.
fn krylov(matrix: ArrayView2<'_, f64>, wanted: usize, seed: u64) -> Result<Option<Eigenpairs>, GroupingError> {
    let n = matrix.nrows();
    let width = (wanted + GUARD_COLUMNS).min(n);
    let full = (BASIS_BLOCKS * width).max(LEAST_BASIS).min(n);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut basis = orthonormal(Array2::from_shape_fn((n, width), |_| rng.random_range(-1.0..1.0)), None);
    let mut images = matrix.dot(&basis);
    let mut newest = images.clone();
    let mut best: Option<(f64, Eigenpairs)> = None;
    for _ in 0..MOST_RESTARTS {
        let mut next = orthonormal(newest, Some(basis.view()));
        while basis.ncols() + next.ncols() <= full && next.ncols() > 0 {
            newest = matrix.dot(&next);
            basis = joined(&basis, &next)?;
            images = joined(&images, &newest)?;
            next = orthonormal(newest, Some(basis.view()));
        }
        let small = basis.t().dot(&images);
        let (values, mixing) = dense((&small + &small.t()) / 2.0, basis.ncols().min(full / 2 + width))?;
        (basis, images) = (basis.dot(&mixing), images.dot(&mixing));
        let first = Slice::from(..wanted.min(values.len()));
        let few = values.slice_axis(Axis(0), first);
        let vectors = basis.slice_axis(Axis(1), first);
        let residuals = &images.slice_axis(Axis(1), first) - &(&vectors * &few);
        let largest = few.fold(f64::MIN_POSITIVE, |a, v| a.max(v.abs()));
        let error = residuals.map_axis(Axis(0), |c| c.dot(&c).sqrt()).fold(0.0_f64, |a, r| a.max(*r)) / largest;
        if best.as_ref().is_none_or(|(e, _)| error < *e) {
            best = Some((error, (few.to_owned(), vectors.to_owned())));
        }
        if error <= TOLERANCE || next.ncols() == 0 {
            break;
        }
        newest = matrix.dot(&next);
        basis = joined(&basis, &next)?;
        images = joined(&images, &newest)?;
    }
    Ok(best.filter(|(error, _)| *error <= LAST_TOLERANCE).map(|(_, pairs)| pairs))
}

fn joined(left: &Array2<f64>, right: &Array2<f64>) -> Result<Array2<f64>, GroupingError> {
    concatenate(Axis(1), &[left.view(), right.view()])
        .map_err(|e| GroupingError::Numeric { routine: "the block Krylov eigensolver", reason: e.to_string() })
}

/// The columns of `block` made orthonormal and, if a basis is given, orthogonal to it; dependent columns are left out.
fn orthonormal(mut block: Array2<f64>, against: Option<ArrayView2<'_, f64>>) -> Array2<f64> {
    let lengths = block.map_axis(Axis(0), |c| c.dot(&c).sqrt());
    // Twice is enough: the second pass removes what rounding left of the first.
    for _ in 0..2 {
        if let Some(basis) = against {
            block = &block - &basis.dot(&basis.t().dot(&block));
        }
    }
    let mut kept: Vec<usize> = Vec::new();
    for column in 0..block.ncols() {
        let mut vector = block.column(column).to_owned();
        for _ in 0..2 {
            for &earlier in &kept {
                let overlap = block.column(earlier).dot(&vector);
                vector.scaled_add(-overlap, &block.column(earlier));
            }
        }
        let length = vector.dot(&vector).sqrt();
        if length > DEPENDENT * lengths[column] {
            block.column_mut(column).assign(&(vector / length));
            kept.push(column);
        }
    }
    block.select(Axis(1), &kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, seed: u64) -> Array2<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let half: Array2<f64> = Array2::from_shape_fn((n, n), |_| rng.random_range(-1.0..1.0));
        (&half + &half.t()) / 2.0
    }

    fn check_pairs(matrix: &Array2<f64>, (values, vectors): &Eigenpairs, tolerance: f64) {
        let residual = matrix.dot(vectors) - vectors * values;
        assert!(residual.iter().all(|r| r.abs() < tolerance), "{residual:?}");
        let unit = vectors.t().dot(vectors) - Array2::<f64>::eye(values.len());
        assert!(unit.iter().all(|r| r.abs() < 1e-9));
        assert!(values.iter().zip(values.iter().skip(1)).all(|(a, b)| a >= &(b - 1e-12)));
    }

    #[test]
    fn dense_pairs_are_eigenpairs() {
        for n in [1, 2, 3, 14, 60] {
            let matrix = noise(n, n as u64);
            check_pairs(&matrix, &largest(matrix.clone(), n, 0).unwrap(), 1e-9);
        }
        for flat in [Array2::zeros((4, 4)), Array2::ones((5, 5)), Array2::eye(3)] {
            check_pairs(&flat, &largest(flat.clone(), 3, 0).unwrap(), 1e-9);
        }
    }

    #[test]
    fn krylov_finds_what_the_dense_solver_finds() {
        // Three blocks that do not touch: an eigenvalue of multiplicity 3, which a single start vector would not see.
        let n = 240;
        let matrix = Array2::from_shape_fn((n, n), |(i, j)| if i % 3 == j % 3 { 1.0 / 80.0 } else { 0.0 });
        let few = krylov(matrix.view(), 3, 1).unwrap().unwrap();
        check_pairs(&matrix, &few, 1e-7);
        assert!(few.0.iter().all(|v| (v - 1.0).abs() < 1e-9), "{:?}", few.0);

        let matrix = noise(240, 5);
        let (few, all) = (krylov(matrix.view(), 6, 2).unwrap().unwrap(), dense(matrix.clone(), 6).unwrap());
        check_pairs(&matrix, &few, 1e-6);
        assert!(few.0.iter().zip(&all.0).all(|(a, b)| (a - b).abs() < 1e-8));
    }
}
