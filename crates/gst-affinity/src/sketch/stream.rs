//! A sketch that is fed block by block, can be kept and taken up again, and merged from shards.

use serde::{Deserialize, Serialize};

use super::projection::Projection;
use super::{MAX_EXACT, SketchError, SketchParams};

/// A sketch in the making. Serializable: store it, read it, go on.
///
/// Values keep 64 bits until [`finish`](Self::finish). The same blocks in the same order give the same bits whatever the
/// number of threads; other blocks, or merged shards, agree to about 1e-7 of the largest value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SketchStream {
    params: SketchParams,
    /// What has been added: ascending, disjoint, not touching.
    covered: Vec<(u64, u64)>,
    /// Sums of the sketch; empty in exact mode.
    sums: Vec<f64>,
    /// Values of the gradient in exact mode; empty otherwise.
    exact: Vec<f32>,
}

impl SketchStream {
    pub(super) fn new(params: SketchParams) -> Self {
        Self { params, covered: Vec::new(), sums: vec![0.0; params.size], exact: Vec::new() }
    }

    /// The parameters it was started with.
    pub fn params(&self) -> SketchParams {
        self.params
    }

    /// How many values of the gradient were added so far.
    pub fn added(&self) -> u64 {
        self.covered.iter().map(|(from, to)| to - from).sum()
    }

    /// The ranges `from..to` added so far, ascending: where a stream that was stored goes on.
    pub fn covered(&self) -> &[(u64, u64)] {
        &self.covered
    }

    /// Adds the gradient's values `offset..offset + values.len()`. Blocks come in any order, each once.
    ///
    /// # Errors
    /// A value that is not finite, a block that overlaps one added before, or one that ends too far out; a stream from a damaged file. The
    /// stream is unchanged then.
    pub fn add_block(&mut self, offset: u64, values: &[f32]) -> Result<(), SketchError> {
        self.check()?;
        if values.is_empty() {
            return Ok(());
        }
        let limit = if self.params.size == 0 { MAX_EXACT } else { u64::MAX };
        let too_long = SketchError::TooLong { offset, length: values.len(), limit };
        let end = offset.checked_add(values.len() as u64).filter(|end| *end <= limit).ok_or(too_long)?;
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(SketchError::NotFinite { index: offset + index as u64, value: values[index].to_string() });
        }
        let covered = with_range(&self.covered, (offset, end))?;
        if self.params.size == 0 {
            place(&mut self.exact, offset, values);
        } else {
            Projection::new(self.params).add(&mut self.sums, offset, values);
        }
        self.covered = covered;
        Ok(())
    }

    /// Takes in what another stream has seen of the *same* gradient (a shard of its parameters).
    ///
    /// # Errors
    /// Streams of other parameters, or that share values. The stream is unchanged then.
    pub fn merge(&mut self, other: &Self) -> Result<(), SketchError> {
        if self.params != other.params {
            return Err(SketchError::OtherParams { own: self.params, other: other.params });
        }
        self.check()?;
        other.check()?;
        let mut covered = self.covered.clone();
        for &range in &other.covered {
            covered = with_range(&covered, range)?;
        }
        for &(from, to) in &other.covered {
            if self.params.size == 0 {
                place(&mut self.exact, from, &other.exact[from as usize..to as usize]);
            }
        }
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, value)| *sum += value);
        self.covered = covered;
        Ok(())
    }

    /// The finished sketch: `size` values, or the whole gradient in exact mode.
    ///
    /// # Errors
    /// [`SketchError::Gap`] where values from 0 to the last one added are missing.
    pub fn finish(self) -> Result<Vec<f32>, SketchError> {
        self.check()?;
        match self.covered.as_slice() {
            [] | [(0, _)] => {}
            [(0, to), (from, _), ..] => return Err(SketchError::Gap { from: *to, to: *from }),
            [(from, _), ..] => return Err(SketchError::Gap { from: 0, to: *from }),
        }
        if self.params.size == 0 {
            return Ok(self.exact);
        }
        Ok(self.sums.into_iter().map(|sum| sum as f32).collect())
    }

    /// A stream may come from a file: its parts must fit each other.
    fn check(&self) -> Result<(), SketchError> {
        super::Sketcher::new(self.params)?;
        let damaged = |reason: String| Err(SketchError::Damaged { reason });
        if self.sums.len() != self.params.size {
            return damaged(format!("{} sums for a sketch of {}", self.sums.len(), self.params.size));
        }
        let ascending = self.covered.windows(2).all(|pair| pair[0].1 < pair[1].0);
        if !ascending || self.covered.iter().any(|(from, to)| from >= to) {
            return damaged("its ranges are not ascending".to_owned());
        }
        let end = self.covered.last().map_or(0, |(_, to)| *to);
        if self.params.size == 0 && end != self.exact.len() as u64 {
            return damaged(format!("{} values are kept, its ranges end at {end}", self.exact.len()));
        }
        Ok(())
    }
}

/// Writes values at an offset, growing the gradient with zeros up to it. The caller has checked the offset against [`MAX_EXACT`].
fn place(exact: &mut Vec<f32>, offset: u64, values: &[f32]) {
    let start = offset as usize;
    let end = start + values.len();
    if exact.len() < end {
        exact.resize(end, 0.0);
    }
    exact[start..end].copy_from_slice(values);
}

/// The ranges with one more, joined where they touch.
fn with_range(covered: &[(u64, u64)], (from, to): (u64, u64)) -> Result<Vec<(u64, u64)>, SketchError> {
    let at = covered.partition_point(|range| range.1 <= from);
    if covered.get(at).is_some_and(|range| range.0 < to) {
        return Err(SketchError::Overlap { from, to });
    }
    let mut joined = covered.to_vec();
    joined.insert(at, (from, to));
    joined.dedup_by(|next, last| {
        let touching = last.1 == next.0;
        if touching {
            last.1 = next.1;
        }
        touching
    });
    Ok(joined)
}
