//! Every reader on files in the published layout with invented rows: which rows come out, and what is said of broken files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first thing that is not as it should be")]

mod environment;
mod general;
mod host;
mod lists;
mod music;
mod pages;
mod parquet_files;
mod speech;
