//! The workspace's own tool, run as `cargo xtask`.
//!
//! ```text
//! cargo xtask experiment run quick      build gst for the device, run strategies × seeds, write a report
//! cargo xtask experiment report DIR     make the report again from the run folders
//! cargo xtask map run                   the same over generated worlds: where does grouping pay?
//! cargo xtask planning run              does any metric, grouping, number of groups or order find what stands on what?
//! cargo xtask transfer run              does affinity predict what training on one dataset does to another?
//! cargo xtask results                   every page under docs/results, made again from its rows
//! cargo xtask tidy                      hold the house rules: crate arrows, manifests, links, sizes
//! cargo xtask ci                        every check that continuous integration runs, cheapest first
//! cargo xtask bench [FILTER]            the criterion benchmarks
//! cargo xtask soak                      a long run: memory, step time, open files
//! ```
//!
//! It stands outside the crates: it depends on none of them, spawns `cargo` and the `gst` binary, and reads the files they leave.
//! [`write_report`] is the part worth calling from elsewhere:
//!
//! ```no_run
//! let written = xtask::write_report("target/experiments/quick".as_ref())?;
//! println!("{} cells, {} missing", written.cells, written.missing);
//! # Ok::<(), anyhow::Error>(())
//! ```

mod bench;
mod ci;
mod cli;
mod device;
mod experiment;
mod map;
mod planning;
mod report;
mod results;
mod soak;
mod tidy;
mod transfer;
mod workspace;

pub use cli::main;
pub use report::{Written, write_report};
