//! What can go wrong while the suite is written.

use std::path::PathBuf;
use thiserror::Error;

use super::{MAX_SCALE, MIN_SCALE};

/// Why the suite could not be generated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// The scale is not a number in the range that a suite can have.
    #[error(
        "scale is {found}, expected a number from {MIN_SCALE} to {MAX_SCALE}: 1 gives the default sizes, 0.25 a quarter of them"
    )]
    Scale {
        /// The scale that was asked for.
        found: f64,
    },
    /// A knob of a world is not a number in its range.
    #[error("{knob} is {found}, expected a number from {low} to {high}")]
    Knob {
        /// The knob, as the field of [`WorldParams`](super::WorldParams) is named.
        knob: &'static str,
        /// Its value.
        found: f64,
        /// Least value.
        low: f64,
        /// Greatest value.
        high: f64,
    },
    /// The target is a file, or something else that cannot hold a suite.
    #[error("{}: expected a folder, found something else; name a new or empty folder", .path.display())]
    NotAFolder {
        /// What stands in the way.
        path: PathBuf,
    },
    /// The target holds files that no earlier generation left there; nothing was touched.
    #[error(
        "{}: the folder is not empty and not a generated suite (found {found:?}, no readable {marker}: {reason}); \
         name a new or empty folder, nothing was written", .path.display()
    )]
    NotASuite {
        /// The folder.
        path: PathBuf,
        /// One of the things that lie in it.
        found: String,
        /// The name of the marker file that a generated suite has.
        marker: &'static str,
        /// What is wrong with the marker.
        reason: String,
    },
    /// A file or folder could not be read, written or removed.
    #[error("{}: cannot {action}: {source}; check the free space and the permissions", .path.display())]
    Io {
        /// What was tried, as a verb: "write", "create the folder".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A clip could not be encoded as WAV.
    #[error("{}: cannot encode the clip as WAV: {source}", .path.display())]
    Wav {
        /// The audio file.
        path: PathBuf,
        /// What the encoder said.
        source: hound::Error,
    },
    /// A table could not be written as JSON.
    #[error("{}: cannot write as JSON: {source}", .path.display())]
    Json {
        /// The table.
        path: PathBuf,
        /// What the serializer said.
        source: serde_json::Error,
    },
}
