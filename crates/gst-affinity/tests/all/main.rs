//! What the crate promises, tested from outside.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and may say what it measured"
)]

mod bad_input;
mod bias;
mod directed;
mod file;
mod golden;
mod intervals;
mod laws;
#[cfg(feature = "burn")]
mod probe;
mod sketch;
mod source;
mod synthetic;
mod verdict;
