//! Debiased estimates with intervals, from batch gradients.
//!
//! Everything is computed from one N×N matrix of inner products of the N batches at a probe point ([`products`]): the debiased
//! D×D Gram matrix ([`debias`]), its bootstrap resamples ([`bootstrap`]), and from these the tables ([`tables`]).

pub(crate) mod bootstrap;
pub(crate) mod debias;
pub(crate) mod interval;
mod params;
pub(crate) mod products;
pub(crate) mod quantile;
pub(crate) mod tables;

pub use params::EstimateParams;
pub(crate) use params::EstimateValidParams;
